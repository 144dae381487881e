"""The turn runner: one turn at a time, one waits, every accepted turn has its terminal (protocol, rules 1, 5, 8)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from agent.running import Asked
from agent.turns import TurnRunner
from integrations.stores.memory_log import MemoryLog
from schemas.conversation import Conversation
from schemas.errors import FrameRefused
from schemas.messages import text
from schemas.tool import ToolCall
from tests.support.fakes import (
    FakeTool,
    FakeToolset,
    ScriptedModel,
    Step,
    ids,
    make_outside,
    tool_results,
    well_formed,
)
from tests.support.memory_stores import MemoryConversations


class House:
    """A runner with its log, and what is needed to wait for it."""

    def __init__(self, *steps: Step) -> None:
        self.model = ScriptedModel(*steps)
        self.log = MemoryLog(1000, 10, new_epoch=ids("e"))
        self.outside = make_outside(self.model, log=self.log, new_id=ids())
        self.runner = TurnRunner(self.outside, grace_s=0.2)
        self.conversation = Conversation("c1", "anna")
        self.toolset = FakeToolset({"order": FakeTool(effect="write"), "look": FakeTool()})

    async def accept(self, query: str, conversation: Conversation | None = None, **more: Any) -> str:
        asked = Asked(
            conversation=conversation or self.conversation,
            query=query,
            locale="en",
            caller=self.toolset.who,
            toolset=self.toolset,
            **more,
        )
        return (await self.runner.accept(asked)).turn_id

    def frames(self, conversation_id: str = "c1") -> list[dict[str, Any]]:
        return [json.loads(entry.text) for entry in self.log.after(conversation_id, 0)]

    def terminals(self, conversation_id: str = "c1") -> list[tuple[str, str]]:
        """Turn id and outcome or code of every terminal, in order."""
        return [
            (frame["turn_id"], frame.get("code") or frame["data"]["outcome"])
            for frame in self.frames(conversation_id)
            if frame["type"] == "error" or (frame["type"] == "status" and frame["status"] == "completed")
        ]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0)


def whole(frames: Sequence[dict[str, Any]], turn_id: str) -> bool:
    """Whether a turn's frames obey rule 1."""
    mine = [frame for frame in frames if frame["turn_id"] == turn_id]
    ends = [f["type"] == "error" or (f["type"] == "status" and f["status"] == "completed") for f in mine]
    chunks = [frame["is_final"] for frame in mine if frame["type"] == "chunk"]
    closed_once = not chunks or chunks == [False] * (len(chunks) - 1) + [True]
    begins = mine[0]["type"] == "status" and mine[0]["status"] == "thinking"
    return begins and ends == [False] * (len(mine) - 1) + [True] and closed_once


async def test_a_turn_runs_to_its_terminal() -> None:
    """Accepted at once, its frames in the log."""
    house = House(["Hello"])
    turn_id = await house.accept("hi")
    await house.until(lambda: len(house.terminals()) == 1)
    assert house.terminals() == [(turn_id, "success")]
    assert whole(house.frames(), turn_id)


async def test_a_second_query_waits_and_a_third_is_busy() -> None:
    """Rule 8: one runs, one waits, a further one is refused and changes nothing."""
    gate = asyncio.Event()
    house = House(["one", gate], ["two"])
    first, second = await house.accept("a"), await house.accept("b")
    with pytest.raises(FrameRefused) as refused:
        await house.accept("c")
    assert refused.value.code == "busy"
    await house.until(lambda: len(house.frames()) >= 2)
    assert {frame["turn_id"] for frame in house.frames()} == {first}
    gate.set()
    await house.until(lambda: len(house.terminals()) == 2)
    assert house.terminals() == [(first, "success"), (second, "success")]
    roles = [(message["role"], message["content"]) for message in house.conversation.messages]
    assert roles == [("user", "a"), ("assistant", "one"), ("user", "b"), ("assistant", "two")]


async def test_frames_of_two_turns_never_mix() -> None:
    """The waiting turn's first frame comes after the running one's terminal."""
    house = House(["one"], ["two"])
    first, second = await house.accept("a"), await house.accept("b")
    await house.until(lambda: len(house.terminals()) == 2)
    order = [frame["turn_id"] for frame in house.frames()]
    assert order == sorted(order, key=[first, second].index)


async def test_two_conversations_run_side_by_side() -> None:
    """A hanging turn of one holds nobody else up."""
    gate = asyncio.Event()
    house = House([gate], ["two"])
    await house.accept("a")
    await house.until(lambda: len(house.model.requests) == 1)
    await house.accept("b", Conversation("c2", "bert"))
    await house.until(lambda: len(house.terminals("c2")) == 1)
    assert house.terminals() == []
    gate.set()
    await house.until(lambda: len(house.terminals()) == 1)


async def test_after_a_turn_the_conversation_is_free_again() -> None:
    """Ten turns, one after another, each with one terminal and the seq gapless."""
    house = House(*([f"answer {number}"] for number in range(10)))
    turns = []
    for number in range(10):
        turns.append(await house.accept(f"query {number}"))
        await house.until(lambda: len(house.terminals()) == len(turns))
    assert [turn for turn, _ in house.terminals()] == turns
    assert [frame["seq"] for frame in house.frames()] == list(range(1, len(house.frames()) + 1))


