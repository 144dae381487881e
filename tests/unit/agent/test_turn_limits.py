"""`run_turn` with a model that goes wrong: loops, refused arguments, cut, filtered and endless answers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from agent.loop import run_turn
from schemas.model import Message, ModelEnd, ModelRequest
from schemas.tool import PreparedCall, ToolCall, ToolResult
from schemas.turn import ToolStarted, TurnEnded, TurnEvent, TurnFailed
from tests.support.fakes import FakeTool, FakeToolset, ScriptedModel, Talk, spoken, tool_results, well_formed

INVALID = ToolResult.failure("invalid_arguments", "`page` must be an integer")


def outcome(events: list[TurnEvent]) -> str:
    """How the turn ended; there is one terminal."""
    terminals = [event for event in events if isinstance(event, TurnEnded | TurnFailed)]
    assert terminals == [events[-1]]
    end = terminals[0]
    return end.outcome if isinstance(end, TurnEnded) else end.code


def looping(name: str = "bills") -> Any:
    """Steps that call the same tool with the same arguments for as long as they are offered tools."""
    numbers = itertools.count()

    def step(request: ModelRequest) -> list[Any]:
        return [ToolCall(f"call{next(numbers)}", name, "{}")] if request.tools else ["You owe 1."]

    return step


async def test_an_endless_loop_of_one_call_is_sent_once_and_ends_at_8_steps_with_a_summary() -> None:
    """F43, A25, A42: the repeated call is answered from the turn, the last step has no tools and is told to sum up."""
    talk, toolset = Talk(), FakeToolset({"bills": FakeTool()})
    model = ScriptedModel(*[looping()] * 20)
    events = await talk.say("bills?", model, toolset)
    assert len(model.requests) == 8
    assert toolset.sent == [("bills", "{}", None)]
    assert len([event for event in events if isinstance(event, ToolStarted)]) == 1
    assert [result["data"] for result in tool_results(talk.conversation.messages)] == [{"n": 1}] * 7
    assert [bool(request.tools) for request in model.requests] == [True] * 7 + [False]
    told = [str(request.messages[0]["content"]) for request in model.requests]
    assert ["No more tools can be called" in system for system in told] == [False] * 7 + [True]
    assert spoken(events) == "You owe 1."
    assert outcome(events) == "limit"
    assert well_formed(talk.conversation.messages)


async def test_a_loop_that_never_comes_to_words_ends_with_the_gateways_own_sentence() -> None:
    """F43: calls in the last step are dropped; the outcome is limit all the same."""
    numbers = itertools.count()
    model = ScriptedModel(*[lambda _: [ToolCall(f"call{next(numbers)}", "bills", "{}")]] * 20)
    events = await Talk().say("bills?", model, FakeToolset({"bills": FakeTool()}))
    assert len(model.requests) == 8
    assert "too many steps" in spoken(events)
    assert outcome(events) == "limit"


async def test_a_call_that_failed_is_sent_again_when_the_model_repeats_it() -> None:
    """F43: only what came out well is answered from the turn; a failure may be over."""
    given = iter([ToolResult.failure("timeout", "slow"), ToolResult({"ok": True, "data": 1})])

    async def result(_: PreparedCall) -> ToolResult:
        return next(given)

    talk, toolset = Talk(), FakeToolset({"bills": FakeTool(result=result)})
    model = ScriptedModel([ToolCall("c1", "bills", "{}")], [ToolCall("c2", "bills", "{}")], ["1"])
    await talk.say("x", model, toolset)
    assert len(toolset.sent) == 2
    assert [one["ok"] for one in tool_results(talk.conversation.messages)] == [False, True]


async def test_what_one_turn_was_told_is_asked_again_in_the_next() -> None:
    """F43: the answers of a turn end with it."""
    talk, toolset = Talk(), FakeToolset({"bills": FakeTool()})
    for number in range(2):
        await talk.say("x", ScriptedModel([ToolCall(f"c{number}", "bills", "{}")], ["1"]), toolset)
    assert len(toolset.sent) == 2


async def test_a_hundred_calls_of_one_step_are_answered_and_no_more_than_the_budget_sent() -> None:
    """A42: each call has its result, sixteen were sent, and the next step has no tools."""
    talk, toolset = Talk(), FakeToolset({"bills": FakeTool()})
    calls = [ToolCall(f"c{number}", "bills", f'{{"page":{number}}}') for number in range(100)]
    model = ScriptedModel(calls, ["done"])
    events = await talk.say("x", model, toolset)
    assert len(toolset.sent) == 16
    assert [one.get("error") for one in tool_results(talk.conversation.messages)] == [None] * 16 + ["limit"] * 84
    assert not model.requests[1].tools
    assert outcome(events) == "limit"
    assert well_formed(talk.conversation.messages)


async def test_arguments_are_repaired_twice_and_then_answered_in_words() -> None:
    """F41: the schema's sentence comes back as the result twice more, then tools are withdrawn."""
    talk, toolset = Talk(), FakeToolset({"bills": FakeTool(refusal=INVALID)})
    model = ScriptedModel(*[looping()] * 20)
    events = await talk.say("x", model, toolset)
    assert [bool(request.tools) for request in model.requests] == [True, True, True, False]
    assert [one["message"] for one in tool_results(talk.conversation.messages)] == [INVALID.content["message"]] * 3
    assert toolset.sent == []
    assert spoken(events) == "You owe 1."
    assert outcome(events) == "success"
    assert well_formed(talk.conversation.messages)


