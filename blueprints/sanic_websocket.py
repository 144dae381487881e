"""One WebSocket below the handler: its frames, messages, heartbeat and end, in the place of Sanic's own.

Which defects of Sanic it is there for says the table of `sanic_protocol.py`. Next: `chat.py`.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sanic.exceptions import WebsocketClosed
from sanic.server.protocols.websocket_protocol import WebSocketProtocol
from sanic.server.websockets.impl import WebsocketImplProtocol
from websockets.exceptions import InvalidState, ProtocolError
from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

_SLICE_BYTES = 2048  # of what was read, parsed at a time: a flood is noticed before it has become a list of frames
_PONG = 0x80 | Opcode.PONG
_LAST_CHANCE_S = 1.0  # after a blocked loop a pong may still wait to be read


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketBounds:
    """What one connection may take. Times in seconds."""

    max_message_bytes: int = 65536
    max_fragments: int = 64
    message_timeout_s: float = 10.0
    control_rate: float = 10.0
    control_burst: int = 20
    max_unread: int = 256
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    close_timeout_s: float = 5.0
    handshake_timeout_s: float = 10.0


class Socket(WebsocketImplProtocol):
    """One WebSocket. Everything that arrives is dealt with at once, without a task; what is sent waits for room first.

    It offers `recv`, `send`, `close` and `fail_connection` of Sanic's own, and what Sanic calls.
    """

    def __init__(self, ws_proto: ServerProtocol, io_proto: WebSocketProtocol, bounds: SocketBounds) -> None:
        super().__init__(ws_proto, ping_interval=None, close_timeout=bounds.close_timeout_s)
        self.io_proto, self.loop = io_proto, io_proto.loop
        del self.assembler  # its locks and queues are a tenth of what a connection weighs
        self._bounds = bounds
        self._inbox: list[str | bytes] = []  # an empty deque weighs ten times as much
        self._inbox_bytes = 0
        self._reader: asyncio.Future[None] | None = None
        self._parts: list[str | bytes] = []
        self._text: codecs.IncrementalDecoder | None = None
        self._control_due = 0.0
        self._heard = True
        self._failed = self._ended = False
        self._unwanted = 0
        self._has_room = io_proto._can_write
        self._heartbeat: asyncio.TimerHandle | None = self._in(bounds.ping_interval_s, self._beat)
        self._assembly: asyncio.TimerHandle | None = None
        self._abort: asyncio.TimerHandle | None = None

    # -- what Sanic calls

    def data_received(self, data: bytes) -> None:
        self._heard = True
        done = False
        for at in range(0, len(data), _SLICE_BYTES):
            piece = data[at : at + _SLICE_BYTES] if len(data) > _SLICE_BYTES else data
            over = self._failed or self.ws_proto.state is State.CLOSED
            if over or self.ws_proto.state is not State.OPEN:
                self._unwanted += len(data) - at if over else len(piece)
                if self._unwanted > self._bounds.max_message_bytes:
                    self._read_no_more()
                    return
            if over:
                return  # read on, so that the peer can read why it was closed; nothing is kept
            self.ws_proto.receive_data(piece)
            for frame in self.ws_proto.events_received():
                if not self._failed and isinstance(frame, Frame):
                    done = self._take(frame) or done
            self._flush()
        self._watch_assembly(done)

    def eof_received(self) -> bool | None:
        self.ws_proto.receive_eof()
        self._flush()
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self.ws_proto.state is not State.CLOSED:
            self.ws_proto.fail(code=1006)
            self.ws_proto.state = State.CLOSED
        for timer in (self._heartbeat, self._assembly, self._abort):
            if timer is not None:
                timer.cancel()
        self._heartbeat = self._assembly = self._abort = None
        self._wake()

    def end_connection(self, code: int = 1000, reason: str = "") -> bool:
        """The handler has ended: say so if nothing was said, and close."""
        if self.ws_proto.state is State.OPEN:
            self.ws_proto.send_close(code, reason)
            self._flush()
        self._finish()
        return False

    # -- what the handler calls

    async def recv(self, timeout: float | None = None) -> str | bytes | None:  # noqa: ASYNC109 - Sanic's
        """The next message; None after `timeout` seconds without one. Raises `WebsocketClosed`."""
        while not self._inbox:
            if self._failed or self.ws_proto.state is not State.OPEN:
                raise WebsocketClosed("The connection is closed.")
            assert self._reader is None, "one reader at a time"
            self._reader = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout):
                    await self._reader
            except TimeoutError:
                return None
            finally:
                self._reader = None
        message = self._inbox.pop(0)
        self._inbox_bytes -= len(message)
        return message

    async def send(self, message: Any) -> None:
        """Write one message once there is room for it. Raises `WebsocketClosed`."""
        await self._has_room.wait()
        if self._failed or self.ws_proto.state is not State.OPEN:
            raise WebsocketClosed("The connection is closed.")
        if isinstance(message, str):
            self.ws_proto.send_text(message.encode())
        else:
            self.ws_proto.send_binary(message)
        self._flush()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye; the connection ends when the peer has answered, or after the close timeout."""
        if self.ws_proto.state is not State.OPEN:
            return
        try:
            self.ws_proto.send_close(code, reason)
        except (InvalidState, ProtocolError):
            self.fail_connection(1011)
            return
        self._flush()
        if self._abort is None:
            self._abort = self._in(self._bounds.close_timeout_s, self._abort_now)

    def fail_connection(self, code: int = 1006, reason: str = "") -> bool:
        """Close at once, whatever still waits. A peer that does not read cannot be told: it is cut off."""
        self._failed = True
        self._inbox.clear()
        self._parts.clear()
        if code == 1006 or not self._has_room.is_set():
            self._abort_now()
        else:
            self.ws_proto.data_to_send()
            self.ws_proto.fail(code, reason)
            self._flush()
        self._wake()
        return False

    # -- inside

    def _read_no_more(self) -> None:
        """What comes after our close is a flood: it waits in the kernel until the close timeout ends all of it."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.pause_reading()

    def _take(self, frame: Frame) -> bool:
        """One frame of the peer's. True if it completed a message."""
        if frame.opcode in CTRL_OPCODES:
            if not self._control_allowed():
                self.fail_connection(1008, "too many control frames")
            elif frame.opcode is Opcode.CLOSE:
                self._wake()
            return False
        if self.ws_proto.state is not State.OPEN:
            return False  # we have said goodbye
        if frame.opcode is not Opcode.CONT:
            self._text = codecs.getincrementaldecoder("utf-8")() if frame.opcode is Opcode.TEXT else None
        try:
            data = bytes(frame.data)
            self._parts.append(data if self._text is None else self._text.decode(data, frame.fin))
        except UnicodeDecodeError:
            self.fail_connection(1007, "text that is not UTF-8")
            return False
        if frame.fin:
            parts, self._parts = self._parts, []
            empty: Any = b"" if self._text is None else ""
            self._deliver(parts[0] if len(parts) == 1 else empty.join(parts))
        elif len(self._parts) >= self._bounds.max_fragments:
            self.fail_connection(1008, "too many fragments")
        return frame.fin

    def _deliver(self, message: str | bytes) -> None:
        self._inbox.append(message)
        self._inbox_bytes += len(message)
        too_many = len(self._inbox) > self._bounds.max_unread
        if too_many or self._inbox_bytes > 8 * self._bounds.max_message_bytes:
            self.fail_connection(1008, "more messages than can be read")
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _control_allowed(self) -> bool:
        """A token bucket as one number: when the bucket will be full again."""
        now = self.loop.time()  # type: ignore[union-attr]
        due = max(self._control_due, now) + 1 / self._bounds.control_rate
        if due - now > (self._bounds.control_burst + 0.5) / self._bounds.control_rate:  # half: no rounding
            return False
        self._control_due = due
        return True

    def _watch_assembly(self, done: bool) -> None:
        """The time that a message may take runs while one is incomplete, in its fragments or within a frame."""
        incomplete = self.ws_proto.state is State.OPEN and (
            self.ws_proto.current_size is not None or self._within_frame
        )
        if self._assembly is not None and (done or not incomplete):
            self._assembly.cancel()
            self._assembly = None
        if incomplete and self._assembly is None and not self._failed:
            self._assembly = self._in(
                self._bounds.message_timeout_s, lambda: self.fail_connection(1008, "a message took too long")
            )

    @property
    def _within_frame(self) -> bool:
        """Whether the parser has begun a frame. Its buffer does not say so where all that came of it is its header."""
        step: Any = self.ws_proto.parser
        while (inner := getattr(step, "gi_yieldfrom", None)) is not None:
            step = inner
        return getattr(step, "gi_code", None) is not StreamReader.at_eof.__code__

    def _beat(self) -> None:
        self._heard = False
        if self.ws_proto.state is State.OPEN:
            self.ws_proto.send_ping(b"")
            self._flush()
        self._heartbeat = self._in(self._bounds.ping_timeout_s, self._judge)

    def _judge(self, last_chance: bool = False) -> None:
        """A peer from which nothing at all came since the ping is dead."""
        if self._heard:
            left = self._bounds.ping_interval_s - self._bounds.ping_timeout_s
            self._heartbeat = self._in(max(left, 0), self._beat)
        elif not last_chance:
            self._heartbeat = self._in(_LAST_CHANCE_S, lambda: self._judge(last_chance=True))
        else:
            self.fail_connection(1011, "no pong")

    def _flush(self) -> None:
        """Write what websockets has made of frames; its empty bytes mean that our side has ended."""
        transport = self._transport
        for data in self.ws_proto.data_to_send():
            if not data:
                self._finish()
            elif transport is None or transport.is_closing() or self._ended:
                return
            elif data[0] != _PONG or self._has_room.is_set():
                transport.write(data)  # a pong for which there is no room is dropped

    def _finish(self) -> None:
        """Our side has ended. The peer may read what is left and close; it is not waited for longer than that."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._ended:
            return
        self._ended = True
        if self._abort is None:
            self._abort = self._in(self._bounds.close_timeout_s, self._abort_now)
        if transport.can_write_eof():  # not with TLS
            transport.write_eof()

    def _abort_now(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def _transport(self) -> Any:
        return self.io_proto and self.io_proto.transport

    def _in(self, delay_s: float, act: Callable[[], Any]) -> asyncio.TimerHandle:
        assert self.loop is not None
        return self.loop.call_later(delay_s, act)
