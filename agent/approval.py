"""Parked writes: the resident's yes to one exact request, in words. Next: `writes.py`, which runs them.

An approval is bound to its owner, conversation, tool, arguments and the digest of the built request; it expires, and it
leaves `pending` once.
"""

from __future__ import annotations

import unicodedata

import structlog

from agent.context import Turn
from schemas.conversation import Approval
from schemas.deadline import Deadline
from schemas.messages import text
from schemas.tool import PreparedCall, ToolResult
from schemas.turn import Locale

log = structlog.get_logger(__name__)

# Protocol rule 6: an exact yes or no as the whole query. A no may be said in more ways than a yes: it can do no harm.
_YES = frozenset({"确认", "是", "好的", "可以", "yes", "ok", "confirm"})
_NO = frozenset({"取消", "不", "不要", "不用", "不用了", "算了", "否", "不是", "不行", "no", "nope", "cancel", "stop"})
_CANCEL = frozenset({"取消", "cancel"})  # the words that `approval.how` teaches
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


def waiting_write(turn: Turn) -> Approval | None:
    """What waits for the conversation's owner, expired or not; with an expired token the caller is still the one who
    was asked. One parked before a login became the subject's together with its conversation (rule 7)."""
    conversation = turn.conversation
    return turn.approvals.pending(conversation.id, conversation.owner) or turn.approvals.pending(conversation.id, None)


def park(turn: Turn, prepared: PreparedCall, parked: list[str]) -> ToolResult:
    """Keep the write for the resident's yes and say so to the model. Only one can wait at a time: two yeses to one word
    would be no yes to an exact write."""
    if parked:
        return ToolResult.failure("approval_pending", text("approval.one_at_a_time", turn.locale))
    shown = words(prepared, turn.locale, turn.budgets.approval_ttl_s)
    turn.approvals.park(
        Approval(
            id=turn.new_id(),
            conversation_id=turn.conversation.id,
            owner=turn.conversation.owner,
            tool=prepared.call.name,
            arguments=prepared.call.arguments,
            digest=prepared.digest,
            shown=shown,
            expires=Deadline.after(turn.budgets.approval_ttl_s, turn.deadline.clock),
        )
    )
    log.info("write_parked", tool=prepared.call.name, upstream=prepared.upstream)
    parked.append(shown)
    return ToolResult.failure("approval_required", text("approval.pending", turn.locale))
