"""Kills processes while they commit (F74), and says what they had acknowledged that the file no longer has."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_RANK = {"parked": 0, "approved": 1, "recorded": 2}


@dataclass
class Killings:
    """`acknowledged` steps in all; `wrong` is what was lost or broken, one line each."""

    kills: int = 0
    acknowledged: int = 0
    wrong: list[str] = field(default_factory=list)


def kill_often(folder: Path, kills: int, seed: int) -> Killings:
    """`kills` processes on one file, each killed (SIGKILL) after some of its steps; the file is judged after each."""
    chance, result = random.Random(seed), Killings()  # noqa: S311
    approvals: dict[str, int] = {}
    messages: dict[str, int] = {}
    for _ in range(kills):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.support.store_child", "keep", str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        with child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(chance.randint(1, 40))]
            time.sleep(chance.random() * 0.005)
            child.kill()
            lines += child.stdout.readlines()
        # a line that was cut by the kill was not read as an acknowledgement by anybody
        for what, name, *count in (line.split() for line in lines if line.endswith("\n")):
            result.acknowledged += 1
            if what == "saved":
                messages[name] = int(count[0])
            else:
                approvals[name] = _RANK[what]
        result.kills += 1
        result.wrong += _judge(folder / "steward.db", approvals, messages)
    return result


def _judge(path: Path, approvals: dict[str, int], messages: dict[str, int]) -> list[str]:
    with closing(sqlite3.connect(path)) as file:
        wrong = [f"integrity: {row[0]}" for row in file.execute("PRAGMA integrity_check") if row != ("ok",)]
        states = {
            name: 2 if outcome else int(state == "approved")
            for name, state, outcome in file.execute("SELECT id, state, outcome FROM approvals")
        }
        counts = dict(file.execute("SELECT conversation_id, COUNT(*) FROM messages GROUP BY 1"))
    wrong += [
        f"approval {name}: {states.get(name)} < {rank}"
        for name, rank in approvals.items()
        if states.get(name, -1) < rank
    ]
    return wrong + [
        f"messages of {name}: {counts.get(name)} < {count}"
        for name, count in messages.items()
        if counts.get(name, 0) < count
    ]
