"""The circuit breaker of one upstream: pure, its clock is given; `client.py` asks it before every attempt.

closed → open after too many failures → half-open after `open_s`, when one read after the other may try → closed after
the first that succeeds, open again (longer, up to `max_open_s`) after the first that fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from integrations.upstream.config_calls import Breaker as BreakerSettings
from schemas.tool import Effect

State = Literal["closed", "open", "half_open"]
Verdict = Literal["succeeded", "failed", "unknown"]

# A probe that hangs must not keep the next one waiting: an upstream that came back meanwhile answers that one.
PROBE_EVERY_S = 1.0
_BUCKETS = 10


@dataclass(slots=True)
class _Bucket:
    """A tenth of the window."""

    number: int
    calls: int = 0
    failures: int = 0


@dataclass(slots=True)
class Permit:
    """One attempt that was let through. `epoch` is the closed or half-open period that it belongs to."""

    epoch: int
    probe: bool = False


class CircuitBreaker:
    """`admit` before an attempt, `record` once with its permit afterwards, however it ended.

    What counts as a failure is decided by who records (`client.py`: of a call, the last attempt alone). What ends in a
    later period than it began in changes nothing, except that a probe's success always closes the circuit.
    """

    def __init__(
        self, settings: BreakerSettings, clock: Callable[[], float], on_change: Callable[[State], None] | None = None
    ) -> None:
        self._settings, self._clock, self._on_change = settings, clock, on_change
        self._told: State = "closed"
        self._epoch = 0
        self._window: deque[_Bucket] = deque()
        self._in_a_row = 0
        self._open_until: float | None = None
        self._open_s = 0.0
        self._next_probe = 0.0
        # After a half-open period without any read the circuit is closed on trial: one failure opens it again.
        self._on_trial = False

    @property
    def state(self) -> State:
        if self._open_until is None:
            return "closed"
        return "open" if self._clock() < self._open_until else "half_open"

    @property
    def opens_in_s(self) -> float:
        """Seconds until the next attempt may be let through; 0 if one may now."""
        if self._open_until is None:
            return 0.0
        return max(0.0, max(self._open_until, self._next_probe) - self._clock())

    def admits(self, effect: Effect) -> bool:
        """True if `admit` would let an attempt through now. Takes nothing."""
        if self._open_until is None:
            return True
        now = self._clock()
        if now < self._open_until:
            return False
        if effect == "read":
            return now >= self._next_probe
        # Where nobody reads, nobody would ever find out; so a write may, later.
        return self._nobody_probes(now)

    def admit(self, effect: Effect) -> Permit | None:
        """A permit, or None: refused at once. In the half-open state only reads are let through, one a second."""
        if not self.admits(effect):
            return None
        if self._open_until is None:
            return Permit(self._epoch)
        now = self._clock()
        if effect != "read":
            self._close(on_trial=True)
            return Permit(self._epoch)
        self._tell("half_open")
        self._next_probe = now + PROBE_EVERY_S
        return Permit(self._epoch, probe=True)

    def record(self, permit: Permit, verdict: Verdict) -> None:
        """How the attempt ended. `unknown`: it says nothing of the upstream (cancelled, cut short by its caller)."""
        if verdict == "succeeded":
            self._succeeded(permit)
        elif verdict == "failed" and permit.epoch == self._epoch:
            self._failed(permit)
        elif permit.probe and permit.epoch == self._epoch:
            self._next_probe = self._clock()

    def _succeeded(self, permit: Permit) -> None:
        if self._open_until is not None:
            # An old answer that arrives late was sent before the failures: it says nothing of now.
            if permit.probe:
                self._close(on_trial=False)
        elif permit.epoch == self._epoch:
            self._in_a_row = 0
            self._on_trial = False
            self._count(failed=False)

    def _failed(self, permit: Permit) -> None:
        if permit.probe or self._on_trial:
            self._open(min(self._settings.max_open_s, self._open_s * 2))
            return
        self._in_a_row += 1
        self._count(failed=True)
        calls = sum(bucket.calls for bucket in self._window)
        failures = sum(bucket.failures for bucket in self._window)
        settings = self._settings
        too_many = calls >= settings.min_calls and failures >= settings.rate * calls
        if self._in_a_row >= settings.failures or too_many:
            self._open(min(settings.max_open_s, settings.open_s))

    def _count(self, *, failed: bool) -> None:
        number = int(self._clock() / (self._settings.window_s / _BUCKETS))
        while self._window and self._window[0].number <= number - _BUCKETS:
            self._window.popleft()
        if not self._window or self._window[-1].number != number:
            self._window.append(_Bucket(number))
        self._window[-1].calls += 1
        self._window[-1].failures += failed

    def _nobody_probes(self, now: float) -> bool:
        """No read came for as long as the circuit may be open at most."""
        since = max(self._open_until or 0.0, self._next_probe)
        return now >= since + self._settings.max_open_s

    def _open(self, open_s: float) -> None:
        self._epoch += 1
        self._open_s = open_s
        self._open_until = self._next_probe = self._clock() + open_s
        self._on_trial = False
        self._tell("open")

    def _close(self, *, on_trial: bool) -> None:
        self._epoch += 1
        self._open_until = None
        self._window.clear()
        self._in_a_row = 0
        self._on_trial = on_trial
        self._tell("closed")

    def _tell(self, state: State) -> None:
        if state != self._told:
            self._told = state
            if self._on_change is not None:
                self._on_change(state)
