"""The turn runner: one turn at a time in a conversation, in a task of its own, one more waiting; stop, drain, close.

A turn lives from acceptance to its terminal, whatever happens to a connection. Next: `running.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import structlog
from structlog.contextvars import bound_contextvars

from agent.running import Asked, Outside, RunningTurn
from schemas.conversation import TurnRecord
from schemas.errors import FrameRefused, StoreUnavailable

log = structlog.get_logger(__name__)

_UTC = ZoneInfo("UTC")
_SCARCE_MS = 5000  # turns end in seconds, and give back what they took


@dataclass(frozen=True, slots=True)
class Admitted:
    """The turn that a query became. `earlier`: it had become this turn before; empty where that is still under way in
    this conversation."""

    turn_id: str
    conversation_id: str
    again: bool = False
    earlier: TurnRecord | None = None


@dataclass(slots=True)
class _Lane:
    """The turns of one conversation: the one that runs, the one that may wait, and those whose query is just being
    written down."""

    task: asyncio.Task[None] | None = None
    running: RunningTurn | None = None
    waiting: deque[RunningTurn] = field(default_factory=deque)
    entering: int = 0

    @property
    def taken(self) -> int:
        return (self.running is not None) + len(self.waiting) + self.entering

    def turns(self) -> Iterator[RunningTurn]:
        """The running one, then what waits."""
        if self.running is not None:
            yield self.running
        yield from self.waiting


class TurnRunner:
    """Runs turns. `scarce` says that there is no room for another one."""

    def __init__(self, outside: Outside, *, grace_s: float = 5.0, scarce: Callable[[], bool] = lambda: False) -> None:
        self._outside, self._grace_s, self._scarce = outside, grace_s, scarce
        self._lanes: dict[str, _Lane] = {}
        self._refusing = self._closing = False

    @property
    def running_count(self) -> int:
        """How many turns run now."""
        # as a list: metrics ask from another thread, and turns come and go meanwhile
        return sum(lane.running is not None for lane in list(self._lanes.values()))

    def runs(self, conversation_id: str) -> bool:
        """Whether a turn of this conversation is under way, or about to be."""
        return conversation_id in self._lanes

    def under_way(self, conversation_id: str, turn_id: str) -> bool:
        """Whether this turn runs or waits."""
        lane = self._lanes.get(conversation_id)
        return lane is not None and any(turn.id == turn_id for turn in lane.turns())

    def running(self, conversation_id: str) -> RunningTurn | None:
        """The turn of this conversation that runs now."""
        lane = self._lanes.get(conversation_id)
        return lane.running if lane else None

    async def accept(self, asked: Asked) -> Admitted:
        """Start a turn, or let it wait behind the running one; a query that was sent before under the same
        `client_msg_id` is the turn that it became then. Raises `FrameRefused` (`busy` also where memory is scarce, or
        `shutting_down` once the process ends)."""
        conversation = asked.conversation
        conversation.recovered = True  # what runs from here on is of this process
        lane = self._lanes.get(conversation.id) or _Lane()
        for turn in lane.turns():
            if asked.client_msg_id is not None and turn.asked.client_msg_id == asked.client_msg_id:
                return Admitted(turn.id, conversation.id, again=True)
        if self._refuses():
            raise FrameRefused("shutting_down", "error.shutting_down")
        if self._scarce():
            raise FrameRefused("busy", "error.scarce", retry_after_ms=_SCARCE_MS)
        if lane.taken >= 2:
            raise FrameRefused("busy", "frame.busy")
        self._lanes[conversation.id] = lane
        lane.entering += 1
        turn = RunningTurn(self._outside, asked, self._outside.new_id())
        earlier = None
        try:
            earlier = await self._claim(turn)
        finally:
            lane.entering -= 1
            self._leave(conversation.id, lane)
        if earlier is not None:
            return Admitted(earlier.id, earlier.conversation_id, again=True, earlier=earlier)
        if self._refuses() and lane.task is None:
            await turn.interrupt()
            return Admitted(turn.id, conversation.id)
        lane.waiting.append(turn)
        self._lanes[conversation.id] = lane
        if lane.task is None:
            lane.task = asyncio.create_task(self._run(conversation.id, lane))
        return Admitted(turn.id, conversation.id)

    def cancel(self, conversation_id: str, turn_id: str | None) -> bool:
        """Stop that turn, or the running one where none is named. False where there is no such turn under way."""
        lane = self._lanes.get(conversation_id)
        for turn in lane.turns() if lane else ():
            if turn_id in (None, turn.id):
                turn.stop()
                return True
        return False

    def cancel_own(self, turn_id: str, owner: str) -> bool:
        """Stop that turn of this owner. False for an unknown, a foreign and an ended one alike."""
        for lane in self._lanes.values():
            for turn in lane.turns():
                if turn.id == turn_id and turn.asked.conversation.owner == owner:
                    turn.stop()
                    return True
        return False

    async def drain(self, timeout_s: float) -> bool:
        """Take no more turns and let those under way end. False if some have not after `timeout_s`."""
        self._refusing = True
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        if not tasks:
            return True
        _, pending = await asyncio.wait(tasks, timeout=timeout_s)
        return not pending

    async def close(self) -> None:
        """Take no more turns and end those under way with their terminal. A write that was sent has `grace_s` to come
        to its end; after that its outcome is unknown."""
        self._refusing = self._closing = True
        await asyncio.sleep(0)  # a task that is cancelled before its first step would end without a terminal
        tasks = {lane.task for lane in self._lanes.values() if lane.task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            _, tasks = await asyncio.wait(tasks, timeout=self._grace_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refuses(self) -> bool:
        return self._refusing

    async def _claim(self, turn: RunningTurn) -> TurnRecord | None:
        asked = turn.asked
        record = TurnRecord(
            id=turn.id,
            conversation_id=asked.conversation.id,
            owner=asked.conversation.owner,
            client_msg_id=asked.client_msg_id,
            started_at=self._outside.clock(_UTC),
        )
        try:
            return await self._outside.turns.claim(record)
        except StoreUnavailable as error:
            log.error("turn_not_claimed", reason=error.reason)
            turn.unsaved = True
            return None

    async def _run(self, conversation_id: str, lane: _Lane) -> None:
        while lane.waiting:
            lane.running = lane.waiting.popleft()
            try:
                if self._closing:
                    await lane.running.interrupt()
                    continue
                with bound_contextvars(conversation_id=conversation_id, turn_id=lane.running.id):
                    await lane.running.run()
            finally:
                lane.running = None
        lane.task = None
        self._leave(conversation_id, lane)

    def _leave(self, conversation_id: str, lane: _Lane) -> None:
        """Forget a lane in which nothing is any more."""
        if lane.taken == 0 and lane.task is None and self._lanes.get(conversation_id) is lane:
            del self._lanes[conversation_id]
