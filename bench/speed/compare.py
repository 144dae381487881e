"""Servers compared in one run: all side by side on one core, idle but the one that is asked.

So each part is measured of one server after another within seconds; the one that begins changes with the round.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

from bench.speed.direct import direct_ms
from bench.speed.figures import Figures, median, spread
from bench.speed.parts import FIRST, PARTS, Scale
from bench.speed.servers import KINDS, World, server
from bench.speed.usage import busy_share

# By part and server the figures of each round; `first` of `direct` is the floor, `busy` what else the machine did.
Rounds = dict[str, dict[str, list[Figures]]]


def compare(world: World, names: list[str], wanted: list[str], rounds: int, scale: Scale) -> Rounds:
    """Every part of every server in each round. Raises `LabError`, also where what a client got was not whole."""
    found: Rounds = {part: {name: [] for name in names} for part in wanted}
    found["busy"] = {"": []}
    for number in range(rounds):
        turned = names[number % len(names) :] + names[: number % len(names)]
        with ExitStack() as stack:
            running = [stack.enter_context(server(KINDS[name], world)) for name in turned]
            found["busy"][""].append({"share": busy_share()})
            for part in wanted:
                if part == "first":
                    floor = {"first_p50_ms": direct_ms(world, FIRST, scale.first_turns)}
                    found[part].setdefault("direct", []).append(floor)
                for one in running:
                    figures = PARTS[part](one, world, scale)
                    found[part][one.kind.name].append(figures)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)
    return found


def middle(found: Rounds, part: str, name: str, figure: str) -> float:
    """The median of the rounds; not a number where it was not measured."""
    return median([one[figure] for one in _of(found, part, name) if figure in one])


def spread_of(found: Rounds, part: str, name: str, figure: str) -> float:
    """How far apart the rounds are."""
    return spread([one[figure] for one in _of(found, part, name) if figure in one])


def ratio(found: Rounds, part: str, name: str, other: str, figure: str) -> float:
    """The median of the ratios of two servers, each within one round."""
    pairs = zip(_of(found, part, name), _of(found, part, other), strict=False)
    return median([one[figure] / two[figure] for one, two in pairs if figure in one and two.get(figure)])


def added_ms(found: Rounds, name: str) -> float:
    """Milliseconds to the first chunk that are the server's own: without those of the same requests made directly."""
    pairs = zip(_of(found, "first", name), _of(found, "first", "direct"), strict=False)
    return median([one["first_p50_ms"] - floor["first_p50_ms"] for one, floor in pairs if one])


def _of(found: Rounds, part: str, name: str) -> list[Figures]:
    return found.get(part, {}).get(name, [])
