"""Model step and tool calls in alternation, under budgets, until there is an answer. Next: `toolcalls.py`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from agent.claims import ClaimGuard
from agent.context import Turn
from agent.conversation import add_assistant, for_model, has_attachments, view
from agent.handover import sorry, with_office
from agent.offer import offered
from agent.prompt import system_prompt
from agent.toolcalls import run_calls
from schemas.conversation import Approval
from schemas.errors import ModelUnavailable
from schemas.messages import text
from schemas.model import ModelEnd, ModelRequest
from schemas.tool import ToolCall, ToolResult, ToolSpec
from schemas.turn import TextDelta, TurnEnded, TurnEvent, Usage, WriteParked

log = structlog.get_logger(__name__)

# How often in a row a model is asked to correct arguments; then it answers in words with what is known.
MAX_CORRECTIONS = 2
_CONTINUE = "Your answer was cut because of its length. Go on exactly where it stops, without repeating anything."


async def run_steps(turn: Turn) -> AsyncIterator[TurnEvent]:
    """Steps until the model answers in words, a write is parked, or a budget is used up. Ends with `TurnEnded`; raises
    `ModelUnavailable` where the model twice says nothing."""
    trouble = Trouble()
    # steps only read and park: what succeeded before them is the write that the resident said yes to
    guard = ClaimGuard(written=any(one.ok or one.content.get("reconciled") == "found" for one in turn.results))
    try:
        async for event in _steps(turn, trouble, guard):
            if isinstance(event, TurnEnded):
                for correction in _corrected(turn, guard):
                    yield correction
            yield event
    except ModelUnavailable:
        for correction in _corrected(turn, guard):
            yield correction
        raise


async def _steps(turn: Turn, trouble: Trouble, guard: ClaimGuard) -> AsyncIterator[TurnEvent]:
    while True:
        spent = _used_up(turn)
        last = spent or trouble.refused > MAX_CORRECTIONS
        if turn.deadline.passed:
            yield sorry(turn, "turn.limit")
            yield TurnEnded("limit", turn.usage)
            return
        step = Step(trouble.unfinished)
        async for delta in model_step(turn, () if last else offered(turn), step, last=last):
            guard.hear(delta.text)
            yield delta
        if trouble.goes_on(step, last=last or _full(turn)):
            continue
        _remember(turn, step.text, step.calls, reasoning=step.reasoning)
        if not step.calls:
            async for event in _end_with_words(turn, step, limit=spent):
                yield event
            return
        parked: list[Approval] = []
        before = len(turn.results)
        async for event in run_calls(turn, step.calls, parked):
            yield event
        trouble.count(turn.results[before:])
        if parked:
            async for event in _end_with_approval(turn, step, parked[0], guard):
                yield event
            return


@dataclass(slots=True)
class Step:
    """What one model step said and asked for. `text` begins with what an answer cut by its length had so far."""

    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    finish: str = "stop"
    reasoning: str = ""


@dataclass(slots=True)
class Trouble:
    """What went wrong in the steps so far, each of which is mended so often and no more."""

    empty: int = 0
    refused: int = 0
    continued: int = 0
    unfinished: str = ""

    def goes_on(self, step: Step, *, last: bool) -> bool:
        """Whether the step is to be asked again: once if it said nothing, or from where its length cut it."""
        if step.calls or step.finish == "content_filter" or last:
            return False
        if not step.text:
            self.empty += 1
            return self.empty == 1
        if step.finish == "length" and not self.continued:
            self.continued, self.unfinished = 1, step.text
            return True
        return False

    def count(self, results: Sequence[ToolResult]) -> None:
        """Steps in a row whose arguments the schema refused: each result asks the model to correct them."""
        self.unfinished = ""
        self.refused = self.refused + 1 if any(one.error == "invalid_arguments" for one in results) else 0


async def model_step(
    turn: Turn, tools: Sequence[ToolSpec], step: Step, *, last: bool = False
) -> AsyncIterator[TextDelta]:
    """One call of the model; text goes out as it comes, without links; `step` holds the whole when it is done."""
    turn.usage.steps += 1
    shown = view(turn.conversation, turn.budgets.max_history_tokens)
    messages = [_system(turn, files=has_attachments(shown), last=last), *for_model(shown)]
    if step.text:
        messages += [{"role": "assistant", "content": step.text}, {"role": "user", "content": _CONTINUE}]
    room = max(1, turn.budgets.max_output_tokens - turn.usage.output_tokens)
    if turn.links is None or not step.text:  # an answer that goes on is judged together with what it goes on from
        turn.links = turn.new_links()
    started, span, used = time.monotonic(), turn.span.step(), Usage()
    try:
        async for piece in turn.model.stream(ModelRequest(messages, tools, turn.deadline, room)):
            match piece:
                case TextDelta(words):
                    for event in _spoken(turn, step, turn.links.push(words)):
                        yield event
                case ToolCall():
                    step.calls.append(piece)
                case ModelEnd():
                    step.finish, step.reasoning = piece.finish_reason, piece.reasoning
                    turn.usage.input_tokens += piece.input_tokens
                    turn.usage.output_tokens += piece.output_tokens
                    used = Usage(piece.input_tokens, piece.output_tokens)
    except ModelUnavailable:  # the half sentence stays
        turn.observer.step_ended(time.monotonic() - started, answered=False)
        span.end("model_unavailable")
        for event in _spoken(turn, step, turn.links.flush()):
            yield event
        raise
    except BaseException:
        span.end("cancelled")
        raise
    span.end(usage=used)
    turn.observer.step_ended(time.monotonic() - started, answered=True)
    for event in _spoken(turn, step, turn.links.flush()):
        yield event
    if not tools:
        step.calls.clear()


def _remember(turn: Turn, said: str, calls: Sequence[ToolCall] = (), *, reasoning: str = "") -> None:
    """What a whole step said goes into the history; nothing of it is partial any more."""
    add_assistant(turn.conversation, said, calls, reasoning=reasoning)
    turn.partial = ""


def _spoken(turn: Turn, step: Step, words: str) -> Iterator[TextDelta]:
    """What the filter let through, for the bubble and for the history alike."""
    if words:
        yield TextDelta(words) if step.text else turn.show(words)
        step.text += words
        turn.partial = step.text


def _used_up(turn: Turn) -> bool:
    """Whether a budget leaves no more than one step, to tell what was found."""
    budgets, usage = turn.budgets, turn.usage
    spent = usage.steps >= budgets.max_steps - 1 or usage.tool_calls >= budgets.max_tool_calls
    return spent or turn.tokens >= budgets.max_turn_tokens or _full(turn)


def _full(turn: Turn) -> bool:
    return turn.usage.output_tokens >= turn.budgets.max_output_tokens


async def _end_with_words(turn: Turn, step: Step, *, limit: bool) -> AsyncIterator[TurnEvent]:
    """The end of a turn whose last step asked for nothing: its words stand in the bubble already.

    `limit`: a budget made it the last.
    """
    limit = limit and bool(turn.usage.tool_calls or turn.searches)
    if step.finish == "content_filter":
        sentence = with_office(turn, "turn.filtered")
        add_assistant(turn.conversation, sentence)
        yield turn.say(sentence)
    elif step.finish == "length" and (step.text or _full(turn)):
        limit = True
        yield turn.say(text("turn.truncated", turn.locale))
    elif not step.text and limit:
        yield sorry(turn, "turn.limit")
    elif not step.text:
        yield sorry(turn, "turn.empty")
        raise ModelUnavailable("the model said nothing, and nothing again")
    yield TurnEnded("limit" if limit else turn.outcome(), turn.usage)


async def _end_with_approval(turn: Turn, step: Step, approval: Approval, guard: ClaimGuard) -> AsyncIterator[TurnEvent]:
    """Let the model tell what else this step found, then show the parked write, which ends the turn."""
    if len(step.calls) > 1 and not turn.deadline.passed:
        telling = Step()
        try:
            async for delta in model_step(turn, (), telling):
                guard.hear(delta.text)
                yield delta
        except ModelUnavailable as error:  # what is parked is shown all the same, or nobody could answer it
            log.warning("model_unavailable", reason=error.reason)
        _remember(turn, telling.text)
    for correction in _corrected(turn, guard):
        yield correction
    yield turn.say(approval.shown)
    _remember(turn, approval.shown)
    yield WriteParked(approval)
    yield TurnEnded("approval", turn.usage)


def _corrected(turn: Turn, guard: ClaimGuard) -> Iterator[TextDelta]:
    """The gateway's word after an answer that claims what no system confirmed, for the bubble and the history."""
    if guard.must_correct(turn.results):
        log.warning("claim_corrected")
        sentence = text("turn.not_done", turn.locale)
        add_assistant(turn.conversation, sentence)
        yield turn.say(sentence)


def _system(turn: Turn, *, files: bool, last: bool) -> dict[str, Any]:
    facts = turn.caller.identity.facts if turn.caller.identity else {}
    office = turn.office.facts(turn.locale) if turn.office is not None else None
    public = None
    if turn.caller.state in ("anonymous", "refused"):
        public = [spec.name for spec in offered(turn) if spec.public]
    now = turn.clock(turn.zone)
    prompt = system_prompt(now, turn.zone.key, turn.locale, facts, public, files=files, last=last, office=office)
    return {"role": "system", "content": prompt}
