"""The circuit breaker as a caller meets it: what counts, what a resident is told, who may try again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from integrations.toolset import CatalogueToolset, CatalogueToolsets
from schemas.tool import ToolResult
from tests.support.fakes import StoppedClock
from tests.support.outside import TOKEN, outside, run, write_catalogue
from tests.support.raw_upstream import Play, RawUpstream, answer, hang_up, raw, silence

OK = answer({"name": "a"})
ONCE = "    retry: {attempts: 1}\n"


async def read(toolset: CatalogueToolset, times: int = 1) -> ToolResult:
    """The last of so many reads one after the other."""
    for _ in range(times):
        result = await run(toolset, "getThing", id="7")
    return result


@pytest.mark.parametrize(
    "failing", [answer({}, 500), answer({}, 503), answer({}, 408), answer({}, 429), hang_up(), raw(b"nonsense\r\n\r\n")]
)
async def test_five_failures_open_the_circuit_and_the_upstream_is_left_alone(tmp_path: Path, failing: Play) -> None:
    """F21: 5xx, 408, 429, broken connections and answers; the sixth call is refused here, with a sentence and the
    seconds to wait."""
    async with (
        RawUpstream([failing]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, ONCE), clock=StoppedClock()) as toolset,
    ):
        await read(toolset, 5)
        refused = await read(toolset, 20)
    assert len(upstream.requests) == 5
    assert refused.error == "unavailable"
    assert "Things does not answer right now" in refused.content["message"]
    assert refused.content["retry_after_s"] == 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
async def test_a_refusal_is_no_failure_of_the_upstream(tmp_path: Path, status: int) -> None:
    """F25, F26: 4xx are answers, to the model too; ten of them leave the circuit closed, none is asked for again."""
    async with (
        RawUpstream([answer({"message": "no"}, status)]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url)) as toolset,
    ):
        errors = {(await read(toolset)).error for _ in range(10)}
    assert len(upstream.requests) == 10
    assert errors <= {"business", "not_found", "login_required", "forbidden"}


async def test_a_business_message_with_500_is_no_failure_of_the_upstream(tmp_path: Path) -> None:
    """A legacy upstream says "no" with HTTP 500 and a sentence; ten residents who hear it do not close it for all."""
    more = "    errors: {business: {text_500: true}}\n"
    async with (
        RawUpstream([answer("房屋不存在", 500, "text/plain; charset=utf-8")]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more)) as toolset,
    ):
        assert {(await read(toolset)).error for _ in range(10)} == {"business"}
    assert len(upstream.requests) == 10


async def test_timeouts_open_the_circuit_unless_the_caller_had_no_time(tmp_path: Path) -> None:
    """An attempt that had its time counts; one that its turn's deadline cut to a third of a second says nothing."""
    more = ONCE + "    timeouts: {attempt_s: 5}\n    breaker: {failures: 2}\n"
    catalogue = write_catalogue(tmp_path, "http://127.0.0.1:1", more)
    async with RawUpstream([silence()]) as upstream:
        catalogue = write_catalogue(tmp_path, upstream.url, more)
        async with outside(catalogue) as toolset:
            for _ in range(3):
                assert (await run(toolset, "getThing", id="7", within_s=0.35)).error == "timeout"
            assert len(upstream.requests) == 3
            for _ in range(2):
                assert (await run(toolset, "getThing", id="7", within_s=1.6)).error == "timeout"
            assert (await run(toolset, "getThing", id="7", within_s=1.6)).error == "unavailable"
    assert len(upstream.requests) == 5


async def test_half_open_a_read_tries_and_a_write_does_not(tmp_path: Path) -> None:
    """F21: after `open_s` a write is refused without having been sent, a read is let through, then everything is."""
    clock = StoppedClock()
    async with (
        RawUpstream([*[answer({}, 503)] * 5, OK]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, ONCE), clock=clock) as toolset,
    ):
        with capture_logs() as events:
            await read(toolset, 5)
            clock.now += 5
            assert (await run(toolset, "makeThing", name="x")).error == "unavailable"
            assert (await read(toolset)).ok
            assert (await run(toolset, "makeThing", name="x")).ok
    assert [received.method for received in upstream.requests] == ["GET"] * 6 + ["POST"]
    told = [(event["upstream"], event["state"], event["log_level"]) for event in events if "state" in event]
    assert told == [("things", "open", "warning"), ("things", "half_open", "info"), ("things", "closed", "info")]