async def test_repairs_are_counted_in_a_row() -> None:
    """F41: a call that was understood in between begins the count again."""
    toolset = FakeToolset({"bad": FakeTool(refusal=INVALID), "good": FakeTool()})
    names = ["bad", "bad", "good", "bad", "bad", "good"]
    steps = [[ToolCall(f"c{number}", name, f'{{"n":{number}}}')] for number, name in enumerate(names)]
    model = ScriptedModel(*steps, ["done"])
    assert outcome(await Talk().say("x", model, toolset)) == "success"
    assert [bool(request.tools) for request in model.requests] == [True] * 7


@pytest.mark.parametrize("name", ["noSuchTool", ""])
async def test_an_unknown_or_empty_tool_name_is_a_result_and_the_loop_goes_on(name: str) -> None:
    """F42: the model reads that there is no such tool and then calls the right one."""
    talk, toolset = Talk(), FakeToolset({"bills": FakeTool()})
    model = ScriptedModel([ToolCall("c1", name, "{}")], [ToolCall("c2", "bills", "{}")], ["You owe 1."])
    events = await talk.say("x", model, toolset)
    assert [one.get("error") for one in tool_results(talk.conversation.messages)] == ["unknown_tool", None]
    assert outcome(events) == "success"
    assert well_formed(talk.conversation.messages)


async def test_an_answer_cut_by_its_length_is_continued_once_in_the_same_paragraph() -> None:
    """F44: the model is shown where it stopped; history has one message and no words that the resident did not say."""
    talk = Talk()
    model = ScriptedModel(["One two ", ModelEnd("length", 5, 5)], ["three.", ModelEnd("stop", 5, 5)])
    events = await talk.say("count", model, FakeToolset())
    assert spoken(events) == "One two three."
    assert outcome(events) == "success"
    asked = model.requests[1].messages[-2:]
    assert asked[0] == {"role": "assistant", "content": "One two "}
    assert asked[1]["role"] == "user"
    expected: list[Message] = [
        {"role": "user", "content": "count"},
        {"role": "assistant", "content": "One two three."},
    ]
    assert talk.conversation.messages == expected


