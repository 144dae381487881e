"""Dates as an upstream writes them ↔ RFC 3339 with zone; `shape.py` reads answers, `toolset.py` writes arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

_TOKENS: dict[str, tuple[str, str]] = {
    "yyyy": ("year", r"\d{4}"),
    "MM": ("month", r"\d{2}"),
    "dd": ("day", r"\d{2}"),
    "HH": ("hour", r"\d{2}"),
    "mm": ("minute", r"\d{2}"),
    "ss": ("second", r"\d{2}"),
    "SSS": ("millisecond", r"\d{3}"),
}
_PIECE = re.compile(r"'[^']*'|yyyy|MM|dd|HH|mm|SSS|ss|.", re.DOTALL)
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})")
_LOCAL_ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?")


class DateFormat:
    """`pattern` as Java writes it (`yyyy-MM-dd HH:mm:ss`, literals in single quotes), or None for ISO 8601 alone."""

    def __init__(self, zone: str, pattern: str | None) -> None:
        self._zone = ZoneInfo(zone)
        self._pieces = _PIECE.findall(pattern) if pattern else []
        # Text that is digits alone could be any number: such a pattern is only read where the schema says date-time.
        self._distinct = any(piece not in _TOKENS for piece in self._pieces)
        names = [_TOKENS[piece][0] for piece in self._pieces if piece in _TOKENS]
        self._with_time = "hour" in names and {"year", "month", "day"} <= set(names)
        self._regex = re.compile("".join(map(_piece_regex, self._pieces)), re.ASCII) if self._with_time else None

    def read(self, text: str, *, declared: bool = False) -> str | None:
        """RFC 3339 of a text in the upstream's format, or None for other text. `declared`: by the schema."""
        if self._regex is not None and (self._distinct or declared) and (match := self._regex.fullmatch(text)):
            parts = {name: int(value) for name, value in match.groupdict().items()}
            parts["microsecond"] = parts.pop("millisecond", 0) * 1000
            try:
                return datetime(**parts, tzinfo=self._zone).isoformat()
            except ValueError:
                return None
        if declared and _LOCAL_ISO.fullmatch(text):
            try:
                return datetime.fromisoformat(text).replace(tzinfo=self._zone).isoformat()
            except ValueError:
                return None
        return None

    def read_epoch(self, value: Any, unit: str) -> str | None:
        """RFC 3339 of seconds or milliseconds since 1970, or None for what is no number."""
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            return None
        try:
            seconds = float(value) / (1000 if unit == "epoch_ms" else 1)
            return datetime.fromtimestamp(seconds, UTC).astimezone(self._zone).isoformat(timespec="seconds")
        except (ValueError, OverflowError, OSError):
            return None

    def write(self, value: Any) -> Any:
        """Arguments with every RFC 3339 date-time written in the upstream's format; the rest as it is."""
        if self._regex is None:
            return value
        if isinstance(value, Mapping):
            return {name: self.write(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.write(item) for item in value]
        if isinstance(value, str) and _RFC3339.fullmatch(value):
            return self._written(value)
        return value

    def _written(self, text: str) -> str:
        try:
            moment = datetime.fromisoformat(text.upper()).astimezone(self._zone)
        except (ValueError, OverflowError):
            return text
        numbers = {
            "yyyy": f"{moment.year:04}",
            "MM": f"{moment.month:02}",
            "dd": f"{moment.day:02}",
            "HH": f"{moment.hour:02}",
            "mm": f"{moment.minute:02}",
            "ss": f"{moment.second:02}",
            "SSS": f"{moment.microsecond // 1000:03}",
        }
        return "".join(numbers.get(piece) or _literal(piece) for piece in self._pieces)


def _literal(piece: str) -> str:
    return (piece[1:-1] or "'") if piece.startswith("'") and len(piece) > 1 else piece


def _piece_regex(piece: str) -> str:
    if piece in _TOKENS:
        name, digits = _TOKENS[piece]
        return f"(?P<{name}>{digits})"
    return re.escape(_literal(piece))
