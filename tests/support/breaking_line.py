"""A line between a client and a server that breaks after so many bytes of the server's, again and again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from types import TracebackType


class BreakingLine:
    """`async with BreakingLine(port, [700, 900]) as line:` the first connection is dropped after 700 bytes from the
    server, the second after 900, later ones are left alone. `port` is where the client connects, `broken` how often it
    was dropped."""

    def __init__(self, server_port: int, cuts: Sequence[int]) -> None:
        self._server_port, self._cuts = server_port, list(cuts)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.broken = 0

    async def __aenter__(self) -> BreakingLine:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def drop(self) -> None:
        """Break every connection that is open now."""
        for writer in self._writers:
            writer.transport.abort()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        room = self._cuts.pop(0) if self._cuts else None
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers.add(writer)
        there = asyncio.create_task(self._carry(reader, far_writer, None))
        back = asyncio.create_task(self._carry(far_reader, writer, room))
        await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        for task in (there, back):
            task.cancel()
        await asyncio.gather(there, back, return_exceptions=True)
        self._writers.discard(writer)
        for one in (writer, far_writer):
            one.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, room: int | None) -> None:
        """Until the end of the stream, or of the room."""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536 if room is None else min(room, 65536)):
                writer.write(data)
                await writer.drain()
                if room is not None:
                    room -= len(data)
                    if room <= 0:
                        self.broken += 1
                        return
