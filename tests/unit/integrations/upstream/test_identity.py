"""Who a token is: asked once, remembered for a while, kept when the upstream is away, never asked in a storm."""

from __future__ import annotations

import asyncio
from pathlib import Path

from integrations.upstream.identity import LAST_GOOD_S
from schemas.deadline import Deadline
from schemas.tool import Caller
from tests.support.outside import IDENTITY, TOKEN, outside, run, write_catalogue
from tests.support.raw_upstream import RawUpstream, answer, silence

ME = answer({"userId": 42, "tenantId": "T1", "name": "张三"})
REFUSED = answer({}, 401)
DOWN = answer({}, 503)
BOUND = "    bind: {header.X-Tenant-Id: identity.tenant}\n"


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_verified_caller_has_a_subject_and_the_facts_that_bind_nothing(tmp_path: Path) -> None:
    """The subject owns; a field that fills a bound parameter is no fact for a model."""
    head = IDENTITY.replace("subject: userId,", "subject: userId, match_path: userId,")
    async with (
        RawUpstream([ME]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, BOUND, head)) as toolset,
    ):
        caller = await toolset.caller(Deadline.after(5))
    assert (caller.state, caller.owner) == ("verified", "42")
    assert caller.identity is not None
    assert (caller.identity.path_id, caller.identity.facts) == ("42", {"name": "张三"})


async def test_no_token_asks_nobody(tmp_path: Path) -> None:
    """Anonymous, and an operation that needs a login is refused without a call."""
    async with (
        RawUpstream([ME]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, head=IDENTITY), None) as toolset,
    ):
        assert await toolset.caller(Deadline.after(5)) == Caller("anonymous", None)
        assert (await run(toolset, "getThing", id="7")).error == "login_required"
    assert upstream.requests == []


async def test_many_at_once_ask_once(tmp_path: Path) -> None:
    """Single flight, then the cache, until it is `cache_s` old."""
    clock = Clock()
    async with (
        RawUpstream([ME]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, head=IDENTITY), clock=clock) as toolset,
    ):
        callers = await asyncio.gather(*(toolset.caller(Deadline.after(5)) for _ in range(20)))
        assert {caller.owner for caller in callers} == {"42"}
        assert len(upstream.requests) == 1
        clock.now += 61
        await toolset.caller(Deadline.after(5))
        assert len(upstream.requests) == 2


async def test_a_refused_token_is_not_asked_again_at_once_and_calls_nothing(tmp_path: Path) -> None:
    """No storm of 401: the refusal is kept a few seconds and ends every other call before it is sent."""
    clock = Clock()
    async with (
        RawUpstream([REFUSED]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, head=IDENTITY), clock=clock) as toolset,
    ):
        for _ in range(5):
            assert (await toolset.caller(Deadline.after(5))).state == "refused"
            assert (await run(toolset, "getThing", id="7")).error == "login_required"
        assert len(upstream.requests) == 1
        clock.now += 6
        await toolset.caller(Deadline.after(5))
        assert len(upstream.requests) == 2


async def test_the_last_good_answer_serves_while_the_upstream_is_away(tmp_path: Path) -> None:
    """For 1,800 s; then the caller is unknown, owned by a digest that does not tell the token."""
    clock = Clock()
    async with RawUpstream([ME, DOWN]) as upstream:
        catalogue = write_catalogue(tmp_path, upstream.url, "    retry: {attempts: 1}\n", IDENTITY)
        async with outside(catalogue, clock=clock) as toolset:
            await toolset.caller(Deadline.after(5))
            for _ in range(3):
                clock.now += 100
                assert (await toolset.caller(Deadline.after(5))).owner == "42"
            clock.now += LAST_GOOD_S
            caller = await toolset.caller(Deadline.after(5))
    assert (caller.state, caller.identity) == ("unknown", None)
    assert caller.owner
    assert TOKEN not in caller.owner


async def test_a_refusal_ends_the_last_good_answer(tmp_path: Path) -> None:
    """A token that expired is not saved by an earlier answer."""
    clock = Clock()
    async with RawUpstream([ME, REFUSED, DOWN]) as upstream:
        catalogue = write_catalogue(tmp_path, upstream.url, "    retry: {attempts: 1}\n", IDENTITY)
        async with outside(catalogue, clock=clock) as toolset:
            states = []
            for _ in range(3):
                states.append((await toolset.caller(Deadline.after(5))).state)
                clock.now += 70
    assert states == ["verified", "refused", "unknown"]


async def test_a_silent_identity_does_not_hold_a_caller(tmp_path: Path) -> None:
    """The caller's own deadline counts: unknown, and the question goes on for whoever comes next."""
    async with (
        RawUpstream([silence()]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, head=IDENTITY)) as toolset,
    ):
        assert (await toolset.caller(Deadline.after(0.1))).state == "unknown"


async def test_nobody_is_known_without_an_identity_operation(tmp_path: Path) -> None:
    """No `identity:`: two tokens own two different things, and calls go out as they are."""
    async with RawUpstream([answer({"a": 1})]) as upstream:
        catalogue = write_catalogue(tmp_path, upstream.url)
        key = b"k" * 32
        owners = []
        for token in ("token-number-1", "token-number-2", "token-number-1"):
            async with outside(catalogue, token, process_key=key) as toolset:
                owners.append((await toolset.caller(Deadline.after(5))).owner)
                assert (await run(toolset, "getThing", id="7")).ok
    assert owners[0] == owners[2] != owners[1]


async def test_an_upstream_s_401_makes_the_identity_be_asked_anew(tmp_path: Path) -> None:
    """A token that expired within the minute is found out with the next question."""
    async with (
        RawUpstream([ME, REFUSED]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, head=IDENTITY)) as toolset,
    ):
        assert (await toolset.caller(Deadline.after(5))).state == "verified"
        assert (await run(toolset, "getThing", id="7")).error == "login_required"
        assert (await toolset.caller(Deadline.after(5))).state == "refused"
