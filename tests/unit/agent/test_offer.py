"""What a step is offered where there are too many tools: the few that are needed, `search_tools`, and what it finds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.offer import note_call, offered, search
from schemas.jsontext import to_json
from schemas.tool import SEARCH_TOOLS, Caller, ToolCall, ToolSpec
from schemas.turn import ToolFinished, ToolStarted, TurnEnded
from tests.support.fakes import (
    FakeTool,
    FakeToolset,
    ScriptedModel,
    Talk,
    budgets,
    spoken,
    tool_results,
    well_formed,
)

MANY = [f"tool{n}" for n in range(100)]


def toolset(names: Sequence[str] = MANY, **special: FakeTool) -> FakeToolset:
    return FakeToolset({name: special.get(name, FakeTool()) for name in (*names, *special)})


def call(name: str, number: int = 1, **arguments: Any) -> ToolCall:
    return ToolCall(f"call{number}", name, json.dumps(arguments))


def find(query: str, number: int = 1, **more: Any) -> ToolCall:
    return call(SEARCH_TOOLS, number, query=query, **more)


def names(specs: Sequence[ToolSpec]) -> list[str]:
    return [spec.name for spec in specs]


def weight(specs: Sequence[ToolSpec]) -> int:
    return sum(len(to_json([spec.name, spec.description, spec.parameters]).encode()) for spec in specs)


async def offers(model: ScriptedModel, *queries: str, tools: FakeToolset | None = None, **limits: Any) -> list[Any]:
    """The names that each step was offered, over a conversation of these queries."""
    talk, mine = Talk(), tools or toolset()
    for query in queries:
        await talk.say(query, model, mine, **({"max_tools": 10} | limits))
        assert well_formed(talk.conversation.messages)
    return [names(request.tools) for request in model.requests]


@pytest.mark.parametrize("count", [0, 1, 9, 10])
async def test_tools_that_all_fit_are_all_offered_and_no_search(count: int) -> None:
    """At most `max_tools`: every one in its own order, step by step."""
    assert await offers(ScriptedModel(["end"]), "tool3", tools=toolset(MANY[:count])) == [MANY[:count]]


async def test_more_tools_than_fit_become_a_choice_with_the_search_first() -> None:
    """One more than `max_tools`: what the words need comes right behind `search_tools`."""
    [offer] = await offers(ScriptedModel(["end"]), "I need tool7 or tool3", tools=toolset(MANY[:11]))
    assert offer[:3] == [SEARCH_TOOLS, "tool7", "tool3"]
    assert len(offer) == 10
    assert len(set(offer)) == 10


async def test_words_that_need_nothing_are_offered_an_overview() -> None:
    """A greeting still shows a model what there is."""
    [offer] = await offers(ScriptedModel(["end"]), "hello")
    assert offer == [SEARCH_TOOLS, *MANY[:9]]


async def test_tools_of_too_many_bytes_become_a_choice_too() -> None:
    """Few tools with large schemas: as many as `max_tools_bytes` holds, a large one never hides the small ones."""
    large = {f"large{n}": FakeTool(about="x" * 9000) for n in range(5)}
    tools = toolset(["small1", "small2"], **large)
    [offer] = await offers(
        ScriptedModel(["end"]), "large3 large1 large0 small2", tools=tools, max_tools=40, max_tools_bytes=20000
    )
    assert offer == [SEARCH_TOOLS, "large3", "large1", "small2", "small1"]


async def test_what_a_search_finds_is_offered_from_the_next_step_to_the_end_of_the_turn() -> None:
    """New tools stand at the end, so what comes before stays the same text for a prompt cache."""
    model = ScriptedModel([find("tool50 tool60")], [call("tool2", 2)], ["end"])
    first, second, third = await offers(model, "tool2 tool3 tool4")
    assert "tool50" not in first
    assert second[-2:] == ["tool50", "tool60"]
    assert second[:-2] == first[:-2]
    assert third == second


async def test_a_search_tells_names_summaries_effects_and_required_arguments() -> None:
    """As a tool result like any other; what it says of a tool is its first line."""
    talk = Talk()
    tools = toolset(tool50=FakeTool(about="Finds the fifty\nand more"))
    await talk.say("hi", ScriptedModel([find("tool50")], ["end"]), tools, max_tools=10)
    [result] = tool_results(talk.conversation.messages)
    assert result["data"] == [{"name": "tool50", "summary": "Finds the fifty", "effect": "read", "required": []}]
    assert "next step" in result["notes"][0]


async def test_a_search_sends_nothing_and_shows_the_resident_nothing() -> None:
    """It is no call of an upstream: no status, no part of the turn's tool calls or outcome."""
    talk, tools = Talk(), toolset()
    events = await talk.say("hi", ScriptedModel([find("tool50")], ["Done"]), tools, max_tools=10)
    assert tools.sent == []
    assert not [event for event in events if isinstance(event, ToolStarted | ToolFinished)]
    end = events[-1]
    assert isinstance(end, TurnEnded)
    assert (end.outcome, end.usage.tool_calls, end.usage.steps) == ("success", 0, 2)
    assert spoken(events) == "Done"


