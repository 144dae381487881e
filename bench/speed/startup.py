"""How long Steward takes to be ready, and which modules that time is imported for.

A start is a fresh process in an empty data folder with the project's catalogue of three documents, until `/readyz` is
200; Python's compiled files and the system's file cache are those of a machine on which it ran before.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.speed.lab import ROOT, cores, on_core
from bench.speed.usage import cpu_s
from tests.support.steward import start_steward

_LISTED = 15


@dataclass(frozen=True)
class Start:
    """One start: seconds until it is ready (asked every 0.1 s), and the gateway's seconds of CPU till then."""

    ready_s: float
    cpu_s: float


@dataclass(frozen=True)
class Import:
    """A package of the top level: milliseconds for its own modules alone, without what they import of others."""

    name: str
    own_ms: float
    modules: int


def starts(folder: Path, rounds: int, **settings: str) -> list[Start]:
    """So many starts, on the server's core. `settings` say which model and which catalogue."""
    found = []
    for number in range(rounds):
        place = folder / f"start-{number}-{time.time_ns()}"
        place.mkdir()
        began = time.perf_counter()
        with on_core(cores()[0]), start_steward(place, **settings) as steward:
            ready = time.perf_counter() - began
            found.append(Start(ready, cpu_s(steward.process.pid)))
    return found


def imports() -> tuple[float, list[Import]]:
    """Milliseconds of all that a gateway with a provider's model imports, and the packages that take most of them."""
    program = "import app; from integrations.models import openai_chat"
    with on_core(cores()[0]):
        ran = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
        )
    return by_package(ran.stderr)


def by_package(report: str) -> tuple[float, list[Import]]:
    """What `python -X importtime` wrote, by package of the top level, the longest first."""
    own: dict[str, list[float]] = {}
    for line in report.splitlines():
        fields = line.removeprefix("import time:").split("|")
        if len(fields) == 3 and fields[0].strip().isdigit():
            own.setdefault(fields[2].strip().partition(".")[0], []).append(int(fields[0]) / 1000)
    packages = [Import(name, sum(times), len(times)) for name, times in own.items()]
    packages.sort(key=lambda one: one.own_ms, reverse=True)
    return sum(one.own_ms for one in packages), packages[:_LISTED]
