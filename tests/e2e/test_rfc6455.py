"""RFC 6455 and 3629 at a real socket, byte by byte: what a peer may send is answered, what it must not closes rightly.

The cases are those that conformance suites ask (Autobahn's chapters 2 to 7; its numbers stand in the ids), with the
server's handler echoing. F56.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import pytest

from tests.support.plain_server import PlainServer, plain_server
from tests.support.rawsocket import BINARY, CLOSE, CONT, PING, PONG, TEXT, RawSocket, frame, raw_socket

Frames = list[tuple[int, bytes]]


@pytest.fixture(scope="module")
def server() -> Iterator[PlainServer]:
    with plain_server("ours") as running:
        yield running


def close(code: int, reason: bytes = b"") -> bytes:
    """A close frame with its code (5.5.1)."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


def reserved(opcode: int, bits: int, payload: bytes = b"") -> bytes:
    """A frame with some of RSV1 (4), RSV2 (2), RSV3 (1) set (5.2)."""
    whole = frame(opcode, payload)
    return bytes([whole[0] | bits << 4]) + whole[1:]


async def read_to_the_end(raw: RawSocket) -> Frames:
    """Every frame until the connection has ended."""
    found = []
    try:
        while True:
            found.append(await raw.read_frame())
    except EOFError:
        return found


async def answers(server: PlainServer, sent: Sequence[bytes], *, octets: bool = False, first: int = 0) -> Frames:
    """What comes back to these frames, in one write or one octet a write; the last of them is sent once `first` answers
    have come, for nothing may follow the answer to a close frame."""
    async with raw_socket(server.port, "/echo") as raw:
        if first:
            *sent, last = sent
            await _send(raw, sent, octets=octets)
            found = [await raw.read_frame() for _ in range(first)]
            await raw.send(last)
            return found + await read_to_the_end(raw)
        await _send(raw, sent, octets=octets)
        return await read_to_the_end(raw)


async def _send(raw: RawSocket, sent: Sequence[bytes], *, octets: bool) -> None:
    if not octets:
        await raw.send(*sent)
        return
    for octet in b"".join(sent):
        await raw.send(bytes([octet]))


END = close(1000)
ENDED = (CLOSE, struct.pack("!H", 1000))