async def test_a_search_beside_other_calls_is_answered_with_them() -> None:
    """Each call has its one result, the search's in its place; only the read is counted and shown."""
    talk, tools = Talk(), toolset()
    model = ScriptedModel([call("tool1", 1), find("tool50", 2), call("tool2", 3)], ["end"])
    events = await talk.say("hi", model, tools, max_tools=10)
    assert well_formed(talk.conversation.messages)
    assert [sent[0] for sent in tools.sent] == ["tool1", "tool2"]
    assert [event.tool for event in events if isinstance(event, ToolStarted)] == ["tool1", "tool2"]
    assert "tool50" in names(model.requests[1].tools)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("{}", "invalid_arguments"),
        ('{"query": ""}', "invalid_arguments"),
        ('{"query": 7', "invalid_arguments"),
        ('{"query": ["tool50"]}', "invalid_arguments"),
        ('{"query": "tool50", "limit": 0}', "invalid_arguments"),
        ("", "invalid_arguments"),
        ("[" * 5000, "invalid_arguments"),
        ('{"query": "tool50", "limit": null}', None),
        ('{"query": "tool50", "limit": "3"}', None),
        ('{"query": "tool50", "limit": 10000}', None),
        ('{"query": "tool50", "category": "all"}', None),
        ('{"query": "  "}', None),
        ('{"query": "\\ud800 tool50"}', "invalid_arguments"),
    ],
)
async def test_arguments_of_a_search_are_checked_as_kindly_as_can_be(arguments: str, error: str | None) -> None:
    """A mistake is a result that says what to write; what can only mean one thing is taken."""
    talk = Talk()
    model = ScriptedModel([ToolCall("c", SEARCH_TOOLS, arguments)], ["end"])
    events = await talk.say("hi", model, toolset(), max_tools=10)
    [result] = tool_results(talk.conversation.messages)
    assert result.get("error") == error
    if error:
        assert '{"query": "words of what a tool does"}' in result["message"]
    assert isinstance(events[-1], TurnEnded)


async def test_a_search_that_finds_nothing_says_so() -> None:
    """An empty list with the advice to use other words; the offer stays as it was."""
    talk, model = Talk(), ScriptedModel([find("xylophone")], ["end"])
    await talk.say("hi", model, toolset(), max_tools=10)
    [result] = tool_results(talk.conversation.messages)
    assert (result["ok"], result["data"]) == (True, [])
    assert "try others" in result["notes"][0]
    assert names(model.requests[0].tools) == names(model.requests[1].tools)


async def test_a_model_that_only_searches_comes_to_an_end() -> None:
    """Eight searches in a turn, then a refusal; the steps of the turn end it in any case."""
    talk = Talk()
    steps = [[find(f"tool{n}", n * 10 + k) for k in range(3)] for n in range(20)]
    events = await talk.say("hi", ScriptedModel(*steps), toolset(), max_tools=10, max_steps=5)
    results = tool_results(talk.conversation.messages)
    assert [result.get("error") for result in results] == [None] * 8 + ["limit"] * 4
    assert isinstance(events[-1], TurnEnded)


async def test_a_tool_that_exists_but_was_not_offered_can_be_called() -> None:
    """The offer is no fence: the call is checked like any other, and the tool stays offered."""
    tools = toolset()
    model = ScriptedModel([call("tool77")], ["end"])
    first, second = await offers(model, "hi", tools=tools)
    assert "tool77" not in first
    assert second[-1] == "tool77"
    assert [sent[0] for sent in tools.sent] == ["tool77"]


