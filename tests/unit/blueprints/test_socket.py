"""`Socket` without a network: whatever the bytes, wherever they are cut, messages come whole, in order (F56, F61)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sanic.exceptions import WebsocketClosed
from sanic.server.protocols.websocket_protocol import WebSocketProtocol
from websockets.protocol import State
from websockets.server import ServerProtocol

from blueprints.sanic_websocket import Socket, SocketBounds
from tests.support.rawsocket import CLOSE, CONT, PING, PONG, TEXT, frame


class Wire:
    """Transport and Sanic's protocol in one: what was written, and how it ended."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport = self
        self._can_write = asyncio.Event()
        self._can_write.set()
        self.written = b""
        self.ended = self.aborted = self.paused = False

    def pause_reading(self) -> None:
        self.paused = True

    def write(self, data: bytes) -> None:
        assert not self.ended, "nothing may follow the end"
        self.written += data

    def write_eof(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def can_write_eof(self) -> bool:
        return True


def socket_on(wire: Wire, **bounds: Any) -> Socket:
    given_bounds = SocketBounds(**bounds)
    ws_proto = ServerProtocol(max_size=given_bounds.max_message_bytes, state=State.OPEN)
    return Socket(ws_proto, cast(WebSocketProtocol, wire), given_bounds)


async def all_messages(socket: Socket) -> list[str | bytes]:
    found: list[str | bytes] = []
    while (message := await socket.recv(timeout=0.001)) is not None:
        found.append(message)
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


def in_fragments(text: str, sizes: list[int]) -> bytes:
    """A message cut into fragments anywhere, within characters too, with a ping after the first one."""
    pieces = cut(text.encode(), sizes) or [b""]
    frames = [
        frame(TEXT if n == 0 else CONT, piece, fin=n == len(pieces) - 1) + (frame(PING, b"p") if n == 0 else b"")
        for n, piece in enumerate(pieces)
    ]
    return b"".join(frames)


@given(
    messages=st.lists(st.tuples(st.text(max_size=300), st.lists(st.integers(0, 999), max_size=5)), max_size=12),
    places=st.lists(st.integers(0, 1 << 20), max_size=30),
)
def test_messages_come_whole_and_in_order(messages: list[tuple[str, list[int]]], places: list[int]) -> None:
    """Over all fragmentations and all cuts of the stream; each ping is answered once."""
    stream = b"".join(in_fragments(text, sizes) for text, sizes in messages)

    async def run() -> None:
        wire = Wire()
        socket = socket_on(wire)
        for piece in cut(stream, places):
            socket.data_received(piece)
        assert await all_messages(socket) == [text for text, _ in messages]
        assert wire.written == b"\x8a\x01p" * len(messages)
        socket.connection_lost(None)

    asyncio.run(run())


@given(stream=st.binary(max_size=400), places=st.lists(st.integers(0, 400), max_size=10), masked=st.booleans())
def test_garbage_ends_the_connection_and_raises_nothing(stream: bytes, places: list[int], masked: bool) -> None:
    """Whatever arrives: it is a message, or one close frame is sent and nothing after it."""

    async def run() -> None:
        wire = Wire()
        socket = socket_on(wire)
        for piece in cut((frame(TEXT, b"ok") if masked else b"") + stream, places):
            socket.data_received(piece)
        closes = wire.ended or wire.aborted
        if closes:
            assert socket.ws_proto.state is not State.OPEN
            with pytest.raises(WebsocketClosed):
                await all_messages(socket)
        socket.eof_received()
        socket.connection_lost(None)
        with pytest.raises(WebsocketClosed):
            await socket.send("gone")

    asyncio.run(run())


async def test_what_is_sent_waits_for_room_and_says_so_when_there_is_none_any_more() -> None:
    """A11: `send` waits without a lock, a pong meanwhile is dropped, and a lost connection ends the wait."""
    wire = Wire()
    socket = socket_on(wire)
    wire._can_write.clear()
    sending = asyncio.create_task(socket.send("late"))
    await asyncio.sleep(0)
    socket.data_received(frame(PING, b"p"))
    assert wire.written == b""
    wire._can_write.set()
    await sending
    assert wire.written == b"\x81\x04late"
    wire._can_write.clear()
    sending = asyncio.create_task(socket.send("never"))
    await asyncio.sleep(0)
    socket.connection_lost(None)
    wire._can_write.set()
    with pytest.raises(WebsocketClosed):
        await sending


async def test_a_client_without_room_is_cut_off_rather_than_told() -> None:
    """A11: a close frame would wait behind everything that is not read."""
    wire = Wire()
    socket = socket_on(wire)
    wire._can_write.clear()
    socket.fail_connection(1008, "frames are not being read")
    assert wire.aborted
    assert wire.written == b""
    socket.connection_lost(None)


async def test_messages_after_our_close_are_not_handed_over() -> None:
    """Once we have said goodbye the client's frames are only read to find its answer."""
    wire = Wire()
    socket = socket_on(wire)
    await socket.close(4408, "idle")
    socket.data_received(frame(TEXT, b"late") + frame(CLOSE, b"\x11\x38"))
    with pytest.raises(WebsocketClosed):
        await socket.recv()
    assert wire.written.count(b"\x11\x38idle") == 1
    assert wire.ended
    socket.connection_lost(None)
    assert socket.ws_proto.close_code == 4408


@pytest.mark.parametrize("opcode", [PING, PONG])
async def test_control_frames_have_a_rate(opcode: int) -> None:
    """A06: twenty at once, then ten a second: on a stopped clock the twenty-first closes; unasked pongs count too."""
    wire, now = Wire(), [100.0]
    wire.loop = cast(Any, StoppedLoop(wire.loop, lambda: now[0]))
    socket = socket_on(wire)
    ended = []
    for second in (0, 1):
        now[0] += second
        socket.data_received(frame(opcode) * (10 if second else 20))
        ended.append(wire.ended)
    socket.data_received(frame(opcode))
    assert [*ended, wire.ended] == [False, False, True]
    assert b"\x03\xf0too many control frames" in wire.written
    socket.connection_lost(None)


class StoppedLoop:
    """A loop whose time is the test's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, time: Callable[[], float]) -> None:
        self.call_later, self.time = loop.call_later, time


@pytest.mark.parametrize("by", ["failure", "goodbye"])
async def test_a_flood_after_the_close_is_not_read(by: str) -> None:
    """A06: a little is, so that a peer that stops can read why and say goodbye; then no more until the timeout."""
    wire = Wire()
    socket = socket_on(wire, max_message_bytes=4096)
    if by == "failure":
        socket.fail_connection(1008, "flood")
    else:
        await socket.close(1008, "flood")
    socket.data_received(frame(TEXT, b"x" * 1000))
    assert not wire.paused
    for _ in range(8):
        socket.data_received(frame(TEXT, b"x" * 1000))
    assert wire.paused
    socket.connection_lost(None)


async def test_a_goodbye_is_still_heard_after_ours() -> None:
    """The peer answers our close: nothing is cut off before."""
    wire = Wire()
    socket = socket_on(wire)
    await socket.close(1000, "")
    socket.data_received(frame(TEXT, b"late") + frame(CLOSE, b"\x03\xe8"))
    assert wire.ended
    assert not wire.aborted
    socket.connection_lost(None)


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6, 7, 300])
async def test_a_frame_that_stops_anywhere_has_its_time(size: int) -> None:
    """A08: within its header, right after it, or within its payload; then 1008."""
    wire = Wire()
    socket = socket_on(wire, message_timeout_s=0.01)
    socket.data_received(frame(TEXT, b"x" * 1000)[:size])
    with pytest.raises(WebsocketClosed):
        await socket.recv(timeout=10)
    assert wire.written[2:4] == (1008).to_bytes(2, "big")
    socket.connection_lost(None)


async def test_between_frames_no_time_runs() -> None:
    """A connection that is silent after a whole message is not one with a message under way."""
    wire = Wire()
    socket = socket_on(wire, message_timeout_s=0.01)
    socket.data_received(frame(TEXT, b"x"))
    await asyncio.sleep(0.05)
    assert await socket.recv() == "x"
    assert not wire.written
    socket.connection_lost(None)
