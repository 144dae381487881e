"""One running turn: its events to the log as frames, what is remembered of it, its terminal whatever happens.

`turns.py` decides when it runs. Next: `loop.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from agent.context import Answer, Budgets, Turn
from agent.conversation import forget_old, mend
from agent.grammar import Grammar
from agent.handover import failed
from agent.loop import run_turn
from agent.ports import EventLog, Model, Toolset
from agent.quota import DailyTokens
from agent.sending import to_its_end
from agent.stores import ApprovalStore, ConversationStore, TurnStore
from schemas.conversation import Conversation
from schemas.deadline import Deadline
from schemas.errors import StoreUnavailable
from schemas.masking import masked_words
from schemas.messages import text
from schemas.observer import Observer
from schemas.office import Office
from schemas.tool import Caller
from schemas.tracing import Tracer
from schemas.turn import Locale, TextDelta, TurnEnded, TurnFailed, Usage
from schemas.upload import Upload

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What all turns share. `clock` is the wall clock in a zone; ids and clock come from the caller, so that a test can
    name them. `log_queries`: the log may have what was asked, masked."""

    model: Model
    log: EventLog
    conversations: ConversationStore
    turns: TurnStore
    approvals: ApprovalStore
    budgets: Budgets
    new_id: Callable[[], str]
    clock: Callable[[ZoneInfo], datetime]
    zone: ZoneInfo
    quota: DailyTokens
    observer: Observer = field(default_factory=Observer)
    office: Office | None = None
    log_queries: bool = False
    tracer: Tracer = field(default_factory=Tracer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a client asked for: a query, or the answer to a parked write. It holds a toolset, never a token.

    `seen` is the conversation's newest entry when it was sent (None: when it is accepted): a yes is never one to what
    was shown after that. `client_msg_id` is the client's own name for it, `attachments` the uploads
    that came with it, the caller's own.
    """

    conversation: Conversation
    query: str
    locale: Locale
    caller: Caller
    toolset: Toolset
    seen: int | None = None
    client_msg_id: str | None = None
    answer: Answer | None = None
    attachments: Sequence[Upload] = ()


class RunningTurn:
    """A turn from its acceptance on. `stop` may come at any time; the rest is the runner's."""

    def __init__(self, outside: Outside, asked: Asked, turn_id: str) -> None:
        self.asked, self.id = asked, turn_id
        self._outside = outside
        self._seen = outside.log.last_seq(asked.conversation.id) if asked.seen is None else asked.seen
        self._grammar = Grammar(outside.log, asked.conversation.id, turn_id, asked.locale)
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self.unsaved = False

    @property
    def content(self) -> str:
        """What stands in the bubble so far."""
        return self._grammar.content

    def stop(self) -> None:
        """The resident wants no more of it: it ends with the outcome `cancelled`."""
        if self._task is not None and not self._stopped:
            self._task.cancel()
        self._stopped = True

    async def run(self) -> None:
        """To its terminal; never raises. A defect ends it with `internal` and a reference that the log knows; where
        this task is cancelled from outside, it ends as interrupted."""
        started = time.monotonic()
        turn = self._turn()
        self._open()
        log.info("turn_started", caller=self.asked.caller.state, locale=self.asked.locale)
        if self._outside.log_queries:
            log.info("turn_asked", query=masked_words(self.asked.query))
        end: TurnEnded | TurnFailed = TurnEnded("cancelled", turn.usage)
        if not self._stopped:
            self._task = asyncio.current_task()
            end = await self._events(turn)
            self._task = None
        self._outside.quota.add(turn.conversation.owner, turn.tokens)
        try:
            # also where the process ends meanwhile: the next one would tell a turn that has ended as interrupted
            await to_its_end(self._keep(turn, end))
        except asyncio.CancelledError:
            _uncancel()  # it can wait no longer for the store: the terminal is written all the same
        except Exception:  # a defect of the store's: the next turn must run all the same
            log.exception("turn_not_saved")
        finally:
            self._grammar.write(failed(turn, end))
            turn.span.end(_outcome(end), turn.usage)
            first_text_s = None if turn.spoken_at is None else turn.spoken_at - started
            self._outside.observer.turn_ended(_outcome(end), time.monotonic() - started, first_text_s, turn.usage)
            log.info("turn_ended", outcome=_outcome(end), steps=turn.usage.steps, tool_calls=turn.usage.tool_calls)

    async def interrupt(self) -> None:
        """The terminal of a turn that will never run, because the process ends."""
        self._open()
        self._grammar.write(TurnFailed("turn_interrupted"))
        self._outside.observer.turn_ended("turn_interrupted", 0.0, None, Usage())
        try:
            await self._outside.turns.finish(self.id, "turn_interrupted", "")
        except StoreUnavailable as error:
            log.warning("store_unavailable", reason=error.reason)

    def _open(self) -> None:
        answer = self.asked.answer
        self._grammar.open(self.asked.client_msg_id, answer.approval_id if answer is not None else None)

    async def _events(self, turn: Turn) -> TurnEnded | TurnFailed:
        """Everything but the terminal goes to the log; the terminal is returned."""
        try:
            async with aclosing(run_turn(turn)) as events:
                async for event in events:
                    if isinstance(event, TurnEnded | TurnFailed):
                        return event
                    self._grammar.write(event)
            raise RuntimeError("the turn ended without a terminal")
        except asyncio.CancelledError:
            _uncancel()
            mend(turn.conversation, turn.partial)
            if turn.unsettled:  # "please ask again" alone would invite a second write
                self._grammar.write(turn.say(turn.unsettled))
            return TurnEnded("cancelled", turn.usage) if self._stopped else TurnFailed("turn_interrupted")
        except Exception:
            mend(turn.conversation, turn.partial)
            reference = self._outside.new_id()[:8]
            log.exception("turn_defect", reference=reference)
            return TurnFailed("internal", reference)

    async def _keep(self, turn: Turn, end: TurnEnded | TurnFailed) -> None:
        """History and turn into the store; where it does not take them, the resident reads so in the bubble."""
        outside, conversation = self._outside, turn.conversation
        try:
            await outside.conversations.save(conversation)
            await outside.turns.finish(self.id, _outcome(end), self.content)
        except StoreUnavailable as error:
            log.error("turn_not_saved", reason=error.reason)
            turn.unsaved = True
        if turn.unsaved or self.unsaved:
            said = ("\n\n" if self.content else "") + text("turn.not_saved", self.asked.locale)
            self._grammar.write(TextDelta(said))
        forget_old(conversation, 2 * outside.budgets.max_history_tokens)

    def _turn(self) -> Turn:
        outside, asked = self._outside, self.asked
        return Turn(
            conversation=asked.conversation,
            query=asked.query,
            locale=asked.locale,
            caller=asked.caller,
            toolset=asked.toolset,
            model=outside.model,
            approvals=outside.approvals,
            budgets=outside.budgets,
            deadline=Deadline.after(outside.budgets.turn_timeout_s),
            new_id=outside.new_id,
            clock=outside.clock,
            zone=outside.zone,
            waited=outside.log.last_seq(asked.conversation.id) != self._seen,
            answer=asked.answer,
            attachments=asked.attachments,
            quota_used=outside.quota.used_up(asked.conversation.owner),
            observer=outside.observer,
            office=outside.office,
            span=outside.tracer.turn(asked.conversation.id),
        )


def _outcome(end: TurnEnded | TurnFailed) -> str:
    return end.outcome if isinstance(end, TurnEnded) else end.code


def _uncancel() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
