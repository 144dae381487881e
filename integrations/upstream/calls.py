"""One call of one upstream, straight down: auth → client → response → scrub → log. `client.py` is next."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from integrations.upstream import failures
from integrations.upstream.answer import Answer
from integrations.upstream.auth import CredentialUnfit, authorise, fixed_keys
from integrations.upstream.client import CallFailed, UpstreamClient
from integrations.upstream.failures import Failure
from integrations.upstream.request import BuiltRequest
from integrations.upstream.response import Read, failure_result, read_answer, result_of
from integrations.upstream.retry import Repeatability
from integrations.upstream.scrub import Scrubber
from integrations.upstream.target import Target
from schemas.credential import Credential
from schemas.deadline import Deadline
from schemas.errors import RequestRefused
from schemas.observer import Observer
from schemas.tool import ToolResult
from schemas.tracing import Tracer
from schemas.turn import Locale

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent to whom. `keyed`: an idempotency key is among the headers. `subject`: who asks, if known."""

    target: Target
    built: BuiltRequest
    arguments: Mapping[str, Any]
    keyed: bool = False
    subject: str | None = None


class Calls:
    """The calls of every upstream of a catalogue; `clients` by upstream name."""

    def __init__(
        self,
        clients: Mapping[str, UpstreamClient],
        clock: Callable[[], float] = time.monotonic,
        observer: Observer | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._clients, self._clock = clients, clock
        self._observer, self._tracer = observer or Observer(), tracer or Tracer()

    async def result(
        self, order: Order, credential: Credential | None, locale: Locale, deadline: Deadline
    ) -> ToolResult:
        """The tool result of the call, scrubbed of every credential. Every failure is a result."""
        started = self._clock()
        answer = await self._send(order, credential, deadline)
        if isinstance(answer, Answer):
            result = result_of(answer, order.target, order.arguments, locale, order.subject)
        else:
            result = failure_result(order.target, locale, answer[0])
        scrubber = Scrubber(credential, fixed_keys(order.target.upstream.settings))
        result = ToolResult(scrubber.value(result.content))
        outcome = result.error or "ok"
        self._observer.tool_called(order.target.upstream.name, outcome, self._clock() - started)
        self._report(order, answer, outcome, started)
        return result

    async def read(self, order: Order, credential: Credential | None, deadline: Deadline) -> Read | Failure:
        """The answer's payload as it is, for the gateway's own questions; none of it leaves this side unshaped."""
        started = self._clock()
        answer = await self._send(order, credential, deadline)
        read = read_answer(answer, order.target) if isinstance(answer, Answer) else answer[0]
        self._report(order, answer, read.code if isinstance(read, Failure) else "ok", started)
        return read

    async def _send(
        self, order: Order, credential: Credential | None, deadline: Deadline
    ) -> Answer | tuple[Failure, int]:
        """The answer, or a failure with the number of attempts."""
        target = order.target
        settings = target.upstream.settings
        try:
            outgoing = authorise(order.built, settings, None if target.public else credential)
        except CredentialUnfit:
            return Failure("login_required"), 0
        except RequestRefused:
            return Failure("business"), 0
        traced = tuple(self._tracer.headers().items())
        if traced:
            outgoing = replace(outgoing, headers=(*outgoing.headers, *traced))
        repeat = Repeatability(
            effect=target.tool.effect,
            method=order.built.method.upper(),
            keyed=order.keyed,
            statuses=frozenset(settings.retry.statuses),
            unless_executed=frozenset(target.settings.unless_executed),
        )
        try:
            return await self._clients[target.upstream.name].send(
                outgoing, repeat, deadline, keep=lambda answer: failures.is_business_text(answer, settings)
            )
        except CallFailed as failed:
            return Failure(failed.code, retry_after_s=failed.retry_after_s), failed.attempts

    def _report(self, order: Order, answer: Answer | tuple[Failure, int], outcome: str, started: float) -> None:
        """One event per call: never a token, a query string or a body. A failed handshake is an alarm."""
        attempts = answer.attempts if isinstance(answer, Answer) else answer[1]
        self._observer.upstream_asked(order.target.upstream.name, outcome, attempts)
        log = _log.error if outcome == "upstream_tls" else _log.info
        log(
            "upstream_call",
            upstream=order.target.upstream.name,
            operation=order.target.operation_name,
            method=order.built.method,
            status=answer.status if isinstance(answer, Answer) else None,
            outcome=outcome,
            attempts=attempts,
            duration_ms=round((self._clock() - started) * 1000),
        )
