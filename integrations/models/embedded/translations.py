"""How Chinese words are put in English: a file of senses, read once; each sense is the stems of its content words.

`translations.txt.gz` is made by `python -m bench.translations` and is under the licence that its head names. Without
the file no word has a sense. Next: `meaning.py`.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("translations.txt.gz")
# What a sense of one word is worth; the last word of a longer one, which it is a kind of, the others; those of a long
# sense; what stands in brackets; each character of a word that has no sense of its own.
_ONE, _HEAD, _BESIDE, _LONG, _BRACKETS, _CHARACTER = 1.0, 0.8, 0.7, 0.3, 0.3, 0.5
_MANY = 4


@lru_cache(maxsize=1)
def translations() -> Mapping[str, str]:
    """The file: each Chinese word with its senses as they stand there."""
    if not FILE.exists():
        return {}
    lines = gzip.decompress(FILE.read_bytes()).decode().split("\n")
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


def sounds(character: str) -> list[str]:
    """How a Chinese character may be said, without tones; empty where that is not known."""
    return translations().get(character, "").partition("\t")[2].split()


@lru_cache(maxsize=1 << 12)
def senses(word: str) -> Mapping[str, float]:
    """English stems for a Chinese word, each with its worth from 0 to 1; those of its characters where it has none."""
    listed = translations().get(word)
    found: dict[str, float] = {}
    if listed is None and len(word) > 1:
        for character in word:
            for stem, worth in senses(character).items():
                found[stem] = max(found.get(stem, 0.0), worth * _CHARACTER)
    for sense in listed.partition("\t")[0].split(",") if listed else ():
        stems = sense.removeprefix("~").split()
        for i, stem in enumerate(stems):
            worth = _ONE if len(stems) == 1 else _HEAD if i == len(stems) - 1 else _BESIDE
            worth = _BRACKETS if sense.startswith("~") else _LONG if len(stems) >= _MANY else worth
            found[stem] = max(found.get(stem, 0.0), worth)
    return found
