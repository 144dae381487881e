"""The floor of all times: the same requests by a bare client on the server's core, without a gateway.

What a gateway takes longer is its own; how late deltas come here is the machine's doing. Used by `compare.py` and
`all.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Coroutine
from typing import TypeVar, cast
from urllib.parse import urlsplit

import uvloop

from bench.fake_deltas import NUMBER, STAMP
from bench.speed.figures import Figures, median, percentile
from bench.speed.lab import cores
from bench.speed.servers import World

_FIRST = b'"content":"' + b"0" * NUMBER
_STAMPED = re.compile(rb'"content":"\d{%d}(\d{%d})' % (NUMBER, STAMP))
_LONGEST = len(b'"content":"') + NUMBER + STAMP
_TOOL = {"type": "function", "function": {"name": "list_bills"}}

_T = TypeVar("_T")


class _Link(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._ends = b""
        self._first_at = 0.0
        self._done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._first_at and _FIRST in self._received:
            self._first_at = time.perf_counter()
        if self._done is not None and not self._done.done() and self._received.endswith(self._ends):
            self._done.set_result(None)

    async def ask(self, request: bytes, ends: bytes) -> float:
        """When the first delta was there; 0 where there was none."""
        self._received, self._ends, self._first_at = b"", ends, 0.0
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._done
        return self._first_at

    def close(self) -> None:
        self._transport.close()


_L = TypeVar("_L", bound=_Link)


class _Stream(_Link):
    """Notes how late each stamped delta comes, in microseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.late_us: list[float] = []
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        now, text = time.monotonic_ns() / 1000, self._rest + data
        ends = 0
        for found in _STAMPED.finditer(text):
            self.late_us.append(now - int(found[1]))
            ends = found.end()
        self._rest = text[max(ends, len(text) - _LONGEST) :]
        super().data_received(data)


def direct_ms(world: World, deltas: str, turns: int) -> float:
    """Milliseconds from the question to the first delta, p50; two requests to the model, one to the upstream."""
    return _on_the_servers_core(_turns(world, deltas, turns))


def direct_late(world: World, deltas: str, streams: int, turns: int, stagger_s: float) -> Figures:
    """How late stamped deltas come in so many streams of the model at once, each that many times."""
    late = _on_the_servers_core(_streams(world, deltas, streams, turns, stagger_s))
    return {
        "deltas": float(len(late)),
        "late_p50_ms": percentile(late, 50) / 1e3,
        "late_p99_ms": percentile(late, 99) / 1e3,
    }


def _on_the_servers_core(work: Coroutine[None, None, _T]) -> _T:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cores()[0]})
    try:
        return uvloop.run(work)
    finally:
        os.sched_setaffinity(0, before)


async def _streams(world: World, deltas: str, streams: int, turns: int, stagger_s: float) -> list[float]:
    links = [await _link(world.model, _Stream) for _ in range(streams)]
    request = _post([{"role": "user", "content": deltas}, {"role": "tool", "content": ""}])

    async def one(number: int, link: _Stream) -> None:
        await asyncio.sleep(stagger_s * number / streams)
        for _ in range(turns):
            await link.ask(request, b"0\r\n\r\n")
        link.close()

    await asyncio.gather(*(one(number, link) for number, link in enumerate(links)))
    return [late for link in links for late in link.late_us]


async def _turns(world: World, deltas: str, turns: int) -> float:
    model, upstream = await _link(world.model, _Link), await _link(world.upstream.url, _Link)
    asked = {"role": "user", "content": deltas}
    question = _post([asked])
    answer = _post([asked, {"role": "tool", "content": "x" * 1000}])
    get = b"GET /bills HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\n\r\n"
    found = []
    for _ in range(turns):
        began = time.perf_counter()
        await model.ask(question, b"0\r\n\r\n")
        await upstream.ask(get, b"}")
        found.append((await model.ask(answer, b"0\r\n\r\n") - began) * 1e3)
    model.close()
    upstream.close()
    return median(found)


async def _link(url: str, kind: type[_L]) -> _L:
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    _, link = await asyncio.get_running_loop().create_connection(kind, address.hostname, address.port)
    return link


def _post(messages: list[dict[str, str]]) -> bytes:
    body = json.dumps({"model": "fake", "messages": messages, "tools": [_TOOL], "stream": True}).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
