"""Sends one request to one upstream, with attempts inside a deadline; `response.py` reads the answer.

Straight down for each attempt: bulkhead → breaker → `attempt.py` → `transport.py`. When there is another one is decided
by the rules of `retry.py`, which tenacity runs: the only place where anything is tried again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from integrations.upstream.answer import Answer
from integrations.upstream.attempt import Attempt, AttemptFailed
from integrations.upstream.auth import Outgoing
from integrations.upstream.breaker import CircuitBreaker, Permit, State, Verdict
from integrations.upstream.bulkhead import Bulkhead, BulkheadFull
from integrations.upstream.config import UpstreamSettings
from integrations.upstream.networks import Lookup
from integrations.upstream.retry import MIN_ATTEMPT_S, Repeatability, RetryBudget, backoff_s, retry_after_s
from integrations.upstream.transport import UpstreamTransport
from schemas.deadline import Deadline
from schemas.errors import StewardError
from schemas.tool import ToolErrorCode

_THROTTLED = frozenset({429, 503})
# Of 4xx these two speak of the upstream's state and not of the request.
_BUSY_STATUSES = frozenset({408, 429})
# A caller who had less time than this says nothing of the upstream when it is up.
_TELLING_TIMEOUT_S = 1.0

_log = structlog.get_logger()


class CallFailed(StewardError):
    """No answer. `code` is unavailable, timeout, upstream_tls, bad_upstream_response or unknown_outcome.

    `retry_after_s`: seconds after which a call may be let through again, where the breaker is open.
    """

    def __init__(self, code: ToolErrorCode, attempts: int, retry_after_s: float | None = None) -> None:
        self.code, self.attempts, self.retry_after_s = code, attempts, retry_after_s
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class UpstreamStatus:
    """What is going on at one upstream, for health and metrics."""

    breaker: State
    in_flight: int
    waiting: int
    idle_connections: int
    retry_tokens: float


class UpstreamClient:
    """The calls of one upstream. `uniform`, `sleep`, `clock` and `lookup` are given so that tests need not wait."""

    def __init__(
        self,
        settings: UpstreamSettings,
        *,
        name: str = "",
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        lookup: Lookup | None = None,
    ) -> None:
        self._settings, self._name, self._uniform, self._sleep = settings, name, uniform, sleep
        self._clock = clock
        self._budget = RetryBudget()
        self._bulkhead = Bulkhead(settings.concurrency.in_flight, settings.concurrency.waiting)
        self._breaker = CircuitBreaker(settings.breaker, clock, self._breaker_changed)
        self._transport = UpstreamTransport(settings, lookup)

    @property
    def status(self) -> UpstreamStatus:
        return UpstreamStatus(
            self._breaker.state,
            self._bulkhead.in_flight,
            self._bulkhead.waiting,
            self._transport.idle,
            self._budget.tokens,
        )

    async def close(self) -> None:
        """Closes every connection."""
        await self._transport.aclose()

    async def send(
        self, outgoing: Outgoing, repeat: Repeatability, deadline: Deadline, *, keep: Callable[[Answer], bool]
    ) -> Answer:
        """The answer to the request, after as many attempts as `repeat`, the budget and the deadline allow.

        `keep` says that an answer is not to be asked for again whatever its status (a business message with HTTP 500).
        Raises `CallFailed`. A write whose outcome is unknown is never sent a second time without its key.
        """
        self._budget.earn()
        call = _Call(outgoing, repeat, deadline, keep)
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: _may_repeat(error, repeat)),
            wait=self._wait_s,
            stop=lambda state: self._enough(state, deadline),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            answer: Answer = await retrying(self._next_attempt, call)
            if not call.hides_its_outcome(answer):
                return answer
            raise CallFailed("unknown_outcome", call.attempts)
        except AttemptFailed as failed:
            answer_of_last = call.last.answer if call.last.cause == "status" else None
            if answer_of_last is not None and not call.hides_its_outcome(answer_of_last):
                return answer_of_last
            wait_s = self._breaker.opens_in_s if failed.cause == "open" else None
            raise CallFailed(call.code(), call.attempts, wait_s) from None
        finally:
            if call.failed is not None:
                self._breaker.record(call.failed, "failed")

    async def _next_attempt(self, call: _Call) -> Answer:
        try:
            answer = await self._through_bulkhead(call)
            if call.repeat.after_status(answer.status) and not call.keep(answer):
                raise AttemptFailed("answered", "status", answer)
        except AttemptFailed as failed:
            call.note(failed)
            raise
        return answer

    async def _through_bulkhead(self, call: _Call) -> Answer:
        if call.deadline.remaining_s() < MIN_ATTEMPT_S:
            raise AttemptFailed("unsent", "timeout")
        # Asked before the bulkhead too: nobody waits for a place only to be refused.
        if not self._breaker.admits(call.repeat.effect):
            raise AttemptFailed("unsent", "open")
        ends_s = self._clock() + min(self._settings.timeouts.attempt_s, call.deadline.remaining_s())
        try:
            async with asyncio.timeout(ends_s - self._clock()) as waiting, self._bulkhead:
                waiting.reschedule(None)
                return await self._through_breaker(call, ends_s - self._clock())
        except BulkheadFull:
            raise AttemptFailed("unsent", "busy") from None
        except TimeoutError:
            raise AttemptFailed("unsent", "timeout") from None

    async def _through_breaker(self, call: _Call, within_s: float) -> Answer:
        """One attempt, and what it says of the upstream.

        A call counts once, however many attempts it makes: one resident's question must not count as three failures.
        """
        permit = self._breaker.admit(call.repeat.effect)
        if permit is None:
            raise AttemptFailed("unsent", "open")
        call.attempts += 1
        call.failed = None
        verdict: Verdict = "unknown"
        began_s = self._clock()
        try:
            answer = await Attempt(call.outgoing, self._settings, call.attempts).run(self._transport, within_s)
            troubled = answer.status >= 500 or answer.status in _BUSY_STATUSES
            verdict = "failed" if troubled and not call.keep(answer) else "succeeded"
            return answer
        except AttemptFailed as failed:
            verdict = self._verdict(failed, self._clock() - began_s)
            if failed.stage == "answered" and failed.answer is not None and call.repeat.effect == "write":
                return failed.answer
            raise
        finally:
            if verdict == "failed" and not permit.probe:
                call.failed = permit  # unless another attempt follows
            else:
                self._breaker.record(permit, verdict)

    def _verdict(self, failed: AttemptFailed, took_s: float) -> Verdict:
        # A failed handshake or a foreign address is a mistake of the set-up; an open circuit must not hide it.
        if failed.cause in ("tls", "address"):
            return "unknown"
        if failed.cause == "timeout" and took_s < min(_TELLING_TIMEOUT_S, self._settings.timeouts.attempt_s * 0.9):
            return "unknown"
        return "failed"

    def _wait_s(self, state: RetryCallState) -> float:
        answer = _failure(state).answer
        throttled = answer is not None and answer.status in _THROTTLED
        wait = backoff_s(state.attempt_number, throttled, self._uniform)
        floor = retry_after_s(answer.headers.get("retry-after")) if answer is not None else None
        return max(wait, floor or 0.0)

    def _enough(self, state: RetryCallState, deadline: Deadline) -> bool:
        if state.attempt_number >= self._settings.retry.attempts:
            return True
        if deadline.remaining_s() - state.upcoming_sleep < MIN_ATTEMPT_S:
            return True
        return not self._budget.spend()

    def _breaker_changed(self, state: State) -> None:
        log = _log.warning if state == "open" else _log.info
        log("upstream_breaker", upstream=self._name, state=state)


class _Call:
    """One call over all its attempts."""

    def __init__(
        self, outgoing: Outgoing, repeat: Repeatability, deadline: Deadline, keep: Callable[[Answer], bool]
    ) -> None:
        self.outgoing, self.repeat, self.deadline, self.keep = outgoing, repeat, deadline, keep
        self.attempts = 0
        self.failed: Permit | None = None
        self.last = AttemptFailed("unsent", "connect")
        self._maybe_done = False

    def note(self, failed: AttemptFailed) -> None:
        """`last` is the last attempt that met the upstream: being refused here afterwards says nothing new."""
        if failed.cause not in ("busy", "open") or not self.attempts:
            self.last = failed
        # A status comes here only where it proves that nothing was done (`unless_executed`).
        self._maybe_done |= failed.stage != "unsent" and failed.cause != "status"

    def hides_its_outcome(self, answer: Answer) -> bool:
        """Whether an upstream that is in trouble answers a write, of which an earlier attempt may have been executed:
        that this attempt was not says nothing of the other."""
        troubled = answer.status >= 500 or answer.status in _BUSY_STATUSES
        return self.repeat.effect == "write" and self._maybe_done and troubled

    def code(self) -> ToolErrorCode:
        """What a call without an answer is. One attempt that may have been executed makes a write's outcome unknown,
        whatever became of the attempts after it."""
        if self.repeat.effect == "write" and self._maybe_done:
            return "unknown_outcome"
        if self.last.cause == "tls":
            return "upstream_tls"
        if self.last.cause == "timeout":
            return "timeout"
        return "bad_upstream_response" if self.last.stage == "answered" else "unavailable"


def _failure(state: RetryCallState) -> AttemptFailed:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, AttemptFailed):
        raise TypeError("only failed attempts are tried again")
    return error


def _may_repeat(error: BaseException, repeat: Repeatability) -> bool:
    if not isinstance(error, AttemptFailed):
        return False
    return error.cause == "status" or repeat.after_failure(error.stage, error.cause)
