"""One TCP or TLS connection on asyncio alone, as the stream that the engine wants; `networks.py` makes it.

The engine's own (anyio's) leaves a socket open when its caller is cancelled in the moment in which it is connected.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections import deque
from typing import Any

import httpcore

# Read ahead of whoever reads: beyond it the peer has to wait.
_MAX_AHEAD_BYTES = 64 * 1024


class SocketStream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """Reads and writes wait as long as they must: the attempt's deadline is over them (`attempt.py`), not in them."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._ahead: deque[bytes] = deque()
        self._ahead_bytes = 0
        self._ended = self._paused = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is none of asyncio's classes

    def data_received(self, data: bytes) -> None:
        self._ahead.append(data)
        self._ahead_bytes += len(data)
        if self._ahead_bytes > _MAX_AHEAD_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        self._ended = True
        _wake(self._reader)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        self._writer = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._writer)
        self._writer = None

    # What the engine calls.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """The next bytes; none at the end. Raises `httpcore.ReadError` where the connection broke."""
        while not self._ahead:
            if self._error is not None:
                raise httpcore.ReadError("the connection broke") from self._error
            if self._ended:
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._ahead.popleft()
        if len(data) > max_bytes:
            self._ahead.appendleft(data[max_bytes:])
            data = data[:max_bytes]
        self._ahead_bytes -= len(data)
        if self._paused and self._ahead_bytes <= _MAX_AHEAD_BYTES and not self._ended and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Raises `httpcore.WriteError` where the connection broke."""
        if not buffer:
            return
        if self._transport is None or self._ended or self._transport.is_closing():
            raise httpcore.WriteError("the connection is closed") from self._error
        self._transport.write(buffer)
        while self._writer is not None and not self._ended:
            # Not the future itself: a cancelled writer would cancel it for the protocol.
            await asyncio.wait([self._writer])
        if self._error is not None:
            raise httpcore.WriteError("the connection broke") from self._error

    async def aclose(self) -> None:
        """Ends the connection at once. What is unread is not read, and no TLS peer is waited for."""
        if self._transport is not None:
            self._transport.abort()
            await asyncio.sleep(0)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """This stream, encrypted. Raises `httpcore.ConnectError` (its cause is the `ssl.SSLError`, if it was one) and
        `httpcore.ConnectTimeout`."""
        if self._transport is None or self._ended or self._ahead:
            raise httpcore.ConnectError("the connection is not fit for a handshake")
        inner = SocketStream()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                transport = await loop.start_tls(
                    self._transport, inner, ssl_context, server_hostname=server_hostname, ssl_handshake_timeout=60
                )
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("no handshake in time") from error
        except (ssl.SSLError, OSError) as error:
            raise httpcore.ConnectError("the handshake failed") from error
        if transport is None:
            raise httpcore.ConnectError("the connection ended in the handshake")
        inner.connection_made(transport)
        return inner

    def get_extra_info(self, info: str) -> Any:
        if self._transport is None:
            return None
        if info == "is_readable":
            return self._ended or bool(self._ahead) or self._has_arrived()
        return self._transport.get_extra_info(info)

    def _has_arrived(self) -> bool:
        """Something has come that the loop has not seen yet: between two requests that can only be the end."""
        connected = self._transport.get_extra_info("socket") if self._transport is not None else None
        if connected is None or connected.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(connected.fileno(), select.POLLIN)
        return bool(poll.poll(0))


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
