"""Every fault of the embedded estate on every operation, as a resident meets it: `make demo-faults`.

Steward and the estate run as processes of their own; a scripted provider makes the model call exactly one tool and lets
the embedded model tell the result; writes get their 确认. Prints what the resident reads, and exits with 1 if a turn
hangs, a write is done twice, or the resident is told something that the estate's database contradicts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.demo_faults_estate import ARGUMENTS, WRITES, Ledger
from integrations.models.embedded.model import EmbeddedModel
from schemas.tool import ToolSpec
from tests.support.chat_server import ChatServer, Recorded, Reply, text_reply, tool_call_reply
from tests.support.steward import ROOT, Steward, start_steward
from tests.support.talk import Talk, talk

FAULTS = ("expired-token", "http-500-text", "login-302", "html-502", "gbk", "bom", "empty", "slow:3", "drop-before",
          "drop-after-commit", "drop-at:0", "drop-at:40", "drop-at:300", "drip", "endless", "big-page", "gzip-bomb",
          "malformed-json", "unknown-code", "429:1", "503", "down")  # fmt: skip
HANGS_AFTER_S = 30.0
ATTEMPT_S, TURN_S = 1, 8
_ORDER = re.compile(r"请调用 (\S+)：(.*)", re.DOTALL)
_NEVER_SAID = re.compile(r"Traceback|<html|nginx|Exception|undefined|\bNone\b", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """One fault on one operation. `result` is what the tool call gave: ok, or its error."""

    fault: str
    upstream: str
    tool: str
    arrived: int
    written: int
    result: str
    said: str
    wrong: str


class Provider:
    """The scripted model: `请调用 TOOL：{...}` becomes that call, its result is told by the embedded model."""

    def __init__(self) -> None:
        self.result = ""
        self._embedded = EmbeddedModel(pace_s=0)

    def reply(self, request: Recorded) -> Reply:
        messages = request.json["messages"]
        last = messages[-1]
        if last["role"] == "user" and (order := _ORDER.fullmatch(last["content"])):
            return tool_call_reply(order[1], order[2])
        if last["role"] == "tool":
            content = json.loads(re.sub(r"</?data>", "", last["content"]))
            self.result = "ok" if content.get("ok") else str(content.get("error"))
        offered = [tool["function"] for tool in request.json.get("tools", ())]
        tools = [
            ToolSpec(t["name"], t.get("description", ""), t["parameters"], "write" if t["name"] in WRITES else "read")
            for t in offered
        ]
        return text_reply(self._embedded.answer(messages, tools).text or "…")


@contextmanager
def running(folder: Path, provider: ChatServer) -> Iterator[Steward]:
    """Steward with the shipped upstreams file (short timeouts, no breaker: each fault is met alone) and its estate."""
    copied = folder / "openapi"
    shutil.copytree(ROOT / "openapi", copied)
    file = copied / "upstreams.yaml"
    settings = yaml.safe_load(file.read_text("utf-8"))
    for upstream in settings["upstreams"].values():
        upstream["timeouts"] = {"connect_s": 1, "attempt_s": ATTEMPT_S}
        upstream["breaker"] = {"failures": 10_000, "min_calls": 10_000}
    file.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")
    variables = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": provider.base_url, "STEWARD_UPSTREAMS": str(file),
                 "STEWARD_TURN_TIMEOUT_S": str(TURN_S), "STEWARD_RATE_CONNECTION": "100000/second",
                 "STEWARD_RATE_SUBJECT": "100000/second", "STEWARD_RATE_ADDRESS": "100000/second"}  # fmt: skip
    with start_steward(folder, **variables) as steward:
        estate = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "demo"],
            env={"STEWARD_DEMO_PORT": str(steward.estate_ports[0]), "STEWARD_DATA_DIR": str(steward.data_dir)},
            stdout=subprocess.PIPE, text=True, cwd=folder,
        )  # fmt: skip
        try:
            assert estate.stdout is not None
            if not estate.stdout.readline().startswith("estate ready"):
                raise RuntimeError("the estate did not start")
            yield steward
        finally:
            estate.terminate()
            estate.wait(20)


def run_lane(upstream: str, faults: list[str]) -> list[Row]:
    """All operations of one upstream under all faults, one after the other, on a Steward and an estate of its own."""
    return asyncio.run(_lane(upstream, faults))


async def _lane(upstream: str, faults: list[str]) -> list[Row]:
    provider, rows = Provider(), list[Row]()
    with tempfile.TemporaryDirectory() as folder:
        async with ChatServer(provider.reply) as server:
            with running(Path(folder), server) as steward:
                ledger = Ledger(steward.database)
                for fault in faults:
                    for tool, arguments in ARGUMENTS[upstream].items():
                        async with talk(steward.ws) as resident:
                            row = await _one(
                                steward, ledger, provider, resident, (upstream, fault, tool, arguments(ledger))
                            )
                        rows.append(row)
                        ledger.restore()
                    print(f"  {upstream}: {fault}", file=sys.stderr)
    return rows


async def _one(
    steward: Steward, ledger: Ledger, provider: Provider, resident: Talk, case: tuple[str, str, str, dict[str, Any]]
) -> Row:
    upstream, fault, tool, arguments = case
    await resident.ask("请调用 listRepairTypes：{}")  # who the token is, is known from here on
    steward.control("/demo/requests", method="DELETE")
    steward.control("/demo/faults", {"upstream": upstream, "operation": None, "fault": fault, "times": 100})
    provider.result, wrong, said = "-", "", ""
    try:
        async with asyncio.timeout(HANGS_AFTER_S):
            reply = await resident.ask(f"请调用 {tool}：{json.dumps(arguments, ensure_ascii=False)}")
            if reply.outcome == "approval":
                provider.result = "-"
                reply = await resident.ask("确认")
            said = reply.text
    except TimeoutError:
        wrong = "hangs"
    steward.control("/demo/faults", method="DELETE")
    await asyncio.sleep(0.05)
    arrived = sum(entry["upstream"] == upstream for entry in steward.control("/demo/requests"))
    written = ledger.written()
    return Row(fault, upstream, tool, arrived, written, provider.result, " ".join(said.split()),
               wrong or _wrong(provider.result, written, said))  # fmt: skip


def _wrong(result: str, written: int, said: str) -> str:
    """What the resident was told against what the database holds."""
    if written > 1:
        return f"done {written} times"
    if written == 1 and result not in ("ok", "unknown_outcome"):
        return f"done, but told {result}"
    if not said:
        return "nothing said"
    return f"said {found[0]!r}" if (found := _NEVER_SAID.search(said)) else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this one (may be given again)")
    options = parser.parse_args()
    faults = options.fault or list(FAULTS)
    with ProcessPoolExecutor(len(ARGUMENTS)) as pool:
        rows = [row for found in pool.map(run_lane, ARGUMENTS, [faults] * len(ARGUMENTS)) for row in found]
    rows.sort(key=lambda row: (FAULTS.index(row.fault), list(ARGUMENTS).index(row.upstream)))
    print("| fault | operation | requests | written | result | what the resident reads |\n|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row.fault} | {row.tool} | {row.arrived} | {row.written} | {row.result} | {row.said[:90]} |")
    print(f"\n{len(rows)} turns; results: {dict(Counter(row.result for row in rows).most_common())}")
    wrong = [row for row in rows if row.wrong]
    print(f"hung, done twice or told untruly: {len(wrong)}")
    for row in wrong:
        print(f"  {row.fault} {row.tool}: {row.wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
