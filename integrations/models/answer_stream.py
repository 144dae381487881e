"""The body of one model answer while it is read: bytes, time limits and the end. Next: `sse.py`, then `assemble.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from integrations.models.assemble import Answer, Incomplete
from integrations.models.chunks import Chunk, decode_chunk
from integrations.models.failure import ModelFailure, from_fault
from integrations.models.provider import Response
from integrations.models.sse import EventDecoder, EventTooLarge
from schemas.deadline import Deadline
from schemas.model import ModelEnd
from schemas.tool import ToolCall
from schemas.turn import TextDelta

T = TypeVar("T")
ModelOutput = TextDelta | ToolCall | ModelEnd

# After the finish reason only usage and [DONE] are awaited; some servers keep the connection open without either.
_AFTER_FINISH_S = 1.0
# To give the connection back to its pool, the few bytes after [DONE] are read.
_DRAIN_S = 0.2
_MAX_ANSWER_BYTES = 32 << 20


class AnswerStream:
    """Reads one response. `read` gives what became ready; once `ended`, the last output was a `ModelEnd`.

    Raises `ModelFailure` when the stream breaks, is silent for `delta_timeout_s`, or the deadline passes. Reasoning is
    no silence, though it is not shown. Comments that only keep the connection alive are none until the model began to
    write, but for `first_delta_timeout_s` at most.
    """

    def __init__(
        self,
        response: Response,
        answer: Answer,
        deadline: Deadline,
        delta_timeout_s: float,
        first_delta_timeout_s: float,
        scrub: Callable[[str], str],
    ) -> None:
        self._response = response
        self._bytes: AsyncIterator[bytes] = response.pieces()
        self._answer = answer
        self._deadline = deadline
        self._delta_timeout_s = delta_timeout_s
        self._first_delta_timeout_s = first_delta_timeout_s
        self._scrub = scrub
        self._events: EventDecoder[Chunk] = EventDecoder(decode_chunk)
        # Spent waiting here since the last chunk: a slow reader of ours is not the provider's silence.
        self._silent_s = 0.0
        self._received = 0
        self._body_over = False
        self.ended = False

    async def read(self) -> list[ModelOutput]:
        """What the next bytes made ready: often nothing, at most one `TextDelta`, at the end calls and `ModelEnd`."""
        data = await self._next()
        if data is None:
            return self._finish(self._decode(self._events.close))
        chunks = self._decode(lambda: self._events.feed(data))
        if chunks:
            self._silent_s = 0.0
        if self._events.done:
            return self._finish(chunks)
        text = self._add(chunks)
        if self._answer.full:
            return self._finish([], text)
        return [TextDelta(text)] if text else []

    async def close(self) -> None:
        """Give the connection back if the answer was read to its end, else drop it."""
        if self.ended and not self._body_over and not self._answer.full:
            try:
                async with asyncio.timeout(_DRAIN_S):
                    async for _ in self._bytes:
                        pass
            except Exception:  # noqa: S110 - the answer is complete: the connection is dropped
                pass
        await self._response.close()

    async def _next(self) -> bytes | None:
        """The next bytes; None at the end of the body, or once nothing more need be awaited."""
        loop = asyncio.get_running_loop()
        patience_s = self._patience_s()
        limit_s = min(patience_s, self._deadline.remaining_s())
        began = loop.time()
        try:
            async with asyncio.timeout(max(0.0, limit_s)):
                data = await anext(self._bytes, None)
        except TimeoutError:
            silent_s = patience_s + self._silent_s
            broken = "the deadline passed" if self._deadline.passed else f"no delta for {silent_s:g} s"
        except Exception as error:  # whatever the transport raises, the stream is broken
            broken = f"the stream broke: {type(error).__name__}: {error}"
        else:
            self._silent_s += loop.time() - began
            self._body_over = data is None
            self._received += len(data or b"")
            if self._received > _MAX_ANSWER_BYTES:
                raise ModelFailure(f"the answer is larger than {_MAX_ANSWER_BYTES} bytes")
            return data
        if self._answer.finished:
            return None
        raise ModelFailure(self._scrub(broken), retry=not self._deadline.passed)

    def _patience_s(self) -> float:
        """How long the next bytes may take."""
        if self._answer.finished:
            return _AFTER_FINISH_S - self._silent_s
        if self._answer.begun:
            return self._delta_timeout_s - self._silent_s
        # A reasoning model may be silent for long before its first word: then any byte is a sign of life.
        return min(self._delta_timeout_s, self._first_delta_timeout_s - self._silent_s)

    def _decode(self, decode: Callable[[], list[Chunk]]) -> list[Chunk]:
        try:
            return decode()
        except EventTooLarge as error:
            raise ModelFailure(str(error)) from None

    def _add(self, chunks: list[Chunk]) -> str:
        return self._judged(lambda: "".join([self._answer.add(chunk) for chunk in chunks]))

    def _finish(self, chunks: list[Chunk], text: str = "") -> list[ModelOutput]:
        text += self._add(chunks)
        completion = self._judged(lambda: self._answer.end(marked=self._events.done))
        self.ended = True
        text += completion.text
        return [*([TextDelta(text)] if text else ()), *completion.calls, completion.end]

    def _judged(self, step: Callable[[], T]) -> T:
        """The step's value, or `ModelFailure` where the answer turns out to be incomplete."""
        try:
            return step()
        except Incomplete as incomplete:
            failure = self._failure(incomplete)
        # outside of the handler: `incomplete` has the provider's own words, which may repeat the key
        raise failure

    def _failure(self, incomplete: Incomplete) -> ModelFailure:
        if incomplete.fault is not None:
            return from_fault(incomplete.fault, self._scrub)
        return ModelFailure(self._scrub(str(incomplete)), retry=True)
