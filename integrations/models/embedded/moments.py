"""What a slot for a date, a time or a stretch of time takes from a sentence. Called by `values.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time

from integrations.models.embedded.asking import Asking, Found
from integrations.models.embedded.dates import When
from integrations.models.embedded.schema import Slot


def _when(slot: Slot, asking: Asking) -> When | None:
    found = asking.spans.past_days if asking.past else asking.spans.days
    found = [w for w in found if w.start not in asking.used]
    if slot.role == "from" and found and _UNTIL.search(asking.spans.text[: found[0].start]) and not asking.only:
        return None
    return found[0] if found else None


_UNTIL = re.compile(r"(?:\b(?:until|till|through)|^\s*(?:to|到|至))\s*$", re.I)


def day(slot: Slot, asking: Asking) -> Found | None:
    when = _when(slot, asking)
    if when is None:
        return None
    if slot.role == "to":
        if when.open or (when.grain == "year" and when.last > asking.now.date()):
            return None
        if asking.writes and not asking.asked and when.first == when.last and len(asking.spans.days) == 1:
            return None  # from when is said, until when is not
        chosen = when.last
    else:
        if slot.role == "" and when.grain in ("month", "year", "span") and when.first != when.last:
            return None
        chosen = when.first
    return Found(_written(chosen, slot), when.start, when.end)


def moment(slot: Slot, asking: Asking) -> Found | None:
    when = _when(slot, asking)
    if when is None:
        return None
    if slot.role == "to" and when.open:
        return None
    clock = asking.spans.clocks[0] if asking.spans.clocks else None
    if slot.role == "to":
        at = datetime.combine(when.last, clock.to if clock and clock.to else time(23, 59, 59), asking.now.tzinfo)
    elif slot.role == "" and clock is None:
        return None
    else:
        at = datetime.combine(when.first, clock.at if clock else time(0), asking.now.tzinfo)
    plain = re.search(r"yyyy-MM-dd HH:mm(:ss)?", slot.about)
    if slot.schema.get("format") != "date-time" and (plain or slot.kind == "datetime"):
        return Found(
            at.strftime("%Y-%m-%d %H:%M:%S" if not plain or plain[1] else "%Y-%m-%d %H:%M"), when.start, when.end
        )
    return Found(at.isoformat(), when.start, when.end)


def month(slot: Slot, asking: Asking) -> Found | None:
    when = _when(slot, asking)
    if when is None or (when.grain in ("day", "week") and not asking.only and not slot.role):
        return None
    if slot.role == "to":
        if when.open:
            return None
        return Found(_month_text(when.last, slot), when.start, when.end)
    if slot.role == "" and (when.first.year, when.first.month) != (when.last.year, when.last.month):
        return None
    return Found(_month_text(when.first, slot), when.start, when.end)


def _month_text(day: date, slot: Slot) -> str:
    return day.strftime("%Y%m" if re.search(r"yyyyMM(?!-)", slot.about) and not slot.schema.get("pattern") else "%Y-%m")


def _written(day: date, slot: Slot) -> str:
    if slot.schema.get("format") != "date" and re.search(r"yyyy-MM-dd HH:mm:ss", slot.about):
        return day.strftime("%Y-%m-%d") + (" 23:59:59" if slot.role == "to" else " 00:00:00")
    return day.isoformat()


def time_of_day(slot: Slot, asking: Asking) -> Found | None:
    spelt = [c for c in asking.spans.clocks if c.spelt]
    if not spelt:
        return next(
            (Found("12:00", c.start, c.end) for c in asking.spans.clocks if _NOON.match(asking.spans.text, c.start)),
            None,
        )
    last = slot.role == "to" and (spelt[0].to is not None or len(spelt) > 1)
    chosen = spelt[-1] if last else spelt[0]
    at = chosen.to if last and chosen.to is not None else chosen.at
    seconds = str(slot.schema.get("pattern", "")).count(":") == 2 or slot.schema.get("format") == "time"
    return Found(at.strftime("%H:%M:%S" if seconds else "%H:%M"), chosen.start, chosen.end)


_NOON = re.compile(r"正午|中午|\bnoon\b|\bmidday\b", re.I)


def window(slot: Slot, asking: Asking) -> Found | None:
    window = asking.spans.window
    if window is None:
        return None
    begins, ends = slot.ends
    value: Mapping[str, str] = {begins: window.begins.isoformat(), ends: window.ends.isoformat()}
    return Found(dict(value), window.start, window.end)
