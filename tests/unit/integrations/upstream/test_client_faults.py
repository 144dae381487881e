"""Faults of a network and of an upstream on real sockets: what is tried again, what is told, what is left of it."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integrations.catalogue import load_catalogue
from integrations.upstream.auth import Outgoing
from integrations.upstream.client import CallFailed, UpstreamClient
from integrations.upstream.config import UpstreamSettings
from integrations.upstream.retry import Repeatability
from schemas.deadline import Deadline
from tests.support.outside import DOCUMENT, TOKEN, outside, run, write_catalogue
from tests.support.raw_upstream import Play, RawUpstream, Received, answer, raw, reset, silence

OK = answer({"name": "a"})
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def full_listener() -> Iterator[int]:
    """The port of a listener whose accept queue is full: a further connection is never answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        try:
            for _ in range(64):
                one = socket.socket()
                waiting.append(one)
                one.settimeout(0.05)
                one.connect(("127.0.0.1", port))
        except TimeoutError:
            pass
        yield port
        for one in waiting:
            one.close()


async def test_an_upstream_that_accepts_nobody_is_unavailable(tmp_path: Path) -> None:
    """F03: the connect timeout ends each attempt; nothing was sent, so a write is tried again, three times in all."""
    waits: list[float] = []

    async def remember(seconds: float) -> None:
        waits.append(seconds)

    with full_listener() as port:
        catalogue = write_catalogue(tmp_path, f"http://127.0.0.1:{port}", "    timeouts: {connect_s: 0.1}\n")
        async with outside(catalogue, sleep=remember) as toolset:
            assert (await run(toolset, "makeThing", name="x")).error == "unavailable"
    assert len(waits) == 2


async def sent(client: UpstreamClient, url: str, repeat: Repeatability, body: bytes | None = None) -> str:
    """The status of one call, or how it failed."""
    outgoing = Outgoing(repeat.method, url, (), body)
    try:
        answer = await client.send(outgoing, repeat, Deadline.after(10), keep=lambda _: False)
    except CallFailed as failed:
        return failed.code
    return str(answer.status)


@pytest.mark.parametrize("read_bytes", [1, 60, 100_000])
async def test_a_reset_while_the_request_is_written(read_bytes: int) -> None:
    """F07: after the first byte, and in the middle of a body that fills the sockets' buffers: the outcome of a write is
    unknown and it is not sent again, a read is."""
    async with RawUpstream([reset()], hasty=read_bytes) as upstream:
        client = UpstreamClient(UpstreamSettings.model_validate({"document": "d", "base_url": upstream.url}))
        body = b"x" * 20_000_000
        assert await sent(client, upstream.url, Repeatability("write", "POST"), body) == "unknown_outcome"
        assert upstream.connections == 1
        assert await sent(client, upstream.url, Repeatability("read", "POST"), body) == "unavailable"
        assert upstream.connections == 1 + 3
        await client.close()


async def test_a_reset_straight_after_accept(tmp_path: Path) -> None:
    """F05: whether the reset or the request came first is not known here, so a write is not sent again."""
    async with (
        RawUpstream([OK], greeting=reset()) as upstream,
        outside(write_catalogue(tmp_path, upstream.url)) as toolset,
    ):
        assert (await run(toolset, "getThing", id="7")).error == "unavailable"
        assert upstream.connections == 3
        # The reset may arrive before the first byte is written: then nothing was sent and the write may be tried again.
        assert (await run(toolset, "makeThing", name="x")).error in ("unknown_outcome", "unavailable")
    assert upstream.requests == []


@pytest.mark.parametrize(
    "broken",
    [
        raw(HEAD + b"Content-Length: 90\r\n\r\n{", close=True),
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}", close=True),
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", close=True),
        raw(HEAD + b"Content-Length: 5\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00\x00"),
    ],
)
async def test_a_write_whose_headers_arrived_is_not_sent_again(tmp_path: Path, broken: Play) -> None:
    """F08: Content-Length too long, chunks cut off, nonsense, broken gzip: headers came, so that it is never sent a
    second time, not even with a key. The body is not trusted."""
    keyed = "    operations:\n      makeThing: {idempotency: {header: Idempotency-Key}}\n"
    async with (
        RawUpstream([broken]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, keyed)) as toolset,
    ):
        result = await run(toolset, "makeThing", name="x")
    assert result.error == "unknown_outcome"
    assert len(upstream.requests) == 1


