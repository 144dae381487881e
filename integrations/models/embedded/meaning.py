"""How near two everyday words are in meaning, in Chinese and English: a file of vectors, read by pure Python.

`words.bin` is made by `python -m bench.words`. Without the file nothing is near anything but itself, which costs
accuracy only. Next: `lexicon.py`.
"""

from __future__ import annotations

import math
import re
import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from pathlib import Path

from integrations.models.embedded.text import stem
from integrations.models.embedded.translations import senses, translations

FILE = Path(__file__).with_name("words.bin")
_RUN = re.compile(r"[a-z]+|[\u3400-\u9fff]+")
_LONGEST = 4
# What a word that two Chinese words are both put as is worth.
PIVOT = 0.7
# As frequent as this is a word that only the translations have.
_SELDOM = math.log(4)
# Of 64 signs: two words as near as 0.45 differ in more than this in 6 of 100 cases, two at random in 81.
FAR = 28


@dataclass(frozen=True, slots=True)
class Vector:
    """A word's direction: `scale` is one over the length, `signs` has a bit for every part that is positive."""

    parts: array[int]
    scale: float
    signs: int


class Words:
    """Words with their vectors. `ids` is the place of each word in the file."""

    def __init__(self, data: bytes) -> None:
        count, self._dimensions, listed, self._rarest = struct.unpack_from("<IIIf", data)
        at = struct.calcsize("<IIIf")
        words = data[at : at + listed].decode().split("\n")
        self.ids = {word: i for i, word in enumerate(words)}
        self._counts = data[at + listed : at + listed + count]
        self._translated = translations()
        self._bytes = memoryview(data)[at + listed + count :].cast("b")

    def __contains__(self, word: object) -> bool:
        return word in self.ids or word in self._translated

    @lru_cache(maxsize=1 << 13)  # noqa: B019 - there is one object, for as long as the process
    def vector(self, word: str) -> Vector | None:
        """The vector of a word; None where the file has none."""
        index = self.ids.get(word)
        if index is None:
            return None
        parts = array("b", self._bytes[index * self._dimensions : (index + 1) * self._dimensions])
        signs = sum((part > 0) << i for i, part in enumerate(parts))
        return Vector(parts, 1 / math.sqrt(sum(map(mul, parts, parts)) or 1), signs)

    def split(self, text: str, *, unknown: bool = False) -> list[str]:
        """The known words of a text in order: English ones as they stand, Chinese ones by the likeliest division;
        with `unknown` also the English ones that the file does not have."""
        found: list[str] = []
        for run in _RUN.findall(text.lower()):
            if run.isascii():
                known = run if run in self.ids else run.removesuffix("s") if run.removesuffix("s") in self.ids else ""
                found += [known] if known else [run] if unknown else []
            else:
                found += [word for word in self.divided(run) if word in self]
        return found

    def divided(self, run: str) -> list[str]:
        """The likeliest division of a run of Chinese characters into words."""
        best, back = [0.0] + [-math.inf] * len(run), [0] * (len(run) + 1)
        for start in range(len(run)):
            for end in range(start + 1, min(start + _LONGEST, len(run)) + 1):
                word = run[start:end]
                index = self.ids.get(word)
                if index is None and end > start + 1 and word not in self._translated:
                    continue
                known = self._counts[index] / 8 if index is not None else _SELDOM if word in self._translated else 0.0
                score = best[start] + known - self._rarest
                if score > best[end]:
                    best[end], back[end] = score, start
        words, end = [], len(run)
        while end:
            words.append(run[back[end] : end])
            end = back[end]
        return words[::-1]


@lru_cache(maxsize=1)
def words() -> Words | None:
    """The file, read once; None where it is not there."""
    return Words(FILE.read_bytes()) if FILE.exists() else None


def nearness(first: Vector, other: Vector) -> float:
    """The cosine of two vectors; 0 where their signs alone tell that they are far apart."""
    if (first.signs ^ other.signs).bit_count() > FAR:
        return 0.0
    return float(sum(map(mul, first.parts, other.parts)) * first.scale * other.scale)


def alike(words: Words, first: str, other: str) -> float:
    """How near two words are: the cosine of their vectors, or more where they are translations of each other."""
    mine, yours = words.vector(first), words.vector(other)
    cosine = nearness(mine, yours) if mine is not None and yours is not None else 0.0
    return max(cosine, translated(first, other))


def senses_of(word: str) -> Mapping[str, float]:
    """What a word means as English stems, each with its worth: a Chinese one by its translations."""
    return {stem(word): 1.0} if word.isascii() else senses(word)


def translated(first: str, other: str) -> float:
    """How far one word is a translation of the other, or both of a third: 0 to 1."""
    if first == other:
        return 1.0
    mine, yours = senses_of(first), senses_of(other)
    best = max((mine[sense] * yours[sense] for sense in mine.keys() & yours.keys()), default=0.0)
    return best if first.isascii() or other.isascii() else best * PIVOT