async def test_a_name_that_no_tool_has_is_refused_and_changes_nothing() -> None:
    """`unknown_tool`, and the next step's offer is the same."""
    talk, model = Talk(), ScriptedModel([call("nosuch")], ["end"])
    await talk.say("hi", model, toolset(), max_tools=10)
    assert tool_results(talk.conversation.messages)[0]["error"] == "unknown_tool"
    assert names(model.requests[0].tools) == names(model.requests[1].tools)


async def test_search_tools_is_unknown_where_all_tools_are_offered() -> None:
    """A model that makes it up is told so, as of any other name."""
    talk = Talk()
    await talk.say("hi", ScriptedModel([find("tool1")], ["end"]), toolset(MANY[:5]), max_tools=10)
    assert tool_results(talk.conversation.messages)[0]["error"] == "unknown_tool"


async def test_tools_that_were_called_stay_offered_in_later_turns_in_the_same_order() -> None:
    """Right behind `search_tools`, whatever the words are now: the beginning of the offer is the same text."""
    model = ScriptedModel([call("tool30"), call("tool20", 2)], ["end"], ["end"], [call("tool40", 3)], ["end"], ["end"])
    given_offers = await offers(model, "first", "tool5", "tool6", "tool7")
    assert given_offers[2][:4] == [SEARCH_TOOLS, "tool30", "tool20", "tool5"]
    assert given_offers[3][:4] == [SEARCH_TOOLS, "tool30", "tool20", "tool6"]
    assert given_offers[5][:5] == [SEARCH_TOOLS, "tool30", "tool20", "tool40", "tool7"]


async def test_called_tools_leave_half_of_the_room_to_new_words() -> None:
    """A long conversation: the ones that were called last stay."""
    model = ScriptedModel(*[[call(f"tool{n}", n)] for n in range(20, 30)], ["end"], ["end"])
    last = (await offers(model, "first", "tool1 tool2 tool3", max_steps=20))[-1]
    assert last == [SEARCH_TOOLS, "tool26", "tool27", "tool28", "tool29", "tool1", "tool2", "tool3", "tool0", "tool4"]


async def test_what_a_model_searched_for_is_offered_when_the_resident_has_answered_its_question() -> None:
    """It found the tool by words of its own, asked for an argument, and is told it in the next turn."""
    model = ScriptedModel([find("tool50")], ["Which one?"], ["end"])
    assert "tool50" in (await offers(model, "帮我归档", "K-12"))[-1]


async def test_the_tool_of_a_parked_write_is_offered_until_it_is_settled() -> None:
    """Also where the history that showed its call is longer than what a model sees."""
    talk, tools = Talk(), toolset(write1=FakeTool("write"))
    await talk.say("please write1", ScriptedModel([call("write1")]), tools, max_tools=10)
    assert talk.waiting is not None
    talk.conversation.messages[:] = []
    model = ScriptedModel(["end"])
    await talk.say("and what else", model, tools, max_tools=10)
    assert "write1" in names(model.requests[0].tools)


async def test_a_write_that_was_confirmed_is_told_with_its_tool_offered() -> None:
    """The step after the resident's yes has the written tool, whatever else "yes" finds."""
    talk, tools = Talk(), toolset(write1=FakeTool("write"))
    await talk.say("please write1", ScriptedModel([call("write1")]), tools, max_tools=10)
    model = ScriptedModel(["It is done"])
    events = await talk.say("yes", model, tools, max_tools=10)
    assert [sent[0] for sent in tools.sent] == ["write1"]
    assert names(model.requests[0].tools)[:2] == [SEARCH_TOOLS, "write1"]
    assert spoken(events) == "It is done"


async def test_a_caller_without_login_is_told_that_search_answers_him() -> None:
    """`search_tools` sends nothing, so it needs no login; of the offered tools the public ones are named."""
    talk, tools = Talk(owner=None), toolset(open1=FakeTool(public=True))
    tools.who = Caller("anonymous", None)
    model = ScriptedModel(["end"])
    await talk.say("open1", model, tools, max_tools=10)
    assert f"only these tools answer: {SEARCH_TOOLS}, open1." in str(model.requests[0].messages[0]["content"])


async def test_the_smallest_setting_still_searches_and_calls() -> None:
    """Four tools at a time: the found one is offered, in place of another one."""
    tools = toolset()
    model = ScriptedModel([find("tool50 tool60")], [call("tool50", 2)], ["end"])
    first, second, third = await offers(model, "tool1 tool2 tool3", tools=tools, max_tools=4)
    assert first == [SEARCH_TOOLS, "tool1", "tool2", "tool3"]
    assert second == third == [SEARCH_TOOLS, "tool1", "tool2", "tool50"]
    assert [sent[0] for sent in tools.sent] == ["tool50"]