ANSWERED = {
    "2.1-ping-empty": ([frame(PING)], [(PONG, b"")]),
    "2.2-ping-text": ([frame(PING, b"Hello, world!")], [(PONG, b"Hello, world!")]),
    "2.3-ping-binary": (
        [frame(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")],
        [(PONG, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")],
    ),
    "2.4-ping-of-125": ([frame(PING, b"\xfe" * 125)], [(PONG, b"\xfe" * 125)]),
    "2.7-unsolicited-pong": ([frame(PONG)], []),
    "2.9-unsolicited-pong-then-ping": ([frame(PONG, b"unsolicited"), frame(PING, b"p")], [(PONG, b"p")]),
    "2.10-ten-pings": ([frame(PING, b"%d" % n) for n in range(10)], [(PONG, b"%d" % n) for n in range(10)]),
    "1.1.1-text-empty": ([frame(TEXT)], [(TEXT, b"")]),
    "1.1.6-text-of-65535": ([frame(TEXT, b"*" * 65535)], [(TEXT, b"*" * 65535)]),
    "1.1.7-text-of-65536": ([frame(TEXT, b"*" * 65536)], [(TEXT, b"*" * 65536)]),
    "1.2.2-binary": ([frame(BINARY, b"\xfe" * 125)], [(TEXT, b"binary")]),
    "5.3-two-fragments": ([frame(TEXT, b"one", fin=False), frame(CONT, b"two")], [(TEXT, b"onetwo")]),
    "5.6-a-ping-between": (
        [frame(TEXT, b"one", fin=False), frame(PING, b"p"), frame(CONT, b"two")],
        [(PONG, b"p"), (TEXT, b"onetwo")],
    ),
    "5.19-pings-between-five": (
        [
            *(frame(TEXT if n == 0 else CONT, b"fragment", fin=False) for n in range(2)),
            frame(PING, b"1"),
            *(frame(CONT, b"fragment", fin=False) for n in range(2)),
            frame(PING, b"2"),
            frame(CONT, b"fragment"),
        ],
        [(PONG, b"1"), (PONG, b"2"), (TEXT, b"fragment" * 5)],
    ),
    "6.1.2-three-empty-fragments": (
        [frame(TEXT, fin=False), frame(CONT, fin=False), frame(CONT)],
        [(TEXT, b"")],
    ),
    "6.1.3-the-middle-one-is-not-empty": (
        [frame(TEXT, fin=False), frame(CONT, b"x", fin=False), frame(CONT)],
        [(TEXT, b"x")],
    ),
}


@pytest.mark.parametrize("octets", [False, True], ids=["whole", "octets"])
@pytest.mark.parametrize("case", ANSWERED)
async def test_what_a_peer_may_send_is_answered(server: PlainServer, case: str, octets: bool) -> None:
    """5.4, 5.5.2, 5.5.3: echoes and pongs in their order, then the close frame is answered with its code (5.5.1)."""
    sent, expected = ANSWERED[case]
    if octets and sum(map(len, sent)) > 1000:
        octets = False  # sixty thousand writes show nothing that a hundred do not
    assert await answers(server, [*sent, END], octets=octets, first=len(expected)) == [*expected, ENDED]


HELLO = frame(TEXT, b"Hello")
WRONG: dict[str, tuple[list[bytes], Frames]] = {
    "2.5-ping-of-126": ([frame(PING, b"\xfe" * 126)], []),
    "pong-of-126": ([frame(PONG, b"\xfe" * 126)], []),
    "7.3.6-close-of-126": ([close(1000, b"*" * 124)], []),
    **{
        f"3.{bits}-reserved-{bits}-after-text": ([HELLO, reserved(TEXT, bits, b"x")], [(TEXT, b"Hello")])
        for bits in range(1, 8)
    },
    "3.5-reserved-in-binary": ([reserved(BINARY, 5, b"\x00")], []),
    "3.6-reserved-in-ping": ([reserved(PING, 6, b"p")], []),
    "3.7-reserved-in-close": ([reserved(CLOSE, 7)], []),
    "reserved-in-continuation": ([frame(TEXT, b"x", fin=False), reserved(CONT, 1, b"y")], []),
    **{
        f"4-opcode-{opcode}": ([HELLO, frame(opcode, b"x")], [(TEXT, b"Hello")])
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    "4-opcode-3-empty": ([frame(3)], []),
    "5.1-ping-in-fragments": ([frame(PING, b"one", fin=False), frame(CONT, b"two")], []),
    "5.2-pong-in-fragments": ([frame(PONG, b"one", fin=False), frame(CONT, b"two")], []),
    "close-in-fragments": ([frame(CLOSE, struct.pack("!H", 1000), fin=False)], []),
    "5.9-continuation-of-nothing": ([frame(CONT, b"x"), HELLO], []),
    "5.12-unfinished-continuation-of-nothing": ([frame(CONT, b"x", fin=False), HELLO], []),
    "5.15-continuation-after-the-end": (
        [frame(TEXT, b"one", fin=False), frame(CONT, b"two"), frame(CONT, b"three", fin=False), HELLO],
        [(TEXT, b"onetwo")],
    ),
    "5.18-text-within-fragments": ([frame(TEXT, b"one", fin=False), frame(TEXT, b"two")], []),
    "binary-within-fragments": ([frame(TEXT, b"one", fin=False), frame(BINARY, b"two")], []),
    "7.3.2-close-of-one-octet": ([frame(CLOSE, b"x")], []),
    "unmasked": ([HELLO, b"\x81\x05Hello"], [(TEXT, b"Hello")]),
}


@pytest.mark.parametrize("octets", [False, True], ids=["whole", "octets"])
@pytest.mark.parametrize("case", WRONG)
async def test_what_a_peer_must_not_send_closes_with_1002(server: PlainServer, case: str, octets: bool) -> None:
    """5.1, 5.2, 5.4, 5.5: after it nothing is answered, not the ping behind it either. A good message in one piece with
    it may be answered still."""
    sent, before = WRONG[case]
    found = await answers(server, [*sent, frame(PING, b"late")], octets=octets)
    assert code_of(found[-1]) == 1002
    assert found[:-1] in ([], before)


def code_of(one: tuple[int, bytes]) -> int | tuple[int, bytes]:
    """A close frame's code; any other frame as it is."""
    opcode, payload = one
    return int.from_bytes(payload[:2], "big") if opcode == CLOSE else one


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
async def test_a_close_code_that_may_be_sent_is_answered_with_itself(server: PlainServer, code: int) -> None:
    """7.4 (7.7.x), with the longest reason that fits, 123 octets (7.3.5), and none."""
    for reason in (b"", b"*" * 123):
        found = await answers(server, [close(code, reason)])
        assert [code_of(one) for one in found] == [code]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
async def test_a_close_code_that_must_not_be_sent_closes_with_1002(server: PlainServer, code: int) -> None:
    """7.4.1, 7.4.2 (7.9.x, 7.13.x)."""
    found = await answers(server, [close(code)])
    assert [code_of(one) for one in found] == [1002]


async def test_a_close_without_a_code_is_answered(server: PlainServer) -> None:
    """5.5.1, 7.1.5 (7.3.1): the answer has none either, or says that all is well."""
    found = await answers(server, [frame(CLOSE)])
    assert [opcode for opcode, _ in found] == [CLOSE]
    assert found[0][1][:2] in (b"", struct.pack("!H", 1000))


@pytest.mark.parametrize("later", [END, frame(PING, b"late"), frame(TEXT, b"late")], ids=["7.1.2", "7.1.4", "7.1.3"])
async def test_after_a_close_nothing_is_answered(server: PlainServer, later: bytes) -> None:
    """5.5.1: what follows the close frame is not read."""
    assert await answers(server, [END, later]) == [ENDED]


async def test_a_close_within_a_message_ends_it(server: PlainServer) -> None:
    """5.4, 5.5.1 (7.1.5): the unfinished message is dropped and the connection closed. The `websockets` library calls
    that 1002, where the standard has nothing against it."""
    found = await answers(server, [frame(TEXT, b"one", fin=False), END, frame(CONT, b"two")])
    assert [code_of(one) for one in found] in ([1000], [1002])


async def test_a_reason_that_is_not_utf8_closes_with_1007(server: PlainServer) -> None:
    """5.5.1, 8.1 (7.5.1)."""
    found = await answers(server, [close(1000, b"ok \xed\xa0\x80")])
    assert [code_of(one) for one in found] in ([1007], [1002])


# RFC 3629: first and last of each length, the borders of the surrogates, non-characters, specials.
VALID = (
    b"hello$world", b"hello\xc2\xa2world", b"hello\xe2\x82\xacworld", b"hello\xf0\xa4\xad\xa2world",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80",
    b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf", b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd",
    b"\xf0\x9f\xbf\xbe", b"\xf1\x8f\xbf\xbf", b"\xf3\xbf\xbf\xbe", b"\xef\xbf\xb9", b"\xef\xbb\xbf",
)  # fmt: skip
# Too long, too high, continuations alone, starts alone, cut, impossible, overlong, surrogates.
INVALID = (
    b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf4\x90\x80\x80", b"\x80", b"\xbf",
    b"\x80\xbf\x80", bytes(range(0x80, 0xC0)), b"\xc0 \xc1 ", b"\xe0 \xe1 ", b"\xf0 \xf1 ", b"\xf5 ", b"\xc2",
    b"\xe0\x80", b"\xef\xbf", b"\xf0\x90\x80", b"\xdf", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce", b"\xfe", b"\xff",
    b"\xfe\xfe\xff\xff", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf",
    b"\xf0\x8f\xbf\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
)  # fmt: skip


def in_octets(payload: bytes) -> list[bytes]:
    """A text message with a fragment for each octet."""
    last = len(payload) - 1
    return [frame(TEXT if n == 0 else CONT, payload[n : n + 1], fin=n == last) for n in range(len(payload))]


@pytest.mark.parametrize("payload", VALID, ids=bytes.hex)
async def test_utf8_is_echoed_however_it_is_cut(server: PlainServer, payload: bytes) -> None:
    """8.1 (6.2, 6.5 to 6.22): in one frame, with a fragment for each octet, one octet a write."""
    expected = [(TEXT, payload), ENDED]
    assert await answers(server, [frame(TEXT, payload), END], first=1) == expected
    assert await answers(server, [*in_octets(payload), END], first=1) == expected
    assert await answers(server, [frame(TEXT, payload), END], first=1, octets=True) == expected


@pytest.mark.parametrize("payload", INVALID, ids=lambda payload: payload.hex()[:24])
async def test_what_is_not_utf8_closes_with_1007_however_it_is_cut(server: PlainServer, payload: bytes) -> None:
    """8.1 (6.3, 6.6 to 6.21): the same three ways; nothing of it is echoed."""
    for sent, octets in (([frame(TEXT, payload)], False), (in_octets(payload), False), ([frame(TEXT, payload)], True)):
        found = await answers(server, [*sent, frame(PING, b"late")], octets=octets)
        assert [code_of(one) for one in found] == [1007]


async def test_a_bad_fragment_is_found_before_the_message_ends(server: PlainServer) -> None:
    """8.1 (6.4.1, 6.4.2): the rest of the message need not come."""
    for bad in (b"\xf4\x90\x80\x80", b"\xf4\x90"):
        async with raw_socket(server.port, "/echo") as raw:
            good = "κόσμε".encode()
            await raw.send(frame(TEXT, good, fin=False), frame(CONT, bad, fin=False))
            assert [code_of(one) for one in await read_to_the_end(raw)] == [1007]
