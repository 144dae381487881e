"""Fits `integrations/models/embedded/weights.json` on the halves of `tests/eval` that are there to develop on.

    .venv-words/bin/python -m bench.embedded_weights          # numpy alone is needed, of bench/requirements-words.txt

A softmax over all tools and "none of them", with the evidence of `evidence.py`, pulled to zero. Prints first what
weights fitted without each author's domains get right in those, choices first and then whole dialogues, then fits all
and writes the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy: else the last bits differ from run to run

import numpy as np

from integrations.models.embedded import meaning, rank
from integrations.models.embedded.extract import Scene
from integrations.models.embedded.model import EmbeddedModel
from integrations.models.embedded.rank import WEIGHTS, Catalogue, evidence_of
from integrations.models.embedded.spans import spans_of
from tests.eval.judge import named
from tests.eval.run import TODAY, Row, language_of, line, score
from tests.eval.sets import FIRST, PAIRS, documents, items, loaded
from tests.support.eval import complete, spec_of

NOW = datetime.fromisoformat(TODAY).replace(tzinfo=UTC)
GROUPS = ((*FIRST, "oos"), *PAIRS)
KINDS = ("both", "en")
STEPS, RATE = 400, 0.05
PULL = 0.01
# What a near miss that was made counts.
NEAR_MISS = 0.1


@dataclass(frozen=True, slots=True)
class Example:
    """The evidence of every choice (the last is none), and the places of those that are right."""

    group: int
    choices: Sequence[Mapping[str, float]]
    right: Sequence[int]
    text: str
    weight: float
    made: bool = False
    names: Sequence[str] = ()


def examples() -> Iterator[Example]:
    """The first turns of all items; English-only documents for Chinese sentences count half.

    Each call is there a second time without the tools that serve it: what nearly fits then is a near miss.
    """
    for language, weight in (("both", 1.0), ("en", 0.5)):
        have = documents(language)
        catalogues: dict[tuple[str, ...], Catalogue] = {}
        for group, domains in enumerate(GROUPS):
            for domain in domains:
                names = tuple(loaded(domain, [*have]))
                if names not in catalogues:
                    catalogues[names] = Catalogue([spec_of(t) for n in names for t in have[n].tools])
                own = {t["function"]["name"] for t in have[domain].tools} if domain in have else set()
                for item in items(domain, "develop"):
                    turn = item.turns[0]
                    if language == "both" or language_of(turn["t"]) == "zh":
                        yield from _example(group, catalogues[names], own, turn, weight)
                        if serving := frozenset(named(turn) & own):
                            key = (*names, *sorted(serving))
                            if key not in catalogues:
                                tools = [t for t in catalogues[names].tools if t.name not in serving]
                                catalogues[key] = Catalogue([t.spec for t in tools])
                            yield _missing(group, catalogues[key], turn, weight * NEAR_MISS)


def _missing(group: int, catalogue: Catalogue, turn: Mapping[str, Any], weight: float) -> Example:
    text = catalogue.heard(turn["t"])
    found, none = evidence_of(catalogue, text, Scene(spans_of(text, NOW), NOW, {}))
    choices = [*(evidence for _, evidence in found), none]
    return Example(group, choices, [len(choices) - 1], text, weight, made=True)


def _example(
    group: int, catalogue: Catalogue, own: set[str], turn: Mapping[str, Any], weight: float
) -> Iterator[Example]:
    text = catalogue.heard(turn["t"])
    found, none = evidence_of(catalogue, text, Scene(spans_of(text, NOW), NOW, {}))
    right = {i for i, tool in enumerate(catalogue.tools) if tool.name in named(turn)}
    for one in (turn, *turn.get("any", ())):
        if "none" in one:
            right.add(len(catalogue.tools))
        if "ask" in one:
            asked = set(one["ask"])
            for i, tool in enumerate(catalogue.tools):
                if tool.name in own and asked <= {slot.name for slot in tool.slots if slot.required}:
                    right.add(i)
    if right and "multi" not in turn:
        yield Example(
            group,
            [*(evidence for _, evidence in found), none],
            sorted(right),
            text,
            weight,
            names=[t.name for t in catalogue.tools] + ["none"],
        )


class Table:
    """All examples as one matrix of choices, a row each."""

    def __init__(self, given: Sequence[Example]) -> None:
        self.names = sorted({name for one in given for choice in one.choices for name in choice})
        place = {name: i for i, name in enumerate(self.names)}
        self.given = given
        self.starts = np.cumsum([0] + [len(one.choices) for one in given])
        self.rows = np.zeros((self.starts[-1], len(self.names)))
        self.right = np.zeros(self.starts[-1], dtype=bool)
        for start, one in zip(self.starts, given, strict=False):
            for i, choice in enumerate(one.choices):
                for name, value in choice.items():
                    self.rows[start + i, place[name]] = value
            self.right[[start + i for i in one.right]] = True
        self.owner = np.repeat(np.arange(len(given)), np.diff(self.starts))
        self.weight = np.array([one.weight for one in given])

    def fit(self, use: np.ndarray) -> np.ndarray:
        """Weights for the examples in `use` by Adam; the mean of log-likelihood less the pull to zero."""
        weights = np.zeros(len(self.names))
        first, second = np.zeros_like(weights), np.zeros_like(weights)
        each = (self.weight * use)[self.owner] / (self.weight * use).sum()
        for step in range(1, STEPS + 1):
            chosen = self.shares(weights, np.ones_like(self.right))
            wanted = self.shares(weights, self.right)
            slope = -(self.rows * ((wanted - chosen) * each)[:, None]).sum(axis=0) + PULL * weights / 10
            first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
            weights -= RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        return weights

    def shares(self, weights: np.ndarray, among: np.ndarray) -> np.ndarray:
        scores = np.where(among, self.rows @ weights, -np.inf)
        most = np.maximum.reduceat(scores, self.starts[:-1])[self.owner]
        odds = np.exp(scores - most)
        return odds / np.add.reduceat(odds, self.starts[:-1])[self.owner]

    def hits(self, weights: np.ndarray) -> np.ndarray:
        """Which examples' best choice is right."""
        scores = self.rows @ weights
        return np.array(
            [
                np.argmax(scores[a:b]) in one.right
                for a, b, one in zip(self.starts, self.starts[1:], self.given, strict=False)
            ]
        )


