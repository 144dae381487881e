"""The turn runner: a task per turn, one at a time in a conversation, its events written to the log as frames.

A turn lives in its own task from acceptance to its terminal, whatever happens to a connection. Next: `loop.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from structlog.contextvars import bound_contextvars

from agent.context import Budgets, Turn
from agent.grammar import Grammar
from agent.loop import run_turn
from agent.ports import ApprovalStore, EventLog, Model, Toolset
from schemas.conversation import Conversation
from schemas.deadline import Deadline
from schemas.errors import FrameRefused
from schemas.tool import Caller
from schemas.turn import Locale, TurnFailed

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A query that became a turn. It holds a toolset, never a token."""

    turn_id: str
    conversation: Conversation
    query: str
    locale: Locale
    caller: Caller
    toolset: Toolset
    waited: bool = False


@dataclass(slots=True)
class _Lane:
    """The turns of one conversation: the task that runs, and the one query that may wait."""

    task: asyncio.Task[None]
    waiting: list[Accepted] = field(default_factory=list)


class TurnRunner:
    """Runs turns. `clock` is the wall clock in a zone; ids and clock come from the caller: a test can name them."""

    def __init__(
        self,
        *,
        model: Model,
        log: EventLog,
        approvals: ApprovalStore,
        budgets: Budgets,
        new_id: Callable[[], str],
        clock: Callable[[ZoneInfo], datetime],
        zone: ZoneInfo,
    ) -> None:
        self._model, self._log, self._approvals, self._budgets = model, log, approvals, budgets
        self._new_id, self._clock, self._zone = new_id, clock, zone
        self._lanes: dict[str, _Lane] = {}
        self._closing = False

    def runs(self, conversation_id: str) -> bool:
        """Whether a turn of this conversation is under way."""
        return conversation_id in self._lanes

    def accept(
        self,
        conversation: Conversation,
        query: str,
        locale: Locale,
        caller: Caller,
        toolset: Toolset,
        *,
        waited: bool = False,
    ) -> str:
        """Start a turn, or let it wait behind the running one. `waited`: it was sent while an earlier one ran. Returns
        its id; raises `FrameRefused` (`busy`, or `shutting_down` once `close` was called)."""
        if self._closing:
            raise FrameRefused("shutting_down", "error.shutting_down")
        lane = self._lanes.get(conversation.id)
        waited = waited or lane is not None
        accepted = Accepted(self._new_id(), conversation, query, locale, caller, toolset, waited)
        if lane is None:
            task = asyncio.create_task(self._run_lane(accepted))
            self._lanes[conversation.id] = _Lane(task)
        elif lane.waiting:
            raise FrameRefused("busy", "frame.busy")
        else:
            lane.waiting.append(accepted)
        return accepted.turn_id

    async def drain(self, timeout_s: float) -> bool:
        """Take no more turns and let those under way end. False if some have not after `timeout_s`."""
        self._closing = True
        tasks = [lane.task for lane in self._lanes.values()]
        if not tasks:
            return True
        _, pending = await asyncio.wait(tasks, timeout=timeout_s)
        return not pending

    async def close(self) -> None:
        """Take no more turns, end the running ones with their terminal, and wait for that."""
        self._closing = True
        await asyncio.sleep(0)  # a task that is cancelled before its first step would end without a terminal
        tasks = [lane.task for lane in self._lanes.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_lane(self, accepted: Accepted) -> None:
        conversation_id = accepted.conversation.id
        following: Accepted | None = accepted
        try:
            while following is not None:
                with bound_contextvars(conversation_id=conversation_id, turn_id=following.turn_id):
                    await self._run(following)
                waiting = self._lanes[conversation_id].waiting
                following = waiting.pop(0) if waiting else None
        finally:
            lane = self._lanes.pop(conversation_id, None)
            for never_run in lane.waiting if lane else ():
                grammar = Grammar(self._log, conversation_id, never_run.turn_id, never_run.locale)
                grammar.open()
                grammar.write(TurnFailed("turn_interrupted"))

    async def _run(self, accepted: Accepted) -> None:
        """One turn to its terminal; a defect ends it with `internal` and a reference that the log knows."""
        grammar = Grammar(self._log, accepted.conversation.id, accepted.turn_id, accepted.locale)
        grammar.open()
        log.info("turn_started", caller=accepted.caller.state, locale=accepted.locale)
        turn = Turn(
            conversation=accepted.conversation,
            query=accepted.query,
            locale=accepted.locale,
            caller=accepted.caller,
            toolset=accepted.toolset,
            model=self._model,
            approvals=self._approvals,
            budgets=self._budgets,
            deadline=Deadline.after(self._budgets.turn_timeout_s),
            new_id=self._new_id,
            clock=self._clock,
            zone=self._zone,
            waited=accepted.waited,
        )
        try:
            async with aclosing(run_turn(turn)) as events:
                async for event in events:
                    grammar.write(event)
        except asyncio.CancelledError:
            if turn.unsettled:  # "please ask again" alone would invite a second write
                grammar.write(turn.say(turn.unsettled))
            grammar.write(TurnFailed("turn_interrupted"))
            raise
        except Exception:
            reference = self._new_id()[:8]
            log.exception("turn_defect", reference=reference)
            grammar.write(TurnFailed("internal", reference))
        finally:
            log.info("turn_ended", outcome=grammar.outcome, steps=turn.usage.steps, tool_calls=turn.usage.tool_calls)
