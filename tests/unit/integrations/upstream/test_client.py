"""What the client does on the wire, against real sockets: retries, no second write, caps, deadlines, nothing kept."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from integrations.upstream.client import UpstreamClient
from integrations.upstream.config import UpstreamSettings
from schemas.errors import ConfigurationError
from tests.support.outside import TOKEN, outside, run, write_catalogue
from tests.support.raw_upstream import Play, RawUpstream, answer, drip, hang_up, raw, reset, silence

OK = answer({"name": "a"})
FAST = "    timeouts: {connect_s: 1, attempt_s: 0.5}\n"


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@pytest.mark.parametrize(
    "broken", [hang_up(), reset(), raw(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{", close=True)]
)
async def test_a_read_is_tried_again_after_a_broken_answer(tmp_path: Path, broken: Play) -> None:
    """F05, F06, F08: the second attempt's answer counts."""
    async with RawUpstream([broken, OK]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        result = await run(toolset, "getThing", id="7")
    assert result.content["data"] == {"name": "a"}
    assert [received.method for received in upstream.requests] == ["GET", "GET"]


@pytest.mark.parametrize("broken", [hang_up(), reset(), silence()])
async def test_a_write_that_was_sent_is_never_sent_again(tmp_path: Path, broken: Play) -> None:
    """F05–F07, F10: the outcome is unknown, and that is what the result says."""
    async with RawUpstream([broken, OK]) as upstream, outside(write_catalogue(tmp_path, upstream.url, FAST)) as toolset:
        result = await run(toolset, "makeThing", name="x")
    assert result.error == "unknown_outcome"
    assert "Things" in result.content["message"]
    assert len(upstream.requests) == 1


async def test_a_write_with_an_idempotency_key_is_sent_again_with_the_same_key(tmp_path: Path) -> None:
    """The upstream honours the key, so the second sending does nothing twice."""
    more = "    operations:\n      makeThing: {idempotency: {header: Idempotency-Key}}\n"
    async with (
        RawUpstream([hang_up(), OK]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more)) as toolset,
    ):
        result = await run(toolset, "makeThing", key="approval-1", name="x")
    assert result.ok
    assert [received.header("idempotency-key") for received in upstream.requests] == ["approval-1", "approval-1"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_trouble_after_an_attempt_that_may_have_been_executed_leaves_the_outcome_unknown(
    tmp_path: Path, status: int
) -> None:
    """The first sending was lost on the way back; that the second one was refused says nothing of the first."""
    more = "    operations:\n      makeThing: {idempotency: {header: Idempotency-Key}, unless_executed: [503]}\n"
    async with (
        RawUpstream([hang_up(), answer({"message": "busy"}, status)]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more)) as toolset,
    ):
        result = await run(toolset, "makeThing", key="approval-1", name="x")
    assert result.error == "unknown_outcome"
    assert len(upstream.requests) >= 2


async def test_a_write_that_never_left_is_tried_again_and_then_unavailable(tmp_path: Path) -> None:
    """F01: nobody listens, so no byte was sent; three attempts, then a sentence, not an unknown outcome."""
    waits: list[float] = []

    async def remember(seconds: float) -> None:
        waits.append(seconds)

    catalogue = write_catalogue(tmp_path, f"http://127.0.0.1:{free_port()}")
    async with outside(catalogue, sleep=remember) as toolset:
        result = await run(toolset, "makeThing", name="x")
    assert result.error == "unavailable"
    assert len(waits) == 2


async def test_a_write_reaches_an_upstream_that_comes_back_in_between(tmp_path: Path) -> None:
    """F01: the port opens between two attempts; the write arrives once."""
    upstream = RawUpstream([answer({"id": 1}, 201)], port=free_port())

    async def open_it(_: float) -> None:
        if not upstream.connections:
            await upstream.__aenter__()

    async with outside(write_catalogue(tmp_path, upstream.url), sleep=open_it) as toolset:
        result = await run(toolset, "makeThing", name="x")
    await upstream.__aexit__()
    assert result.ok
    assert len(upstream.requests) == 1


async def test_throttling_is_waited_out_as_long_as_asked(tmp_path: Path) -> None:
    """F19: Retry-After is a floor under the own backoff."""
    waits: list[float] = []

    async def remember(seconds: float) -> None:
        waits.append(seconds)

    busy = answer({}, 429, Retry_After="2")
    async with (
        RawUpstream([busy, OK]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url), sleep=remember) as toolset,
    ):
        result = await run(toolset, "getThing", id="7")
    assert result.ok
    assert len(waits) == 1
    assert waits[0] >= 2


