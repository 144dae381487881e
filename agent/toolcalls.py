"""The tool calls of one step: prepared one by one, reads sent side by side, a write parked. Next: `approval.py`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

from agent.approval import park
from agent.context import Turn
from agent.conversation import add_result
from agent.display import data_event
from agent.offer import is_search, note_call, search
from agent.sending import send
from schemas.conversation import Approval
from schemas.messages import text
from schemas.tool import PreparedCall, ToolCall, ToolResult
from schemas.turn import ToolFinished, ToolStarted, TurnEvent


async def run_calls(turn: Turn, calls: Sequence[ToolCall], parked: list[Approval]) -> AsyncIterator[TurnEvent]:
    """Give every call its one result in the history. A write that was parked is appended to `parked`."""
    results: dict[str, ToolResult] = {}
    reads: list[PreparedCall] = []
    try:
        for call in calls:
            if is_search(turn, call):
                results[call.id] = search(turn, call)
                continue
            outcome = await _prepare(turn, call)
            if isinstance(outcome, PreparedCall) and outcome.effect == "write":
                outcome = await park(turn, outcome, parked)
            if isinstance(outcome, PreparedCall):
                reads.append(outcome)
            else:
                results[call.id] = outcome
        async for event in _send(turn, reads, results):
            yield event
    finally:
        # also when the turn is cancelled here, or fails: a call without a result would make the history unusable
        for call in calls:
            result = results.get(call.id, ToolResult.failure("unavailable", "cancelled"))
            if is_search(turn, call):  # no outcome of the turn hangs on it
                add_result(turn.conversation, call.id, result)
                continue
            note_call(turn, call.name)
            turn.results.append(result)
            add_result(turn.conversation, call.id, result)


async def _prepare(turn: Turn, call: ToolCall) -> PreparedCall | ToolResult:
    if turn.usage.tool_calls >= turn.budgets.max_tool_calls:
        return ToolResult.failure("limit", text("tool.limit", turn.locale))
    turn.usage.tool_calls += 1
    return await turn.toolset.prepare(call, turn.locale, turn.deadline)


async def _send(turn: Turn, reads: Sequence[PreparedCall], results: dict[str, ToolResult]) -> AsyncIterator[TurnEvent]:
    """Send the reads, a few at a time; the same request is sent once in a turn unless it failed. Events in the order in
    which things happen."""
    places = asyncio.Semaphore(turn.budgets.max_parallel_calls)
    same: dict[str, asyncio.Task[tuple[ToolResult, int]]] = {}

    async def one(prepared: PreparedCall) -> tuple[ToolResult, int]:
        async with places:
            started = time.monotonic()
            result = await send(turn, prepared)
            return result, round((time.monotonic() - started) * 1000)

    tasks: dict[asyncio.Task[tuple[ToolResult, int]], list[PreparedCall]] = {}
    try:
        for prepared in reads:
            if prepared.digest in turn.answered:  # the same request as in an earlier step: nothing is sent
                results[prepared.call.id] = turn.answered[prepared.digest]
                continue
            yield ToolStarted(prepared.call.name, prepared.call.id, prepared.title)
            task = same.get(prepared.digest) or asyncio.create_task(one(prepared))
            same[prepared.digest] = task
            tasks.setdefault(task, []).append(prepared)
        waiting = set(tasks)
        while waiting:  # none, where all was answered
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                result, duration_ms = task.result()
                for prepared in tasks[task]:
                    if result.ok:  # a failure may be over when the model tries again
                        turn.answered[prepared.digest] = result
                    results[prepared.call.id] = result
                    yield ToolFinished(prepared.call.name, prepared.call.id, prepared.title, result.ok, duration_ms)
                    data = data_event(prepared.call.id, result, prepared.title, turn.locale, turn.zone)
                    if data is not None:
                        yield data
    finally:
        for task in tasks:
            task.cancel()
