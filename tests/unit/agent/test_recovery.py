"""What an earlier process left is told once, in one piece, and never of a turn of this process (rule 1)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from agent.recovery import Recovery
from agent.running import Asked, Outside
from agent.turns import TurnRunner
from schemas.conversation import Approval, Conversation, TurnRecord
from schemas.deadline import Deadline
from schemas.errors import StoreUnavailable
from schemas.tool import ToolResult
from tests.support.fakes import FakeTool, FakeToolset, ScriptedModel, make_outside
from tests.support.memory_stores import MemoryApprovals, MemoryTurns

THEN = datetime(2025, 3, 14, tzinfo=UTC)


class GatedTurns(MemoryTurns):
    """`latest` is read, and told only when the gate opens; `finish` may be out of reach."""

    def __init__(self) -> None:
        super().__init__(100, 86400)
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.broken = False

    async def latest(self, conversation_id: str) -> TurnRecord | None:
        found = await super().latest(conversation_id)
        self.asked.set()
        await self.gate.wait()
        return found

    async def finish(self, turn_id: str, outcome: str, content: str) -> None:
        if self.broken:
            raise StoreUnavailable("locked")
        await super().finish(turn_id, outcome, content)


def left_write(state: Any = "approved") -> Approval:
    return Approval(
        id="a1",
        conversation_id="c1",
        owner="anna",
        tool="order",
        arguments="{}",
        digest="order{}1",
        upstream="the upstream",
        summary="an order",
        lines=(),
        shown="shown",
        expires=Deadline.after(300),
        expires_at=THEN,
        state=state,
    )


def frames(outside: Outside) -> list[dict[str, Any]]:
    return [json.loads(entry.text) for entry in outside.log.after("c1", 0)]


async def left_behind(turns: MemoryTurns) -> None:
    """A turn that a process could not end."""
    await turns.claim(TurnRecord("old", "c1", "anna", None, THEN))


async def test_a_left_turn_and_write_are_told_once() -> None:
    """Whoever comes first: the sentence of the write, the terminal `turn_interrupted`; afterwards nothing."""
    turns, approvals = GatedTurns(), MemoryApprovals(10)
    await left_behind(turns)
    await approvals.park(left_write())
    outside = make_outside(ScriptedModel(), turns=turns, approvals=approvals)
    conversation, toolset = Conversation("c1", "anna"), FakeToolset({"order": FakeTool(effect="write")})
    recovery = Recovery(outside)
    await asyncio.gather(*(recovery.tell(conversation, toolset, "en") for _ in range(3)))
    kinds = [frame.get("status") or frame.get("code") or frame["type"] for frame in frames(outside)]
    assert kinds == ["thinking", "chunk", "chunk", "turn_interrupted"]
    assert {frame["turn_id"] for frame in frames(outside)} == {"old"}
    assert toolset.sent == []
    kept = await approvals.get("a1")
    assert kept is not None
    assert (kept.outcome, kept.told) == ("unknown", "nobody knows")


async def test_what_a_look_up_finds_is_told_as_done() -> None:
    """The upstream knows the write: it is recorded as succeeded."""
    approvals = MemoryApprovals(10)
    await approvals.park(left_write())
    outside = make_outside(ScriptedModel(), approvals=approvals)
    tool = FakeTool(effect="write", found=ToolResult({"ok": True}))
    await Recovery(outside).tell(Conversation("c1", "anna"), FakeToolset({"order": tool}), "en")
    kept = await approvals.get("a1")
    assert kept is not None
    assert kept.outcome == "succeeded"
    assert kept.told in "".join(frame.get("content", "") for frame in frames(outside))


async def test_a_turn_of_this_process_is_never_told_as_interrupted() -> None:
    """It begins in another tab while the store is asked what was left: the store shows it as a turn without an end."""
    turns, gate = GatedTurns(), asyncio.Event()
    outside = make_outside(ScriptedModel([gate, "hello"]), turns=turns)
    runner, toolset, conversation = TurnRunner(outside), FakeToolset(), Conversation("c1", "anna")
    asked = Asked(conversation=conversation, query="x", locale="en", caller=toolset.who, toolset=toolset)
    turns.gate.clear()
    await left_behind(turns)
    telling = asyncio.create_task(Recovery(outside).tell(conversation, toolset, "en"))
    await turns.asked.wait()
    await runner.accept(asked)
    turns.gate.set()
    await telling
    gate.set()
    async with asyncio.timeout(10):
        while runner.runs("c1"):
            await asyncio.sleep(0)
    assert [frame["type"] for frame in frames(outside) if "code" in frame] == []
    assert len({frame["turn_id"] for frame in frames(outside)}) == 1


async def test_a_store_that_fails_afterwards_does_not_tell_it_twice() -> None:
    """One terminal in this process's log, however often the owner comes back."""
    turns = GatedTurns()
    await left_behind(turns)
    turns.broken = True
    outside, conversation = make_outside(ScriptedModel(), turns=turns), Conversation("c1", "anna")
    recovery = Recovery(outside)
    for _ in range(3):
        await recovery.tell(conversation, FakeToolset(), "en")
    assert [frame["code"] for frame in frames(outside) if "code" in frame] == ["turn_interrupted"]


async def test_a_turn_that_had_its_end_is_not_told() -> None:
    """Nothing was left: nothing enters the log."""
    turns = GatedTurns()
    await left_behind(turns)
    await turns.finish("old", "success", "hello")
    approvals = MemoryApprovals(10)
    await approvals.park(replace(left_write(), outcome="succeeded"))
    outside = make_outside(ScriptedModel(), turns=turns, approvals=approvals)
    await Recovery(outside).tell(Conversation("c1", "anna"), FakeToolset(), "en")
    assert frames(outside) == []