async def test_close_ends_running_and_waiting_turns_with_turn_interrupted() -> None:
    """Both turns existed from acceptance on, so both have `thinking` and one terminal; the open bubble is closed."""
    house = House(["half an ans", asyncio.Event()])
    first, second = await house.accept("a"), await house.accept("b")
    await house.until(lambda: len(house.frames()) >= 2)
    await house.runner.close()
    assert house.terminals() == [(first, "turn_interrupted"), (second, "turn_interrupted")]
    assert whole(house.frames(), first)
    assert whole(house.frames(), second)
    assert well_formed(house.conversation.messages)


async def test_close_ends_a_turn_that_has_not_begun() -> None:
    """Accepted and closed in one breath: still its terminal."""
    house = House(["never"])
    turn_id = await house.accept("a")
    await house.runner.close()
    assert [turn for turn, _ in house.terminals()] == [turn_id]
    assert whole(house.frames(), turn_id)


class SlowConversations(MemoryConversations):
    """Takes a history only once the gate is open."""

    def __init__(self) -> None:
        super().__init__(ids("c"), 10)
        self.asked, self.gate = asyncio.Event(), asyncio.Event()

    async def save(self, conversation: Conversation) -> None:
        self.asked.set()
        await self.gate.wait()
        await super().save(conversation)


async def test_a_turn_that_is_being_kept_while_the_process_ends_is_kept() -> None:
    """What the resident reads as done is done for the next process too: history and end are with the store. One that
    takes too long is left, and the terminal comes all the same."""
    for in_time in (True, False):
        house = House(["an answer"])
        slow = SlowConversations()
        house.outside = make_outside(house.model, log=house.log, new_id=ids(), conversations=slow)
        house.runner = TurnRunner(house.outside, grace_s=60 if in_time else 0)
        turn_id = await house.accept("a")
        await slow.asked.wait()
        closing = asyncio.create_task(house.runner.close())
        for _ in range(20):
            await asyncio.sleep(0)
        if in_time:
            slow.gate.set()
        await closing
        assert house.terminals() == [(turn_id, "success")]
        kept = await house.outside.turns.latest("c1")
        assert kept is not None
        assert (kept.outcome, kept.content) == (("success", "an answer") if in_time else ("", ""))
        assert house.conversation.saved == (2 if in_time else 0)


async def test_after_close_no_turn_is_taken() -> None:
    """`shutting_down`, which a client may retry elsewhere."""
    house = House()
    await house.runner.close()
    with pytest.raises(FrameRefused) as refused:
        await house.accept("a")
    assert refused.value.code == "shutting_down"


async def test_close_in_the_middle_of_a_tool_call_leaves_a_well_formed_history() -> None:
    """The call under way gets a result that says it failed."""
    never, reached = asyncio.Event(), asyncio.Event()

    async def hang(_: Any) -> Any:
        reached.set()
        await never.wait()

    house = House([ToolCall("call1", "look", "{}")])
    house.toolset.tools["look"].result = hang
    turn_id = await house.accept("a")
    await reached.wait()
    await house.runner.close()
    assert house.terminals() == [(turn_id, "turn_interrupted")]
    assert well_formed(house.conversation.messages)
    assert [result["ok"] for result in tool_results(house.conversation.messages)] == [False]


async def test_close_in_the_middle_of_a_write_says_that_its_outcome_is_unknown() -> None:
    """The bubble tells the resident to check first; "please ask again" alone would invite a second write."""
    never, reached = asyncio.Event(), asyncio.Event()

    async def hang(_: Any) -> Any:
        reached.set()
        await never.wait()

    house = House([ToolCall("call1", "order", "{}")])
    house.toolset.tools["order"].result = hang
    await house.accept("order")
    await house.until(lambda: len(house.terminals()) == 1)
    turn_id = await house.accept("yes")
    await reached.wait()
    await house.runner.close()
    assert house.terminals()[-1] == (turn_id, "turn_interrupted")
    assert whole(house.frames(), turn_id)
    said = "".join(f["content"] for f in house.frames() if f["type"] == "chunk" and f["turn_id"] == turn_id)
    assert text("tool.unknown_outcome", "en", upstream="the upstream") in said
    assert well_formed(house.conversation.messages)


async def test_a_defect_ends_its_turn_with_internal_and_a_reference() -> None:
    """The next turn of the conversation runs as if nothing had been."""
    house = House([ZeroDivisionError("a defect")], ["fine"])
    first, second = await house.accept("a"), await house.accept("b")
    await house.until(lambda: len(house.terminals()) == 2)
    assert house.terminals() == [(first, "internal"), (second, "success")]
    error = next(frame for frame in house.frames() if frame["type"] == "error")
    assert "reference" in error["content"]
    assert "defect" not in error["content"]


async def test_a_waiting_yes_is_no_yes_to_what_the_running_turn_shows() -> None:
    """Query and 确认 sent in one breath: the write is parked and shown twice, and never sent."""
    house = House([ToolCall("call1", "order", "{}")])
    await house.accept("order")
    await house.accept("确认")
    await house.until(lambda: len(house.terminals()) == 2)
    assert [outcome for _, outcome in house.terminals()] == ["approval", "approval"]
    assert house.toolset.sent == []
    await house.accept("确认")
    await house.until(lambda: len(house.terminals()) == 3)
    assert len(house.toolset.sent) == 1


async def test_half_a_character_from_the_model_does_not_end_the_turn() -> None:
    """Half a surrogate pair cannot be sent; U+FFFD stands in its place."""
    house = House(["a\ud800b"])
    await house.accept("x")
    await house.until(lambda: len(house.terminals()) == 1)
    assert [frame["content"] for frame in house.frames() if frame["type"] == "chunk"] == ["a�b", ""]
