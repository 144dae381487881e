"""One connection's bytes: knows whether any of a request was written, and how much of an answer's head came.

Whether a write may be sent again hangs on "no byte was sent". Here is the one place where bytes leave, so that this is
known and not concluded. `transport.py` makes one wire for each connection; `networks.py` dials.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass

import httpcore

# Of an answer's head, with all the 1xx heads before it (RFC 9110 §15.2), no more is read or parsed.
MAX_HEAD_BYTES = 128 * 1024
MAX_HEAD_LINES = 512
MAX_HEADS = 32
# Alerts by which a server refuses the handshake after TLS 1.3 has ended it on this side (RFC 8446 §4.4.2.4, §6.2).
_REFUSALS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "HANDSHAKE", "UNKNOWN_PSK")


@dataclass(slots=True)
class Progress:
    """How far one attempt came. `sent`: at least one byte of the request was handed to the socket."""

    sent: bool = False
    tls_failed: bool = False
    answered: bool = False


class Wire(httpcore.AsyncNetworkBackend):
    """The engine's network for one connection. `layers` of TLS lie round the request (one for https, another one for an
    https proxy): what is written outside of them is a proxy's CONNECT and none of the request."""

    def __init__(self, dialer: httpcore.AsyncNetworkBackend, layers: int) -> None:
        self._dialer, self.layers = dialer, layers
        self.progress = Progress()
        self._head_bytes = self._head_lines = self._heads = 0
        self._socket: httpcore.AsyncNetworkStream | None = None

    def begin(self, progress: Progress) -> None:
        """The next request goes out; what becomes of it is noted in `progress`."""
        self.progress = progress
        self._head_bytes = self._head_lines = self._heads = 0

    def count_head(self, data: bytes) -> None:
        """Bytes that came before the head was understood. Raises `httpcore.RemoteProtocolError` for too many."""
        end = data.find(b"\r\n\r\n")
        self._head_bytes += len(data)
        self._head_lines += data.count(b"\n", 0, len(data) if end < 0 else end)
        self._heads += data.count(b"\r\n\r\nHTTP/1.")
        if self._head_bytes > MAX_HEAD_BYTES or self._head_lines > MAX_HEAD_LINES or self._heads > MAX_HEADS:
            raise httpcore.RemoteProtocolError("the head of the answer does not end")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the engine's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self._socket = await self._dialer.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(self, self._socket, 0)

    async def sleep(self, seconds: float) -> None:
        await self._dialer.sleep(seconds)

    async def abort(self) -> None:
        """Ends the socket, whatever the engine knows of it (it was cancelled in a handshake, say)."""
        if self._socket is not None:
            await self._socket.aclose()


class _Stream(httpcore.AsyncNetworkStream):
    """What the engine reads from and writes to."""

    def __init__(self, wire: Wire, inner: httpcore.AsyncNetworkStream, layers: int) -> None:
        self._wire, self._inner, self._layers = wire, inner, layers

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        wire = self._wire
        try:
            data = await self._inner.read(max_bytes, timeout)
        except httpcore.ReadError as error:
            if not wire.progress.answered and _is_refusal(error.__cause__):
                # The server never finished the handshake, so it never saw the request inside of it.
                wire.progress.tls_failed, wire.progress.sent = True, False
            raise
        if not wire.progress.answered:
            wire.count_head(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if buffer and self._layers >= self._wire.layers:
            self._wire.progress.sent = True
        await self._inner.write(buffer, timeout)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            inner = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except httpcore.ConnectError as error:
            # The engine raises the same for a connection that ended in the handshake; that one may be tried again.
            self._wire.progress.tls_failed = isinstance(error.__cause__, ssl.SSLError)
            raise
        return _Stream(self._wire, inner, self._layers + 1)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _is_refusal(error: BaseException | None) -> bool:
    return isinstance(error, ssl.SSLError) and any(word in (error.reason or "") for word in _REFUSALS)
