"""Labels and the words for an enum's values, read from a description such as "状态：paid 已缴、due 未缴 /
Status: paid, due".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from integrations.models.embedded.text import first_clause, halves, is_chinese, words_of_name

_PARTS = re.compile(r"[、，,;；/（）()。]|和|或|\band\b|\bor\b")
_DETAIL = re.compile(r"\s+(?:\d.*|such as\b.*|of \d.*|e\.g.*|如 .*)$")
_OTHER = re.compile(r"^(其他|其它|另外|other|others|anything else|misc\w*|else)$", re.I)


def label(about: str, name: str, title: str = "") -> tuple[str, str]:
    """The Chinese and the English label of a value; a label that is missing or too long falls back to title and
    name.
    """
    zh, en = halves(about)
    title_zh, title_en = halves(title)
    found = []
    for text, short, most, stops in ((zh, title_zh, 14, "：:，,。（(；;"), (en, title_en, 40, ":,.(;")):
        said = _DETAIL.sub("", first_clause(text, stops + "：，。（；" if is_chinese(text) else stops))
        found.append(said if said and len(said) <= most else short or said[: most * 2] or words_of_name(name).lower())
    return found[0], found[1]


def parts(text: str) -> tuple[str, ...]:
    """The words of a bilingual title, both halves."""
    return tuple(p for half in dict.fromkeys(halves(text)) for p in _split(half))


def _split(text: str) -> list[str]:
    return [p for p in (part.strip(" :：.-–—=") for part in _PARTS.split(text)) if p]


def is_other(words: Sequence[str]) -> bool:
    """Whether these are the words for "anything else"."""
    return any(_OTHER.match(word) for word in words)


def glosses(about: str, values: Sequence[Any]) -> dict[Any, tuple[str, ...]]:
    """The words for each value: what a half of the description says behind it, or in its place in a list of as many."""
    found: dict[Any, list[str]] = {value: [words_of_name(str(value)).strip().lower() or str(value)] for value in values}
    for half in dict.fromkeys(halves(about)):
        body = re.split(r"[：:]", half, maxsplit=1)[-1]
        said = _behind(half, values)
        listed = _split(body)
        if len(listed) == len(values) > 1 and not all(
            w.lower().startswith(str(v).lower()) for w, v in zip(listed, values, strict=True)
        ):
            said = {value: [word] for value, word in zip(values, listed, strict=True)}
        for value, words in said.items():
            found[value] += [w for w in words if w not in found[value]]
    return {value: tuple(words) for value, words in found.items()}


def _behind(half: str, values: Sequence[Any]) -> dict[Any, list[str]]:
    places: list[tuple[int, int, Any]] = []
    for value in values:
        word = re.escape(str(value)).replace("_", "[_ ]")
        plain = re.fullmatch(r"[a-z][a-z_ ]*", str(value))
        match = re.search(
            rf"(?<![A-Za-z0-9_]){word}{'s?' if plain else ''}(?![A-Za-z0-9_])", half, re.I if plain else 0
        )
        if match:
            places.append((match.start(), match.end(), value))
    places.sort(key=lambda place: place[0])
    said: dict[Any, list[str]] = {}
    for (start, end, value), following in zip(places, [*places[1:], (len(half), 0, None)], strict=False):
        behind = half[end : following[0]]
        words = _split(re.sub(r"^\s*[=＝:：\-–—]\s*", "", behind))
        word = half[start:end]
        if words and not is_chinese(word) and not is_chinese(words[0]) and behind.startswith(" ") and word.islower():
            words[0] = words[0] if words[0] != word else word
            words = [f"{word} {words[0]}".strip(), *words[1:]] if not behind.lstrip().startswith("and ") else words
        said[value] = words
    return said
