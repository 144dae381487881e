"""Model step and tool calls in alternation, under budgets, until there is an answer. Next: `toolcalls.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from agent.context import Turn
from agent.conversation import add_assistant, view
from agent.offer import offered
from agent.prompt import system_prompt
from agent.toolcalls import run_calls
from schemas.errors import ModelUnavailable
from schemas.messages import text
from schemas.model import ModelEnd, ModelRequest
from schemas.tool import ToolCall, ToolSpec
from schemas.turn import TextDelta, TurnEnded, TurnEvent

log = structlog.get_logger(__name__)


async def run_steps(turn: Turn) -> AsyncIterator[TurnEvent]:
    """Steps until the model answers in words, a write is parked, or a budget is used up. Ends with `TurnEnded`."""
    empty = 0
    while True:
        last = turn.usage.steps >= turn.budgets.max_steps - 1 or turn.usage.tool_calls >= turn.budgets.max_tool_calls
        if turn.deadline.passed:
            yield turn.say(text("turn.limit", turn.locale))
            yield TurnEnded("limit", turn.usage)
            return
        step = Step()
        async for delta in model_step(turn, () if last else offered(turn), step):
            yield delta
        add_assistant(turn.conversation, step.text, step.calls)
        if not step.calls and not step.text:
            empty += 1
            if empty == 1 and not last:
                continue
            yield turn.say(text("turn.empty", turn.locale))
            yield TurnEnded(turn.outcome(), turn.usage)
            return
        if not step.calls:
            yield TurnEnded("limit" if last and turn.usage.tool_calls else turn.outcome(), turn.usage)
            return
        parked: list[str] = []
        async for event in run_calls(turn, step.calls, parked):
            yield event
        if parked:
            async for event in _end_with_approval(turn, step, parked[0]):
                yield event
            return


@dataclass(slots=True)
class Step:
    """What one model step said and asked for."""

    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)


async def model_step(turn: Turn, tools: Sequence[ToolSpec], step: Step) -> AsyncIterator[TurnEvent]:
    """One call of the model; text goes out as it comes, `step` holds the whole when it is done."""
    turn.usage.steps += 1
    request = ModelRequest(
        [_system(turn), *view(turn.conversation, turn.budgets.max_history_chars)], tools, turn.deadline
    )
    async for piece in turn.model.stream(request):
        match piece:
            case TextDelta(words) if words:
                yield turn.say(words) if not step.text else piece
                step.text += words
            case ToolCall():
                step.calls.append(piece)
            case ModelEnd():
                turn.usage.input_tokens += piece.input_tokens
                turn.usage.output_tokens += piece.output_tokens
    if not tools:
        step.calls.clear()


async def _end_with_approval(turn: Turn, step: Step, shown: str) -> AsyncIterator[TurnEvent]:
    """Let the model tell what else this step found, then show the parked write, which ends the turn."""
    if len(step.calls) > 1 and not turn.deadline.passed:
        telling = Step()
        try:
            async for delta in model_step(turn, (), telling):
                yield delta
        except ModelUnavailable as error:  # what is parked is shown all the same, or nobody could answer it
            log.warning("model_unavailable", reason=error.reason)
        add_assistant(turn.conversation, telling.text)
    yield turn.say(shown)
    add_assistant(turn.conversation, shown)
    yield TurnEnded("approval", turn.usage)


def _system(turn: Turn) -> dict[str, Any]:
    facts = turn.caller.identity.facts if turn.caller.identity else {}
    public = None
    if turn.caller.state in ("anonymous", "refused"):
        public = [spec.name for spec in offered(turn) if spec.public]
    prompt = system_prompt(turn.clock(turn.zone), turn.zone.key, turn.locale, facts, public)
    return {"role": "system", "content": prompt}
