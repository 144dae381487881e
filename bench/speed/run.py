"""`python -m bench.speed.run [--only steward,hand] [--rounds 3] [burst] [paced] [first]`: turns per CPU-second.

The quick part of `make bench` (`all.py`), for work on the server; writes no file.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.speed.compare import Rounds, compare, middle, ratio, spread_of
from bench.speed.figures import median
from bench.speed.lab import LabError, end_on_signals
from bench.speed.parts import FULL, PARTS, SHORT
from bench.speed.servers import KINDS, world

COLUMNS = {
    "CPU ms/turn": "cpu_ms_per_turn",
    "first p50 ms": "first_p50_ms",
    "late p99 ms": "late_p99_ms",
    "chunks/turn": "chunks_per_turn",
}


def show(found: Rounds, names: list[str], wanted: list[str]) -> None:
    """The table, for a terminal."""
    busy = median([one["share"] for one in found["busy"][""]])
    floor = middle(found, "first", "direct", "first_p50_ms")
    print(f"other work on the cores: {busy:.0%}; first delta without a gateway: {floor:.2f} ms")
    for part in wanted:
        print(
            f"\n{part:8} {'turns/CPU-s':>12} {'spread':>7} {'× hand':>7}" + "".join(f"{name:>13}" for name in COLUMNS)
        )
        for name in names:
            rate = middle(found, part, name, "turns_per_cpu_s")
            if rate == rate:
                apart = spread_of(found, part, name, "turns_per_cpu_s")
                times = ratio(found, part, name, "hand", "turns_per_cpu_s")
                more = (f"{middle(found, part, name, figure):13.2f}" for figure in COLUMNS.values())
                print(f"{name:8} {rate:12.1f} {apart:7.1%} {times:7.2f}" + "".join(more))


def main() -> None:
    """Exit code 1 where something could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--only", default="steward,hand,agents,pydantic,raw", help="servers, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="shorter parts")
    parser.add_argument("--session", type=int, default=FULL.session, help="turns of one conversation; 0 is no limit")
    given = parser.parse_args()
    names, wanted = given.only.split(","), given.parts or list(PARTS)
    if unknown := [name for name in names if name not in KINDS] + [part for part in wanted if part not in PARTS]:
        parser.error(f"unknown: {', '.join(unknown)}")
    end_on_signals()
    scale = replace(SHORT if given.short else FULL, session=given.session)
    try:
        with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as around:
            found = compare(around, names, wanted, given.rounds, scale)
    except LabError as error:
        sys.exit(str(error))
    show(found, names, wanted)


if __name__ == "__main__":
    main()