async def test_a_cancelled_probe_leaves_the_place_to_the_next(tmp_path: Path) -> None:
    """The resident who asked left; the next read is let through at once."""
    clock = StoppedClock()
    async with (
        RawUpstream([*[answer({}, 503)] * 5, silence(), OK]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, ONCE), clock=clock) as toolset,
    ):
        await read(toolset, 5)
        clock.now += 5
        probe = asyncio.create_task(read(toolset))
        while len(upstream.requests) < 6:
            await asyncio.sleep(0.01)
        assert (await read(toolset)).error == "unavailable"
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        assert (await read(toolset)).ok


async def test_a_call_counts_once_however_many_attempts_it_makes(tmp_path: Path) -> None:
    """Four calls of three attempts each leave the circuit closed; the fifth one opens it."""
    async with (
        RawUpstream([answer({}, 503)]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url), clock=StoppedClock()) as toolset,
    ):
        await read(toolset, 4)
        assert len(upstream.requests) == 12
        assert "retry_after_s" not in (await read(toolset)).content
        assert (await read(toolset)).content["retry_after_s"] == 5


class Meanwhile:
    """A `sleep` between two attempts in which somebody else's call fails, and opens the circuit."""

    def __init__(self) -> None:
        self.toolset: CatalogueToolset | None = None

    async def __call__(self, _: float) -> None:
        toolset, self.toolset = self.toolset, None
        if toolset is not None:
            await read(toolset)


async def test_an_attempt_that_is_refused_here_does_not_hide_what_the_upstream_said(tmp_path: Path) -> None:
    """The first attempt was answered 429, then the circuit opened: the result is that answer's, not the refusal's."""
    meanwhile = Meanwhile()
    async with (
        RawUpstream([answer({}, 429, Retry_After="1")]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, "    breaker: {failures: 1}\n"), sleep=meanwhile) as toolset,
    ):
        meanwhile.toolset = toolset
        result = await run(toolset, "listThings")
    assert (result.error, result.content["retry_after_s"]) == ("rate_limited", 1)
    assert [received.target for received in upstream.requests] == ["/api/things", *["/api/things/7"] * 3]


async def test_a_write_that_may_have_been_done_stays_unknown_whatever_follows(tmp_path: Path) -> None:
    """F05, F06: a write with a key was sent, its answer was lost; then the upstream went away, or its circuit opened:
    "unavailable" would be a lie."""
    keyed = "    operations:\n      makeThing: {idempotency: {header: Idempotency-Key}}\n"
    upstream = RawUpstream([hang_up()])
    await upstream.__aenter__()

    async def go_away(_: float) -> None:
        await upstream.__aexit__()

    async with outside(write_catalogue(tmp_path, upstream.url, keyed), sleep=go_away) as toolset:
        assert (await run(toolset, "makeThing", name="x")).error == "unknown_outcome"
    assert len(upstream.requests) == 1
    meanwhile = Meanwhile()
    async with (
        RawUpstream([hang_up()]) as again,
        outside(
            write_catalogue(tmp_path, again.url, keyed + "    breaker: {failures: 1}\n"), sleep=meanwhile
        ) as toolset,
    ):
        meanwhile.toolset = toolset
        assert (await run(toolset, "makeThing", name="x")).error == "unknown_outcome"
    assert [received.method for received in again.requests] == ["POST", "GET", "GET", "GET"]


async def test_the_state_can_be_read(tmp_path: Path) -> None:
    """For health and metrics: breaker, bulkhead, kept connections and retry budget by upstream."""
    async with RawUpstream([OK, *[answer({}, 503)]]) as upstream:
        toolsets = CatalogueToolsets(write_catalogue(tmp_path, upstream.url, ONCE))
        toolset = toolsets.for_token(TOKEN)
        await read(toolset)
        status = toolsets.status["things"]
        assert (status.breaker, status.in_flight, status.waiting) == ("closed", 0, 0)
        assert (status.idle_connections, status.retry_tokens) == (1, 10)
        await read(toolset, 5)
        assert toolsets.status["things"].breaker == "open"
        await toolsets.close()
        assert toolsets.status["things"].idle_connections == 0