async def test_a_created_answer_that_breaks_off_is_a_success(tmp_path: Path) -> None:
    """F08: 201 says done by itself; the details are told to be unverified."""
    broken = raw(HEAD.replace(b"200 OK", b"201 Created") + b"Content-Length: 90\r\n\r\n{", close=True)
    async with RawUpstream([broken]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        result = await run(toolset, "makeThing", name="x")
    assert result.ok
    assert "data" not in result.content
    assert result.content["notes"]


async def test_headers_that_come_too_late(tmp_path: Path) -> None:
    """F10: the attempt's deadline fires; a read is tried again inside the turn's deadline, a write is unknown."""
    fast = "    timeouts: {attempt_s: 0.3}\n"
    async with (
        RawUpstream([silence(), OK]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, fast)) as toolset,
    ):
        assert (await run(toolset, "getThing", id="7")).ok
    async with RawUpstream([silence()]) as upstream, outside(write_catalogue(tmp_path, upstream.url, fast)) as toolset:
        assert (await run(toolset, "makeThing", name="x")).error == "unknown_outcome"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("Wed, 01 Jan 2020 00:00:00 GMT", 0, 1),
        ("garbage", 0, 1),
        ("-5", 0, 1),
        ("0", 0, 1),
        ("3", 3, 3),
        ("999999999", 30, 30),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 30, 30),
    ],
)
async def test_whatever_retry_after_says_the_wait_is_bounded(
    tmp_path: Path, said: str, least: float, most: float
) -> None:
    """F19, F20, A58: a past date is now, garbage the own backoff, 30 s the most."""
    waits: list[float] = []

    async def remember(seconds: float) -> None:
        waits.append(seconds)

    async with (
        RawUpstream([answer({}, 429, Retry_After=said), OK]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url), sleep=remember) as toolset,
    ):
        assert (await run(toolset, "getThing", id="7", within_s=60)).ok
    assert len(waits) == 1
    assert least <= waits[0] <= most


async def test_a_wait_that_does_not_fit_the_deadline_is_not_begun(tmp_path: Path) -> None:
    """A58: asked to wait 30 s with 5 s left, the call ends at once and says so."""
    async with (
        RawUpstream([answer({}, 429, Retry_After="999999999")]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url)) as toolset,
    ):
        result = await run(toolset, "getThing", id="7", within_s=5)
    assert (result.error, result.content["retry_after_s"], len(upstream.requests)) == ("rate_limited", 30, 1)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_write_that_was_refused_is_sent_once(tmp_path: Path, status: int) -> None:
    """F19, F22: without `unless_executed` no status lets a write be sent again."""
    async with (
        RawUpstream([answer({}, status)]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url)) as toolset,
    ):
        assert not (await run(toolset, "makeThing", name="x")).ok
    assert len(upstream.requests) == 1


