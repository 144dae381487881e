"""How near two everyday words are in meaning, in Chinese and English: a file of vectors, read by pure Python.

`words.bin` is made by `python -m bench.words`. Without the file nothing is near anything but itself, which costs
accuracy only. Next: `lexicon.py`.
"""

from __future__ import annotations

import math
import re
import struct
from array import array
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from pathlib import Path

FILE = Path(__file__).with_name("words.bin")
_RUN = re.compile(r"[a-z]+|[\u3400-\u9fff]+")
_LONGEST = 4
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
        self._bytes = memoryview(data)[at + listed + count :].cast("b")

    def vector(self, index: int) -> Vector:
        """The vector of the word at an index."""
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
                found += [word for word in self._divide(run) if word in self.ids]
        return found

    def _divide(self, run: str) -> list[str]:
        best, back = [0.0] + [-math.inf] * len(run), [0] * (len(run) + 1)
        for start in range(len(run)):
            for end in range(start + 1, min(start + _LONGEST, len(run)) + 1):
                index = self.ids.get(run[start:end])
                if index is None and end > start + 1:
                    continue
                score = best[start] + (0.0 if index is None else self._counts[index] / 8) - self._rarest
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
