"""One gateway in one process, with real intake, connections, runner and log. Its stores, tools and model give way to
others so often as the dice say, so that every interleaving can happen.

Next: `schedule_clients.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from agent.recovery import Recovery
from agent.turns import TurnRunner
from blueprints.gateway import Gateway
from integrations.stores.memory_log import MemoryLog
from schemas.conversation import Conversation, Entry
from schemas.deadline import Deadline
from schemas.frames import AttachmentLimits, Frame, Limits
from schemas.model import ModelEnd, ModelRequest
from schemas.tool import Caller, Identity, PreparedCall, ToolCall, ToolResult
from schemas.turn import TextDelta
from tests.support.fakes import FakeTool, FakeToolset, FakeToolsets, StoppedClock, ids, make_outside
from tests.support.limits import guard
from tests.support.memory_stores import MemoryApprovals, MemoryConversations, MemoryTurns, MemoryUploads

WINDOW_S = 600.0
NOW = datetime(2025, 3, 14, tzinfo=UTC)


class Dice:
    """How often whoever waits lets others go first."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - dice of a test

    async def give_way(self, most: int = 4) -> None:
        for _ in range(self._random.randint(0, most)):
            await asyncio.sleep(0)


class SlowStore:
    """A store whose every answer takes a while, before and after its work is done, as one on a disk."""

    def __init__(self, store: Any, dice: Dice) -> None:
        self._store, self._dice = store, dice

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not asyncio.iscoroutinefunction(method):
            return method

        async def slowly(*args: Any) -> Any:
            async def work() -> Any:
                await self._dice.give_way()
                return await method(*args)

            result = await asyncio.shield(asyncio.ensure_future(work()))  # a disk finishes what it began
            await self._dice.give_way()
            return result

        return slowly


class RecordingLog(MemoryLog):
    """Remembers every entry that ever was, by conversation and numbering."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.ever: dict[tuple[str, str], list[Entry]] = {}
        self.in_order: dict[str, list[dict[str, Any]]] = {}

    def append(self, conversation_id: str, turn_id: str, frame: Frame) -> Entry:
        entry = super().append(conversation_id, turn_id, frame)
        self.ever.setdefault((conversation_id, self.epoch(conversation_id)), []).append(entry)
        self.in_order.setdefault(conversation_id, []).append(json.loads(entry.text))
        return entry


class Parrot:
    """`order ...` asks for a write, `look ...` for a read, anything else is repeated in pieces, the last one when the
    gate is open."""

    def __init__(self, dice: Dice) -> None:
        self._dice, self._numbers = dice, itertools.count()
        self.gate = asyncio.Event()
        self.gate.set()
        self.histories: list[Sequence[Any]] = []

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ToolCall | ModelEnd]:
        self.histories.append(request.messages)
        last = request.messages[-1]
        word = str(last["content"]).split()[0]
        await self._dice.give_way()
        if last["role"] == "user" and request.tools and word in ("order", "look"):
            if word == "look":
                yield TextDelta("Let me look. ")
            await self._dice.give_way()
            yield ToolCall(f"call{next(self._numbers)}", word, "{}")
        else:
            for piece in ("You ", "said ", "that, ", "and ", "I ", "heard ", "it."):
                if piece == "it.":
                    await self.gate.wait()
                yield TextDelta(piece)
                await self._dice.give_way(2)
        yield ModelEnd("stop", input_tokens=1, output_tokens=1)

    async def close(self) -> None:
        """Nothing to close."""


class House:
    """One gateway; `anna` has every client of a schedule."""

    def __init__(self, seed: int, max_entries: int) -> None:
        self.dice, self.clock = Dice(seed), StoppedClock()
        self.model = Parrot(self.dice)
        self.approvals, self.records = MemoryApprovals(1000), MemoryTurns(1000, 86400)
        self.toolset = FakeToolset(
            {"order": FakeTool(effect="write", result=self._answer), "look": FakeTool(result=self._answer)},
            Caller("verified", "anna", Identity("anna", None, {})),
        )
        self.conversations = _Keeping(ids("c"), 1000)
        self._max_entries, self._new_epoch, self._new_id = max_entries, ids("e"), ids()
        self._begin({}, {})

    def _begin(self, ever: dict[tuple[str, str], list[Entry]], in_order: dict[str, list[dict[str, Any]]]) -> None:
        """A process: what lives no longer than one."""
        self.log = RecordingLog(self._max_entries, 1000, new_epoch=self._new_epoch, window_s=WINDOW_S, clock=self.clock)
        self.log.ever, self.log.in_order = ever, in_order
        outside = make_outside(
            self.model,
            log=self.log,
            conversations=SlowStore(self.conversations, self.dice),
            turns=SlowStore(self.records, self.dice),
            approvals=SlowStore(self.approvals, self.dice),
            new_id=self._new_id,
        )
        self.turns = TurnRunner(outside)
        self.gateway = Gateway(
            toolsets=FakeToolsets(anna=_Slow(self.toolset, self.dice)),
            conversations=outside.conversations,
            approvals=outside.approvals,
            turn_store=outside.turns,
            uploads=MemoryUploads(ids("u")),
            entries=self.log,
            turns=self.turns,
            recovery=Recovery(outside),
            guard=guard(subject="1000000/second"),
            limits=Limits(4000, 65536, AttachmentLimits(0, 0, [])),
            locale="en",
        )

    async def restart(self) -> None:
        """The process ends as it does after its drain, and another one begins with what the stores have kept."""
        await self.turns.drain(0)
        await self.turns.close()
        self.gateway.close_connections()
        self.conversations.reopen()
        self._begin(self.log.ever, self.log.in_order)

    async def _answer(self, prepared: PreparedCall) -> ToolResult:
        await self.dice.give_way(12)
        return ToolResult({"ok": True, "data": {"n": 1}})

    def forget(self) -> None:
        """Its window is over for every conversation that nobody follows."""
        self.clock.now += WINDOW_S + 1
        self.log.epoch(f"another{self.clock.now}")

    def expire(self) -> None:
        """What waits for a yes has waited too long."""
        for key, approval in list(self.approvals._by_id.items()):
            if approval.state == "pending":
                self.approvals._by_id[key] = replace(approval, expires=Deadline.after(-1))


class _Keeping(MemoryConversations):
    """Holds what it made: when the collector comes is no part of a schedule."""

    def create(self, owner: str | None) -> Conversation:
        conversation = super().create(owner)
        self._kept[conversation.id] = conversation
        self._times[conversation.id] = (NOW, NOW)
        return conversation

    def reopen(self) -> None:
        """What a file has of them: nothing of those that were never saved."""
        for old in list(self._kept.values()):
            del self._kept[old.id], self._live[old.id]
            if old.saved:
                new = Conversation(old.id, old.owner, old.messages[: old.saved], old.saved)
                self._kept[new.id] = self._live[new.id] = new


class _Slow(FakeToolset):
    """The same tools; asking who it is takes a while."""

    def __init__(self, toolset: FakeToolset, dice: Dice) -> None:
        super().__init__(toolset.tools, toolset.who, sent=toolset.sent)
        self._dice = dice

    async def caller(self, deadline: Deadline) -> Caller:
        await self._dice.give_way()
        return self.who
