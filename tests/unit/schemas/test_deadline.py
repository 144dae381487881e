"""One clock for a whole turn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.deadline import Deadline
from tests.support.fakes import StoppedClock

seconds = st.floats(0, 1000)


@given(seconds, seconds)
def test_what_remains_is_never_negative(length: float, later: float) -> None:
    """And it is zero exactly when the deadline has passed."""
    clock = StoppedClock()
    deadline = Deadline.after(length, clock)
    clock.now += later
    assert deadline.remaining_s() >= 0
    assert deadline.passed == (deadline.remaining_s() == 0)


@given(seconds, seconds)
def test_an_attempts_deadline_is_never_later_than_its_calls(length: float, attempt: float) -> None:
    """The sooner of the two, on the same clock."""
    clock = StoppedClock()
    deadline = Deadline.after(length, clock)
    sooner = deadline.sooner(attempt)
    assert sooner.at == min(deadline.at, clock.now + attempt)
    assert sooner.clock is clock
