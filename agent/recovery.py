"""What an earlier process left unfinished in a conversation is told when its owner comes back: a turn that it could not
end, a write whose outcome it did not learn. Nothing is sent again; a declared read may say what came of a write.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from agent.conversation import add_assistant
from agent.grammar import Grammar
from agent.ports import Toolset
from agent.running import Outside
from schemas.conversation import Approval, Conversation, TurnRecord, WriteOutcome
from schemas.deadline import Deadline
from schemas.errors import StoreUnavailable
from schemas.messages import text
from schemas.tool import PreparedCall, ToolCall, ToolResult
from schemas.turn import Locale, TextDelta, TurnFailed

log = structlog.get_logger(__name__)

_LOOK_UP_S = 10.0


@dataclass(frozen=True, slots=True)
class _Left:
    """What was left: the turn without an end, the writes without an outcome."""

    turn: TurnRecord | None
    writes: tuple[Approval, ...]


class Recovery:
    """Tells each conversation once what an earlier process left of it."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._locks: dict[str, asyncio.Lock] = {}

    async def tell(self, conversation: Conversation, toolset: Toolset, locale: Locale) -> None:
        """Write what was left into the conversation's log and history, once, and never beside a turn of this process. A
        store that does not answer is asked again when the owner comes back the next time; where it fails to keep what
        was told, the process after this one tells it once more."""
        if conversation.recovered:
            return
        lock = self._locks.setdefault(conversation.id, asyncio.Lock())
        try:
            async with lock:
                if not conversation.recovered:
                    await self._tell(conversation, toolset, locale)
        except StoreUnavailable as error:
            log.error("recovery_failed", conversation_id=conversation.id, reason=error.reason)
        finally:
            if not lock.locked():
                self._locks.pop(conversation.id, None)

    async def _left(self, conversation_id: str) -> _Left | None:
        latest = await self._outside.turns.latest(conversation_id)
        writes = await self._outside.approvals.unrecorded(conversation_id)
        turn = latest if latest is not None and not latest.outcome else None
        return _Left(turn, tuple(writes)) if turn is not None or writes else None

    async def _tell(self, conversation: Conversation, toolset: Toolset, locale: Locale) -> None:
        left = await self._left(conversation.id)
        found = [(one, await self._look_up(one, toolset, locale)) for one in left.writes] if left is not None else []
        if conversation.recovered:  # a turn has begun meanwhile: what the store showed may be that one
            return
        conversation.recovered = True  # from here to the terminal nothing is awaited: it is told once and in one piece
        if left is None:
            return
        turn_id = left.turn.id if left.turn is not None else self._outside.new_id()
        grammar = Grammar(self._outside.log, conversation.id, turn_id, locale)
        grammar.open(left.turn.client_msg_id if left.turn is not None else None)
        for approval, result in found:
            sentence = self._words(approval, result, locale)
            grammar.write(TextDelta(("\n\n" if grammar.content else "") + sentence))
            add_assistant(conversation, sentence)
        grammar.write(TurnFailed("turn_interrupted"))
        log.warning("turn_left_unfinished", conversation_id=conversation.id, turn_id=turn_id)
        for approval, result in found:
            outcome: WriteOutcome = "succeeded" if result.ok else "unknown"
            await self._outside.approvals.record(approval.id, outcome, self._words(approval, result, locale))
            log.warning("write_left_unknown", tool=approval.tool, approval_id=approval.id, found=result.ok)
        await self._outside.turns.finish(turn_id, "turn_interrupted", grammar.content)
        await self._outside.conversations.save(conversation)

    async def _look_up(self, approval: Approval, toolset: Toolset, locale: Locale) -> ToolResult:
        """What the write's system says of it today, by the owner's present credential."""
        deadline = Deadline.after(_LOOK_UP_S)
        call = ToolCall(self._outside.new_id(), approval.tool, approval.arguments)
        prepared = await toolset.prepare(call, locale, deadline)
        if isinstance(prepared, PreparedCall) and prepared.digest == approval.digest:
            parked = approval.expires_at - timedelta(seconds=self._outside.budgets.approval_ttl_s)
            return await toolset.look_up(prepared, locale, deadline, parked)
        return ToolResult.failure("unknown_outcome", text("tool.unknown_outcome", locale, upstream=approval.upstream))

    def _words(self, approval: Approval, result: ToolResult, locale: Locale) -> str:
        if result.ok:
            return f"{approval.summary}: " + text("note.found", locale, upstream=approval.upstream)
        return str(result.content.get("message"))
