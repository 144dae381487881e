"""A light upstream in a process of its own for the measurements beside it; `Upstream()` starts one.

Answers every request with a page of ten bills, after `delay_ms`. Through standard input it is told how to be down:
`ok`, `503`, `hang` (reads, never answers), `refuse` (nobody listens), each acknowledged by a line
`MODE COUNT AUTHORISED` with the requests that arrived so far, and those of them with a bearer token. A path
`/hostile/NAME` is answered as `hostile.py` says.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from pathlib import Path

from bench.hostile import HOSTILE

PROJECT = Path(__file__).resolve().parent.parent
ROWS = [
    {"id": n, "billNo": f"B{n:06d}", "amount": "356.20", "period": "2026-10", "paid": False, "title": "物业费"}
    for n in range(10)
]
BODY = json.dumps({"code": 200, "rows": ROWS, "total": 10}, ensure_ascii=False).encode()
_HEAD = b"HTTP/1.1 %s\r\nServer: fake\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"


def whole(status: bytes, body: bytes) -> bytes:
    """An answer as bytes."""
    return (_HEAD % status) + b"Content-Length: %d\r\n\r\n" % len(body) + body


_OK, _DOWN = whole(b"200 OK", BODY), whole(b"503 Service Unavailable", b"{}")


class _State:
    mode = "ok"
    requests = 0
    authorised = 0
    delay_s = 0.0


class _Connection(asyncio.Protocol):
    def __init__(self, state: _State) -> None:
        self._state, self._buffer = state, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
            self._state.authorised += b"\r\nauthorization: bearer " in head.lower()
            self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, target: str) -> None:
        state = self._state
        state.requests += 1
        if "/hostile/" in target:
            name = target.rpartition("/")[2].partition("?")[0]
            self._flood = asyncio.ensure_future(_pour(HOSTILE[name], self.transport))
        elif state.mode == "hang":
            return
        elif state.mode == "503":
            self.transport.write(_DOWN)
        elif state.delay_s:
            asyncio.get_running_loop().call_later(state.delay_s, self._late)
        else:
            self.transport.write(_OK)

    def _late(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_OK)


async def _pour(pieces: object, transport: asyncio.Transport) -> None:
    """Write the pieces as fast as they are read at the other end."""
    transport.set_write_buffer_limits(256 * 1024)
    for piece in pieces():  # type: ignore[operator]
        if transport.is_closing():
            return
        transport.write(piece)
        while transport.get_write_buffer_size() > 256 * 1024 and not transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)


async def _serve(delay_ms: float) -> None:
    loop, state = asyncio.get_running_loop(), _State()
    state.delay_s = delay_ms / 1000
    connections: set[_Connection] = set()

    def made() -> _Connection:
        connection = _Connection(state)
        connections.add(connection)
        return connection

    server = await loop.create_server(made, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().strip():
        if line == "refuse" and state.mode != "refuse":
            server.close()
            for connection in connections:
                connection.transport.abort()
            connections.clear()
        elif state.mode == "refuse" and line != "refuse":
            server = await loop.create_server(made, "127.0.0.1", port, reuse_address=True)
        state.mode = line
        print(line, state.requests, state.authorised, flush=True)


class Upstream:
    """The upstream's process, its `url` and its modes. Use it as a context manager."""

    def __init__(self, delay_ms: float = 0) -> None:
        command = [sys.executable, "-m", "bench.fake_upstream", "--delay-ms", str(delay_ms)]
        self._process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.url = f"http://127.0.0.1:{int(self._line())}"

    def turn(self, mode: str) -> int:
        """Be `ok`, `503`, `hang` or `refuse` from now on; the requests that arrived so far."""
        return self._told(mode)[0]

    def authorised(self) -> int:
        """The requests so far that came with a bearer token, if the upstream is `ok`."""
        return self._told("ok")[1]

    def _told(self, mode: str) -> tuple[int, int]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{mode}\n")
        _, requests, authorised = self._line().split()
        return int(requests), int(authorised)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def __enter__(self) -> Upstream:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay-ms", type=float, default=0)
    asyncio.run(_serve(parser.parse_args().delay_ms))