async def test_throttling_beyond_the_deadline_is_told_at_once(tmp_path: Path) -> None:
    """F19: where the wait does not fit the deadline, the result says how long it would be."""
    busy = answer({}, 429, Retry_After="25")
    async with RawUpstream([busy, OK]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        result = await run(toolset, "getThing", id="7")
    assert (result.error, result.content["retry_after_s"]) == ("rate_limited", 25)
    assert len(upstream.requests) == 1


async def test_unless_executed_lets_a_write_be_tried_again(tmp_path: Path) -> None:
    """A status that proves that nothing was done allows a second sending; another one does not."""
    more = "    operations:\n      makeThing: {unless_executed: [429]}\n"
    async with (
        RawUpstream([answer({}, 429), OK]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more)) as toolset,
    ):
        assert (await run(toolset, "makeThing", name="x")).ok
    async with (
        RawUpstream([answer({}, 503), OK]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more)) as toolset,
    ):
        assert (await run(toolset, "makeThing", name="x")).error == "unavailable"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(("status", "code"), [(500, "unavailable"), (502, "unknown_outcome"), (504, "unknown_outcome")])
async def test_a_gateway_s_error_on_a_write_leaves_it_unknown(tmp_path: Path, status: int, code: str) -> None:
    """F22, F24: 500 is the upstream's own failure; 502 and 504 say nothing of what it did. Neither is sent again."""
    async with (
        RawUpstream([answer({}, status)]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url)) as toolset,
    ):
        assert (await run(toolset, "makeThing", name="x")).error == code
    assert len(upstream.requests) == 1


