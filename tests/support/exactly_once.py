"""Randomised schedules of writes against an upstream that loses connections: what was written, recorded and told.

A schedule is one conversation: a write is asked for, shown, and confirmed once or several times, also in the same
moment. `flaky_upstream.py` does the harm and counts what was committed.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.running import Asked
from agent.turns import TurnRunner
from integrations.stores.memory_log import MemoryLog
from integrations.toolset import CatalogueToolset, CatalogueToolsets
from schemas.conversation import Conversation
from schemas.deadline import Deadline
from schemas.errors import FrameRefused
from schemas.model import ModelEnd, ModelRequest
from schemas.tool import Caller, ToolCall
from schemas.turn import TextDelta
from tests.support.fakes import budgets, ids, make_outside, tool_results
from tests.support.flaky_upstream import FlakyUpstream
from tests.support.memory_stores import MemoryApprovals
from tests.support.outside import DOCUMENT, TOKEN, write_catalogue

_PAY = {"post": DOCUMENT["paths"]["/things"]["post"] | {"operationId": "payThing", "summary": "付款 / Pay for a thing"}}
_SETTINGS = """\
    timeouts: {connect_s: 0.3, attempt_s: 0.4}
    breaker: {failures: 1000000, min_calls: 1000000}
    operations:
      makeThing: {idempotency: {header: Idempotency-Key}}
"""
_PENDING = ("approval_required", "approval_pending")


class _DirectModel:
    """Calls the tool that the resident names (`do TOOL NAME`), and repeats what a result says."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ToolCall | ModelEnd]:
        last = request.messages[-1]
        words = str(last["content"]).split()
        if last["role"] == "user" and words[:1] == ["do"] and request.tools:
            yield ToolCall(f"call-{words[2]}", words[1], f'{{"name": "{words[2]}"}}')
            yield ModelEnd("tool_calls")
            return
        result = tool_results(request.messages[-1:])
        yield TextDelta(str(result[0].get("message") or "done") if result else "what else?")
        yield ModelEnd("stop")

    async def close(self) -> None:
        """Nothing to close."""


@dataclass
class Outcome:
    """All schedules together. `wrong` must be empty; the counts show what the dice did."""

    schedules: int = 0
    committed: int = 0
    told: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


async def run_schedules(
    folder: Path, seed: int, count: int, side_by_side: int = 20, *, faithful: bool = True
) -> Outcome:
    """`count` schedules, so many at a time, on one upstream; every write has a name of its own. An upstream that is not
    `faithful` commits everything twice: what the judge must see."""
    outcome = Outcome()
    document = DOCUMENT | {"paths": DOCUMENT["paths"] | {"/payments": _PAY}}
    async with FlakyUpstream(seed, each=1 if faithful else 2) as upstream:
        catalogue = write_catalogue(folder, upstream.url, _SETTINGS, document=document)
        toolsets = CatalogueToolsets(catalogue)
        places = asyncio.Semaphore(side_by_side)
        log = MemoryLog(1000, count + 10, new_epoch=ids("e"))
        approvals = MemoryApprovals(10 * count + 10)
        outside = make_outside(
            _DirectModel(), log=log, approvals=approvals, budgets=budgets(turn_timeout_s=4), new_id=ids()
        )
        runner = TurnRunner(outside)

        async def one(number: int) -> None:
            async with places:
                dice = random.Random(f"{seed}/{number}")  # noqa: S311 - dice of a test
                toolset = toolsets.for_token(TOKEN)
                caller = await toolset.caller(Deadline.after(5))
                conversation = Conversation(f"c{number}", caller.owner)
                name = f"n{seed}-{number}"
                talk = _Talk(runner, log, conversation)
                await talk.say(toolset, caller, f"do {dice.choice(('makeThing', 'payThing'))} {name}")
                for _ in range(dice.choice((1, 1, 2, 3))):
                    await talk.say(toolset, caller, *["确认"] * dice.choice((1, 1, 2, 3)))
                talks.append((name, talk))

        talks: list[tuple[str, _Talk]] = []
        await asyncio.gather(*(one(number) for number in range(count)))
        await asyncio.sleep(upstream.slow_s + 0.1)  # what is committed late is committed by now
        await runner.close()
        await toolsets.close()
        for name, talk in talks:
            _judge(outcome, name, upstream.commits[name], talk)
        outcome.happened = upstream.happened
    return outcome


class _Talk:
    """One conversation's two clients; both read the same log."""

    def __init__(self, runner: TurnRunner, log: MemoryLog, conversation: Conversation) -> None:
        self.runner, self.log, self.conversation = runner, log, conversation

    async def say(self, toolset: CatalogueToolset, caller: Caller, *queries: str) -> None:
        """Send the queries in the same moment and wait until no turn runs."""
        for query in queries:
            with suppress(FrameRefused):  # busy: one waits already
                await self.runner.accept(
                    Asked(conversation=self.conversation, query=query, locale="zh", caller=caller, toolset=toolset)
                )
        while self.runner.runs(self.conversation.id):
            await asyncio.sleep(0.005)

    @property
    def text(self) -> str:
        """All frames of the conversation."""
        return "".join(entry.text for entry in self.log.after(self.conversation.id, 0))


def _judge(outcome: Outcome, name: str, commits: int, talk: _Talk) -> None:
    outcome.schedules += 1
    outcome.committed += commits > 0
    results = [result for result in tool_results(talk.conversation.messages) if result.get("error") not in _PENDING]
    told = ["ok" if result.get("ok") else str(result.get("error")) for result in results]
    outcome.told.update(told)
    if commits > 1:
        outcome.wrong.append(f"{name}: committed {commits} times ({told})")
    if commits and not set(told) & {"ok", "unknown_outcome"}:
        outcome.wrong.append(f"{name}: committed, but recorded as {told}")
    if not commits and "ok" in told:
        outcome.wrong.append(f"{name}: told as done, but never committed")
    for result in results:
        if not result.get("ok") and str(result.get("message")) not in talk.text:
            outcome.wrong.append(f"{name}: the resident never read {result.get('message')!r}")
