"""The circuit breaker's rules, each for itself, with a clock that moves only when told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from integrations.upstream.breaker import PROBE_EVERY_S, CircuitBreaker, State, Verdict
from integrations.upstream.config_calls import Breaker
from schemas.tool import Effect
from tests.support.fakes import StoppedClock


class Case:
    """A breaker with its clock and what it told."""

    def __init__(self, **settings: float) -> None:
        self.clock = StoppedClock()
        self.told: list[State] = []
        self.breaker = CircuitBreaker(Breaker.model_validate(settings), self.clock, self.told.append)

    def call(self, verdict: Verdict, effect: Effect = "read") -> bool:
        """One attempt from beginning to end; False if it was refused."""
        permit = self.breaker.admit(effect)
        if permit is not None:
            self.breaker.record(permit, verdict)
        return permit is not None

    def opened(self) -> Case:
        """After five failures in a row."""
        for _ in range(5):
            assert self.call("failed")
        assert self.breaker.state == "open"
        return self


def test_five_failures_in_a_row_open_it() -> None:
    """F21: the fifth in a row; a success in between starts the count again."""
    case = Case()
    verdicts: list[Verdict] = [*["failed"] * 4, "succeeded", *["failed"] * 4]
    assert all(case.call(verdict) for verdict in verdicts)
    assert case.breaker.state == "closed"
    case.call("failed")
    assert case.breaker.state == "open"
    assert not case.call("succeeded")
    assert case.told == ["open"]


def test_half_of_twenty_calls_in_ten_seconds_open_it() -> None:
    """The share counts from `min_calls` on: 10 of 20, not 9 of 19."""
    case = Case()
    for number in range(19):
        assert case.call("failed" if number % 2 == 0 and number < 18 else "succeeded")
    assert case.breaker.state == "closed"
    assert case.call("failed")
    assert case.breaker.state == "open"


def test_failures_older_than_the_window_do_not_count() -> None:
    """Ten failures, then ten seconds later ten more calls with few failures: the share is taken over the last ten."""
    case = Case()
    for number in range(18):
        case.call("failed" if number % 2 else "succeeded")
    case.clock.now += 11
    for number in range(20):
        assert case.call("failed" if number % 4 == 1 else "succeeded")
    assert case.breaker.state == "closed"


def test_it_stays_open_longer_each_time_up_to_the_most() -> None:
    """5 s, then 8 s and not 10, and again 8: an upstream that comes back is asked within 8 s."""
    case = Case().opened()
    for open_s in (5.0, 8.0, 8.0):
        case.clock.now += open_s - 0.01
        assert not case.call("succeeded")
        case.clock.now += 0.02
        assert case.breaker.state == "half_open"
        assert case.call("failed")
        assert case.breaker.state == "open"
    case.clock.now += 8.01
    assert case.call("succeeded")
    assert case.breaker.state == "closed"
    # and the next time it begins with 5 s again
    case.opened()
    case.clock.now += 5.01
    assert case.breaker.state == "half_open"


def test_a_write_is_no_probe() -> None:
    """While half open a write is refused, a read is let through and closes the circuit for both."""
    case = Case().opened()
    case.clock.now += 5
    assert not case.call("succeeded", "write")
    assert case.call("succeeded", "read")
    assert case.call("succeeded", "write")
    assert case.told == ["open", "half_open", "closed"]


def test_one_probe_at_a_time_and_another_when_it_hangs() -> None:
    """The second read within a second is refused; after it, one more may try although the first has not ended."""
    case = Case().opened()
    case.clock.now += 5
    hanging = case.breaker.admit("read")
    assert hanging is not None
    assert case.breaker.admit("read") is None
    case.clock.now += PROBE_EVERY_S
    second = case.breaker.admit("read")
    assert second is not None
    case.breaker.record(second, "succeeded")
    case.breaker.record(hanging, "failed")
    assert case.breaker.state == "closed"


def test_a_probe_that_says_nothing_lets_the_next_one_try_at_once() -> None:
    """Its caller left: neither success nor failure, and nobody has to wait for it."""
    case = Case().opened()
    case.clock.now += 5
    assert case.call("unknown")
    assert case.breaker.state == "half_open"
    assert case.call("succeeded")
    assert case.breaker.state == "closed"


def test_an_upstream_that_nobody_reads_is_tried_with_a_write_later() -> None:
    """Half open without a read for `max_open_s`: one write may, and one failure opens the circuit again."""
    case = Case().opened()
    case.clock.now += 5 + 7.9
    assert not case.call("failed", "write")
    case.clock.now += 0.2
    assert case.call("failed", "write")
    assert case.breaker.state == "open"
    case.clock.now += 8 + 8.1
    assert case.call("succeeded", "write")
    assert case.call("failed", "write")
    assert case.breaker.state == "closed"


def test_what_began_before_it_opened_changes_nothing_when_it_ends() -> None:
    """Calls that were under way: late failures do not lengthen the open state, late answers do not end it."""
    case = Case()
    late = [case.breaker.admit("read") for _ in range(4)]
    case.opened()
    verdicts: list[Verdict] = ["failed", "succeeded", "failed", "unknown"]
    for permit, verdict in zip(late, verdicts, strict=True):
        assert permit is not None
        case.breaker.record(permit, verdict)
    assert case.breaker.state == "open"
    assert case.breaker.opens_in_s == 5


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["succeeded", "failed", "unknown"]),
            st.sampled_from(["read", "write"]),
            st.floats(0, 3, allow_nan=False),
        ),
        max_size=200,
    )
)
def test_whatever_happens_it_is_open_for_at_most_eight_seconds(calls: list[tuple[Verdict, Effect, float]]) -> None:
    """After any history a read is let through within `max_open_s`, and its success closes the circuit."""
    case = Case()
    for verdict, effect, pause_s in calls:
        case.call(verdict, effect)
        case.clock.now += pause_s
        assert case.breaker.opens_in_s <= 8
        assert len(case.breaker._window) <= 11
    case.clock.now += 8.01
    assert case.call("succeeded")
    assert case.breaker.state == "closed"
