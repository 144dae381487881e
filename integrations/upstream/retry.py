"""When a call is tried again, and how long it waits: pure rules of one upstream; `client.py` hands them to tenacity."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from schemas.tool import Effect

BASE_S = 0.05
THROTTLED_BASE_S = 1.0
MAX_BACKOFF_S = 2.0
MAX_RETRY_AFTER_S = 30.0
# No attempt starts with less than this left of its deadline.
MIN_ATTEMPT_S = 0.3

Stage = Literal["unsent", "sent", "answered"]
# `address`: outside of `networks`. `unreadable`: came, but not as HTTP should be. `busy` and `open`: refused here, by
# bulkhead or breaker. `status`: a whole answer.
Cause = Literal["connect", "tls", "address", "timeout", "broken", "unreadable", "busy", "open", "status"]
# They would be the same a moment later, and a full bulkhead only fuller.
_FINAL = frozenset({"tls", "address", "unreadable", "busy", "open"})


@dataclass(frozen=True, slots=True)
class Repeatability:
    """What may be repeated of one call. `keyed`: it carries an idempotency key that the upstream honours.

    `statuses` are those that make a read try again, `unless_executed` those that prove that a write was not done.
    """

    effect: Effect
    method: str
    keyed: bool = False
    statuses: frozenset[int] = frozenset()
    unless_executed: frozenset[int] = frozenset()

    def after_failure(self, stage: Stage, cause: Cause) -> bool:
        """No answer, or a broken one: `stage` says how far the request came."""
        if cause in _FINAL:
            return False
        if stage == "unsent":
            return True
        if self.effect == "read":
            return True
        return stage == "sent" and self.keyed

    def after_status(self, status: int) -> bool:
        """A whole answer with this status."""
        if self.effect == "write":
            return status in self.unless_executed
        return status in self.statuses or (status == 500 and self.method == "GET")


def backoff_s(failures: int, throttled: bool, uniform: Callable[[float, float], float]) -> float:
    """Full jitter after `failures` failed attempts."""
    base = THROTTLED_BASE_S if throttled else BASE_S
    return uniform(0, min(MAX_BACKOFF_S, base * 2 ** (failures - 1)))


def retry_after_s(value: str | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """Seconds that `Retry-After` asks for (RFC 9110 §10.2.3), 0 to 30; None if it says nothing usable."""
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else _until(text, now())
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return max(0.0, min(MAX_RETRY_AFTER_S, seconds)) if math.isfinite(seconds) else MAX_RETRY_AFTER_S


def _until(text: str, now: datetime) -> float:
    at = parsedate_to_datetime(text)
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()


class RetryBudget:
    """10 tokens at the start and at most, a tenth for each call, one for each retry: no storm onto a dead upstream."""

    __slots__ = ("_tokens",)

    LIMIT = 10.0

    def __init__(self) -> None:
        self._tokens = self.LIMIT

    @property
    def tokens(self) -> float:
        return self._tokens

    def earn(self) -> None:
        """A call began."""
        self._tokens = min(self.LIMIT, self._tokens + 0.1)

    def spend(self) -> bool:
        """True if a retry may be made now."""
        # A tenth is no exact float: ten of them are worth a token.
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True