async def test_an_answer_cut_twice_is_marked_as_cut() -> None:
    """F44: continued once and no oftener; the resident reads that it is not whole."""
    model = ScriptedModel(*[["more ", ModelEnd("length", 5, 5)]] * 9)
    events = await Talk().say("x", model, FakeToolset())
    assert len(model.requests) == 2
    assert spoken(events).startswith("more more ")
    assert spoken(events).endswith("(The answer was too long and is cut here.)")
    assert outcome(events) == "limit"


async def test_a_continued_answer_may_call_a_tool() -> None:
    """F44: an announcement whose call was cut away is followed by the call."""
    talk, toolset = Talk(), FakeToolset({"bills": FakeTool()})
    model = ScriptedModel(["Let me look.", ModelEnd("length", 5, 5)], [ToolCall("c1", "bills", "{}")], ["You owe 1."])
    events = await talk.say("x", model, toolset)
    assert spoken(events) == "Let me look.\n\nYou owe 1."
    assert outcome(events) == "success"
    assert well_formed(talk.conversation.messages)


async def test_a_filtered_answer_ends_with_a_plain_refusal() -> None:
    """F44: content_filter is told in a sentence, not repeated, and no error."""
    talk = Talk()
    model = ScriptedModel(["I will", ModelEnd("content_filter", 5, 5)])
    events = await talk.say("x", model, FakeToolset())
    assert len(model.requests) == 1
    assert spoken(events) == "I will\n\nSorry, I cannot answer this."
    assert outcome(events) == "success"


async def test_a_step_cut_before_its_call_was_whole_is_repeated() -> None:
    """F44, F38: nothing was said and no call was whole, so the step is asked once more."""
    model = ScriptedModel([ModelEnd("length", 5, 5)], ["Here."])
    events = await Talk().say("x", model, FakeToolset())
    assert spoken(events) == "Here."
    assert outcome(events) == "success"


async def test_an_answer_that_used_up_the_turns_output_is_cut_and_marked() -> None:
    """F46: no continuation beyond the cap; each step is given what is left of it."""
    toolset = FakeToolset({"bills": FakeTool()})
    model = ScriptedModel(
        [ToolCall("c1", "bills", "{}"), ModelEnd("tool_calls", 10, 40)], ["endless", ModelEnd("length", 10, 60)]
    )
    events = await Talk().say("x", model, toolset, max_output_tokens=100)
    assert [request.max_output_tokens for request in model.requests] == [100, 60]
    assert spoken(events) == "endless\n\n(The answer was too long and is cut here.)"
    assert outcome(events) == "limit"


async def test_a_turn_that_used_up_its_tokens_gets_one_step_without_tools() -> None:
    """F45, A25: what was asked counts too; then the answer is forced and the outcome is limit."""
    toolset = FakeToolset({"bills": FakeTool()})
    steps = [
        [ToolCall(f"c{number}", "bills", f'{{"page":{number}}}'), ModelEnd("tool_calls", 400, 10)] for number in (1, 2)
    ]
    model = ScriptedModel(*steps, ["enough"])
    events = await Talk().say("x", model, toolset, max_turn_tokens=800)
    assert [bool(request.tools) for request in model.requests] == [True, True, False]
    assert spoken(events) == "enough"
    assert outcome(events) == "limit"


async def test_reasoning_is_kept_with_its_calls_and_nowhere_else() -> None:
    """A provider that wants it back finds it in the history; a plain answer has none."""
    talk, toolset = Talk(), FakeToolset({"bills": FakeTool()})
    model = ScriptedModel(
        [ToolCall("c1", "bills", "{}"), ModelEnd("tool_calls", 5, 5, "bills are needed")],
        ["You owe 1.", ModelEnd("stop", 5, 5)],
    )
    turn = talk.make("x", model, toolset)
    async for _ in run_turn(turn):
        pass
    kept = [message.get("reasoning_content") for message in talk.conversation.messages]
    assert kept == [None, "bills are needed", None, None]
