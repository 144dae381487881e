"""The floor of a turn's time: the same two requests to the model and one to the upstream by a bare client.

`direct_ms` gives the median time to the first delta. What a gateway takes longer is its own. Used by `run.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import cast
from urllib.parse import urlsplit

import uvloop

from bench.fake_deltas import NUMBER
from bench.speed.figures import median
from bench.speed.lab import cores
from bench.speed.servers import World

_FIRST = b'"content":"' + b"0" * NUMBER
_TOOL = {"type": "function", "function": {"name": "list_bills"}}


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


def direct_ms(world: World, deltas: str, turns: int) -> float:
    """On the server's core: milliseconds from the question to the first delta, p50."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cores()[0]})
    try:
        return uvloop.run(_measure(world, deltas, turns))
    finally:
        os.sched_setaffinity(0, before)


async def _measure(world: World, deltas: str, turns: int) -> float:
    model, upstream = await _link(world.model), await _link(world.upstream.url)
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


async def _link(url: str) -> _Link:
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    _, link = await asyncio.get_running_loop().create_connection(_Link, address.hostname, address.port)
    return link


def _post(messages: list[dict[str, str]]) -> bytes:
    body = json.dumps({"model": "fake", "messages": messages, "tools": [_TOOL], "stream": True}).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
