"""One value of a result as a person writes it: money, dates, stretches of time, coded values.

Next: `tables.py`, `phrase.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from schemas.turn import Locale

Kind = Literal[
    "money", "coded", "date", "moment", "month", "window", "number", "text", "long", "link", "opaque", "nothing"
]
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?")
_OPAQUE = re.compile(r"\d{12,}|[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}|[0-9a-f]{24,}")
_ID_NAME = re.compile(r"(Id|ID|_id|Uuid|uuid|Key)$|^(id|uuid|key)$")
_NUMBER_NAME = re.compile(r"^(no|number|code|sn)$|(No|Number|_no|OrderNo|Sn)$")
_NUMBER_LABEL = re.compile(r"单号|编号|订单|流水号|票号|\bno\.|number\b", re.I)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MEASURE = re.compile(r"\d+(\.\d+)?\s*(年|个?月|天|日|小时|时|分|秒|days?|hours?|h|min|m|s|%|度|吨|次)")
_LONG = 40


@dataclass(frozen=True, slots=True)
class Cell:
    """A field of a result as text. `zero` is an amount of nothing; `number` the number a person calls the record by."""

    name: str
    label: str
    kind: Kind
    text: str
    zero: bool = False
    number: bool = False
    value: Any = None

    @property
    def measure(self) -> bool:
        """Whether the text is a quantity, such as 3小时20分."""
        return self.kind == "text" and bool(_MEASURE.match(self.text))


def is_number_name(name: str) -> bool:
    """Whether a field of this name holds the number that people call a record by."""
    return bool(_NUMBER_NAME.search(name))


def cell(name: str, value: Any, labels: Mapping[str, Any], now: datetime, locale: Locale) -> Cell:
    """The cell of a field; kind "nothing" for what a person need not see (null, an empty text, an empty list)."""
    label = str(labels.get(name) or "")
    if isinstance(value, Mapping):
        return _object(name, label, value, labels, now, locale)
    if isinstance(value, list):
        plain = [cell(name, v, labels, now, locale).text for v in value if not isinstance(v, (Mapping, list))]
        if plain and len(plain) == len(value):
            return Cell(name, label, "text", ("、" if locale == "zh" else ", ").join(plain[:10]))
        return Cell(name, label, "number" if value else "nothing", str(len(value)), value=value)
    if value is None or value == "":
        return Cell(name, label, "nothing", "")
    if isinstance(value, bool):
        return Cell(name, label, "text", ("是" if value else "否") if locale == "zh" else ("yes" if value else "no"))
    if isinstance(value, (int, float)):
        hidden = bool(_ID_NAME.search(name)) and len(str(value)) >= 6
        return Cell(
            name,
            label,
            "opaque" if hidden else "number",
            f"{value:g}" if isinstance(value, float) else str(value),
            value=value,
        )
    return _text(name, label, str(value), now, locale)


def _object(
    name: str, label: str, value: Mapping[str, Any], labels: Mapping[str, Any], now: datetime, locale: Locale
) -> Cell:
    if set(value) == {"value", "unit"}:
        text, amount = money(value), str(value["value"])
        return Cell(name, label, "money", text, zero=not amount.strip("-0."), value=amount)
    if set(value) == {"value", "label"}:
        return Cell(name, label, "coded", str(value["label"]), value=value["value"])
    stretch = window(value, now, locale)
    if stretch:
        return Cell(name, label, "window", stretch)
    below = [cell(str(k), v, labels, now, locale) for k, v in value.items()]
    told = [c for c in below if c.kind in ("money", "text", "coded", "date", "moment", "number")]
    named = [c for c in told if c.kind == "money"][:1] or [c for c in told if c.kind == "text"] or told
    if not named:
        return Cell(name, label, "nothing", "")
    return Cell(
        name,
        label or (named[0].label if len(named) == 1 else ""),
        "text" if named[0].kind != "money" else "money",
        " ".join(c.text for c in named[:3]),
    )


def _text(name: str, label: str, value: str, now: datetime, locale: Locale) -> Cell:
    if _MOMENT.fullmatch(value):
        return Cell(name, label, "moment", moment(value, now, locale), value=value)
    if _DATE.fullmatch(value):
        return Cell(
            name, label, "date", day(date.fromisoformat(value), now, locale) if _valid(value) else value, value=value
        )
    if _MONTH.fullmatch(value):
        return Cell(name, label, "month", value)
    if re.match(r"https?://", value):
        return Cell(name, label, "link", value)
    if _OPAQUE.fullmatch(value):
        return Cell(name, label, "opaque", value)
    number = bool(
        (_NUMBER_NAME.search(name) or _NUMBER_LABEL.search(label)) and re.search(r"\d", value) and len(value) <= 40
    )
    if (_ID_NAME.search(name) and not number) or (name.endswith("Code") and re.fullmatch(r"[A-Z0-9_]+", value)):
        return Cell(name, label, "opaque", value)
    if _ID_NAME.search(name) and not _NUMBER_NAME.search(name) and not re.search(r"单号", label):
        return Cell(name, label, "opaque", value)
    return Cell(name, label, "long" if len(value) > _LONG else "text", value, number=number)


def _valid(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def money(value: Mapping[str, Any]) -> str:
    """¥356.20, or the amount with its unit."""
    amount, unit = str(value.get("value")), str(value.get("unit") or "")
    return f"¥{amount}" if unit in ("元", "CNY", "RMB", "yuan") else f"{amount} {unit}".strip()


def day(value: date, now: datetime, locale: Locale) -> str:
    """11月15日, 15 Nov; with its year where that is another one."""
    if locale == "zh":
        return (
            f"{value.month}月{value.day}日" if value.year == now.year else f"{value.year}年{value.month}月{value.day}日"
        )
    text = f"{value.day} {_MONTHS[value.month - 1]}"
    return text if value.year == now.year else f"{text} {value.year}"


def _parse(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def moment(value: str, now: datetime, locale: Locale) -> str:
    """11月15日 09:00 in the zone of `now`."""
    read = _parse(value)
    if read is None:
        return value
    if read.tzinfo is not None and now.tzinfo is not None:
        read = read.astimezone(now.tzinfo)
    return f"{day(read.date(), now, locale)} {read:%H:%M}"


def window(value: Mapping[str, Any], now: datetime, locale: Locale) -> str | None:
    """11月24日 09:00–12:00 of an object of two date-times."""
    ends = list(value.values())
    if len(ends) != 2 or not all(isinstance(e, str) and _MOMENT.fullmatch(e) for e in ends):
        return None
    begins, stops = (
        sorted(moment(e, now, locale) for e in ends) if ends[0] > ends[1] else [moment(e, now, locale) for e in ends]
    )
    same = begins.rpartition(" ")[0] == stops.rpartition(" ")[0]
    return f"{begins}–{stops.rpartition(' ')[2]}" if same else f"{begins}–{stops}"
