"""A chat-completions server that costs little itself, for measuring clients and gateways.

A request that offers tools and does not end with a tool's result is answered by a call of the first tool whose name
has the pattern of `--tool`; every other one by numbered deltas. The last question, or else the model's name, says which
deltas (`fake_deltas.py`). Paced answers share one timer, so that the server stays far below the cost of what it
measures. `GET /stats` counts. `bench/model_stream.py` and `bench/speed` use it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import msgspec
import uvloop

from bench.fake_deltas import HEAD, ROLE, STOP, Deltas, Shape, tool_call

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TICK_S = 0.001


class _Function(msgspec.Struct):
    name: str


class _Tool(msgspec.Struct):
    function: _Function


class _Message(msgspec.Struct):
    role: str
    content: Any = None


class _Options(msgspec.Struct):
    include_usage: bool = False


class _Request(msgspec.Struct):
    """What matters of a request; the rest is not decoded."""

    messages: list[_Message]
    model: str = ""
    tools: list[_Tool] | None = None
    stream_options: _Options | None = None

    @property
    def shape(self) -> str:
        """The text that says which deltas are wanted."""
        asked = next((str(one.content) for one in reversed(self.messages) if one.role == "user"), "")
        return asked if "fake:" in asked else self.model


_decode = msgspec.json.Decoder(_Request).decode


class Wheel:
    """Runs steps at their times from one timer, for thousands of streams."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, list[Callable[[], None]]] = {}
        self._now, self._runs = 0, False

    def add(self, due: float, step: Callable[[], None]) -> None:
        """Run `step` at `due` of the loop's time, at most a tick late."""
        slot = int(due / _TICK_S) + 1
        if self._runs and slot <= self._now:
            slot = self._now + 1
        self._slots.setdefault(slot, []).append(step)
        if not self._runs:
            self._runs, self._now = True, slot - 1
            self._loop.call_at(slot * _TICK_S, self._run)

    def _run(self) -> None:
        target = int(self._loop.time() / _TICK_S)
        while self._now < target and self._slots:
            self._now += 1
            for step in self._slots.pop(self._now, ()):
                step()
        self._now = max(self._now, target)
        self._runs = bool(self._slots)
        if self._runs:
            self._loop.call_at((self._now + 1) * _TICK_S, self._run)


class Model:
    """What all connections share: the encoded answers, the timer, the counts."""

    def __init__(self, tool: str, arguments: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.wheel, self.counts = Wheel(self.loop), Counter[str]()
        self.tool, self.arguments = re.compile(tool), arguments
        self._deltas: dict[str, Deltas] = {}

    def deltas(self, text: str) -> Deltas:
        """Those that a name or a question asks for."""
        found = self._deltas.get(text)
        if found is None:
            found = self._deltas[text] = Deltas(Shape.of(text))
        return found

    def called(self, request: _Request) -> str | None:
        """The tool that a request is answered with."""
        if request.messages[-1].role == "tool":
            return None
        names = (one.function.name for one in request.tools or ())
        return next(filter(self.tool.search, names), None)


class Connection(asyncio.Protocol):
    """One client's connection: requests one after another."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._file = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        opened = transport.get_extra_info("socket")
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = opened.fileno()
        self._model.counts["connections"] += 1

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (head := self._received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._received, 0, head + 2)
            ends = head + 4 + (int(length[1]) if length else 0)
            if len(self._received) < ends:
                return
            first, body = self._received[:16], self._received[head + 4 : ends]
            self._received = self._received[ends:]
            if first.startswith(b"GET /stats"):
                self._tell(json.dumps(self._model.counts).encode())
            else:
                self._answer(_decode(body))

    def _tell(self, body: bytes) -> None:
        kind = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        self._write(b"HTTP/1.1 200 OK\r\n" + kind)

    def _answer(self, request: _Request) -> None:
        model = self._model
        model.counts["requests"] += 1
        usage = request.stream_options is not None and request.stream_options.include_usage
        name = model.called(request)
        if name is not None:
            model.counts["calls"] += 1
            self._write(tool_call(model.counts["calls"], name, model.arguments, usage=usage))
            return
        deltas = model.deltas(request.shape)
        if not deltas.shape.interval_s:
            self._write(deltas.whole() + STOP[usage])
            return
        self._write(HEAD + ROLE)
        self._pace(deltas, 0, model.loop.time(), usage)

    def _pace(self, deltas: Deltas, number: int, due: float, usage: bool) -> None:
        if self._transport is None:
            self._model.counts["aborted"] += 1
            return
        if number == deltas.shape.count:
            self._write(STOP[usage])
            return
        self._write(deltas.one(number))
        due += deltas.shape.interval_s
        self._model.wheel.add(due, lambda: self._pace(deltas, number + 1, due, usage))

    def _write(self, data: bytes) -> None:
        """Now, not at the end of the loop's round: a delta is sent when it is stamped."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() == 0:
            with suppress(OSError):  # the transport tells it to `connection_lost`
                data = data[os.write(self._file, data) :]
            if not data:
                return
        transport.write(data)


async def _serve(port: int, tool: str, arguments: str) -> None:
    model = Model(tool, arguments)
    server = await model.loop.create_server(lambda: Connection(model), "127.0.0.1", port, backlog=4096)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--tool", default="", help="pattern of the tool that is called; the default fits any")
    parser.add_argument("--arguments", default="{}", help="JSON text of the call's arguments")
    given = parser.parse_args()
    uvloop.run(_serve(given.port, given.tool, given.arguments))


if __name__ == "__main__":
    main()
