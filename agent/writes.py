"""The resident's answer to a parked write: run it once with the current credential, or drop it. Next: `steps.py`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import structlog

from agent.approval import decided, decision, named_cancel, waiting_write
from agent.context import Answer, Turn
from agent.conversation import add_assistant, add_result, add_user
from agent.display import data_event
from agent.sending import send, to_its_end
from agent.steps import run_steps
from schemas.conversation import Approval, WriteOutcome
from schemas.errors import Code, ModelUnavailable, StoreUnavailable
from schemas.messages import text
from schemas.tool import PreparedCall, ToolCall, ToolResult
from schemas.turn import Outcome, ToolFinished, ToolStarted, TurnEnded, TurnEvent, TurnFailed, WriteParked

log = structlog.get_logger(__name__)


async def answer_parked(turn: Turn) -> AsyncIterator[TurnEvent]:
    """The whole turn, if it is an answer to a parked write; no event at all otherwise."""
    try:
        events = await (_by_id(turn, turn.answer) if turn.answer else _in_words(turn))
        if events is not None:
            async for event in events:
                yield event
    except StoreUnavailable as error:  # nothing was sent: no write without its record
        log.error("store_unavailable", reason=error.reason)
        async for event in _say(turn, text("approval.not_kept", turn.locale)):
            yield event


async def _by_id(turn: Turn, answer: Answer) -> AsyncIterator[TurnEvent]:
    """The answer of an `approve` frame. Whether the caller may give it was checked when it came."""
    approval = await turn.approvals.get(answer.approval_id)
    add_user(turn.conversation, turn.query)
    if approval is None:  # forgotten since the frame was accepted
        return _refuse(turn, "approval_expired")
    if approval.state != "pending":
        return _refuse(turn, "approval_used", approval)
    if approval.expires.passed:
        await turn.approvals.settle(approval.id, "expired")
        return _refuse(turn, "approval_expired")
    return _run(turn, approval) if answer.approved else _drop(turn, approval)


async def _in_words(turn: Turn) -> AsyncIterator[TurnEvent] | None:
    """An exact yes or no as the whole query.

    A yes counts only as the very next query, sent after the write was shown. Otherwise it shows it once more: the same
    word may have been the answer to something else. A mere no is then the model's to answer, but the word that was
    shown for dropping the write drops it at any time: it can do no harm.
    """
    verdict = decision(turn.query) if not turn.attachments else None  # with a file it is no mere yes or no
    if verdict is None:
        return None
    approval = await waiting_write(turn)
    if approval is None:
        return await _said_twice(turn) if verdict and turn.waited else None
    last = turn.conversation.messages[-1] if turn.conversation.messages else {}
    ends_with_it = last.get("role") == "assistant" and str(last.get("content")).endswith(approval.shown)
    just_shown = ends_with_it and not turn.waited
    if not just_shown and verdict is False and (approval.expires.passed or not named_cancel(turn.query)):
        return None  # "no" to something else; the write stays parked until it expires
    add_user(turn.conversation, turn.query)
    if approval.expires.passed:
        await turn.approvals.settle(approval.id, "expired")
        return _refuse(turn, "approval_expired")
    if not verdict:
        return _drop(turn, approval)
    if not just_shown:
        shown = text("approval.still_waiting", turn.locale) + "\n" + approval.shown
        return _say(turn, shown, TurnEnded("approval", turn.usage))
    return _run(turn, approval)


async def _said_twice(turn: Turn) -> AsyncIterator[TurnEvent] | None:
    """A yes that was sent while another one to the same write ran, from a second tab: it is told what came of it."""
    latest = await turn.approvals.latest(turn.conversation.id)
    if latest is None or latest.state != "approved" or latest.owner not in (turn.conversation.owner, None):
        return None
    add_user(turn.conversation, turn.query)
    return _say(turn, text("error.approval_used", turn.locale, how=decided(latest, turn.locale)))


async def _say(turn: Turn, sentence: str, end: TurnEnded | None = None) -> AsyncIterator[TurnEvent]:
    yield turn.say(sentence)
    add_assistant(turn.conversation, sentence)
    yield end or TurnEnded("success", turn.usage)


async def _refuse(turn: Turn, code: Code, approval: Approval | None = None) -> AsyncIterator[TurnEvent]:
    """The answer came too late or does not fit: a client that named the approval gets the code, words get words."""
    how = decided(approval, turn.locale) if approval is not None else ""
    sentence = text(f"error.{code}", turn.locale, how=how)
    if turn.answer is None:
        async for event in _say(turn, sentence):
            yield event
        return
    add_assistant(turn.conversation, sentence)
    yield TurnFailed(code, sentence=sentence)


async def _drop(turn: Turn, approval: Approval) -> AsyncIterator[TurnEvent]:
    if await turn.approvals.settle(approval.id, "cancelled"):
        log.info("write_cancelled", tool=approval.tool)
        events = _say(turn, text("approval.cancelled", turn.locale))
    else:
        events = _refuse(turn, "approval_used", await turn.approvals.get(approval.id))
    async for event in events:
        yield event


async def _run(turn: Turn, approval: Approval) -> AsyncIterator[TurnEvent]:
    """Build the stored request anew with the current credential; send it only if it is the one that was shown."""
    call = ToolCall(turn.new_id(), approval.tool, approval.arguments)
    prepared = await turn.toolset.prepare(call, turn.locale, turn.deadline)
    if isinstance(prepared, ToolResult):  # nothing was sent: the resident may log in and say yes again
        sentence = str(prepared.content.get("message")) + "\n\n" + approval.shown
        outcome: Outcome = "login_required" if prepared.error == "login_required" else "approval"
        events = _say(turn, sentence, TurnEnded(outcome, turn.usage))
    elif prepared.digest != approval.digest:
        await turn.approvals.settle(approval.id, "superseded")
        events = _refuse(turn, "approval_changed")
    elif not await _approve(turn, approval):
        events = _refuse(turn, "approval_used", await turn.approvals.get(approval.id))
    else:
        events = _send(turn, approval, call, prepared)
    async for event in events:
        yield event


async def _approve(turn: Turn, approval: Approval) -> bool:
    """Whether the yes was the first answer. Where the turn is stopped while the store takes it, nothing is sent and so
    it is recorded: a yes without an outcome would be a write that nobody knows of."""
    won, stopped = await to_its_end(turn.approvals.settle(approval.id, "approved"))
    if won and stopped:
        turn.unsettled = text("approval.cancelled", turn.locale)
        await _record(turn, approval, "failed", text("approval.was_cancelled", turn.locale))
    if stopped:
        raise asyncio.CancelledError
    return won


async def _send(turn: Turn, approval: Approval, call: ToolCall, prepared: PreparedCall) -> AsyncIterator[TurnEvent]:
    """Send the write and record what came of it; a turn that is stopped meanwhile ends after that."""
    started = time.monotonic()
    turn.usage.tool_calls += 1
    yield ToolStarted(call.name, call.id, prepared.title)
    add_assistant(turn.conversation, "", [call])
    turn.unsettled = text("tool.unknown_outcome", turn.locale, upstream=prepared.upstream)
    result, stopped = ToolResult.failure("unknown_outcome", turn.unsettled), False
    try:
        result, stopped = await to_its_end(send(turn, prepared, approval.id))
    finally:
        add_result(turn.conversation, call.id, result)
        words = _words(turn, prepared, result)
        log.info("write_run", tool=call.name, upstream=prepared.upstream, ok=result.ok, error=result.error)
        failed: WriteOutcome = "unknown" if result.error == "unknown_outcome" else "failed"
        stopped |= await _record(turn, approval, "succeeded" if result.ok else failed, words)
    turn.unsettled = ""
    turn.results.append(result)
    duration_ms = round((time.monotonic() - started) * 1000)
    yield ToolFinished(call.name, call.id, prepared.title, result.ok, duration_ms)
    data = data_event(call.id, result, prepared.title, turn.locale, turn.zone)
    if data is not None:
        yield data
    if result.error == "login_required":
        events = _ask_again(turn, approval, result)
    elif stopped:
        events = _say(turn, words)
    else:
        events = _tell(turn, words)
    async for event in events:
        yield event


def _words(turn: Turn, prepared: PreparedCall, result: ToolResult) -> str:
    done = text("approval.done", turn.locale, title=prepared.title)
    return done if result.ok else str(result.content.get("message"))


async def _record(turn: Turn, approval: Approval, outcome: WriteOutcome, words: str) -> bool:
    """Keep what came of a write, even where the turn is stopped meanwhile: whether it was."""
    try:
        _, stopped = await to_its_end(turn.approvals.record(approval.id, outcome, words))
    except StoreUnavailable as error:  # a process after this one will call it unknown, which is true of what it knows
        log.error(
            "write_not_recorded", tool=approval.tool, approval_id=approval.id, outcome=outcome, reason=error.reason
        )
        turn.unsaved = True
        return False
    return stopped


async def _ask_again(turn: Turn, approval: Approval, result: ToolResult) -> AsyncIterator[TurnEvent]:
    """The upstream refused the login at the door, nothing was done: the write is parked anew, under another id, for
    the first one is used."""
    again = replace(approval, id=turn.new_id())
    await turn.approvals.park(again)
    sentence = str(result.content.get("message")) + "\n\n" + approval.shown
    yield WriteParked(again)
    async for event in _say(turn, sentence, TurnEnded("login_required", turn.usage)):
        yield event


async def _tell(turn: Turn, words: str) -> AsyncIterator[TurnEvent]:
    """The model phrases the outcome; where it does not, the gateway says it: a write must not end without a word."""
    try:
        if not turn.deadline.passed and not turn.quota_used:
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