async def test_500_on_get_is_tried_twice_again(tmp_path: Path) -> None:
    """F23: three attempts in all."""
    async with RawUpstream([answer({}, 500)]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        assert (await run(toolset, "getThing", id="7")).error == "unavailable"
    assert len(upstream.requests) == 3


async def test_a_body_that_ends_with_its_connection_is_read_to_the_end(tmp_path: Path) -> None:
    """F27: HTTP/1.0 without Content-Length."""
    old = raw(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"name": "a"}', close=True)
    async with RawUpstream([old]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        assert (await run(toolset, "getThing", id="7")).content["data"] == {"name": "a"}


async def test_a_redirect_loop_is_one_request(tmp_path: Path) -> None:
    """A48, A49, F18: 307 with the credential and the body in hand: neither goes anywhere else, nor here again."""
    async with RawUpstream([OK]) as elsewhere, RawUpstream([]) as upstream:
        upstream.plays = [answer(None, 307, Location=f"{elsewhere.url}/api/things")]
        async with outside(write_catalogue(tmp_path, upstream.url)) as toolset:
            assert (await run(toolset, "makeThing", name="x")).error == "unknown_outcome"
        upstream.plays = [answer(None, 301, Location=f"{upstream.url}/api/things/7")]
        async with outside(write_catalogue(tmp_path, upstream.url)) as toolset:
            assert (await run(toolset, "getThing", id="7")).error == "upstream_redirect"
    assert (len(upstream.requests), elsewhere.connections) == (2, 0)


async def test_an_outcome_of_one_resident_is_not_kept_for_another(tmp_path: Path) -> None:
    """A50: Set-Cookie in one resident's answer, the next one's request on the same connection has none."""
    async with RawUpstream([answer({}, Set_Cookie="s=alice; Path=/; HttpOnly")]) as upstream:
        catalogue = write_catalogue(tmp_path, upstream.url)
        async with outside(catalogue, "alice-token-1234") as alice:
            assert (await run(alice, "getThing", id="7")).ok
            bob = type(alice)(alice._outside, None)
            await run(bob, "listKinds")
    assert upstream.connections == 1
    assert [received.header("cookie") for received in upstream.requests] == [None, None]
    assert [received.header("authorization") for received in upstream.requests] == ["Bearer alice-token-1234", None]


async def test_each_upstream_gets_what_its_own_entry_says(tmp_path: Path) -> None:
    """A76, A77: the resident's token goes to the upstream whose `auth` takes it; another one gets a fixed key of the
    gateway's, a third one nothing."""
    (tmp_path / "things.json").write_text(json.dumps(DOCUMENT), encoding="utf-8")
    async with RawUpstream([OK]) as bill, RawUpstream([OK]) as parking, RawUpstream([OK]) as repair:
        own_key = {"header": "X-Key", "fixed": "own"}
        said = {
            "bill": {"document": "things.json", "base_url": bill.url},
            "parking": {"document": "things.json", "base_url": parking.url, "auth": own_key},
            "repair": {"document": "things.json", "base_url": repair.url, "auth": "none"},
        }
        (tmp_path / "upstreams.yaml").write_text(json.dumps({"upstreams": said}), encoding="utf-8")
        catalogue = load_catalogue(tmp_path / "upstreams.yaml", {})
        async with outside(catalogue) as toolset:
            names = [name for name, target in catalogue.tools.items() if target.operation_name == "getThing"]
            assert len(names) == 3
            for name in names:
                assert (await run(toolset, name, id="7")).ok
    tokens = [upstream.requests[0].header("authorization") for upstream in (bill, parking, repair)]
    assert tokens == [f"Bearer {TOKEN}", None, None]
    assert [upstream.requests[0].header("x-key") for upstream in (bill, parking, repair)] == [None, "own", None]
    assert TOKEN not in repr([parking.requests, repair.requests])


async def test_ten_thousand_cancelled_calls_leave_nothing(tmp_path: Path) -> None:
    """F33: cancelled before, while and after they are sent: no place, connection, task or file is left, and the next
    call succeeds."""

    async def sometimes(received: Received, writer: asyncio.StreamWriter) -> None:
        if received.target.endswith("0"):
            await OK(received, writer)
        else:
            await silence()(received, writer)

    async with RawUpstream([sometimes]) as upstream:
        settings = UpstreamSettings.model_validate({"document": "d", "base_url": upstream.url})
        client = UpstreamClient(settings)
        loop_tasks = len(asyncio.all_tasks())

        async def call(number: int) -> str:
            return await sent(client, f"{upstream.url}/{number}", Repeatability("read", "GET"))

        for batch in range(200):
            tasks = [asyncio.create_task(call(batch * 50 + number)) for number in range(50)]
            for _ in range(batch % 12):
                await asyncio.sleep(0)
            if batch % 12 == 11:
                await asyncio.sleep(0.005)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert (client.status.in_flight, client.status.waiting) == (0, 0)
        assert client.status.breaker == "closed"
        assert await call(0) == "200"
        assert client.status.idle_connections <= 32
        async with asyncio.timeout(10):
            while upstream.open_connections > client.status.idle_connections:
                await asyncio.sleep(0.01)
        await client.close()
        async with asyncio.timeout(10):
            while upstream.open_connections or len(asyncio.all_tasks()) > loop_tasks:
                await asyncio.sleep(0.01)
        gc.collect()
