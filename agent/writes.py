"""The resident's answer to a parked write: run it once with the current credential, or drop it. Next: `steps.py`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import structlog

from agent.approval import decision
from agent.context import Turn
from agent.conversation import add_assistant, add_result, add_user
from agent.steps import run_steps
from schemas.conversation import Approval
from schemas.errors import ModelUnavailable
from schemas.messages import text
from schemas.tool import PreparedCall, ToolCall, ToolResult
from schemas.turn import Outcome, ToolFinished, ToolStarted, TurnEnded, TurnEvent

log = structlog.get_logger(__name__)


async def answer_parked(turn: Turn) -> AsyncIterator[TurnEvent]:
    """The whole turn, if the query is an exact yes or no to a parked write; no event at all otherwise.

    The words count only as the very next query. Later they show the write once more: in between the same word may have
    been the answer to something else.
    """
    verdict = decision(turn.query)
    approval = turn.approvals.pending(turn.conversation.id, turn.caller.owner) if verdict is not None else None
    if approval is None:
        return
    last = turn.conversation.messages[-1] if turn.conversation.messages else {}
    just_shown = last.get("role") == "assistant" and str(last.get("content")).endswith(approval.shown)
    if not just_shown and verdict is False:
        return  # "no" to something else; the write stays parked until it expires
    add_user(turn.conversation, turn.query)
    if approval.expires.passed:
        turn.approvals.settle(approval, "expired")
        events = _say(turn, text("approval.expired", turn.locale))
    elif not verdict:
        turn.approvals.settle(approval, "cancelled")
        log.info("write_cancelled", tool=approval.tool)
        events = _say(turn, text("approval.cancelled", turn.locale))
    elif not just_shown:
        shown = text("approval.still_waiting", turn.locale) + "\n" + approval.shown
        events = _say(turn, shown, TurnEnded("approval", turn.usage))
    else:
        events = _run(turn, approval)
    async for event in events:
        yield event


async def _say(turn: Turn, sentence: str, end: TurnEnded | None = None) -> AsyncIterator[TurnEvent]:
    yield turn.say(sentence)
    add_assistant(turn.conversation, sentence)
    yield end or TurnEnded("success", turn.usage)


async def _run(turn: Turn, approval: Approval) -> AsyncIterator[TurnEvent]:
    """Build the stored request anew with the current credential; send it only if it is the one that was shown."""
    call = ToolCall(turn.new_id(), approval.tool, approval.arguments)
    prepared = await turn.toolset.prepare(call, turn.locale, turn.deadline)
    if isinstance(prepared, ToolResult):  # nothing was sent: the resident may log in and say yes again
        sentence = str(prepared.content.get("message")) + "\n\n" + approval.shown
        outcome: Outcome = "login_required" if prepared.error == "login_required" else "approval"
        async for event in _say(turn, sentence, TurnEnded(outcome, turn.usage)):
            yield event
        return
    if prepared.digest != approval.digest or not turn.approvals.settle(approval, "approved"):
        turn.approvals.settle(approval, "superseded")
        async for event in _say(turn, text("approval.changed", turn.locale)):
            yield event
        return
    started = time.monotonic()
    turn.usage.tool_calls += 1
    yield ToolStarted(call.name, call.id, prepared.title)
    add_assistant(turn.conversation, "", [call])
    result = ToolResult.failure(
        "unknown_outcome", text("tool.unknown_outcome", turn.locale, upstream=prepared.upstream)
    )
    try:
        result = await turn.toolset.call(prepared, turn.locale, turn.deadline, idempotency_key=approval.id)
    finally:
        add_result(turn.conversation, call.id, result)
        log.info("write_run", tool=call.name, upstream=prepared.upstream, ok=result.ok, error=result.error)
    turn.results.append(result)
    duration_ms = round((time.monotonic() - started) * 1000)
    yield ToolFinished(call.name, call.id, prepared.title, result.ok, duration_ms)
    async for event in _tell(turn, prepared, result):
        yield event


async def _tell(turn: Turn, prepared: PreparedCall, result: ToolResult) -> AsyncIterator[TurnEvent]:
    """The model phrases the outcome; where it cannot, the gateway says it, for a write must not end without a word."""
    try:
        async for event in run_steps(turn):
            yield event
    except ModelUnavailable as error:
        log.warning("model_unavailable", reason=error.reason)
        done = text("approval.done", turn.locale, title=prepared.title)
        async for event in _say(turn, done if result.ok else str(result.content.get("message"))):
            yield event
