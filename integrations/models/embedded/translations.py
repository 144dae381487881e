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
# What a word of a sense is worth, by how many words the sense has.
_WORTH = (0.0, 1.0, 0.6, 0.4)


@lru_cache(maxsize=1)
def translations() -> Mapping[str, str]:
    """The file: each Chinese word with its senses as they stand there."""
    if not FILE.exists():
        return {}
    lines = gzip.decompress(FILE.read_bytes()).decode().split("\n")
    return dict(line.split("\t") for line in lines if "\t" in line)


@lru_cache(maxsize=1 << 12)
def senses(word: str) -> Mapping[str, float]:
    """English stems for a Chinese word, each with its worth from 0 to 1; none for a word that is not there."""
    found: dict[str, float] = {}
    for sense in translations().get(word, "").split(","):
        stems = sense.split()
        worth = _WORTH[len(stems)] if len(stems) < len(_WORTH) else 0.25
        for stem in stems:
            found[stem] = max(found.get(stem, 0.0), worth)
    return found
