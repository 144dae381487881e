"""Which value of an enum a sentence means, by the words that the description gives for it. Next: `extract.py`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise
from typing import Any

from integrations.models.embedded.labels import is_other
from integrations.models.embedded.meaning import Words, alike
from integrations.models.embedded.numbers import to_int
from integrations.models.embedded.schema import Slot
from integrations.models.embedded.text import STOP_EN, canonical, common_runs, is_chinese, stem
from integrations.models.embedded.words import FILLER_ZH, PAST, VERBS

_ORDINAL = re.compile(
    r"^(?:选|要|就)?(?:第)?([0-9一二三四五六七八九十]{1,2})(?:个|项|种|条|套|间)?[吧。.!！]?$"
    r"|^(?:the )?(first|second|third|fourth|fifth|last)( one)?$",
    re.I,
)
_ENGLISH_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
# A gloss without separators, longer than this, is a heap of words: any common run of two characters counts.
_HEAP = 5


def ordinal(text: str, count: int) -> int | None:
    """The index that "2", "第二个" or "the second one" picks from a list of `count`."""
    match = _ORDINAL.match(text.strip())
    if not match:
        return None
    chosen = _ENGLISH_ORDINALS[match[2].lower()] if match[2] else to_int(match[1])
    if chosen is None or not (chosen == -1 or 1 <= chosen <= count):
        return None
    return chosen - 1 if chosen > 0 else count - 1


@dataclass(frozen=True, slots=True)
class Heard:
    """A text with its canonical form and its English stems, made once for all the enums it is held against."""

    text: str
    plain: str
    stems: tuple[str, ...]


def hear(text: str) -> Heard:
    return Heard(text, canonical(text), tuple(_stems(text)))


@lru_cache(maxsize=4096)
def _word(word: str) -> Heard:
    """A word of a document, which stays the same from turn to turn. (What residents say is not kept.)"""
    return hear(word)


def meant(
    heard: Heard, slot: Slot, *, loosely: bool = False, titled: frozenset[str] = frozenset()
) -> list[tuple[Any, float]]:
    """The values that the text may mean, best first, with a score (2 is a word of two characters said in full).

    `loosely` (the slot was asked for) lets single characters and "the second one" count.
    """
    plain, text = heard.plain, heard.text
    scores: dict[Any, float] = {}
    common = _word(slot.zh).plain  # what the label says of all of them tells none apart
    shared = _shared(slot) | titled
    for value, words in slot.glosses.items():
        if value is None:
            continue
        best = max((_score(heard, word, word == words[0], common, shared) for word in words), default=0.0)
        if best:
            scores[value] = best
    if not scores:
        scores = _fuzzy(plain, slot.glosses)
    if not scores and loosely:
        scores = _single(plain, slot.glosses, common)
    if not scores and loosely:
        index = ordinal(text, len(slot.values))
        scores = {slot.values[index]: 3.0} if index is not None else {}
    return sorted(scores.items(), key=lambda pair: -pair[1])


def _shared(slot: Slot) -> frozenset[str]:
    """The English words that every value's glosses have: they tell none apart."""
    each = [frozenset(s for word in words for s in _word(word).stems) for words in slot.glosses.values()]
    return frozenset.intersection(*each) if len(each) > 1 else frozenset()


def best(heard: Heard, slot: Slot, *, loosely: bool = False, titled: frozenset[str] = frozenset()) -> Any | None:
    """The one value that the text means; None if two are as good."""
    found = meant(heard, slot, loosely=loosely, titled=titled)
    if not found or (len(found) > 1 and found[1][1] >= found[0][1] and not loosely):
        return None
    return found[0][0] if len(found) == 1 or found[0][1] > found[1][1] or _is_kind(slot) else None


def _is_kind(slot: Slot) -> bool:
    """Whether "other" is a choice: then a near guess that the resident sees is better than a question."""
    return any(is_other(words) for words in slot.glosses.values())


def _score(heard: Heard, word: str, is_value: bool, common: str, shared: frozenset[str]) -> float:
    plain = heard.plain
    if not word:
        return 0.0
    if not is_chinese(word):
        short = is_value and len(word) <= 2 and word.lower() not in heard.text.lower()
        return _english(heard.stems, word, shared) if len(word) > 1 and not short else 0.0
    said = _word(word).plain
    if said in plain and not _negated(plain, said):
        return len(said) + 0.5 if len(said) > 1 else 0.0
    if len(said) >= _HEAP:
        return float(sum(len(run) for run in common_runs(plain, said) if is_chinese(run) and run not in common))
    core = said.rstrip("色费号层")  # 白色的 and 白, 服务费 and 服务
    if len(core) >= 2 and core in plain and len(said) - len(core) == 1 and len(said) == 3:
        return 1.5
    return 0.0


def _negated(plain: str, said: str) -> bool:
    return not said.startswith(("未", "不")) and f"未{said}" in plain


def _english(stems: Sequence[str], word: str, shared: frozenset[str]) -> float:
    wanted = _word(word).stems
    if not wanted:
        return 0.0
    if len(wanted) == 2 and (wanted[0], wanted[1]) in pairwise(stems):  # moving out, for move out
        return 4.0
    hits = [w for w in wanted if w in stems and w not in STOP_EN and w not in shared]
    if len(wanted) > 3:  # a heap of words: any counts
        return 2.0 * len(hits)
    if len(hits) == 2 and len(wanted) == 3:
        return 3.0
    content = [w for w in wanted if (w not in STOP_EN or w == "one") and w != "level"]
    return 2.0 * len(hits) if content and all(w in hits for w in content) else 0.0


