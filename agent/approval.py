"""Parked writes: the resident's yes to one exact request, in words. Next: `writes.py`, which runs them.

An approval is bound to its owner, conversation, tool, arguments and the digest of the built request; it expires, and it
leaves `pending` once.
"""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from zoneinfo import ZoneInfo

import structlog

from agent.context import Turn
from schemas.conversation import Approval, ApprovalState
from schemas.deadline import Deadline
from schemas.errors import StoreUnavailable
from schemas.messages import text
from schemas.tool import PreparedCall, ToolResult
from schemas.turn import Locale

log = structlog.get_logger(__name__)

# Protocol rule 6: an exact yes or no as the whole query. A no may be said in more ways than a yes: it can do no harm.
_YES = frozenset({"确认", "是", "好的", "可以", "yes", "ok", "confirm"})
_NO = frozenset({"取消", "不", "不要", "不用", "不用了", "算了", "否", "不是", "不行", "no", "nope", "cancel", "stop"})
_CANCEL = frozenset({"取消", "cancel"})  # the words that `approval.how` teaches
_UTC = ZoneInfo("UTC")
_EDGES = " \t\r\n.,!;:。，！；：~～…“”\"'"  # no question mark: 可以？ asks and does not agree


def decision(query: str) -> bool | None:
    """True for an exact yes, False for an exact no, None for anything else."""
    word = _word(query)
    if word in _YES:
        return True
    return False if word in _NO else None


def named_cancel(query: str) -> bool:
    """True for the no that can mean nothing else: 取消 or cancel."""
    return _word(query) in _CANCEL


def _word(query: str) -> str:
    return unicodedata.normalize("NFKC", query).strip(_EDGES).casefold()


def words(prepared: PreparedCall, locale: Locale, ttl_s: float) -> str:
    """What the gateway says before a write: what would be sent, by document and arguments, and how to answer."""
    lines = [text("approval.intro", locale, upstream=prepared.upstream), prepared.summary]
    lines += [f"• {argument.label}{'：' if locale == 'zh' else ': '}{argument.text}" for argument in prepared.arguments]
    lines.append(text("approval.how", locale, minutes=max(1, round(ttl_s / 60))))
    return "\n".join(lines)


async def waiting_write(turn: Turn) -> Approval | None:
    """What waits for the conversation's owner, expired or not; with an expired token the caller is still the one who
    was asked. One parked before a login became the subject's together with its conversation (rule 7)."""
    approval = await turn.approvals.pending(turn.conversation.id)
    return approval if approval is not None and approval.owner in (turn.conversation.owner, None) else None


async def park(turn: Turn, prepared: PreparedCall, parked: list[Approval]) -> ToolResult:
    """Keep the write for the resident's yes and say so to the model. Only one can wait at a time: two yeses to one word
    would be no yes to an exact write. One that cannot be kept is not proposed: no record, no write."""
    if parked:
        return ToolResult.failure("approval_pending", text("approval.one_at_a_time", turn.locale))
    ttl_s = turn.budgets.approval_ttl_s
    approval = Approval(
        id=turn.new_id(),
        conversation_id=turn.conversation.id,
        owner=turn.conversation.owner,
        tool=prepared.call.name,
        arguments=prepared.call.arguments,
        digest=prepared.digest,
        upstream=prepared.upstream,
        summary=prepared.summary,
        lines=prepared.arguments,
        shown=words(prepared, turn.locale, ttl_s),
        expires=Deadline.after(ttl_s, turn.deadline.clock),
        expires_at=turn.clock(_UTC) + timedelta(seconds=ttl_s),
    )
    try:
        await turn.approvals.park(approval)
    except StoreUnavailable as error:
        log.error("approval_not_kept", tool=prepared.call.name, reason=error.reason)
        return ToolResult.failure("unavailable", text("approval.not_kept", turn.locale))
    log.info("write_parked", tool=prepared.call.name, upstream=prepared.upstream)
    parked.append(approval)
    return ToolResult.failure("approval_required", text("approval.pending", turn.locale))


_DECIDED: dict[ApprovalState, str] = {
    "cancelled": "approval.was_cancelled",
    "expired": "error.approval_expired",
    "superseded": "approval.was_superseded",
}


def decided(approval: Approval, locale: Locale) -> str:
    """How an approval that is not pending any more was decided, and what came of it."""
    if approval.state == "approved":
        return approval.told or text("tool.unknown_outcome", locale, upstream=approval.upstream)
    return text(_DECIDED.get(approval.state, "approval.was_superseded"), locale)
