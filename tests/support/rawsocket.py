"""A WebSocket client down to the byte: it sends what it is told, however wrong, and reads only when it is told to."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A client's frame, masked with zeros."""
    return header(opcode, len(payload), fin=fin) + bytes(4) + payload


def header(opcode: int, length: int, *, fin: bool = True) -> bytes:
    """The head of a masked frame that declares `length` bytes; the four of the mask follow it."""
    first = bytes([opcode | (0x80 if fin else 0)])
    if length < 126:
        return first + bytes([0x80 | length])
    return first + (struct.pack("!BH", 0xFE, length) if length < 1 << 16 else struct.pack("!BQ", 0xFF, length))


@dataclass
class RawSocket:
    """`status` is that of the handshake; a wait for bytes is bounded by half a minute, one for a frame by two."""

    sock: socket.socket
    status: int = 0
    head: str = ""
    buffer: bytearray = field(default_factory=bytearray)

    async def send(self, *frames: bytes) -> None:
        """All of it in one write."""
        async with asyncio.timeout(30):
            await asyncio.get_running_loop().sock_sendall(self.sock, b"".join(frames))

    async def send_text(self, text: str) -> None:
        await self.send(frame(TEXT, text.encode()))

    async def read_frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame. Raises `EOFError` where the connection has ended, in whatever way."""
        first, second = await self._exactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self._exactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._exactly(8))
        return first & 0x0F, await self._exactly(length)

    async def read_message(self) -> str:
        """The next text message; pings on the way are answered."""
        async with asyncio.timeout(120):
            while True:
                opcode, payload = await self.read_frame()
                if opcode == TEXT:
                    return payload.decode()
                if opcode == PING:
                    await self.send(frame(PONG, payload))
                assert opcode != CLOSE, payload

    async def close_code(self) -> int | None:
        """Read to the end: the code of the close frame, or None where there was none."""
        code = None
        try:
            async with asyncio.timeout(120):
                while True:
                    opcode, payload = await self.read_frame()
                    if opcode == CLOSE:
                        (code,) = struct.unpack("!H", payload[:2])
        except EOFError:
            return code

    async def read_some(self) -> bytes:
        """What has arrived, at least a byte of it."""
        taken = await self._exactly(1) + bytes(self.buffer)
        self.buffer.clear()
        return taken

    async def read_all(self) -> bytes:
        """Every byte until the connection has ended, in whatever way."""
        taken = b""
        try:
            while True:
                taken += await self._exactly(1)
        except EOFError:
            return taken

    async def _exactly(self, count: int) -> bytes:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(30):
            while len(self.buffer) < count:
                try:
                    more = await loop.sock_recv(self.sock, 65536)
                except ConnectionError:
                    more = b""
                if not more:
                    raise EOFError
                self.buffer += more
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    async def handshake(self, path: str, headers: dict[str, str], early: bytes = b"") -> None:
        """Ask for the upgrade, with `early` in the same write, and read the head of the answer."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        await self.send("\r\n".join([*lines, "", ""]).encode(), early)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self._exactly(1)
        self.head = head.decode()
        self.status = int(self.head.split()[1])


@asynccontextmanager
async def raw_tcp(port: int, *, receive_buffer: int | None = None) -> AsyncIterator[RawSocket]:
    """A TCP connection on which nothing was said yet. `receive_buffer` in bytes: what the system takes in unread."""
    sock = socket.socket()
    try:
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        yield RawSocket(sock)
    finally:
        sock.close()


@asynccontextmanager
async def raw_socket(
    port: int,
    path: str = "/ws/chat/user123",
    *,
    headers: dict[str, str] | None = None,
    receive_buffer: int | None = None,
) -> AsyncIterator[RawSocket]:
    """A WebSocket after its handshake, accepted or not."""
    async with raw_tcp(port, receive_buffer=receive_buffer) as raw:
        await raw.handshake(path, headers or {})
        yield raw
