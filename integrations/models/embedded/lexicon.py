"""How far the words of a sentence and of each tool's own text mean the same, by the vectors of `meaning.py`.

Next: `evidence.py`.
"""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integrations.models.embedded.catalogue import Tool
from integrations.models.embedded.meaning import FAR, PIVOT, Words, nearness, senses_of
from integrations.models.embedded.text import STOP_EN, words_of_name
from integrations.models.embedded.words import FILLER_ZH

# Below this two words have nothing to do with each other.
_LEAST = 0.45
_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Meant:
    """What a sentence has of one tool. `sum` and `share` weigh its words by rarity; `title` is the share of the tool's
    title that the sentence has, `untold` what the sum lacks of the whole sentence."""

    sum: float = 0.0
    share: float = 0.0
    title: float = 0.0
    untold: float = 0.0


@dataclass(frozen=True, slots=True)
class _Near:
    """One word of a sentence: how near each tool has it (0 to 1, by index), how rare that is, the title words near."""

    tools: Mapping[int, float]
    rarity: float
    titles: Mapping[str, float]


class Lexicon:
    """The words of some tools. What is kept of sentences are single everyday words that the file has."""

    def __init__(self, words: Words, tools: Sequence[Tool]) -> None:
        self._words = words
        self._count = len(tools)
        self._where: dict[str, dict[int, float]] = defaultdict(dict)
        self._titles: list[list[list[str]]] = []
        for i, tool in enumerate(tools):
            for text, weight in _fields(tool):
                for word in self.content(text):
                    self._where[word][i] = max(self._where[word].get(i, 0.0), weight)
            self._titles.append([self.content(half, unknown=True) for half in dict.fromkeys((tool.zh, tool.en))])
        vectors = {word: words.vector(word) for word in self._where}
        self._vectors = {word: vector for word, vector in vectors.items() if vector is not None}
        self._meaning: dict[str, dict[str, float]] = defaultdict(dict)
        for word in self._where:
            for sense, worth in senses_of(word).items():
                self._meaning[sense][word] = worth
        in_titles = [word for titles in self._titles for title in titles for word in title]
        self._title_words = frozenset(in_titles)
        self._title_rarity = {w: math.log(1 + self._count / in_titles.count(w)) for w in self._title_words}
        self._near: OrderedDict[str, _Near] = OrderedDict()

    def content(self, text: str, *, unknown: bool = False) -> list[str]:
        """The known words of a text that say something; with `unknown` also those that the file does not have."""
        return [w for w in self._words.split(text, unknown=unknown) if w not in FILLER_ZH and w not in STOP_EN]

    def meant(self, text: str) -> list[Meant]:
        """What the text has of each tool, in their order."""
        near = [self._nearness(word) for word in dict.fromkeys(self.content(text))]
        total = sum(n.rarity for n in near)
        if not total:
            return [Meant()] * self._count
        sums = [0.0] * self._count
        for one in near:
            for i, nearest in one.tools.items():
                sums[i] += nearest * one.rarity
        said = {word: 1.0 for word in self.content(text, unknown=True) if word in self._title_words}
        for one in near:
            for word, nearest in one.titles.items():
                said[word] = max(said.get(word, 0.0), nearest)
        return [Meant(s, s / total, self._title(i, said), total - s) for i, s in enumerate(sums)]

    def _title(self, index: int, said: Mapping[str, float]) -> float:
        best = 0.0
        for title in self._titles[index]:
            whole = sum(self._title_rarity[word] for word in title)
            if whole:
                best = max(best, sum(said.get(w, 0.0) * self._title_rarity[w] for w in title) / whole)
        return best

    def _nearness(self, word: str) -> _Near:
        kept = self._near.get(word)
        if kept is None:
            kept = self._near[word] = self._measure(word)
            while len(self._near) > _KEPT:
                self._near.popitem(last=False)
        return kept

    def _measure(self, said: str) -> _Near:
        tools: dict[int, float] = {}
        near = self._translations(said)
        vector = self._words.vector(said)
        for word, other in self._vectors.items():
            if vector is None or (vector.signs ^ other.signs).bit_count() > FAR:  # most of them: told without a call
                continue
            cosine = 1.0 if word == said else nearness(vector, other)
            if cosine > _LEAST:
                near[word] = max(near.get(word, 0.0), (cosine - _LEAST) / (1 - _LEAST))
        for word, nearest in near.items():
            for i, weight in self._where[word].items():
                tools[i] = max(tools.get(i, 0.0), nearest * weight)
        most = max(tools.values(), default=0.0)
        spread = sum(tools.values()) / most if most else 0.0
        titles = {word: nearest for word, nearest in near.items() if word in self._title_words}
        return _Near(tools, math.log(1 + (self._count - spread + 0.5) / (spread + 0.5)), titles)

    def _translations(self, said: str) -> dict[str, float]:
        """The tools' words that a word is put as, or that are put as the same."""
        near: dict[str, float] = {}
        for sense, worth in senses_of(said).items():
            for word, other in self._meaning.get(sense, {}).items():
                whole = worth * other if said.isascii() or word.isascii() else worth * other * PIVOT
                near[word] = max(near.get(word, 0.0), whole)
        return near


def _fields(tool: Tool) -> list[tuple[str, float]]:
    """A tool's texts with what a word in each is worth."""
    fields = [(tool.zh, 1.0), (tool.en, 1.0), (words_of_name(tool.name), 0.9), (tool.spec.description, 0.85)]
    fields += [(f"{slot.zh} {slot.en}", 0.6) for slot in tool.slots if not slot.paging]
    return fields + [(" ".join(words), 0.7) for slot in tool.slots for words in slot.glosses.values()]