async def test_a_body_that_drips_for_ever_meets_the_attempt_s_deadline(tmp_path: Path) -> None:
    """F11, A52: each byte comes in time, the whole never does."""
    endless = drip(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\n\r\n", b" ", 0.05)
    async with RawUpstream([endless]) as upstream, outside(write_catalogue(tmp_path, upstream.url, FAST)) as toolset:
        result = await run(toolset, "getThing", id="7", within_s=2)
    assert result.error == "timeout"


async def test_no_attempt_begins_with_too_little_time_left(tmp_path: Path) -> None:
    """Less than 300 ms before the deadline nothing is sent."""
    async with RawUpstream([OK]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        result = await run(toolset, "getThing", id="7", within_s=0.2)
    assert result.error == "timeout"
    assert upstream.requests == []


@pytest.mark.parametrize("packed", [False, True])
async def test_a_body_beyond_the_cap_is_cut_off(tmp_path: Path, packed: bool) -> None:
    """F12, F13, F28: reading stops at max_bytes, unpacked or not."""
    big = b'{"a": "' + b"x" * 3_000_000 + b'"}'
    play = answer(gzip.compress(big), Content_Encoding="gzip") if packed else answer(big)
    async with RawUpstream([play]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        result = await run(toolset, "getThing", id="7")
    assert result.error == "too_large"
    assert upstream.requests[0].header("accept-encoding") == "identity"


async def test_gzip_that_nobody_asked_for_is_still_read(tmp_path: Path) -> None:
    """A proxy that packs everything does no harm."""
    play = answer(gzip.compress(b'{"name": "a"}'), Content_Encoding="gzip")
    async with RawUpstream([play]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        assert (await run(toolset, "getThing", id="7")).content["data"] == {"name": "a"}


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:1/x", "file:///etc/passwd", "gopher://x", "//evil.example/", "\x7f"]
)
async def test_a_redirect_is_never_followed(tmp_path: Path, location: str) -> None:
    """F18, A48, A49: a read fails, a write's outcome is unknown, and nothing is asked of another place."""
    play = answer(None, 307, Location=location)
    async with RawUpstream([play]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        assert (await run(toolset, "getThing", id="7")).error == "upstream_redirect"
        assert (await run(toolset, "makeThing", name="x")).error == "unknown_outcome"
    assert len(upstream.requests) == 2


async def test_no_cookie_is_kept(tmp_path: Path) -> None:
    """A50: what one answer sets is not sent with the next request."""
    play = answer({}, Set_Cookie="session=alice; Path=/")
    async with RawUpstream([play]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        await run(toolset, "getThing", id="7")
        await run(toolset, "getThing", id="8")
    assert [received.header("cookie") for received in upstream.requests] == [None, None]


async def test_the_environment_s_proxy_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A72: HTTP_PROXY would have sent the token to somebody else."""
    async with RawUpstream([answer({}, 418)]) as proxy, RawUpstream([OK]) as upstream:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with outside(write_catalogue(tmp_path, upstream.url)) as toolset:
            assert (await run(toolset, "getThing", id="7")).ok
    assert proxy.requests == []


async def test_a_full_bulkhead_refuses_at_once(tmp_path: Path) -> None:
    """F32: one in flight, one waiting, the third is refused while the upstream still thinks."""
    more = "    concurrency: {in_flight: 1, waiting: 1}\n    timeouts: {attempt_s: 0.6}\n    retry: {attempts: 1}\n"
    async with RawUpstream([silence()]) as upstream, outside(write_catalogue(tmp_path, upstream.url, more)) as toolset:
        calls = [asyncio.create_task(run(toolset, "getThing", id=str(number))) for number in range(3)]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        first = next(iter(done)).result()
        others = await asyncio.gather(*calls)
    assert first.error == "unavailable"
    assert sorted(str(result.error) for result in others) == ["timeout", "timeout", "unavailable"]
    assert len(upstream.requests) <= 2


async def test_the_budget_ends_a_retry_storm(tmp_path: Path) -> None:
    """F21: after ten retries in a row an upstream that is down gets one attempt per call."""
    more = "    breaker: {failures: 1000, rate: 1, min_calls: 1000}\n"
    async with RawUpstream([answer({}, 503)]) as upstream:
        catalogue = write_catalogue(tmp_path, upstream.url, more)
        async with outside(catalogue) as toolset:
            for _ in range(20):
                assert (await run(toolset, "getThing", id="7", within_s=60)).error == "unavailable"
    assert 20 + 10 <= len(upstream.requests) <= 20 + 10 + 2


async def test_plain_http_where_tls_is_expected_is_not_tried_again(tmp_path: Path) -> None:
    """F04: a handshake that fails is an alarm, not an outage."""
    async with RawUpstream([OK], greeting=raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as upstream:
        catalogue = write_catalogue(tmp_path, upstream.url.replace("http:", "https:"))
        async with outside(catalogue) as toolset:
            result = await run(toolset, "getThing", id="7")
    assert result.error == "upstream_tls"
    assert upstream.connections == 1


async def test_the_target_is_sent_as_it_was_built(tmp_path: Path) -> None:
    """Percent-encoding reaches the wire as the builder wrote it."""
    async with RawUpstream([OK]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        await run(toolset, "getThing", id="a/b?c|d%2e 粤")
    assert upstream.requests[0].target == "/api/things/a%2Fb%3Fc%7Cd%252e%20%E7%B2%A4"


async def test_the_credential_goes_to_the_upstream_and_into_no_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A78: an upstream that echoes the token everywhere and then dies does not bring it into result, log or repr."""
    caplog.set_level("DEBUG")
    caplog.set_level("WARNING", "httpcore")  # as the logging set-up does: it would write out headers
    echo = answer({"seen": f"Bearer {TOKEN}", TOKEN: [TOKEN]}, 200, X_Echo=TOKEN)
    async with RawUpstream([echo, hang_up()]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        result = await run(toolset, "getThing", id="7")
        failed = await run(toolset, "makeThing", name="x")
        shown = json.dumps([result.content, failed.content]) + repr(toolset) + repr(toolset._outside)
    assert upstream.requests[0].header("authorization") == f"Bearer {TOKEN}"
    out = capsys.readouterr()
    assert TOKEN not in shown + out.out + out.err + caplog.text


async def test_connections_are_closed_with_the_client(tmp_path: Path) -> None:
    """A connection is kept alive between calls; a closed client leaves none behind, and may be closed twice."""
    async with RawUpstream([OK]) as upstream:
        async with outside(write_catalogue(tmp_path, upstream.url)) as toolset:
            await run(toolset, "getThing", id="7")
            await run(toolset, "getThing", id="8")
            assert (upstream.connections, upstream.open_connections) == (1, 1)
        async with asyncio.timeout(5):
            while upstream.open_connections:
                await asyncio.sleep(0.01)
        assert upstream.open_connections == 0
    client = UpstreamClient(UpstreamSettings.model_validate({"document": "d", "base_url": "http://127.0.0.1:1"}))
    await client.close()
    await client.close()


async def test_a_connection_that_the_upstream_closed_meanwhile_is_not_used(tmp_path: Path) -> None:
    """F09: kept alive, then closed by the upstream (a restart, say): the write goes out once, on a new one."""
    closing = raw(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", close=True)
    async with RawUpstream([closing]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        assert (await run(toolset, "getThing", id="7")).ok
        await asyncio.sleep(0.05)  # the end of the connection has to arrive here
        assert (await run(toolset, "makeThing", name="x")).ok
    assert (len(upstream.requests), upstream.connections) == (2, 2)


async def test_connections_are_kept_between_calls(tmp_path: Path) -> None:
    """Two calls one after the other need one connection."""
    async with RawUpstream([OK]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        assert (await run(toolset, "getThing", id="7")).ok
        assert (await run(toolset, "getThing", id="8")).ok
    assert (len(upstream.requests), upstream.connections) == (2, 1)


async def test_one_event_tells_of_each_call(tmp_path: Path) -> None:
    """Upstream, operation, status, outcome, attempts and duration; no URL, no argument, no token."""
    busy = answer({}, 503)
    with capture_logs() as events:
        async with RawUpstream([busy, OK]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
            await run(toolset, "listThings", since="secret-argument")
    (event,) = events
    assert isinstance(event.pop("duration_ms"), int)
    assert event == {
        "event": "upstream_call",
        "log_level": "info",
        "upstream": "things",
        "operation": "listThings",
        "method": "GET",
        "status": 200,
        "outcome": "ok",
        "attempts": 2,
    }


def test_tls_files_that_are_missing_are_a_mistake_of_the_configuration() -> None:
    """Said at start-up, not at the first call."""
    settings = UpstreamSettings.model_validate(
        {"document": "d", "base_url": "https://h", "tls": {"ca_file": "/nowhere/ca.pem"}}
    )
    with pytest.raises(ConfigurationError, match="tls files"):
        UpstreamClient(settings)
