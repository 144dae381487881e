"""Every defect that `blueprints/sanic_protocol.py` names, on bare Sanic and on ours, with the same handlers.

A test that fails on `bare` means that Sanic has mended it: the line and its code can go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.plain_server import REQUEST_TIMEOUT_S, PlainServer, plain_server
from tests.support.rawsocket import CLOSE, CONT, PING, PONG, TEXT, frame, raw_socket, raw_tcp


@pytest.fixture(scope="module")
def bare() -> Iterator[PlainServer]:
    with plain_server("bare") as server:
        yield server


@pytest.fixture(scope="module")
def ours() -> Iterator[PlainServer]:
    with plain_server("ours") as server:
        yield server


async def received_with_a_full_write_buffer(server: PlainServer) -> list[str]:
    """In which order a ping with "first", then "second", reach the handler while the client reads nothing."""
    async with raw_socket(server.port, "/note", receive_buffer=4096) as raw:
        await raw.send_text("fill")
        assert not (await server.until(room=False))["room"]
        await raw.send(frame(PING), frame(TEXT, b"first"))
        await asyncio.sleep(0.3)  # two reads of the server, not one
        await raw.send_text("second")
        for _ in range(20):
            messages = (await server.state())["messages"]
            if len(messages) == 2:
                break
            await asyncio.sleep(0.1)
        return list(messages)


async def test_arrival_order_is_kept_when_the_write_buffer_is_full(bare: PlainServer, ours: PlainServer) -> None:
    """F61: bare Sanic hands "second" over while "first" still waits behind the pong that cannot be written."""
    assert await received_with_a_full_write_buffer(bare) == ["second"]
    assert await received_with_a_full_write_buffer(ours) == ["first", "second"]


async def first_echo_of_an_early_message(server: PlainServer) -> str:
    """What is echoed first, where one message was sent in one write with the upgrade and another one after it."""
    async with raw_tcp(server.port) as raw:
        await raw.handshake("/echo", {}, early=frame(TEXT, b"early"))
        await raw.send_text("next")
        return await raw.read_message()


async def test_a_message_in_one_piece_with_the_upgrade_is_a_message(bare: PlainServer, ours: PlainServer) -> None:
    """Bare Sanic loses it. A client should wait for the answer (RFC 6455, 4.1); a proxy may join them."""
    assert await first_echo_of_an_early_message(bare) == "next"
    assert await first_echo_of_an_early_message(ours) == "early"


async def test_text_that_is_not_utf8_closes_with_1007(bare: PlainServer, ours: PlainServer) -> None:
    """F56: bare Sanic loses the message in silence and answers the next one. Bad in a later fragment is as bad."""
    async with raw_socket(bare.port, "/echo") as raw:
        await raw.send(frame(TEXT, b"\xff\xfe"), frame(PING, b"p"))
        assert await raw.read_frame() == (PONG, b"p")  # in one read with it, the next message would be lost as well
        await raw.send_text("next")
        assert await raw.read_message() == "next"
    fragmented = [frame(TEXT, b"ok\xe5", fin=False), frame(CONT, b"x")]
    for bad in ([frame(TEXT, b"\xff\xfe")], fragmented):
        async with raw_socket(ours.port, "/echo") as raw:
            await raw.send(*bad)
            assert await raw.close_code() == 1007


async def test_a_character_may_be_cut_between_fragments(ours: PlainServer) -> None:
    """F56: what is UTF-8 as a whole is a message, with a ping between its fragments too."""
    async with raw_socket(ours.port, "/echo") as raw:
        await raw.send(frame(TEXT, b"\xe5", fin=False), frame(PING, b"p"), frame(CONT, b"\x95\x8a"))
        assert await raw.read_frame() == (PONG, b"p")
        assert await raw.read_message() == "啊"


async def pings_answered_by_a_client_with_unread_messages(server: PlainServer) -> tuple[int, bool]:
    """How many of the server's pings came, at most five, and whether the connection was closed before."""
    pings = 0
    async with raw_socket(server.port, "/deaf") as raw:
        for text in ("one", "two", "three"):
            await raw.send_text(text)
            await asyncio.sleep(0.1)
        while pings < 5:
            try:
                opcode, payload = await raw.read_frame()
            except EOFError:
                return pings, True
            if opcode == CLOSE:
                return pings, True
            if opcode == PING:
                pings += 1
                await raw.send(frame(PONG, payload))
    return pings, False


