"""Rates and caps on a stopped clock: what is refused, for how long exactly, and that memory is bounded (A04, A10)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import parse
from limits.strategies import MovingWindowRateLimiter

from blueprints.limits import Guard, Seat, TooManyConnections, Windows, wait_until
from schemas.errors import FrameRefused
from tests.support.limits import Clock, guard


def refusal(act: object) -> FrameRefused:
    assert callable(act)
    with pytest.raises(FrameRefused) as caught:
        act()
    assert caught.value.code == "rate_limited"
    assert caught.value.retry_after_ms is not None
    return caught.value


def test_the_twenty_first_message_in_ten_seconds_is_refused() -> None:
    """A10: 20 pass at once, then none until the first of them is ten seconds old."""
    clock = Clock()
    seat = guard(clock).enter("192.0.2.1")
    for _ in range(20):
        seat.message()
    refused = refusal(seat.message)
    clock.now += 9.99
    refusal(seat.message)
    clock.now = 1000 + (refused.retry_after_ms or 0) / 1000
    seat.message()


@given(
    gaps=st.lists(st.floats(min_value=0, max_value=3), min_size=1, max_size=60),
    start=st.floats(min_value=0, max_value=1e9),
    rate=st.sampled_from(["1/second", "3/2 seconds", "5/10 seconds"]),
)
def test_to_wait_as_long_as_the_refusal_says_is_enough(gaps: list[float], start: float, rate: str) -> None:
    """Whatever the clock and the rhythm: the message after `retry_after_ms` is taken."""
    clock = Clock(start)
    seat = guard(clock, connection=rate).enter("192.0.2.1")
    for gap in gaps:
        clock.now += gap
        try:
            seat.message()
        except FrameRefused as refused:
            clock.now += (refused.retry_after_ms or 0) / 1000
            seat.message()


@given(reset=st.floats(min_value=0, max_value=1e9), now=st.floats(min_value=0, max_value=1e9))
def test_a_wait_is_never_too_short_and_at_most_two_milliseconds_too_long(reset: float, now: float) -> None:
    """`wait_until` rounds up."""
    wait_ms = wait_until(reset, now)
    assert now + wait_ms / 1000 >= reset
    assert wait_ms >= 1
    assert wait_ms - 2.001 <= max(0.0, (reset - now) * 1000)


def test_the_longest_of_several_waits_counts() -> None:
    """Where connection and address are both full, the refusal names the later time, and neither is counted again."""
    clock = Clock()
    limits = guard(clock, connection="1/10 seconds", address="1/minute")
    seat = limits.enter("192.0.2.1")
    seat.message()
    assert refusal(seat.message).retry_after_ms == 60001


def test_a_refused_message_counts_nowhere() -> None:
    """A connection that is refused takes nothing from its address: a neighbour at the same address still speaks."""
    clock = Clock()
    limits = guard(clock, connection="2/10 seconds", address="4/minute")
    loud, quiet = limits.enter("192.0.2.1"), limits.enter("192.0.2.1")
    for _ in range(2):
        loud.message()
    for _ in range(50):
        refusal(loud.message)
    for _ in range(2):
        quiet.message()
    refusal(quiet.message)


def test_connections_of_one_address_and_of_one_subject_share_their_rate() -> None:
    """A10: fifty connections of one resident, or of one address, get no more than one."""
    limits = guard(address="30/minute", subject="5/minute")
    seats = [limits.enter("192.0.2.1") for _ in range(50)]
    for seat in seats[:30]:
        seat.message()
    refusal(seats[30].message)
    limits.enter("192.0.2.2").message()
    for _ in range(5):
        limits.subject("user123")
    refusal(lambda: limits.subject("user123"))
    limits.subject("user456")


def test_who_goes_on_after_being_refused_floods() -> None:
    """F50: as many refusals in a row as messages are allowed are borne; a whole window
    without one forgives them."""
    clock = Clock()
    seat = guard(clock).enter("192.0.2.1")
    for _ in range(20):
        seat.message()
    for _ in range(20):
        refusal(seat.message)
    assert not seat.floods
    clock.now += 11
    seat.message()
    for _ in range(19):
        seat.message()
    for _ in range(20):
        refusal(seat.message)
    assert not seat.floods
    refusal(seat.message)
    assert seat.floods


def test_who_keeps_above_the_rate_floods_however_slowly() -> None:
    """F50: three messages a second are ten refusals in ten seconds; what is admitted in between forgives none."""
    clock = Clock()
    seat = guard(clock).enter("192.0.2.1")
    sent = 0
    while not seat.floods:
        sent += 1
        assert sent < 200
        with suppress(FrameRefused):
            seat.message()
        clock.now += 1 / 3


def test_who_is_refused_now_and_then_and_waits_does_not_flood() -> None:
    """A burst of 21 every half minute, for an hour."""
    clock = Clock()
    seat = guard(clock, address="100000/minute").enter("192.0.2.1")
    for _ in range(120):
        for _ in range(20):
            seat.message()
        refusal(seat.message)
        clock.now += 30
    assert not seat.floods


def test_the_library_judges_by_its_own_moving_window() -> None:
    """`Windows` is a storage of the `limits` library: its strategy and statistics are used as they are."""
    clock = Clock(50)
    limiter, rate = MovingWindowRateLimiter(Windows(clock, 10)), parse("3/10 seconds")
    assert [limiter.hit(rate, "a") for _ in range(4)] == [True, True, True, False]
    assert limiter.get_window_stats(rate, "a") == (60, 0)
    assert limiter.get_window_stats(rate, "b") == (60, 3)
    clock.now = 60
    assert limiter.get_window_stats(rate, "a").remaining == 3


def test_windows_forget() -> None:
    """A10: keys whose window is over go, and above the bound the ones that were hit longest ago."""
    clock = Clock()
    windows = Windows(clock, max_keys=100)
    for number in range(1000):
        windows.acquire_entry(f"key{number}", 5, 10)
    assert len(windows) == 100
    assert windows.get_moving_window("key999", 5, 10)[1] == 1
    clock.now += 11
    windows.acquire_entry("new", 5, 10)
    assert len(windows) == 1
    windows.clear("new")
    assert windows.reset() == 0


def test_connections_are_capped_in_all_by_address_and_while_they_are_silent() -> None:
    """A04: each cap refuses the next one, and a connection that leaves makes room."""
    limits = guard(connections=3, per_address=2, silent=100)
    first, _ = limits.enter("a"), limits.enter("a")
    with pytest.raises(TooManyConnections):
        limits.enter("a")
    limits.enter("b")
    with pytest.raises(TooManyConnections):
        limits.enter("c")
    first.leave()
    first.leave()
    limits.enter("c")
    with pytest.raises(TooManyConnections):
        limits.enter("d")


class Crowd:
    """Connections by name, and who of them was closed, in that order."""

    def __init__(self, limits: Guard) -> None:
        self.limits, self.seats, self.closed = limits, dict[str, Seat](), list[str]()

    def enter(self, name: str, address: str | None = None) -> Seat:
        seat = self.seats[name] = self.limits.enter(address or name)

        def close(code: int, _: str) -> None:
            assert code == 4429
            self.closed.append(name)

        seat.watch(close)
        return seat


async def test_the_oldest_silent_connection_makes_room_for_a_new_one() -> None:
    """A04: connections that never sent a valid frame fill their own cap; one that speaks, or leaves, makes room too."""
    crowd = Crowd(guard(silent=2))
    first, second = crowd.enter("a"), crowd.enter("b")
    first.valid()
    first.valid()
    third = crowd.enter("c")
    assert crowd.closed == []
    crowd.enter("d")
    assert crowd.closed == ["b"]
    second.leave()  # it was not counted any more
    crowd.enter("e")
    assert crowd.closed == ["b", "c"]
    third.leave()
    crowd.seats["d"].leave()
    crowd.enter("f")
    assert crowd.closed == ["b", "c"]
    for seat in crowd.seats.values():
        seat.leave()


async def test_who_opens_most_silent_connections_loses_his_own() -> None:
    """A04: the others are unaffected, however long ago they came."""
    crowd = Crowd(guard(silent=10))
    for name in ("resident", "neighbour"):
        crowd.enter(name)
    for number in range(100):
        crowd.enter(f"attacker {number}", "evil")
    assert crowd.closed == [f"attacker {number}" for number in range(92)]
    crowd.enter("newcomer")
    assert crowd.closed[92:] == ["attacker 92"]
    for seat in crowd.seats.values():
        seat.leave()


async def test_a_connection_that_was_turned_out_counts_until_it_has_gone() -> None:
    """A04: the caps of all and of one address hold for those that are still closing."""
    crowd = Crowd(guard(silent=1, per_address=2))
    first, second = crowd.enter("1", "a"), crowd.enter("2", "a")
    with pytest.raises(TooManyConnections):
        crowd.enter("3", "a")
    first.leave()
    crowd.enter("3", "a").leave()
    second.leave()


async def test_silence_ends_with_4408() -> None:
    """A04: without a valid frame by the short limit, after one by the long one; a refused frame does not count."""
    clock = Clock()
    limits = guard(clock, idle_timeout_s=0.04, silent_timeout_s=0.02)
    silent, speaks = limits.enter("a"), limits.enter("a")
    closed: dict[str, int] = {}
    silent.watch(lambda code, _: closed.update(silent=code))
    speaks.watch(lambda code, _: closed.update(speaks=code))
    speaks.valid()
    clock.now += 0.03
    await until(lambda: "silent" in closed)
    assert closed == {"silent": 4408}
    clock.now += 0.02
    await until(lambda: "speaks" in closed)
    assert closed == {"silent": 4408, "speaks": 4408}


async def test_who_leaves_is_not_closed_later() -> None:
    """The timer ends with the connection."""
    clock = Clock()
    seat = guard(clock, silent_timeout_s=0.01).enter("a")
    closed: list[int] = []
    seat.watch(lambda code, _: closed.append(code))
    seat.leave()
    clock.now += 1
    await asyncio.sleep(0.05)
    assert closed == []


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
