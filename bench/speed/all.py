"""`make bench`: everything that is measured of Steward's speed, in one run. `python -m bench.speed.all [--short]`.

Writes the table (`speed.md`), all figures (`speed.json`) and the plot (`images/speed.svg`) into `docs/`, with `--short`
into `data/speed/`, because those of a short run are not for publishing. A part that cannot be measured is named in the
table and the others are measured all the same. Exit code 1 where one was not measured or a goal was not met.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.speed import embedded, memory, parts, profiler, scaling, startup
from bench.speed.compare import compare
from bench.speed.figures import Figures, medians
from bench.speed.goals import goals
from bench.speed.lab import ROOT, LabError, end_on_signals
from bench.speed.parts import FULL, PARTS, SHORT
from bench.speed.plot import plot
from bench.speed.report import report
from bench.speed.results import Results, machine
from bench.speed.servers import KINDS, World, server, world

_FAILURES = (LabError, OSError, RuntimeError, ValueError, subprocess.SubprocessError)


def measure(results: Results, around: World, rounds: int, *, short: bool) -> None:
    """Fill `results`, part by part."""
    scale = SHORT if short else FULL
    every = ["steward", "hand", "agents", "pydantic", "raw"]
    few = ["steward", "hand"]

    def compared() -> None:
        results.rounds = compare(around, every, list(PARTS), rounds, scale)

    def idle() -> None:
        counts = (500, 2000) if short else (250, 500, 1000, 1500, 2000)
        for _ in range(1 if short else 2):
            for name in ["steward", "raw"] if short else every:
                with server(KINDS[name], around) as one:
                    results.memory.setdefault(name, []).append(memory.idle(one, counts))

    def active() -> None:
        for name in few[:1] if short else every[:-1]:
            with server(KINDS[name], around) as one:
                results.active[name] = memory.active(one)

    def streams() -> None:
        found: dict[str, list[Figures]] = {}
        for _ in range(1 if short else 3):
            found.setdefault("direct", []).append(parts.direct_streams(around, scale))
            for name in few[:1] if short else few:
                with server(KINDS[name], around) as one:
                    found.setdefault(name, []).append(parts.streams(one, around, scale))
        results.streams = {name: medians(rounds) for name, rounds in found.items()}

    def scaled() -> None:
        for name, table in scaling.TABLES.items():
            results.scaling[name] = table.measure(around, table.sizes[:2] if short else table.sizes, 3 if short else 10)

    def started() -> None:
        place = around.folder / "catalogue"
        shutil.copytree(ROOT / "openapi", place)
        own = {"STEWARD_UPSTREAMS": str(place / "upstreams.yaml"), "OPENAI_API_KEY": "none"}
        for name, settings in (("gateway", own), ("delivered", {})):
            results.starts[name] = startup.starts(around.folder, 1 if short else 5, **settings)
        results.imports_ms, results.imports = startup.imports()

    def on_embedded() -> None:
        results.embedded = embedded.embedded(around.folder, 2 if short else 6)

    def profiled() -> None:
        situations = (("paced", "fake:n=100,ms=20", 40), ("burst", "fake:n=100", 20))
        for name, deltas, clients in situations[:1] if short else situations:
            results.profiles[name] = profiler.profile(around, deltas, clients, 4 if short else 12)

    for part in (compared, idle, active, streams, scaled, started, on_embedded, profiled):
        _try(results, part)


def _try(results: Results, part: Callable[[], None]) -> None:
    began = time.monotonic()
    try:
        part()
    except _FAILURES as error:
        sentence = f"{part.__name__}: {str(error).strip() or type(error).__name__}"
        results.missing.append(sentence.splitlines()[0][:500])
        print(sentence, file=sys.stderr, flush=True)
    print(f"{part.__name__}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def write(results: Results, folder: Path) -> None:
    """The three files."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "speed.md").write_text(report(results, "images/speed.svg"), encoding="utf-8")
    (folder / "images" / "speed.svg").write_text(plot(results), encoding="utf-8")
    figures = msgspec.json.format(msgspec.json.encode(results), indent=1)
    (folder / "speed.json").write_bytes(figures + b"\n")


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="less than three minutes; for a look, not for publishing")
    parser.add_argument("--rounds", type=int, default=0, help="of the comparison; 5, or 1 of a short run")
    parser.add_argument("--out", type=Path, default=None, help="folder of the three files")
    given = parser.parse_args()
    end_on_signals()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    results = Results("make bench SHORT=1" if given.short else "make bench", machine())
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), tool="bills") as around:
        measure(results, around, given.rounds or (1 if given.short else 5), short=given.short)
    place = given.out or ROOT / ("data/speed" if given.short else "docs")
    write(results, place)
    for goal in goals(results):
        print(f"{'–' if goal.met is None else 'yes' if goal.met else 'NO':4} {goal.value:9.2f} {goal.unit:10} "
              f"{'≥' if goal.at_least else '≤'} {goal.bound:<6g} {goal.what}")  # fmt: skip
    print(f"other work on the cores: {results.busy:.0%}; written: {place}/speed.md, speed.json, images/speed.svg")
    sys.exit(bool(results.missing) or not all(goal.met for goal in goals(results)))


if __name__ == "__main__":
    main()