async def test_unread_messages_do_not_stop_the_reading_of_pongs(bare: PlainServer, ours: PlainServer) -> None:
    """F51: bare Sanic stops reading at the second message and then finds its client dead."""
    assert (await pings_answered_by_a_client_with_unread_messages(bare))[1]
    assert await pings_answered_by_a_client_with_unread_messages(ours) == (5, False)


async def test_messages_that_nobody_reads_are_bounded(ours: PlainServer) -> None:
    """F50: reading on is no invitation to fill the memory: the 257th unread message closes with 1008."""
    async with raw_socket(ours.port, "/deaf") as raw:
        await raw.send(*[frame(TEXT, b"x")] * 257)
        assert await raw.close_code() == 1008


async def test_pings_beyond_what_a_client_needs_close_with_1008(bare: PlainServer, ours: PlainServer) -> None:
    """A06: bare Sanic answers any number; here 20 at once are answered and the next one closes."""
    async with raw_socket(bare.port, "/echo") as raw:
        await raw.send(*[frame(PING)] * 2000, frame(TEXT, b"still there"))
        assert await raw.read_message() == "still there"
    async with raw_socket(ours.port, "/echo") as raw:
        await raw.send(*[frame(PING)] * 20, frame(TEXT, b"still there"))
        assert await raw.read_message() == "still there"
        await raw.send(*[frame(PING)] * 60)
        assert await raw.close_code() == 1008


async def test_a_message_has_at_most_64_fragments(bare: PlainServer, ours: PlainServer) -> None:
    """A08: bare Sanic collects any number of empty fragments."""
    many = [frame(TEXT, b"a", fin=False), *[frame(CONT, fin=False)] * 1000, frame(CONT, b"z")]
    async with raw_socket(bare.port, "/echo") as raw:
        await raw.send(*many)
        assert await raw.read_message() == "az"
    async with raw_socket(ours.port, "/echo") as raw:
        await raw.send(frame(TEXT, b"a", fin=False), *[frame(CONT, fin=False)] * 62, frame(CONT, b"z"))
        assert await raw.read_message() == "az"
        await raw.send(*many)
        assert await raw.close_code() == 1008


async def open_after_a_client_stopped_reading(server: PlainServer, seconds: float) -> bool:
    async with raw_socket(server.port, "/note", receive_buffer=4096) as raw:
        await raw.send_text("fill")
        assert not (await server.until(room=False))["room"]
        for _ in range(int(seconds * 10)):
            await asyncio.sleep(0.1)
            if not (await server.state())["open"]:
                return False
    return True


async def test_a_blocked_send_does_not_silence_the_keepalive(bare: PlainServer, ours: PlainServer) -> None:
    """A11, F49: with pings each second, bare Sanic keeps a client that reads nothing (and answers none) for ever."""
    assert await open_after_a_client_stopped_reading(bare, 6)
    assert not await open_after_a_client_stopped_reading(ours, 30)


async def ended_without_an_answer_to_close(server: PlainServer, seconds: float) -> bool:
    async with raw_socket(server.port, "/bye") as raw:
        assert (await raw.read_frame())[0] == CLOSE
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await raw.read_frame()
        except TimeoutError:
            return False
        except EOFError:
            return True


