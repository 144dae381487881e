"""Fits shaped data into a number of characters: fewer rows first, then shorter texts; `response.py` states the cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.upstream.fields import MISSING, look_up
from integrations.upstream.rows import cut_lists, replaced
from schemas.jsontext import to_json

_TEXT_LIMITS = (1000, 300, 100)
_LIST_LIMITS = (10, 3, 1)


@dataclass(frozen=True, slots=True)
class Fitted:
    """`rows` is how many rows are left of the main list (None where there is none)."""

    data: Any
    rows: int | None
    cut_text: bool


def fit(data: Any, rows_path: str | None, max_chars: int) -> Fitted:
    """`data` in at most `max_chars` of JSON; the main list (at `rows_path`, "" is `data` itself) loses its tail."""
    items = _items(data, rows_path)
    if len(to_json(data)) <= max_chars:
        return Fitted(data, None if items is None else len(items), cut_text=False)
    if items:
        room = max_chars - len(to_json(replaced(data, rows_path or "", [])))
        kept = _that_fit(items, room)
        if kept:
            return Fitted(replaced(data, rows_path or "", items[:kept]), kept, cut_text=False)
        data, items = replaced(data, rows_path or "", items[:1]), items[:1]
    for limit in _TEXT_LIMITS:
        shorter = shorten_texts(data, limit)
        if len(to_json(shorter)) <= max_chars:
            return Fitted(shorter, None if items is None else len(items), cut_text=True)
    for limit in _LIST_LIMITS:
        fewer, _ = cut_lists(shorten_texts(data, _TEXT_LIMITS[-1]), limit)
        if len(to_json(fewer)) <= max_chars:
            return Fitted(fewer, None if items is None else min(limit, len(items)), cut_text=True)
    # Thousands of keys: no structure is left that would fit, so the beginning of the text stands for it.
    start = beginning(to_json(data), max_chars)
    return Fitted(start, None if items is None else len(items), cut_text=True)


def beginning(text: str, max_chars: int) -> str:
    """The longest beginning of a text that has at most `max_chars` as JSON, where quotes and controls grow."""
    text = text[:max_chars]
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(to_json(text[:middle])) <= max_chars else (low, middle - 1)
    return text[:low]


def shorten_texts(value: Any, limit: int) -> Any:
    """`value` with no text longer than `limit` characters."""
    if isinstance(value, str):
        return value if len(value) <= limit else value[: limit - 1] + "…"
    if isinstance(value, Mapping):
        return {name: shorten_texts(item, limit) for name, item in value.items()}
    if isinstance(value, list):
        return [shorten_texts(item, limit) for item in value]
    return value


def _items(data: Any, path: str | None) -> list[Any] | None:
    if path is None:
        return None
    found = look_up(data, path) if path else data
    return found if found is not MISSING and isinstance(found, list) else None


def _that_fit(items: list[Any], room: int) -> int:
    for count, item in enumerate(items):
        room -= len(to_json(item)) + 1
        if room < 0:
            return count
    return len(items)
