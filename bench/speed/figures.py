"""Percentiles, medians and their spread."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

Figures = dict[str, float]


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent of the others are (nearest rank); not a number where there are none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def median(values: Sequence[float]) -> float:
    """Not a number where there are none."""
    return statistics.median(values) if values else float("nan")


def medians(rounds: Sequence[Figures]) -> Figures:
    """Of each figure, over the rounds that have it."""
    names = dict.fromkeys(name for one in rounds for name in one)
    return {name: median([one[name] for one in rounds if name in one]) for name in names}


def spread(values: Sequence[float]) -> float:
    """Largest less smallest, as a share of the median."""
    middle = median(values)
    return (max(values) - min(values)) / middle if values and middle else float("nan")
