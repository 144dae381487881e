"""All figures of a whole run, as they are written to JSON.

Filled by `all.py`, judged by `goals.py`, shown by `report.py` and `plot.py`.
"""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import msgspec

from bench.speed.compare import Rounds
from bench.speed.figures import Figures, median
from bench.speed.profiler import Row
from bench.speed.scaling import Costs
from bench.speed.startup import Import, Start

_LIBRARIES = ("sanic", "websockets", "uvloop", "openai", "httpx", "aiohttp", "msgspec")


class Machine(msgspec.Struct):
    """Where it was measured."""

    processor: str
    cores: int
    kernel: str
    python: str
    libraries: dict[str, str]


class Results(msgspec.Struct):
    """`memory` has the KiB of an idle connection by server and number, a list of rounds; `missing` a sentence for each
    part that could not be measured."""

    command: str
    machine: Machine
    rounds: Rounds = {}
    memory: dict[str, list[dict[int, float]]] = {}
    active: dict[str, Figures] = {}
    streams: dict[str, Figures] = {}
    scaling: dict[str, Costs] = {}
    starts: dict[str, list[Start]] = {}
    imports_ms: float = 0
    imports: list[Import] = []
    embedded: dict[str, Figures] = {}
    profiles: dict[str, list[Row]] = {}
    missing: list[str] = []

    @property
    def busy(self) -> float:
        """The share of the cores that other work had before the rounds, in the middle."""
        return median([one["share"] for one in self.rounds.get("busy", {}).get("", [])])

    def idle_kib(self, name: str, count: int) -> float:
        """Of one of so many idle connections; not a number where it was not measured."""
        return median([one[count] for one in self.memory.get(name, []) if count in one])


def machine() -> Machine:
    """This one."""
    names = [line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return Machine(
        processor=names[0] if names else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release().partition("-")[0],
        python=platform.python_version(),
        libraries={name: version(name) for name in _LIBRARIES},
    )
