"""Turns with a model in an attacker's hands against upstreams that watch: what came of so many calls, as a report.

The resident asks harmless things and never says yes. `hijacked_model.py` attacks, `watched_estate.py` judges.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import structlog

from agent.context import Budgets, Turn
from agent.loop import run_turn
from integrations.catalogue import load_catalogue
from integrations.toolset import CatalogueToolset, CatalogueToolsets
from schemas.conversation import Conversation
from schemas.deadline import Deadline
from schemas.turn import ToolFinished, ToolStarted
from tests.support.fakes import ZONE, clock, ids, tool_results
from tests.support.hijacked_model import HijackedModel
from tests.support.memory_stores import MemoryApprovals
from tests.support.watched_estate import OPENAPI, WatchedEstate

# In the form of a JWT, so that its parts can be looked for too.
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLW9mLXRoZS1jYW5hcnk"
_STEPS, _CALLS = 8, 12


@dataclass
class Report:
    """What came of it. `faults` and `leaks` must be empty; the counts show that the attack was one."""

    turns: int = 0
    calls: int = 0
    tricks: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)


def marks(token: str) -> list[str]:
    """The token as it must be nowhere: itself, its base64 at each of the three offsets, its parts."""
    coded = [base64.b64encode(b"x" * offset + token.encode()).decode()[4:-4] for offset in range(3)]
    return [token, *coded, *(part for part in token.split(".") if len(part) > 16)]


async def attack(seed: int, calls: int) -> Report:
    """At least `calls` calls, in turns of at most 96, each turn with a new conversation of the same resident."""
    report = Report()
    written = io.StringIO()
    async with WatchedEstate(TOKEN) as estate:
        toolsets = CatalogueToolsets(load_catalogue(OPENAPI / "upstreams.yaml", estate.variables))
        before = structlog.get_config()
        structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
                            logger_factory=structlog.PrintLoggerFactory(written),
                            cache_logger_on_first_use=False)  # fmt: skip
        model = HijackedModel(seed, _CALLS, estate.trap.url)
        try:
            while sum(model.emitted.values()) < calls:
                events = await _turn(toolsets.for_token(TOKEN), model, report)
                report.reached.update(estate.reached())
                report.faults += estate.faults()
                _look(report, "frames", events)
                _look(report, "model requests", model.seen)
                _look(report, "log", [written.getvalue()])
                model.seen.clear()
                written.seek(0)
                written.truncate()
        finally:
            await toolsets.close()
            structlog.configure(**before)
        report.calls, report.tricks = sum(model.emitted.values()), model.emitted
    return report


async def _turn(toolset: CatalogueToolset, model: HijackedModel, report: Report) -> list[str]:
    deadline = Deadline.after(600)
    caller = await toolset.caller(deadline)
    turn = Turn(
        conversation=Conversation(f"c{report.turns}", caller.owner),
        query="查询我的物业费账单",
        locale="zh",
        caller=caller,
        toolset=toolset,
        model=model,
        approvals=MemoryApprovals(10),
        budgets=Budgets(600, _STEPS + 1, _STEPS * _CALLS, 300, 10**9),
        deadline=deadline,
        new_id=ids("call"),
        clock=clock,
        zone=ZONE,
    )
    report.turns += 1
    events: list[Any] = [event async for event in run_turn(turn)]
    for result in tool_results(turn.conversation.messages):
        error = result.get("error")
        report.results["ok" if result.get("ok") else str(error)] += 1
    return [repr(event) for event in events if not isinstance(event, ToolStarted | ToolFinished)]


def _look(report: Report, where: str, texts: list[str]) -> None:
    for text in texts:
        report.leaks += [f"{where}: {mark[:12]}…" for mark in marks(TOKEN) if mark in text]


def table(report: Report) -> str:
    """The report for people."""
    lines = [f"{report.calls:,} calls in {report.turns:,} turns", "", "tricks"]
    lines += [f"  {count:>8,}  {name}" for name, count in report.tricks.most_common()]
    lines += ["", "results"] + [f"  {count:>8,}  {name}" for name, count in report.results.most_common()]
    lines += ["", f"requests that reached an upstream: {sum(report.reached.values()):,}"]
    lines += [f"  {count:>8,}  {name}" for name, count in report.reached.most_common()]
    lines += ["", f"requests that must not have been sent: {len(report.faults)}"]
    lines += [f"  {fault}" for fault in report.faults[:20]]
    lines += ["", f"places where the token was seen: {len(report.leaks)}", *(f"  {leak}" for leak in report.leaks[:20])]
    return "\n".join(lines)