async def test_a_peer_that_never_answers_close_is_cut_off(bare: PlainServer, ours: PlainServer) -> None:
    """A close that is not answered ends by the close timeout (a second here); bare Sanic waits for the peer."""
    assert not await ended_without_an_answer_to_close(bare, 4)
    assert await ended_without_an_answer_to_close(ours, 30)


async def bytes_taken(server: PlainServer, beginning: bytes) -> int:
    """How many bytes after that are taken, one at a time, of at most 20; the limit passes after ten."""
    async with raw_tcp(server.port) as raw:
        await raw.send(beginning)
        for sent in range(20):
            await asyncio.sleep(REQUEST_TIMEOUT_S / 5)
            try:
                raw.sock.recv(4096)
                return sent
            except BlockingIOError:
                await raw.send(b"x")
            except ConnectionError:
                return sent
    return 20


async def test_the_head_of_a_request_has_one_deadline(bare: PlainServer, ours: PlainServer) -> None:
    """A05: in bare Sanic every byte starts the time again, so that one byte at a time holds a connection for ever."""
    head = b"GET /state HTTP/1.1\r\nX: "
    assert await bytes_taken(bare, head) == 20
    assert await bytes_taken(ours, head) < 20


@pytest.mark.parametrize("length", [b"Content-Length: 1000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n"])
async def test_the_body_of_a_request_has_one_deadline(bare: PlainServer, ours: PlainServer, length: bytes) -> None:
    """A05: the same one byte at a time, after a whole head."""
    head = b"POST /body HTTP/1.1\r\nHost: x\r\n" + length
    assert await bytes_taken(bare, head) == 20
    assert await bytes_taken(ours, head) < 20


async def test_a_request_that_comes_in_time_is_answered_and_so_is_the_next(ours: PlainServer) -> None:
    """A05: head and body have a deadline each, and the next request on the same connection has its own."""
    async with raw_tcp(ours.port) as raw:
        for _ in range(3):
            for piece in (b"POST /body HTTP/1.1\r\nHost: x\r\n", b"Content-Length: 4\r\n\r\n12", b"34"):
                await raw.send(piece)
                await asyncio.sleep(REQUEST_TIMEOUT_S / 2)
            answer = b""
            while not answer.endswith(b"\r\n\r\n4"):
                answer += await raw.read_some()
            assert answer.startswith(b"HTTP/1.1 200")


async def test_what_came_in_time_is_not_late_because_the_server_was_busy(ours: PlainServer) -> None:
    """A05: the end of a head that arrives while the loop is blocked beyond the deadline is read before that is judged;
    so a crowd that comes at once is served, however slowly."""
    async with raw_tcp(ours.port) as raw, raw_tcp(ours.port) as other:
        await raw.send(b"GET /state HTTP/1.1\r\n")
        await ours.state()  # the server has taken it
        await other.send(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        await raw.send(b"Host: x\r\n\r\n")
        assert (await raw.read_some()).startswith(b"HTTP/1.1 200")


def unsent(port: int, client_port: int) -> int:
    """Bytes that the system keeps for a client of that server, as it says itself."""
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        local, remote, _, queues = line.split()[1:5]
        if (int(local.split(":")[1], 16), int(remote.split(":")[1], 16)) == (port, client_port):
            return int(queues.split(":")[0], 16)
    raise LookupError(client_port)


async def kept_for_a_client_that_reads_nothing(server: PlainServer) -> int:
    async with raw_socket(server.port, "/note", receive_buffer=4096) as raw:
        await raw.send_text("fill")
        assert not (await server.until(room=False))["room"]
        return unsent(server.port, raw.sock.getsockname()[1])


async def test_the_system_keeps_little_for_a_client_that_reads_nothing(bare: PlainServer, ours: PlainServer) -> None:
    """A11: at most 128 KiB; without a bound Linux takes up to 4 MB for each connection (`tcp_wmem`)."""
    assert await kept_for_a_client_that_reads_nothing(bare) > 512 * 1024
    assert await kept_for_a_client_that_reads_nothing(ours) <= 128 * 1024
