"""A call is sent with its trace; what was begun runs to its end, whoever asks the turn to stop meanwhile: a write that
was sent, a turn that is kept. Used by `toolcalls.py`, `writes.py` and `running.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from agent.context import Turn
from schemas.tool import PreparedCall, ToolResult

T = TypeVar("T")


async def send(turn: Turn, prepared: PreparedCall, idempotency_key: str | None = None) -> ToolResult:
    """The result of a prepared call."""
    with turn.span.tool(prepared.call.name) as span:
        result = await turn.toolset.call(prepared, turn.locale, turn.deadline, idempotency_key)
        span.end(result.error)
    return result


async def to_its_end(work: Coroutine[Any, Any, T]) -> tuple[T, bool]:
    """The result of `work`, and whether this task was asked to stop while it ran.

    A first cancellation is remembered and the work awaited all the same; a second one (the process cannot wait any
    longer) ends it and is raised.
    """
    task = asyncio.create_task(work)
    stopped = False
    while True:
        try:
            return await asyncio.shield(task), stopped
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if task.cancelled() or stopped or current is None:
                task.cancel()
                raise
            stopped = True
            current.uncancel()
