"""One turn as server-sent events: what an HTTP client follows instead of a WebSocket. `id:` is `epoch:seq`.

WHATWG HTML, 9.2 Server-sent events. `intake.py` tells it what to follow as it tells a connection. Next: `api.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator, Callable

import structlog

from agent.ports import EventLog
from schemas.conversation import Entry
from schemas.errors import FrameRefused
from schemas.frames import Frame, encode_frame

log = structlog.get_logger(__name__)

_LAST_EVENT_ID = re.compile(r"([A-Za-z0-9_-]{1,128}):([0-9]{1,15})")
HEARTBEAT = ": \n\n"


def last_event_id(value: str | None) -> tuple[str, int] | None:
    """Epoch and seq of the header `Last-Event-ID`. Raises `FrameRefused` for what no stream of ours has sent."""
    if value is None:
        return None
    found = _LAST_EVENT_ID.fullmatch(value)
    if found is None:
        raise FrameRefused("bad_request", "http.last_event_id", field="Last-Event-ID")
    return found[1], int(found[2])


class TurnStream:
    """The frames of one turn, from the log, as a `Follower`. `last` is the event that the client has seen last."""

    def __init__(self, entries: EventLog, last: tuple[str, int] | None = None) -> None:
        self._entries, self._last = entries, last
        self.whole = True
        self._direct: deque[str] = deque()
        self._wake = asyncio.Event()
        self._conversation_id, self._epoch = "", ""
        self._seq = self._told = 0
        self._leave: Callable[[], None] = _nothing

    @property
    def seq(self) -> int:
        return self._seq

    def send(self, frame: Frame) -> None:
        number = f"id: {self._epoch}:{frame.seq}\n" if frame.seq is not None else ""
        self._direct.append(f"{number}data: {encode_frame(frame)}\n\n")

    def follow(self, conversation_id: str, after: int | None = None) -> None:
        if conversation_id == self._conversation_id and after is None:
            return
        self._leave()
        last = self._entries.last_seq(conversation_id)
        self._conversation_id, self._epoch = conversation_id, self._entries.epoch(conversation_id)
        self._seq = last if after is None else after
        self._told = last if after is not None else 0  # what was told before this turn, which is for this client too
        self._leave = self._entries.follow(conversation_id, self._wake.set)

    def replay(self, conversation_id: str, turn_id: str) -> bool:
        """From the last event that the client has seen; without one from the turn's beginning."""
        self._conversation_id = ""
        self.follow(conversation_id)
        if self._last is not None:
            epoch, seq = self._last
            if epoch != self._epoch or not self._entries.reaches(conversation_id, seq):
                return False
            self._seq = seq
            return True
        entries = self._entries.after(conversation_id, 0)
        kept = [entry for entry in entries if entry.turn_id == turn_id]
        begins = bool(kept) and (kept[0] is not entries[0] or kept[0].seq == 1)
        if begins:
            self._seq = kept[0].seq - 1
        return begins

    def close(self, code: int, reason: str) -> None:
        """An answer ends with its turn."""

    def leave(self) -> None:
        """The client has gone, or has all of it."""
        self._leave()

    async def events(self, turn_id: str, under_way: Callable[[], bool], heartbeat_s: float) -> AsyncIterator[str]:
        """Events as text, to the turn's terminal; a comment after each silence of `heartbeat_s`. Where the client was
        so slow that entries were lost, they end without a terminal: it comes back and is told where it stands."""
        while True:
            alive = under_way()
            while self._direct:
                yield self._direct.popleft()
            batch = self._entries.after(self._conversation_id, self._seq)
            if batch and batch[0].seq != self._seq + 1:
                log.warning("log_overrun", conversation_id=self._conversation_id)
                return
            for entry in batch:
                self._seq = entry.seq
                mine = entry.turn_id == turn_id
                if mine or entry.seq <= self._told:
                    yield self._event(entry)
                if mine and entry.ends:
                    return
            if not batch and not alive:
                return  # it ended before; what came of it was said
            if not batch:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(heartbeat_s):
                        await self._wake.wait()
                if not self._wake.is_set():
                    yield HEARTBEAT
                self._wake.clear()

    def _event(self, entry: Entry) -> str:
        return f"id: {self._epoch}:{entry.seq}\ndata: {entry.text}\n\n"


def _nothing() -> None:
    """The stream follows nothing yet."""
