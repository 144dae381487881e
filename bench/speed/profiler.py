"""Where Steward's CPU goes, by function: py-spy looks at it from outside while clients are answered.

Only samples in which a thread holds Python's lock count, so those that wait are not in it; neither is what the system
and SQLite do without the lock. Used by `all.py`.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.speed.job import Job
from bench.speed.lab import SPEED_PYTHON, LabError, cores, load, on_core
from bench.speed.servers import KINDS, World, server

_RATE = 250  # samples a second
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>.+?)(?::\d+)?\)$")
_LISTED = 25


@dataclass(frozen=True)
class Row:
    """A function with the share of all samples in which it ran itself, and in which it was anywhere on the stack."""

    function: str
    itself: float
    within: float


def profile(world: World, deltas: str, clients: int, seconds: float) -> list[Row]:
    """The functions that take most, the largest first. Raises `LabError` where py-spy may not look or fails."""
    file = world.folder / f"profile-{clients}.txt"
    with server(KINDS["steward"], world, traced=True) as steward:
        command = [str(SPEED_PYTHON.with_name("py-spy")), "record", "--pid", str(steward.pid), "--format", "raw"]
        command += ["--rate", str(_RATE), "--duration", str(int(seconds)), "--function", "--gil", "--output", str(file)]
        job = Job(
            url=steward.url,
            server=steward.pid,
            hello=True,
            deltas=deltas,
            connections=clients,
            seconds=seconds,
            session=5,
        )
        with on_core(cores()[1]):
            spy = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            told = load(job, cores()[1])
            written, _ = spy.communicate(timeout=seconds + 30)
        finally:
            spy.kill()
            spy.wait()
        if spy.returncode or not told.whole:
            raise LabError(f"profile: {told if spy.returncode == 0 else written.decode()}")
    return rows(file.read_text(encoding="utf-8"))[:_LISTED]


def rows(folded: str) -> list[Row]:
    """Of folded stacks, a line each: frames from the outermost on, parted by semicolons, and the number of samples."""
    itself, within, samples = Counter[str](), Counter[str](), 0
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        names = [_name(frame) for frame in stack.split(";")]
        samples += int(count)
        itself[names[-1]] += int(count)
        for name in set(names):
            within[name] += int(count)
    return [Row(name, count / samples, within[name] / samples) for name, count in itself.most_common()]


def _name(frame: str) -> str:
    found = _FRAME.match(frame)
    if found is None:
        return frame
    path = Path(found["file"])
    return f"{found['function']} ({'/'.join(path.parts[-2:])})"