def whole_turns(weights: Mapping[str, float], domains: Sequence[str]) -> dict[str, list[Row]]:
    """Every turn of some domains, played with some weights: documents in both languages, English ones for Chinese."""
    kept = rank.weights
    rank.weights = lambda: {"words": weights, "terms": weights}  # type: ignore[assignment]
    try:
        model = EmbeddedModel(pace_s=0)
        rows = {language: score(partial(complete, model=model), "develop", language, domains)[0] for language in KINDS}
    finally:
        rank.weights = kept
    return rows | {"en": [row for row in rows["en"] if row.language == "zh" and row.domain != "oos"]}


def main() -> None:
    written: dict[str, dict[str, float]] = {}
    for kind in ("words", "terms"):
        if kind == "terms":
            meaning.words.cache_clear()
            meaning.FILE = meaning.FILE.with_name("none")
        table = Table(list(examples()))
        groups = np.array([one.group for one in table.given])
        made = np.array([one.made for one in table.given])
        half = np.array([one.weight / (NEAR_MISS if one.made else 1) < 1 for one in table.given])
        none = np.array([one.right == [len(one.choices) - 1] for one in table.given])
        turns: dict[str, list[Row]] = {language: [] for language in KINDS}
        for left_out, domains in enumerate(GROUPS):
            fitted = table.fit(groups != left_out)
            hits = table.hits(fitted)
            for language, rows in whole_turns(dict(zip(table.names, map(float, fitted), strict=True)), domains).items():
                turns[language] += rows
            for name, which in (("both", ~half), ("en", half)):
                here = (groups == left_out) & which
                mask = here & ~made
                print(
                    f"{kind} without {'+'.join(domains):28} {name:4} tools {100 * hits[mask & ~none].mean():5.1f} "
                    f" none {100 * hits[mask & none].mean():5.1f} "
                    f" near misses made {100 * hits[here & made].mean():5.1f}"
                )
        for language, rows in turns.items():
            for who, mine in (("first author", True), ("other authors", False)):
                print(line(f"{kind} {language} {who}", [row for row in rows if (row.domain in GROUPS[0]) is mine]))
        weights = table.fit(np.ones(len(table.given), dtype=bool))
        print(f"{kind} fitted to all: {100 * table.hits(weights).mean():.1f}")
        written[kind] = {n: round(float(w), 3) for n, w in zip(table.names, weights, strict=True)}
    WEIGHTS.write_text(json.dumps(written, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
