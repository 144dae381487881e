"""`python -m bench.speed.run [--only steward,hand] [--rounds 3] [burst] [paced] [first]`: servers compared in one run.

All servers run side by side on one core, idle but the one that is asked, so each part is measured of one after another
within seconds; the one that begins changes with the round. Medians of the rounds are printed, with their spread.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.speed import parts
from bench.speed.figures import Figures, median, spread
from bench.speed.lab import LabError, end_on_signals
from bench.speed.parts import FULL, PARTS, SHORT, Scale
from bench.speed.servers import KINDS, server, world

Rounds = dict[tuple[str, str], list[Figures]]  # by part and server


def compare(names: list[str], wanted: list[str], rounds: int, scale: Scale) -> Rounds:
    """Every part of every server in each round."""
    found: Rounds = {(part, name): [] for part in wanted for name in names}
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as around:
        for number in range(rounds):
            turned = names[number % len(names) :] + names[: number % len(names)]
            with ExitStack() as stack:
                running = [stack.enter_context(server(KINDS[name], around)) for name in turned]
                for part in wanted:
                    for one in running:
                        found[part, one.kind.name].append(PARTS[part](one, around, scale))
            print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)
    return found


def show(found: Rounds, names: list[str], wanted: list[str]) -> None:
    """The table, for a terminal."""
    for part in wanted:
        print(f"\n{part:8} {'turns/CPU-s':>12} {'spread':>7} {'× hand':>7} {'CPU ms/turn':>12} {'first p50':>10} "
              f"{'late p99':>9} {'chunks':>7}")  # fmt: skip
        base = median([one["turns_per_cpu_s"] for one in found.get((part, "hand"), []) if one])
        for name in names:
            rounds = [one for one in found[part, name] if one]
            if not rounds:
                continue

            def middle(figure: str, rounds: list[Figures] = rounds) -> float:
                return median([one[figure] for one in rounds if figure in one])

            rate = middle("turns_per_cpu_s")
            print(f"{name:8} {rate:12.1f} {spread([one['turns_per_cpu_s'] for one in rounds]):7.1%} {rate / base:7.2f} "
                  f"{middle('cpu_ms_per_turn'):12.3f} {middle('first_p50_ms'):10.2f} {middle('late_p99_ms'):9.2f} "
                  f"{middle('chunks_per_turn'):7.1f}")  # fmt: skip


def main() -> None:
    """Exit code 1 where something could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--only", default="steward,hand,agents,pydantic,raw", help="servers, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="shorter parts")
    parser.add_argument("--session", type=int, default=parts.SESSION, help="turns of one conversation; 0 is no limit")
    given = parser.parse_args()
    names = given.only.split(",")
    if unknown := [name for name in names if name not in KINDS] + [part for part in given.parts if part not in PARTS]:
        parser.error(f"unknown: {', '.join(unknown)}")
    end_on_signals()
    parts.SESSION = given.session
    try:
        found = compare(names, given.parts, given.rounds, SHORT if given.short else FULL)
    except LabError as error:
        sys.exit(str(error))
    show(found, names, given.parts)


if __name__ == "__main__":
    main()
