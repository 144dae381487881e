"""A second model for when the first one gives no answer. Both are `openai_chat.py`'s."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import structlog

from integrations.models.answer_stream import ModelOutput
from integrations.models.openai_chat import OpenAIChat
from schemas.errors import ModelInterrupted, ModelUnavailable
from schemas.model import ModelRequest

_log = structlog.get_logger("steward.model")


class FallbackModel:
    """Asks `first`, and `second` where that fails before any text was yielded. After a failure `first` is left alone
    for `rest_s`, so that an outage costs its attempts once and not in every step. `clock` gives seconds."""

    def __init__(
        self,
        first: OpenAIChat,
        second: OpenAIChat,
        *,
        rest_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first, self._second = first, second
        self._rest_s, self._clock = rest_s, clock
        self._rests_until = -float("inf")

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelOutput, None]:
        """One step's answer, as `OpenAIChat.stream` gives it. Raises `ModelUnavailable` if neither has one, and
        `ModelInterrupted` as soon as one breaks off: what was shown is not begun again by another."""
        if self._clock() >= self._rests_until:
            try:
                async with aclosing(self._first.stream(request)) as outputs:
                    async for output in outputs:
                        yield output
                return
            except ModelInterrupted:
                raise
            except ModelUnavailable as error:
                if request.deadline.passed:
                    raise
                self._rests_until = self._clock() + self._rest_s
                _log.warning("model_fallback", model=repr(self._second), rest_s=self._rest_s, reason=error.reason)
        async with aclosing(self._second.stream(request)) as outputs:
            async for output in outputs:
                yield output

    async def close(self) -> None:
        """Close both."""
        await self._first.close()
        await self._second.close()
