"""Answers made to hurt: how much of them is read, what becomes of the call. What they cost is measured in bench/."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from integrations.upstream.attempt import Attempt
from integrations.upstream.auth import Outgoing
from integrations.upstream.config import UpstreamSettings
from integrations.upstream.config_answers import ResponseCaps
from integrations.upstream.transport import UpstreamTransport
from integrations.upstream.wire import MAX_HEAD_BYTES
from tests.support.outside import outside, run, write_catalogue
from tests.support.raw_upstream import Pour, RawUpstream, answer, raw

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
# What lies in the buffers of two sockets on one machine before anybody has read it.
BUFFERS = 24 * 1024 * 1024
CAP = ResponseCaps().max_bytes


async def poured(folder: Path, pour: Pour, more: str = "") -> tuple[str | None, int]:
    """The outcome of one read of it, and how many requests arrived; its connection must have been ended."""
    async with RawUpstream([pour]) as upstream, outside(write_catalogue(folder, upstream.url, more)) as toolset:
        result = await run(toolset, "getThing", id="7")
        async with asyncio.timeout(10):
            while not pour.ended or upstream.open_connections:
                await asyncio.sleep(0.01)
    return result.error, len(upstream.requests)


@pytest.mark.parametrize("head", [b"", b"Content-Length: 104857600\r\n", b"Content-Length: 9999999999999999\r\n"])
async def test_a_body_without_end_is_read_to_the_cap(tmp_path: Path, head: bytes) -> None:
    """F12, F13: the connection is ended, not drained, and the call is not made again."""
    pour = Pour(HEAD + head + b"\r\n", b"x" * 65536)
    assert await poured(tmp_path, pour) == ("too_large", 1)
    assert pour.poured < CAP + BUFFERS


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (HEAD, b"X-H: 1\r\n" * 1000),
        (HEAD + b"X-H: ", b"h" * 65536),
        (b"HTTP/1.1 200 ", b"O" * 65536),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"),
        (b"", b"\r\n" * 1000),
    ],
)
async def test_a_head_without_end_is_not_read_on(tmp_path: Path, head: bytes, piece: bytes) -> None:
    """A54: headers, one line, 1xx answers without end: an error, and far less is read than a body may have."""
    pour = Pour(head, piece)
    error, requests = await poured(tmp_path, pour)
    assert (error, requests) == ("unavailable", 3)
    assert pour.poured < 3 * (MAX_HEAD_BYTES + BUFFERS)


@pytest.mark.parametrize(
    ("head", "piece"), [(CHUNKED, b"1;" + b"e" * 65536), (CHUNKED + b"0\r\n", b"X-T: 1\r\n" * 1000)]
)
async def test_a_chunk_s_head_and_trailers_without_end_are_not_read_on(
    tmp_path: Path, head: bytes, piece: bytes
) -> None:
    """A54: extensions of a chunk (RFC 9112 §7.1.1) and trailers (§7.1.2)."""
    pour = Pour(head, piece)
    error, requests = await poured(tmp_path, pour)
    assert (error, requests) == ("bad_upstream_response", 3)


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"a:b\r\n" * 10_000 + b"Content-Length: 2\r\n\r\n{}",
        HEAD + b"X-H: " + b"h" * 1024 * 1024 + b"\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        b"\x16\x03\x01nonsense\r\n\r\n",
    ],
)
async def test_a_head_that_is_none_is_an_error_and_counts(tmp_path: Path, head: bytes) -> None:
    """A54: 10,000 headers, a line of 1 MB, another protocol: an error, and the breaker opens after five."""
    more = "    retry: {attempts: 1}\n"
    async with RawUpstream([raw(head)]) as upstream, outside(write_catalogue(tmp_path, upstream.url, more)) as toolset:
        results = [await run(toolset, "getThing", id="7") for _ in range(7)]
    assert not any(result.ok for result in results)
    assert len(upstream.requests) == 5


async def test_a_few_hundred_headers_are_not_hostile(tmp_path: Path) -> None:
    """Old systems send many: 300 headers and a 103 before the answer are read."""
    play = raw(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        + HEAD
        + b"".join(b"X-%d: 1\r\n" % number for number in range(300))
        + b'Content-Length: 13\r\n\r\n{"name": "a"}'
    )
    async with RawUpstream([play]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        assert (await run(toolset, "getThing", id="7")).content["data"] == {"name": "a"}


class _Pieces(UpstreamTransport):
    """Answers with so many pieces of one byte that all lie ready."""

    def __init__(self, settings: UpstreamSettings, pieces: int) -> None:
        super().__init__(settings)
        self._pieces = pieces

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        pieces = self._pieces

        class Stream(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                for _ in range(pieces):
                    yield b"x"

        return httpx.Response(200, stream=Stream())


async def test_a_body_in_chunks_of_one_byte_does_not_hold_up_the_others() -> None:
    """A52: ten thousand chunks lie ready at once; while they are read, other tasks have their turn again and again."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    settings = UpstreamSettings.model_validate({"document": "d", "base_url": "http://h"})
    other = asyncio.create_task(others())
    attempt = Attempt(Outgoing("GET", "http://h/a", (), None), settings, 1)
    answer = await attempt.run(_Pieces(settings, 10_000), 60)
    other.cancel()
    assert len(answer.body) == 10_000
    assert turns >= 100


async def test_chunks_of_one_byte_without_end_meet_the_attempt_s_deadline(tmp_path: Path) -> None:
    """F11, A52: they arrive faster than they can be read, and the deadline holds all the same."""
    more = "    timeouts: {attempt_s: 0.6}\n    retry: {attempts: 1}\n"
    assert (await poured(tmp_path, Pour(CHUNKED, b"1\r\nx\r\n" * 10_000), more))[0] == "timeout"


@pytest.mark.parametrize("times", [1, 2])
async def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path, times: int) -> None:
    """A51, F28: packed once it is cut off as too large, packed twice it is not unpacked at all; neither is asked for
    again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(packer.compress(b"x" * 1024 * 1024) for _ in range(50)), packer.flush()])
    for _ in range(times - 1):
        bomb = gzip.compress(bomb, 9)
    play = answer(bomb, Content_Encoding=", ".join(["gzip"] * times))
    async with RawUpstream([play]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        result = await run(toolset, "getThing", id="7")
    assert result.error == ("too_large" if times == 1 else "bad_upstream_response")
    assert len(upstream.requests) == 1
