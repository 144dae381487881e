"""The rules of trying again, each for itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.upstream.retry import MAX_BACKOFF_S, Repeatability, RetryBudget, backoff_s, retry_after_s

READ = Repeatability("read", "GET", statuses=frozenset({429, 503}))
WRITE = Repeatability("write", "POST", statuses=frozenset({429, 503}))
KEYED = Repeatability("write", "POST", keyed=True)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("call", [READ, WRITE, KEYED])
def test_an_unsent_request_may_be_tried_again(call: Repeatability) -> None:
    """No byte left this process: any method, but never after a TLS failure."""
    assert call.after_failure("unsent", "connect")
    assert not call.after_failure("unsent", "tls")


def test_a_sent_write_is_tried_again_only_with_a_key() -> None:
    """Bytes were sent: reads and keyed writes; once headers arrived, reads alone."""
    assert READ.after_failure("sent", "broken")
    assert READ.after_failure("answered", "broken")
    assert not WRITE.after_failure("sent", "broken")
    assert KEYED.after_failure("sent", "timeout")
    assert not KEYED.after_failure("answered", "broken")


def test_statuses_repeat_reads_and_500_repeats_get() -> None:
    """Configured statuses on reads, 500 on GET alone; on writes what proves that nothing was done."""
    assert READ.after_status(503)
    assert READ.after_status(500)
    assert not Repeatability("read", "POST").after_status(500)
    assert not READ.after_status(404)
    assert not WRITE.after_status(503)
    assert Repeatability("write", "POST", unless_executed=frozenset({429})).after_status(429)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("2", 2.0),
        ("0", 0.0),
        ("999999999", 30.0),
        ("-5", None),
        ("soon", None),
        ("1e3", None),
        ("٣", None),
        ("Mon, 23 Nov 2026 12:00:10 GMT", 10.0),
        ("Mon, 23 Nov 2020 12:00:10 GMT", 0.0),
        ("Fri, 01 Jan 2099 00:00:00 GMT", 30.0),
    ],
)
def test_retry_after_is_read_within_bounds(value: str | None, seconds: float | None) -> None:
    """Seconds or a date, never below 0 or above 30; garbage says nothing."""
    assert retry_after_s(value, lambda: NOW) == seconds


@given(st.text(max_size=40))
def test_any_retry_after_is_harmless(value: str) -> None:
    """No text makes a wait outside of 0 to 30 seconds, or an exception."""
    seconds = retry_after_s(value)
    assert seconds is None or 0 <= seconds <= 30


@given(st.integers(1, 50), st.booleans())
def test_the_backoff_is_full_jitter_up_to_two_seconds(failures: int, throttled: bool) -> None:
    """uniform(0, min(2 s, base·2^(n-1)))."""
    lowest, highest = 0.0, min(MAX_BACKOFF_S, (1.0 if throttled else 0.05) * 2 ** (failures - 1))
    assert backoff_s(failures, throttled, lambda low, high: low) == lowest
    assert backoff_s(failures, throttled, lambda low, high: high) == highest


def test_the_budget_allows_a_tenth_of_the_calls_after_its_start() -> None:
    """10 retries at once, then one for every ten calls."""
    budget = RetryBudget()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(10):
        budget.earn()
    assert [budget.spend(), budget.spend()] == [True, False]