def _stems(text: str) -> list[str]:
    return [
        stem(w) if w.isalpha() else w
        for w in re.findall(r"[a-z]+|\d+|[a-z]+\d+", re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text.lower()))
    ] + re.findall(r"[a-z]+\d+", text.lower())


def _fuzzy(plain: str, glosses: Mapping[Any, Sequence[str]]) -> dict[Any, float]:
    """A word of three characters of which two stand in their place, the last among them; only if no other value
    has one.
    """
    hits: dict[Any, float] = {}
    for value, words in glosses.items():
        for word in words:
            if len(word) == 3 and is_chinese(word):
                said = _word(word).plain
                for i in range(len(plain) - 2 if len(said) == 3 else 0):
                    piece = plain[i : i + 3]
                    if piece[2] == said[2] and len(set(piece) & set(said)) == 2 and piece[0] != piece[1]:
                        hits[value] = 1.2
    return hits if len(hits) == 1 else {}


def _single(plain: str, glosses: Mapping[Any, Sequence[str]], common: str) -> dict[Any, float]:
    hits: dict[Any, float] = {}
    for value, words in glosses.items():
        text = "".join(_word(w).plain for w in words if is_chinese(w))
        shared = {c for c in plain if is_chinese(c) and c in text and c not in common and c not in "的了我是有在一不"}
        if shared:
            hits[value] = 0.4 * len(shared)
    return hits


# A word in the other language is less near than its like in the same one.
_ACROSS = 0.16


def _shares_script(text: str, slot: Slot) -> bool:
    """Whether some value has words in the text's language."""
    return any(is_chinese(word) == is_chinese(text) for words in slot.glosses.values() for word in words)


# How like a word that the file does not have must be to one of a value's (norht, north).
_SLIP = 0.78
# How near a word must be to a value's, and how much nearer than to any other's.
_NEAR, _SURE, _NEARER = 0.64, 0.68, 0.1


def near(heard: Heard, slot: Slot, words: Words, but: frozenset[str], *, sure: bool = False) -> Any | None:
    """The value whose words are near in meaning to some word of the text, if one is clearly the nearest. `but` are
    words that mean something else in it; so do verbs of action, and words that are nearer to one of `but`."""
    said = [w for w in words.split(heard.text) if w not in but and w not in STOP_EN and w not in FILLER_ZH]
    said = [w for w in said if not any(VERBS[name].search(w) for name in ("pay", "create", "cancel", "change"))]
    common = set(words.split(f"{slot.zh} {slot.en}"))
    slips = [w for w in words.split(heard.text, unknown=True) if len(w) > 4 and w.isascii() and w not in words]
    own = {value: _own_words(glosses, words, common) for value, glosses in slot.glosses.items()}
    spread = Counter(w for listed in own.values() for w in listed)
    own = {value: [w for w in listed if w not in but] or listed for value, listed in own.items()}
    others = [w for w in but if w not in STOP_EN and w not in FILLER_ZH and w not in spread]
    said = [w for w in dict.fromkeys(said) if w not in common and (len(w) > 1 or not any(w in o for o in others))]
    elsewhere = {w: max((alike(words, w, o) for o in others), default=0.0) for w in said}
    elsewhere = {w: worth - (_COMPOUND if len(w) > 1 else 0.0) for w, worth in elsewhere.items()}
    scores: list[tuple[float, Any]] = []
    for value, listed in own.items():
        best = 0.0
        for word in said:
            for gloss in listed:
                worth = alike(words, word, gloss) - (_SPREAD if spread[gloss] > 1 else 0.0)
                if worth > best and worth >= elsewhere[word] and (not _DONE.search(gloss) or PAST.search(heard.text)):
                    best = worth
        phrase = slot.glosses[value][0].split()
        if len(phrase) > 1 and any(min(alike(words, word, w) for w in phrase) >= _WHOLE for word in said):
            best = 1.0 + _LONGER * 3
        if any(get_close_matches(slip, listed, 1, _SLIP) for slip in slips):
            best = 1.0
        scores.append((best - _LONGER * min(len(phrase) - 1, 2), value))
    scores.sort(key=lambda pair: -pair[0])
    across = not _shares_script(heard.text, slot)
    bar = (_SURE if sure else _NEAR) - (0.0 if not across else _ACROSS if slot.required else _ACROSS / 3)
    ahead = _NEARER / 2 if across else _NEARER
    if scores and scores[0][0] >= _SAID:  # 狗 is a dog, however near a cat is to it
        ahead = _NEARER / 5
    if not scores or scores[0][0] < bar or (len(scores) > 1 and scores[0][0] - scores[1][0] < ahead):
        return None
    return scores[0][1]


# One word that says all of a value's (空调, air conditioner) has each of them at least so well.
_WHOLE = 0.5
# From here on a value's own word was said.
_SAID = 0.99
# A word that several values have says less, and so does one word of a value's two (tennis, table tennis).
_SPREAD, _LONGER = 0.1, 0.06
# A compound says a value and what all of them are (网球场, where the tool hires courts): so much less than the other.
_COMPOUND = 0.25
# Words of what is over: said in Chinese by a particle, not by the verb alone.
_DONE = re.compile(r"^(paid|sent|done|\w{3,}ed)$")


def _own_words(glosses: Sequence[str], words: Words, common: Collection[str]) -> list[str]:
    found = [w for w in dict.fromkeys(words.split(" ".join(glosses), unknown=True)) if w not in common]
    return [w for w in found if w not in STOP_EN and w not in FILLER_ZH]
