"""Ranks the tools of a catalogue by what a query needs: BM25F over the tools' own words (`toolwords.py`).

Made once for a catalogue and never changed; `toolset.py` asks it. See Robertson and Zaragoza, The Probabilistic
Relevance Framework (2009), §3.5 for fields, §3.4.3 for the parameters.
"""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from integrations.toolwords import FIELDS, Terms, query_terms

_SATURATION, _LENGTH = 1.5, 0.5
# A term that begins another one (deploy, deployment) counts as this much of it; shorter ones begin too many.
_BEGINNING, _MIN_BEGINNING, _MAX_LONGER = 0.4, 4, 8
# So many terms of a query are looked up, the rarest: a pasted page costs no more than a paragraph.
_MAX_TERMS = 64
_NAME = re.compile(r"[A-Za-z0-9_-]+")
# A word that is written like a name: with a hyphen, an underscore, a digit or a capital inside.
_LIKE_A_NAME = re.compile(r".*([_\-0-9]|[a-z][A-Z]).*")
# Places of a query's ranking that the query before it does not reach: see `find`.
_FUSION = 1.0


@dataclass(frozen=True, slots=True)
class Indexed:
    """One tool as it is indexed: its name, its terms by field, the group that it belongs to, and how soon it is shown
    where the group is (0 first)."""

    name: str
    fields: Mapping[str, Terms]
    group: str
    shown: int = 0


class ToolIndex:
    """The index of a catalogue. Tools are named by their place in it; whatever ties keeps that order."""

    def __init__(self, tools: Sequence[Indexed]) -> None:
        count = len(tools)
        average = _average_lengths(tools)
        places: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        weights: defaultdict[str, array[float]] = defaultdict(lambda: array("f"))
        for place, tool in enumerate(tools):
            for term, frequency in _frequencies(tool, average).items():
                places[term].append(place)
                weights[term].append(frequency / (_SATURATION + frequency))
        self._postings: dict[str, tuple[array[int], array[float]]] = {}
        for term, found in places.items():
            rarity = math.log(1 + (count - len(found) + 0.5) / (len(found) + 0.5))
            self._postings[term] = found, array("f", (rarity * weight for weight in weights[term]))
        self._names = {tool.name.casefold(): place for place, tool in enumerate(tools)}
        self._english = sorted(term for term in self._postings if term.isascii() and len(term) >= _MIN_BEGINNING)
        self.overview = _overview(tools)

    def rank(self, query: str, limit: int) -> list[int]:
        """The best tools for the query, best first: those that it names, then those that share its words; none where
        no tool has any word of it but filler."""
        terms, helping = query_terms(query)
        named = self._named(query)
        scores = dict.fromkeys(named, 0.0)
        for term, weight in self._rarest(terms):
            for place, score in self._matches(term).items():
                scores[place] = scores.get(place, 0.0) + weight * score
        for term, weight in helping.items() if scores else ():
            for place, score in zip(*self._postings.get(term, ((), ())), strict=True):
                scores[place] = scores.get(place, 0.0) + weight * score
        return sorted(scores, key=lambda place: (place not in named, -scores[place], place))[:limit]

    def find(self, queries: Sequence[str], limit: int) -> list[int]:
        """The best tools for what is said now (the first query) and was said before (the others, latest first).

        Rankings are joined by reciprocal rank (Cormack et al., 2009), an earlier query counting less: the second half
        as much, the third a third. So a follow-up that says little keeps the tools of what it follows.
        """
        joined: dict[int, float] = {}
        for age, query in enumerate(dict.fromkeys(queries)):
            for rank, place in enumerate(self.rank(query, limit)):
                joined[place] = joined.get(place, 0.0) + 1 / (1 + age) / (_FUSION + rank)
        return sorted(joined, key=lambda place: (-joined[place], place))[:limit]

    def _named(self, query: str) -> set[int]:
        """The tools whose names stand in the query. A plain word (list, 7) names a tool only where it is all of it."""
        words = [query.strip(), *(word for word in _NAME.findall(query) if _LIKE_A_NAME.fullmatch(word))]
        return {self._names[word.casefold()] for word in words if word.casefold() in self._names}

    def _rarest(self, terms: Terms) -> Sequence[tuple[str, float]]:
        if len(terms) <= _MAX_TERMS:
            return list(terms.items())
        spread = {term: len(self._postings[term][0]) for term in terms if term in self._postings}
        return [(term, terms[term]) for term in sorted(spread, key=lambda term: (spread[term], term))[:_MAX_TERMS]]

    def _matches(self, term: str) -> dict[int, float]:
        """The tools that have the term, or one that begins with it or that it begins with, each with its best score."""
        best: dict[int, float] = {}
        for other, share in self._alike(term):
            found, weights = self._postings[other]
            for place, score in zip(found, weights, strict=True):
                score *= share
                if score > best.get(place, 0.0):
                    best[place] = score
        return best

    def _alike(self, term: str) -> Iterator[tuple[str, float]]:
        if term in self._postings:
            yield term, 1.0
        if len(term) < _MIN_BEGINNING or not term.isascii():
            return
        start = bisect_left(self._english, term)
        for other in self._english[start : start + _MAX_LONGER]:
            if other.startswith(term) and other != term:
                yield other, _BEGINNING
        for length in range(_MIN_BEGINNING, len(term)):
            if term[:length] in self._postings:
                yield term[:length], _BEGINNING


def _average_lengths(tools: Sequence[Indexed]) -> dict[str, float]:
    """The mean number of terms in each field, over the tools that have it."""
    lengths: defaultdict[str, list[int]] = defaultdict(list)
    for tool in tools:
        for field, terms in tool.fields.items():
            lengths[field].append(len(terms))
    return {field: sum(found) / len(found) for field, found in lengths.items()}


def _frequencies(tool: Indexed, average: Mapping[str, float]) -> dict[str, float]:
    """How much each term is the tool's: over its fields, less where a field is long."""
    found: defaultdict[str, float] = defaultdict(float)
    for field, terms in tool.fields.items():
        share = FIELDS[field] / (1 - _LENGTH + _LENGTH * len(terms) / average[field])
        for term, weight in terms.items():
            found[term] += share * weight
    return found


def _overview(tools: Sequence[Indexed]) -> tuple[int, ...]:
    """All tools in the order in which they say what the catalogue is about: one of each group, the largest groups
    first, then the second one of each."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for place, tool in enumerate(tools):
        groups[tool.group].append(place)
    ordered = sorted(groups.values(), key=lambda places: (-len(places), places[0]))
    rounds: list[tuple[int, int, int]] = []
    for number, places in enumerate(ordered):
        first = sorted(places, key=lambda place: (tools[place].shown, place))
        rounds += [(turn, number, place) for turn, place in enumerate(first)]
    return tuple(place for _, _, place in sorted(rounds))
