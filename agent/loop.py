"""One turn as an async iterator of events: the answer to a parked write, or steps of the model and its tools.

`turns.py` runs it in a task and puts its events into the log. Next: `steps.py`, and `writes.py` for parked writes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import structlog

from agent.approval import waiting_write
from agent.context import Turn
from agent.conversation import add_user
from agent.handover import sorry, to_people
from agent.steps import run_steps
from agent.writes import answer_parked
from schemas.conversation import Approval
from schemas.errors import ModelInterrupted, ModelUnavailable, StoreUnavailable
from schemas.messages import text
from schemas.turn import TurnEnded, TurnEvent, TurnFailed

log = structlog.get_logger(__name__)


async def run_turn(turn: Turn) -> AsyncGenerator[TurnEvent, None]:
    """The events of one turn, ending with exactly one `TurnEnded` or `TurnFailed`."""
    try:
        handled = False
        async for event in answer_parked(turn):
            handled = True
            yield event
        if not handled:
            add_user(turn.conversation, turn.query, turn.attachments)
            async for event in to_people(turn):
                handled = True
                yield event
            if handled:
                return
            if turn.quota_used:
                yield sorry(turn, "turn.quota")
                yield TurnEnded("limit", turn.usage)
                return
            turn.waiting = await _waiting(turn)
            async for event in run_steps(turn):
                yield event
    except ModelUnavailable as error:
        log.warning("model_unavailable", reason=error.reason, interrupted=isinstance(error, ModelInterrupted))
        if turn.deadline.passed:  # the turn's own limit and no fault of the model: a sentence, not an error (rule 1)
            yield sorry(turn, "turn.limit")
            yield TurnEnded("limit", turn.usage)
            return
        if isinstance(error, ModelInterrupted):
            yield turn.say(text("turn.interrupted", turn.locale))
        yield TurnFailed("model_unavailable")


async def _waiting(turn: Turn) -> Approval | None:
    """What waits for a yes; its tool stays within reach. A store that does not answer costs no more than that."""
    try:
        return await waiting_write(turn)
    except StoreUnavailable as error:
        log.warning("store_unavailable", reason=error.reason)
        return None
