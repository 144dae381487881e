"""Slips of the keyboard put right by the tools' own words: 水废 for 水费, which sounds the same, norht for north.

Every character stays in its place where it can. Next: `dialogue.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from integrations.models.embedded.meaning import Words
from integrations.models.embedded.text import HAN
from integrations.models.embedded.translations import sounds
from integrations.models.embedded.words import FILLER_ZH

_RUN = re.compile(r"[\u4e00-\u9fff]+")
_WORD = re.compile(r"(?<![A-Za-z\d])[a-z]{4,}(?![A-Za-z\d])")
# Characters that stand beside any word: a pair with one is no word.
_JOINS = re.compile(r"[的了是在和与及或之]")
_LIKE = 0.78


class Slips:
    """The words of some texts, by how they sound and by how they are spelt."""

    def __init__(self, words: Words, texts: Iterable[str]) -> None:
        self._words = words
        self._pairs: set[str] = set()
        self._sounding: dict[tuple[str, str], str] = {}
        self._spelt: dict[tuple[str, int], set[str]] = {}
        for text in texts:
            for run in _RUN.findall(text):
                for i in range(len(run) - 1):
                    self._add_pair(run[i : i + 2])
            for word in _WORD.findall(text.lower()):
                self._spelt.setdefault((word[0], len(word)), set()).add(word)

    def _add_pair(self, pair: str) -> None:
        self._pairs.add(pair)
        if _JOINS.search(pair):
            return
        for sound in sounds(pair[1]):  # the first character as it stands, the second as it sounds, and the reverse
            self._sounding.setdefault((pair[0], sound), pair)
        for sound in sounds(pair[0]):
            self._sounding.setdefault((sound, pair[1]), pair)

    def mend(self, text: str) -> str:
        """The text with each character and word that is none of its own, but sounds or looks like one of the tools'."""
        if HAN.search(text):
            text = _RUN.sub(lambda run: self._by_sound(run[0]), text)
        return _WORD.sub(lambda word: self._by_spelling(word[0]), text)

    def _by_sound(self, run: str) -> str:
        mended, at = list(run), 0
        for word in self._words.divided(run):
            if len(word) == 1 and word not in FILLER_ZH:
                for pair in self._fitting(run, at):
                    mended[at] = pair
                    break
            at += len(word)
        return "".join(mended)

    def _fitting(self, run: str, at: int) -> Iterable[str]:
        """The characters for the one at a place that make a pair of the tools with a neighbour."""
        own = run[at]
        for before in run[max(0, at - 1) : at]:
            if before + own not in self._words and before + own not in self._pairs:
                yield from (p[1] for s in sounds(own) if (p := self._sounding.get((before, s))) and p[0] == before)
        for behind in run[at + 1 : at + 2]:
            if own + behind not in self._words and own + behind not in self._pairs:
                yield from (p[0] for s in sounds(own) if (p := self._sounding.get((s, behind))) and p[1] == behind)

    def _by_spelling(self, word: str) -> str:
        if word in self._words or word.removesuffix("s") in self._words:
            return word
        near = [w for size in (-1, 0, 1) for w in sorted(self._spelt.get((word[0], len(word) + size), ()))]
        best = max(near, key=lambda w: SequenceMatcher(None, word, w).ratio(), default="")
        return best if best and SequenceMatcher(None, word, best).ratio() >= _LIKE else word
