"""Certificates of a test's own authority and what stands between gateway and upstream: a door, a forward proxy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

import trustme


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(*names: str, by: trustme.CA | None = None, expired: bool = False) -> ssl.SSLContext:
    """A server's TLS with a certificate for these names."""
    until = datetime.now(UTC) - timedelta(days=1) if expired else None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (by or authority()).issue_cert(*names, not_after=until).configure_cert(context)
    return context


def demanding_context(*names: str, tls13: bool) -> ssl.SSLContext:
    """A server's TLS that lets in only clients with a certificate of the authority."""
    context = server_context(*names)
    context.verify_mode = ssl.CERT_REQUIRED
    authority().configure_trust(context)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3 if tls13 else ssl.TLSVersion.TLSv1_2
    return context


class Door:
    """A server that only shakes hands, through OpenSSL on the socket itself: unlike asyncio's it sends its alerts.

    `with Door(context) as door:`; `let_in` counts the handshakes that succeeded.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context, self.let_in = context, 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the test is over
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(5)
                with contextlib.suppress(OSError), connection:
                    # Not closed before the client has: a reset would overtake the alert.
                    secured = self._context.wrap_socket(
                        connection.dup(), server_side=True, do_handshake_on_connect=False
                    )
                    try:
                        secured.do_handshake()
                        self.let_in += 1
                    except ssl.SSLError:
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass
                    secured.close()


def ca_file(folder: Path) -> Path:
    path = folder / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return path


def client_file(folder: Path, by: trustme.CA | None = None) -> Path:
    """Certificate and key of a client in one file."""
    path = folder / "client.pem"
    (by or authority()).issue_cert("gateway@steward.test").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


@dataclass
class ForwardProxy:
    """A proxy on a real socket: CONNECT opens a tunnel to `to` (host, port), anything else is answered as `plain` says.

    `heads` are the requests as it saw them. `refusal` is its answer to CONNECT instead of a tunnel.
    """

    to: tuple[str, int]
    refusal: bytes | None = None
    plain: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    heads: list[str] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.heads.append(head)
                if not head.startswith("CONNECT "):
                    writer.write(self.plain)
                elif self.refusal is not None:
                    writer.write(self.refusal)
                else:
                    await self._tunnel(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            writer.transport.abort()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(*self.to)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_copy(reader, to_there), _copy(there, writer))
        finally:
            to_there.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
