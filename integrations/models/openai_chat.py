"""Any OpenAI-compatible provider behind the agent's `Model` port: requests and retries. Next: `provider.py`.

The answer is read as raw bytes and decoded here, because the SDK's typed stream costs several times the CPU and cannot
take what many providers send (docs/adr/0010). A retry is made only before the first text was yielded, so nothing that a
resident saw is ever started again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from urllib.parse import urlsplit

import structlog
import tenacity

from integrations.models.answer_stream import AnswerStream, ModelOutput
from integrations.models.assemble import Answer, new_call_id
from integrations.models.failure import ModelFailure, scrubber
from integrations.models.habits import Habits
from integrations.models.provider import Provider, Response
from integrations.models.wire import call_ids, message_tokens
from schemas.errors import ConfigurationError, ModelInterrupted, ModelUnavailable
from schemas.model import ModelRequest
from schemas.turn import TextDelta

_OPENAI = "https://api.openai.com/v1"
_log = structlog.get_logger("steward.model")
_backoff = tenacity.wait_exponential(multiplier=0.2, max=2.0) + tenacity.wait_random(0, 0.1)


class OpenAIChat:
    """A chat model of an OpenAI-compatible provider (chat completions, streamed, with tools).

    `base_url` may have a path; None is OpenAI's own. `delta_timeout_s`: the longest silence before and between deltas.
    `first_delta_timeout_s`: how long a provider that only keeps the connection alive may take to begin.
    `connect_timeout_s`: per attempt, from the name's address to the last handshake. `attempts`: how often a request is
    made at most, before any text was yielded, and `patience_s`: how long after the first one another is begun.
    `echo_reasoning`: send the reasoning that led to a call back with it. `new_id` makes the id of a tool call whose own
    cannot be used; `on_retry` is called before a request is made again. Raises `ConfigurationError` for a key or an
    address that cannot be one. The key appears in no repr, log line or exception.
    """

    def __init__(
        self,
        *,
        api_key: str,
        model: str,
        base_url: str | None = None,
        delta_timeout_s: float = 15.0,
        first_delta_timeout_s: float = 30.0,
        connect_timeout_s: float = 2.0,
        attempts: int = 4,
        patience_s: float = math.inf,
        echo_reasoning: bool = False,
        new_id: Callable[[], str] = new_call_id,
        on_retry: Callable[[], None] = lambda: None,
    ) -> None:
        key = api_key.strip()
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigurationError("the model's API key has characters that an HTTP header cannot carry")
        self._model = model
        self._base_url = _address(base_url)
        self._delta_timeout_s = delta_timeout_s
        self._first_delta_timeout_s = first_delta_timeout_s
        self._attempts = attempts
        self._patience_s = patience_s
        self._new_id, self._on_retry = new_id, on_retry
        self._scrub = scrubber(key)
        self._habits = Habits(echo_reasoning=echo_reasoning)
        self._alarmed = False
        self._provider = Provider(key, self._base_url, connect_timeout_s, self._scrub)

    def __repr__(self) -> str:
        return f"OpenAIChat(model={self._model!r}, base_url={self._scrub(self._base_url)!r})"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelOutput, None]:
        """One step's answer: `TextDelta`s as text arrives, whole `ToolCall`s, `ModelEnd` last.

        Raises `ModelUnavailable`, or `ModelInterrupted` if text was already yielded. Calls are yielded only when the
        answer is over, so one that was cut never is.
        """
        shown = False
        answer: AnswerStream | None = None
        try:
            answer, outputs = await self._begin(request)
            while True:
                for output in outputs:
                    shown = shown or isinstance(output, TextDelta)
                    yield output
                if answer.ended:
                    self._alarmed = False
                    break
                outputs = await answer.read()
        except ModelFailure as failure:
            self._report(failure, shown)
            raise (ModelInterrupted if shown else ModelUnavailable)(failure.reason) from None
        finally:
            if answer is not None:
                await answer.close()

    async def close(self) -> None:
        """Close the connections. The model must not be used afterwards."""
        await self._provider.close()

    async def _begin(self, request: ModelRequest) -> tuple[AnswerStream, list[ModelOutput]]:
        """An answer with its first outputs, retried until there are some."""
        deadline = request.deadline

        def stop(state: tenacity.RetryCallState) -> bool:
            spent_s = (state.seconds_since_start or 0.0) + state.upcoming_sleep
            return (
                state.attempt_number >= self._attempts
                or spent_s >= self._patience_s
                or state.upcoming_sleep >= deadline.remaining_s()
            )

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, ModelFailure) and error.retry),
            wait=_wait,
            stop=stop,
            sleep=asyncio.sleep,
            before_sleep=self._log_retry,
            reraise=True,
        )
        return await retrying(self._attempt, request)

    async def _attempt(self, request: ModelRequest) -> tuple[AnswerStream, list[ModelOutput]]:
        """One request, read until there is something to yield."""
        answer = Answer(
            {spec.name for spec in request.tools},
            call_ids(request.messages),
            self._new_id,
            asked_tokens=message_tokens(request.messages) + self._habits.tool_tokens(request),
            max_tokens=request.max_output_tokens,
            keep_reasoning=self._habits.echo_reasoning,
        )
        response = await self._open(request)
        stream = AnswerStream(
            response, answer, request.deadline, self._delta_timeout_s, self._first_delta_timeout_s, self._scrub
        )
        outputs: list[ModelOutput] = []
        try:
            while not outputs and not stream.ended:
                outputs = await stream.read()
        except BaseException:
            await stream.close()
            raise
        return stream, outputs

    async def _open(self, request: ModelRequest) -> Response:
        """The response once its headers are there, in the form that this provider takes. Raises `ModelFailure`."""
        while True:
            body = self._habits.body(self._model, request)
            try:
                limit_s = min(self._delta_timeout_s, request.deadline.remaining_s())
                return await self._provider.send(self._habits.encode(body), limit_s)
            except ModelFailure as failure:
                if failure.refused or not self._habits.learn(failure.reason, body):
                    raise
                _log.info("model_asked_otherwise", model=self._model, host=self._host, reason=failure.reason)

    @property
    def _host(self) -> str:
        return urlsplit(self._base_url).hostname or ""

    def _log_retry(self, state: tenacity.RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome else None
        self._on_retry()
        _log.warning(
            "model_retry",
            model=self._model,
            host=self._host,
            attempt=state.attempt_number,
            wait_s=round(state.upcoming_sleep, 3),
            reason=str(failure),
        )

    def _report(self, failure: ModelFailure, shown: bool) -> None:
        """Say in the log why there is no answer; loudly, and once, where somebody has to act."""
        fields = {"model": self._model, "host": self._host, "reason": failure.reason}
        if failure.refused and not self._alarmed:
            self._alarmed = True
            _log.critical("model_refused_the_key", hint="check the API key, its quota and its permissions", **fields)
        else:
            _log.warning("model_interrupted" if shown else "model_unavailable", **fields)


def _wait(state: tenacity.RetryCallState) -> float:
    """What the provider asked for, or a little more each time."""
    failure = state.outcome.exception() if state.outcome else None
    if isinstance(failure, ModelFailure) and failure.retry_after_s is not None:
        return failure.retry_after_s
    return _backoff(state)


def _address(base_url: str | None) -> str:
    """The base URL without what people paste along with it."""
    address = (base_url or _OPENAI).strip().rstrip("/").removesuffix("/chat/completions")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("the model's base URL must begin with http:// or https:// and name a host")
    return address
