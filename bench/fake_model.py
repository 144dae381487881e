"""A chat-completions server that costs little itself, for measuring clients. Used by `model_stream.py`.

Every request is answered with text deltas, one server-sent event per HTTP chunk, encoded beforehand. The model's name
says how: `fake:n=400,ms=20` are 400 deltas with 20 ms between them, `ms=0` writes the whole answer at once. Paced
answers share one timer, so that the server stays far below the cost of what it measures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


def _event(delta: dict[str, str], finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    """One event with the fields that a real provider sends, as one HTTP chunk."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    value: dict[str, Any] = {
        "id": "chatcmpl-000000000000000000000000",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "fake",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": [] if usage else [choice],
        "usage": usage,
    }
    return _chunk(b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_TAIL = (
    _event({}, "stop")
    + _event({}, usage={"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20})
    + _chunk(b"data: [DONE]\n\n")
    + b"0\r\n\r\n"
)


@dataclass(frozen=True)
class Shape:
    """One kind of answer: its deltas, and the seconds between them."""

    deltas: tuple[bytes, ...]
    interval_s: float

    @classmethod
    def of(cls, model: str) -> Shape:
        """From a name like `fake:n=400,ms=20`."""
        options = dict(pair.split("=", 1) for pair in model.partition(":")[2].split(",") if "=" in pair)
        count = int(options.get("n", "100"))
        deltas = tuple(_event({"content": f"{number:05d}字词"}) for number in range(count))
        return cls(deltas, float(options.get("ms", "0")) / 1000)


class Connection(asyncio.Protocol):
    """One client's connection: requests one after another."""

    def __init__(self, shapes: dict[str, Shape]) -> None:
        self._shapes = shapes
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (head := self._received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._received, 0, head + 2)
            end = head + 4 + (int(length[1]) if length else 0)
            if len(self._received) < end:
                return
            body, self._received = self._received[head + 4 : end], self._received[end:]
            self._answer(json.loads(body)["model"])

    def _answer(self, model: str) -> None:
        shape = self._shapes.get(model) or self._shapes.setdefault(model, Shape.of(model))
        assert self._transport is not None
        first = _HEAD + _event({"role": "assistant", "content": ""})
        if not shape.interval_s:
            self._transport.write(first + b"".join(shape.deltas) + _TAIL)
            return
        self._transport.write(first)
        self._pace(shape, 0, asyncio.get_running_loop().time())

    def _pace(self, shape: Shape, number: int, due: float) -> None:
        if self._transport is None:
            return
        if number == len(shape.deltas):
            self._transport.write(_TAIL)
            return
        self._transport.write(shape.deltas[number])
        due += shape.interval_s
        asyncio.get_running_loop().call_at(due, self._pace, shape, number + 1, due)


async def _serve(port: int) -> None:
    shapes: dict[str, Shape] = {}
    server = await asyncio.get_running_loop().create_server(lambda: Connection(shapes), "127.0.0.1", port, backlog=1024)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
