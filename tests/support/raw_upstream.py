"""An upstream of a test's own on a real socket: answers byte for byte as told, and remembers what arrived."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire. `headers` keep their order; names are lower-case."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    # True once the client has ended the connection.
    gone: Callable[[], bool] = lambda: False

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name.lower()), None)


Play = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def answer(body: Any = None, status: int = 200, content_type: str = "application/json", **headers: str) -> Play:
    """A whole answer. `body` is JSON unless it is bytes or text; `_` in a header's name stands for `-`."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    data = b"" if body is None else data
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + data)


def raw(data: bytes, *, close: bool = False) -> Play:
    """These bytes, then the connection's end if asked."""

    async def play(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if close:
            writer.close()

    return play


def hang_up() -> Play:
    """The request was read whole; the connection ends without an answer."""
    return raw(b"", close=True)


def reset() -> Play:
    """The request was read whole; the connection is reset."""

    async def play(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    return play


def silence() -> Play:
    """No answer ever; it ends when the client has left."""

    async def play(received: Received, writer: asyncio.StreamWriter) -> None:
        while not received.gone():
            await asyncio.sleep(0.01)
        writer.close()

    return play


def drip(head: bytes, piece: bytes, every_s: float) -> Play:
    """A head, then one piece after the other for ever."""

    async def play(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every_s)

    return play


@dataclass
class Pour:
    """A head, then one piece after the other as fast as it is taken, for ever; `poured` bytes went out in all."""

    head: bytes
    piece: bytes
    poured: int = 0
    ended: bool = False

    async def __call__(self, _: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(self.head)
        try:
            while not writer.is_closing():
                writer.write(self.piece)
                await writer.drain()
                self.poured += len(self.piece)
        finally:
            self.ended = True


@dataclass
class RawUpstream:
    """`async with RawUpstream([...]) as upstream:`; the plays are used up one by one, the last one again and again."""

    plays: list[Play]
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    # Played on a new connection before anything is read: an upstream that resets at once, or speaks another protocol.
    greeting: Play | None = None
    # With one, the upstream speaks TLS; `url` is https then.
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    # With a number, so many bytes of a request are read, and then the play begins.
    hasty: int | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def open_connections(self) -> int:
        """Connections that the client has not closed."""
        return len(self._tasks)

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            if self.greeting is not None:
                await self.greeting(Received("", "", [], b""), writer)
            while not writer.is_closing():
                received = await (read_request(reader) if self.hasty is None else _begin(reader, self.hasty))
                self.requests.append(received)
                play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
                await play(received, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            writer.transport.abort()


async def _begin(reader: asyncio.StreamReader, size: int) -> Received:
    method = (await reader.readexactly(size)).decode("latin-1").partition(" ")[0]
    return Received(method, "", [], b"", reader.at_eof)


async def read_request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    method, target, _ = first.split(" ", 2)
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    length = int(next((value for name, value in headers if name == "content-length"), "0"))
    return Received(method, target, headers, await reader.readexactly(length), reader.at_eof)
