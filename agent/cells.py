"""One value of a tool's result as people read it: amounts, codes, dates, numbers, texts. Called by `display.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from schemas.display import Cell, ColumnKind, Scalar
from schemas.plaintext import one_line
from schemas.turn import Locale

_MAX_TEXT = 300
_MAX_LABEL = 80
_MAX_KEY = 100
_MAX_ITEMS = 20
_MAX_EXACT = 2**53
# Beyond it, writing a Decimal out could fill the memory (1E+999999999), and Python refuses to write an integer.
_MAX_DIGITS = 40
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])(-\d{2})?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII)
_YES_NO: dict[Locale, tuple[str, str]] = {"zh": ("是", "否"), "en": ("yes", "no")}


@dataclass(frozen=True, slots=True)
class Words:
    """What a result's values are read with: the labels of its fields, the language, the zone of its date-times."""

    labels: Mapping[str, Any]
    locale: Locale
    zone: ZoneInfo

    def label(self, name: str) -> str:
        """The document's label of a field, or ""."""
        said = self.labels.get(name)
        return one_line(said)[:_MAX_LABEL] if isinstance(said, str) else ""


@dataclass(frozen=True, slots=True)
class CellText:
    """A cell, its label, and what kind it is. `text` is empty for what says nothing. `unit` is an amount's; `number`
    what the cell counts, for a chart. `nested`: it stood in an object inside the record."""

    label: str
    kind: ColumnKind
    cell: Cell
    unit: str = ""
    number: float | None = None
    nested: bool = False

    @property
    def text(self) -> str:
        return self.cell.text


def flattened(record: Mapping[str, Any], words: Words) -> dict[str, CellText]:
    """The cells of a record by key, in its order. Objects inside it are opened by one level, where the document names
    their members; lists of objects, deeper objects and fields whose names are no plain text are left out."""
    found: dict[str, CellText] = {}
    for key, label, value, nested in _leaves(record, words):
        if len(key) <= _MAX_KEY and key not in found and one_line(key) == key:
            made = _cell(value, label, words, nested=nested)
            if made is not None:
                found[key] = made
    return found


def _leaves(record: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str, Any, bool]]:
    """(key, label, value, nested)."""
    for name, value in record.items():
        name = str(name)
        label = words.label(name) or one_line(name)[:_MAX_LABEL]
        if not isinstance(value, Mapping) or _special(value):
            yield name, label, value, False
            continue
        for inner, member in value.items():
            said = words.label(str(inner))
            if said:
                yield f"{name}.{inner}", f"{label} · {said}" if words.label(name) else said, member, True


def _special(value: Mapping[str, Any]) -> bool:
    """Whether this is an amount or a coded value (`schemas/tool.py`, ToolResult), so no object for people."""
    plain = not any(isinstance(member, Mapping | list) for member in value.values())
    return plain and set(value) in ({"value", "unit"}, {"value", "label"})


def _cell(value: Any, label: str, words: Words, *, nested: bool) -> CellText | None:
    """None for what is no value of its own."""
    if isinstance(value, Mapping):
        if not _special(value):
            return None
        if "unit" in value:
            amount, unit = _plain(value["value"]), one_line(str(value["unit"]))[:_MAX_LABEL]
            text = f"{amount} {unit}".strip() if amount else ""
            number = _number(value["value"])
            return CellText(label, "money", Cell(_cut(text), _scalar(value["value"])), unit, number, nested)
        said = _cut(one_line(_plain(value["label"]))) or _cut(_plain(value["value"]))
        return CellText(label, "enum", Cell(said, _scalar(value["value"])), nested=nested)
    if isinstance(value, list):
        return _list(value, label, words, nested=nested)
    if isinstance(value, bool):
        return CellText(label, "enum", Cell(_YES_NO[words.locale][0 if value else 1], value), nested=nested)
    if isinstance(value, int | float | Decimal):
        return CellText(label, "number", Cell(_plain(value), _scalar(value)), "", _number(value), nested)
    if value is None:
        return CellText(label, "text", Cell("", None), nested=nested)
    kind, text = _read(str(value), words.zone)
    return CellText(label, kind, Cell(_cut(text), _scalar(value)), nested=nested)


def _list(items: list[Any], label: str, words: Words, *, nested: bool) -> CellText | None:
    """Plain values side by side; None for a list of objects."""
    if any(isinstance(item, list) or (isinstance(item, Mapping) and not _special(item)) for item in items):
        return None
    cells = [_cell(item, label, words, nested=nested) for item in items[:_MAX_ITEMS]]
    texts = [cell.text for cell in cells if cell is not None and cell.text]
    if len(items) > _MAX_ITEMS:
        texts.append("…")
    return CellText(
        label, "text", Cell(_cut(("、" if words.locale == "zh" else ", ").join(texts)), None), nested=nested
    )


def _read(text: str, zone: ZoneInfo) -> tuple[ColumnKind, str]:
    """A text and its kind; a date-time in `zone`, to the minute."""
    if _DATE.fullmatch(text):
        return "date", text
    if _MOMENT.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text.upper())
            local = moment.astimezone(zone) if moment.tzinfo is not None else moment
        except (ValueError, OverflowError):
            return "text", text
        return "date", local.strftime("%Y-%m-%d %H:%M")
    return "text", one_line(text).strip()


def _plain(value: Any) -> str:
    """A scalar as text, numbers without exponents."""
    match value:
        case None:
            return ""
        case bool() | str():
            return one_line(str(value))
        case int():
            return str(value) if value.bit_length() <= 4096 else "…"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < _MAX_EXACT else str(value)
        case Decimal() if value.is_finite() and abs(value.adjusted()) <= _MAX_DIGITS:
            return f"{value:f}"
    return one_line(str(value))


def _number(value: Any) -> float | None:
    """The number as a chart needs it, or None for none."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
            return None
        number = float(Decimal(value) if isinstance(value, str) else value)
    except (ArithmeticError, ValueError):
        return None
    return number if abs(number) < float("inf") else None  # false for NaN too


def _scalar(value: Any) -> Scalar:
    """The value itself where it can be carried: not if it is too long, or no number that JSON has."""
    match value:
        case None | bool():
            return value
        case str():
            return value if len(value) <= _MAX_TEXT else None
        case int():
            return value if -_MAX_EXACT <= value <= _MAX_EXACT else _cut_number(_plain(value))
        case float():
            return _number(value)
        case Decimal():
            number = _number(value)
            if number is None:
                return None
            return number if Decimal(repr(number)) == value else _cut_number(_plain(value))
    return None


def _cut_number(text: str) -> str | None:
    """A number that was cut would be another number."""
    return text if len(text) <= _MAX_TEXT and "…" not in text else None


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
