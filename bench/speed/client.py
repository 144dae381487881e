"""A client of a chat gateway on picows, which costs little: one connection, its turns one after another.

Next: `load.py`, which has many of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec
from picows import WSListener, WSMsgType, ws_connect

from bench.fake_deltas import Shape
from bench.speed.delivery import Bubble, Verdict
from bench.speed.grammar import Frame, FrameOrder
from bench.speed.job import Job

_decode = msgspec.json.Decoder(Frame).decode
_encode = msgspec.json.Encoder().encode
_ids = count(time.time_ns())


@dataclass
class Seen:
    """What all clients of a run saw; times in seconds, `late_us` in microseconds."""

    first: list[float] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)
    turn: list[float] = field(default_factory=list)
    late_us: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Client(WSListener):  # type: ignore[misc]  # picows is in the load client's environment alone
    """One connection. `shape` is that of the answers, `seen` where everything is counted."""

    def __init__(self, job: Job, shape: Shape) -> None:
        self._job, self._shape = job, shape
        self._order = FrameOrder(gaps=not job.hello)
        self._done: asyncio.Future[bool] | None = None
        self._ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._bubble = Bubble(shape)
        self._began = self._last = 0.0
        self.seen = Seen()
        self.lost = False
        self.token = ""

    @classmethod
    async def connect(cls, job: Job, shape: Shape, number: int) -> Client:
        """A connection that has greeted, where the job says so."""
        url, token = (text.replace("{user}", f"u{number}") for text in (job.url, job.token))
        _, client = await ws_connect(
            lambda: cls(job, shape),
            url,
            websocket_handshake_timeout=30,
            extra_headers={"Authorization": f"Bearer {token}"},
        )
        assert isinstance(client, cls)
        client.token = token
        if job.hello:
            client._send({"type": "hello", "v": 1, "token": client.token})
            await asyncio.wait_for(client._ready, job.timeout_s)
        return client

    def ask(self) -> asyncio.Future[bool]:
        """Ask; done with True at the terminal, with False where the connection is lost before."""
        job = self._job
        query = f"{job.query} {job.deltas}".strip()
        self._bubble = Bubble(self._shape)
        self._done = asyncio.get_running_loop().create_future()
        self._began, self._last = time.perf_counter(), 0.0
        if job.hello:
            self._send({"type": "query", "query": query, "client_msg_id": f"m{next(_ids)}"})
        else:
            self._send({"query": query, "token": self.token})
        return self._done

    async def turn(self) -> bool:
        """Ask and wait for the end."""
        try:
            return await asyncio.wait_for(self.ask(), self._job.timeout_s)
        except TimeoutError:
            self._fail(f"no end within {self._job.timeout_s} s")
            return False

    def close(self) -> None:
        """Leave; a turn under way is left with it."""
        self._done = None
        self._transport.disconnect()

    def on_ws_connected(self, transport: Any) -> None:
        self._transport = transport

    def on_ws_disconnected(self, _: Any) -> None:
        self.lost = True
        if not self._ready.done():
            self._ready.cancel()
        if self._done is not None and not self._done.done():
            self._fail("the connection was lost during a turn")
            self._done.set_result(False)

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        if frame.msg_type != WSMsgType.TEXT:
            return
        now = time.perf_counter()
        message = _decode(frame.get_payload_as_memoryview())
        self.seen.counts["frames"] += 1
        if message.type == "ready":
            self._ready.set_result(True)
            return
        if self._done is None:
            return
        self._order.add(message)
        if message.type == "chunk" and message.content:
            self._chunk(message.content, now)
        elif message.ends:
            self._end(now)

    def _chunk(self, content: str, now: float) -> None:
        if self._last:
            self.seen.gap.append(now - self._last)
        else:
            self.seen.first.append(now - self._began)
        self._last = now
        self.seen.counts["chunks"] += 1
        self._bubble.add(content, time.monotonic_ns() / 1000)

    def _end(self, now: float) -> None:
        assert self._done is not None
        seen, verdict = self.seen, self._bubble.verdict() if self._job.deltas else Verdict()
        for name in ("lost", "repeated", "reordered", "garbled"):
            seen.counts[name] += getattr(verdict, name)
        seen.faults += self._order.faults
        self._order.faults.clear()
        seen.turn.append(now - self._began)
        seen.late_us += self._bubble.late_us
        if not self._done.done():
            self._done.set_result(True)
        self._done = None

    def _fail(self, sentence: str) -> None:
        self.seen.counts["failed"] += 1
        self.seen.faults.append(sentence)

    def _send(self, value: dict[str, Any]) -> None:
        self._transport.send(WSMsgType.TEXT, _encode(value))