async def test_a_search_tells_only_of_tools_that_it_can_offer() -> None:
    """What there is no room for would be called without its schema."""
    talk, tools = Talk(), toolset(**{f"large{n}": FakeTool(about="x" * 6000) for n in range(4)})
    model = ScriptedModel([find("large0 large1 large2 large3")], ["end"])
    await talk.say("hi", model, tools, max_tools=40, max_tools_bytes=28000)
    [result] = tool_results(talk.conversation.messages)
    told = [found["name"] for found in result["data"]]
    assert told == ["large0", "large1"]
    assert set(told) <= set(names(model.requests[1].tools))


async def test_a_turn_that_is_ended_during_a_search_leaves_a_history_that_can_go_on() -> None:
    """The read beside it hangs and the turn is cancelled: both calls have their results."""
    started = asyncio.Event()

    async def hang(_: object) -> Any:
        started.set()
        await asyncio.Event().wait()

    talk = Talk()
    model = ScriptedModel([find("tool50"), call("slow", 2)])
    turn = asyncio.create_task(talk.say("hi", model, toolset(slow=FakeTool(result=hang)), max_tools=10))
    async with asyncio.timeout(10):
        await started.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert well_formed(talk.conversation.messages)
    assert tool_results(talk.conversation.messages)[0]["ok"] is True


SEARCHES = st.lists(st.lists(st.integers(0, 99), max_size=30), max_size=10)
SIZES = st.lists(st.integers(1, 8000), min_size=30, max_size=30)


@settings(deadline=None)
@given(said=st.text(max_size=60), searches=SEARCHES, sizes=SIZES, most=st.integers(4, 50), kilo=st.integers(20, 90))
def test_an_offer_keeps_its_limits_and_its_beginning_whatever_is_searched_and_called(
    said: str, searches: list[list[int]], sizes: list[int], most: int, kilo: int
) -> None:
    """In every step: at most so many tools of at most so many bytes, each once, the search first, the latest finds in
    it, and the tools that stay in the order in which they stood."""
    tools = FakeToolset({name: FakeTool(about="x" * sizes[n % 30]) for n, name in enumerate(MANY)})
    limits = budgets(max_tools=most, max_tools_bytes=kilo * 1000)
    turn = Talk().make(said, ScriptedModel(), tools, max_tools=most, max_tools_bytes=limits.max_tools_bytes)
    before = list(offered(turn))
    for number, wanted in enumerate(searches):
        if number % 3 == 2:
            note_call(turn, MANY[wanted[0]] if wanted else "nosuch")
        else:
            search(turn, find(" ".join(MANY[n] for n in wanted) or "none", limit=20))
        offer = list(offered(turn))
        assert offer[0].name == SEARCH_TOOLS
        assert len(offer) <= most
        assert weight(offer) <= limits.max_tools_bytes
        assert len(set(names(offer))) == len(offer)
        assert set(names(turn.wanted)) <= set(names(offer))
        if wanted:
            assert MANY[wanted[0]] in names(offer)
        stayed = [name for name in names(offer) if name in names(before)]
        assert stayed == names(offer)[: len(stayed)]
        assert stayed == [name for name in names(before) if name in stayed]
        before = offer


@settings(deadline=None)
@given(said=st.text(max_size=80), earlier=st.lists(st.sampled_from(MANY), max_size=6))
def test_the_same_conversation_is_offered_the_same_tools(said: str, earlier: list[str]) -> None:
    """Whatever was said: equal histories give equal offers, in the same order, so a replay is a replay."""

    def offer() -> list[str]:
        talk = Talk()
        for number, name in enumerate(earlier):
            talk.conversation.messages += [
                {"role": "user", "content": f"use {name}"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": f"c{number}", "function": {"name": name, "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": f"c{number}", "content": "<data>{}</data>"},
            ]
        talk.conversation.messages.append({"role": "user", "content": said})
        return names(offered(talk.make(said, ScriptedModel(), toolset(), max_tools=12)))

    assert offer() == offer()
    assert offer()[0] == SEARCH_TOOLS
    assert not set(earlier[-5:]) - set(offer())
