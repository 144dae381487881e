"""The resident's answer to a parked write: run it once with the current credential, or drop it. Next: `steps.py`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import structlog

from agent.approval import decision, named_cancel, waiting_write
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

    A yes counts only as the very next query, sent after the write was shown. Otherwise it shows it once more: the same
    word may have been the answer to something else. A mere no is then the model's to answer, but the word that was
    shown for dropping the write drops it at any time: it can do no harm.
    """
    verdict = decision(turn.query)
    approval = waiting_write(turn) if verdict is not None else None
    if approval is None:
        return
    last = turn.conversation.messages[-1] if turn.conversation.messages else {}
    ends_with_it = last.get("role") == "assistant" and str(last.get("content")).endswith(approval.shown)
    just_shown = ends_with_it and not turn.waited
    if not just_shown and verdict is False and (approval.expires.passed or not named_cancel(turn.query)):
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
    turn.unsettled = text("tool.unknown_outcome", turn.locale, upstream=prepared.upstream)
    result = ToolResult.failure("unknown_outcome", turn.unsettled)
    try:
        result = await turn.toolset.call(prepared, turn.locale, turn.deadline, idempotency_key=approval.id)
    finally:
        add_result(turn.conversation, call.id, result)
        log.info("write_run", tool=call.name, upstream=prepared.upstream, ok=result.ok, error=result.error)
    turn.unsettled = ""
    turn.results.append(result)
    duration_ms = round((time.monotonic() - started) * 1000)
    yield ToolFinished(call.name, call.id, prepared.title, result.ok, duration_ms)
    if result.error == "login_required":  # refused at the door: as above, under a new id, for this one is used
        turn.approvals.park(replace(approval, id=turn.new_id()))
        sentence = str(result.content.get("message")) + "\n\n" + approval.shown
        async for event in _say(turn, sentence, TurnEnded("login_required", turn.usage)):
            yield event
        return
    async for event in _tell(turn, prepared, result):
        yield event


async def _tell(turn: Turn, prepared: PreparedCall, result: ToolResult) -> AsyncIterator[TurnEvent]:
    """The model phrases the outcome; where it does not, the gateway says it: a write must not end without a word."""
    done = text("approval.done", turn.locale, title=prepared.title)
    words = done if result.ok else str(result.content.get("message"))
    try:
        if not turn.deadline.passed:
            async for event in run_steps(turn):
                if isinstance(event, TurnEnded) and turn.conversation.messages[-1]["role"] == "tool":
                    yield turn.say(words)  # the steps ended without an answer of the model
                    add_assistant(turn.conversation, words)
                yield event
            return
    except ModelUnavailable as error:
        log.warning("model_unavailable", reason=error.reason)
    async for event in _say(turn, words, TurnEnded(turn.outcome(), turn.usage)):
        yield event
