"""Traces of a turn: who called whom, how long, how it ended. These keep nothing; `integrations/tracing.py` does.

Never in a trace: what a resident, a model or an upstream said, arguments, results, tokens, user ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from schemas.turn import Usage


class Span:
    """A turn, a step of it or a tool call of it. Ended once; a second end says nothing."""

    def step(self) -> Span:
        """A call of the model within this turn."""
        return self

    def tool(self, name: str) -> Span:
        """A call of a tool of the catalogue within this turn."""
        return self

    def end(self, error: str | None = None, usage: Usage | None = None) -> None:
        """It is over. `error` is a word of ours (an outcome, a code)."""

    def __enter__(self) -> Span:
        """What this task asks of an upstream from here on belongs to it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.end("cancelled" if kind is not None else None)


class Tracer:
    """Begins the trace of each turn."""

    def turn(self, conversation_id: str) -> Span:
        """A turn begins."""
        return Span()

    def headers(self) -> Mapping[str, str]:
        """What an upstream is told of the tool call that this task is in (W3C Trace Context); empty outside of one."""
        return {}

    def close(self) -> None:
        """Send what is kept. Blocks for a few seconds at most."""
