"""A turn that is stopped around its write, and stores that fail under it: recorded, one terminal, the next one runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.context import Answer
from agent.running import Asked
from agent.turns import TurnRunner
from schemas.conversation import Approval, ApprovalState, Conversation, WriteOutcome
from schemas.tool import PreparedCall, ToolCall, ToolResult
from tests.support.fakes import FakeTool, FakeToolset, ScriptedModel, ids, make_outside, well_formed
from tests.support.memory_stores import MemoryApprovals, MemoryConversations

FIRST = datetime(2025, 3, 14, 9, 26, tzinfo=UTC)


class SlowApprovals(MemoryApprovals):
    """Holds `settle` or `record` up: after the work is done and before it is told, as a disk may."""

    def __init__(self, held: str) -> None:
        super().__init__(10)
        self._held = held
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

    async def settle(self, approval_id: str, state: ApprovalState) -> bool:
        settled = await super().settle(approval_id, state)
        await self._hold("settle")
        return settled

    async def record(self, approval_id: str, outcome: WriteOutcome, told: str) -> None:
        await self._hold("record")
        await super().record(approval_id, outcome, told)

    async def _hold(self, what: str) -> None:
        if what == self._held:
            self.reached.set()
            await self.gate.wait()


class House:
    """A conversation with a write that waits for its yes. `jump` moves the wall clock."""

    def __init__(self, approvals: MemoryApprovals, **parts: Any) -> None:
        self.approvals, self.jump = approvals, timedelta()
        self.model = ScriptedModel([ToolCall("1", "order", "{}")], ["done"])
        self.outside = make_outside(
            self.model, approvals=approvals, new_id=ids(), clock=lambda zone: self._now(zone), **parts
        )
        self.runner = TurnRunner(self.outside, grace_s=5)
        self.conversation = Conversation("c1", "anna")
        self.toolset = FakeToolset({"order": FakeTool(effect="write", result=self._order)})
        self.sent = 0

    def _now(self, zone: ZoneInfo) -> datetime:
        return FIRST.astimezone(zone) + self.jump

    async def _order(self, prepared: PreparedCall) -> ToolResult:
        self.sent += 1
        return ToolResult({"ok": True, "data": {"n": 1}})

    async def ask(self, query: str, answer: Answer | None = None, *, wait: bool = True) -> None:
        asked = Asked(
            conversation=self.conversation,
            query=query,
            locale="en",
            caller=self.toolset.who,
            toolset=self.toolset,
            answer=answer,
        )
        await self.runner.accept(asked)
        if wait:
            await self.until(lambda: not self.runner.runs("c1"))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0)

    async def parked(self) -> Approval:
        await self.ask("order it")
        found = await self.approvals.pending("c1")
        assert found is not None
        return found

    def terminals(self) -> list[str]:
        frames = [json.loads(entry.text) for entry in self.outside.log.after("c1", 0)]
        return [
            str(f.get("code") or f["data"]["outcome"])
            for f in frames
            if f["type"] == "error" or f.get("status") == "completed"
        ]

    def last_words(self) -> str:
        frames = [json.loads(entry.text) for entry in self.outside.log.after("c1", 0)]
        return "".join(f["content"] for f in frames if f["turn_id"] == frames[-1]["turn_id"] and f["type"] == "chunk")


@pytest.mark.parametrize("by", ["cancel", "shutdown"])
async def test_stopped_while_the_yes_is_being_kept_nothing_is_sent_and_that_is_recorded(by: str) -> None:
    """A20: the yes won the approval, the stop came before the request: not sent, recorded as not done, said so."""
    approvals = SlowApprovals("settle")
    house = House(approvals)
    approval = await house.parked()
    await house.ask("yes", Answer(approval.id, True), wait=False)
    await approvals.reached.wait()
    closing = asyncio.create_task(house.runner.close()) if by == "shutdown" else None
    if closing is None:
        assert house.runner.cancel("c1", None)
    await asyncio.sleep(0)
    approvals.gate.set()
    await house.until(lambda: not house.runner.runs("c1"))
    if closing is not None:
        await closing
    kept = await approvals.get(approval.id)
    assert kept is not None
    assert house.sent == 0
    assert (kept.state, kept.outcome) == ("approved", "failed")
    assert house.terminals() == ["approval", "cancelled" if by == "cancel" else "turn_interrupted"]
    assert "Nothing was submitted" in house.last_words()
    assert well_formed(house.conversation.messages)


async def test_stopped_while_the_outcome_is_being_kept_it_is_kept_and_told() -> None:
    """F52: a write that was done is never abandoned unrecorded."""
    approvals = SlowApprovals("record")
    house = House(approvals)
    approval = await house.parked()
    await house.ask("yes", Answer(approval.id, True), wait=False)
    await approvals.reached.wait()
    assert house.runner.cancel("c1", None)
    await asyncio.sleep(0)
    approvals.gate.set()
    await house.until(lambda: not house.runner.runs("c1"))
    kept = await approvals.get(approval.id)
    assert kept is not None
    assert house.sent == 1
    assert (kept.outcome, kept.told) == ("succeeded", "title of order: submitted.")
    assert house.terminals() == ["approval", "success"]
    assert house.last_words() == "title of order: submitted."
    assert well_formed(house.conversation.messages)


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_wall_clock_that_jumps_neither_ends_nor_prolongs_a_parked_write(hours: int) -> None:
    """F69: its time to live is counted by a clock that never jumps; the wall clock is for people."""
    house = House(MemoryApprovals(10))
    approval = await house.parked()
    house.jump = timedelta(hours=hours)
    await house.ask("yes", Answer(approval.id, True))
    assert house.sent == 1
    assert house.terminals() == ["approval", "success"]


async def test_a_defect_of_the_store_costs_no_later_turn() -> None:
    """The turn has its terminal all the same, and the next one runs."""

    class Broken(MemoryConversations):
        async def save(self, conversation: Conversation) -> None:
            raise ZeroDivisionError("a defect")

    house = House(MemoryApprovals(10), conversations=Broken(ids("c"), 10))
    await house.ask("order it")
    await house.ask("hello")
    assert house.terminals() == ["approval", "success"]


async def test_a_turn_accepted_while_the_process_drains_waits_for_the_running_one() -> None:
    """Its frames never lie within those of the running turn; both have their terminal."""
    gate, claiming = asyncio.Event(), asyncio.Event()
    house = House(MemoryApprovals(10))
    house.model._steps = [[gate, "one"], ["two"]]
    await house.ask("a", wait=False)
    await house.until(lambda: len(house.model.requests) == 1)
    claim = house.outside.turns.claim

    async def slowly(record: Any) -> Any:
        await claiming.wait()
        return await claim(record)

    house.outside.turns.claim = slowly  # type: ignore[method-assign]
    second = asyncio.create_task(house.ask("b", wait=False))
    await asyncio.sleep(0)
    draining = asyncio.create_task(house.runner.drain(10))
    await asyncio.sleep(0)
    claiming.set()
    await second
    gate.set()
    assert await draining
    turns = [json.loads(entry.text)["turn_id"] for entry in house.outside.log.after("c1", 0)]
    assert turns == sorted(turns, key=turns.index)
    assert house.terminals() == ["success", "success"]
