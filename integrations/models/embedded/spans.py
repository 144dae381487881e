"""Everything typed that a sentence holds, found once: e-mails, phones, plates, codes, dates, times, numbers, places.

Next: `extract.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from integrations.models.embedded.clock import Clock, Window, clocks, window
from integrations.models.embedded.dates import When, days
from integrations.models.embedded.numbers import Number, numbers

_EMAIL = re.compile(r"[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,4}")
_PHONE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?(1[3-9]\d)[- ]?(\d{4})[- ]?(\d{4})(?!\d)")
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领]"
    r"[A-Za-z]\s?[·・.]?\s?[A-Za-z0-9]{5,6}(?![A-Za-z0-9])"
)
_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9](?:[A-Za-z0-9_\-]{0,62}[A-Za-z0-9])?(?![A-Za-z0-9])")
_MEASURED = re.compile(r"^\d+(?:h|hrs?|hours?|mins?|m|x|k|days?|ppl|pax)$", re.I)
_N = r"(?:\d{1,4}|[A-Za-z](?=[座栋区])|[一二两三四五六七八九十]{1,3})"
_SPOT = (
    r"厨房|卫生间|洗手间|厕所|浴室|客厅|卧室|主卧|次卧|主卫|次卫|客卫|阳台|书房|餐厅|玄关|储藏室|走廊"
    r"|过道|楼道|楼梯间|楼梯口|大堂|大厅|门厅|单元门|电梯间|电梯口"
    r"|地下室|车库|花园|天台|屋顶|[东南西北正后]门|院子|门口|公共区域|大门|儿童房|衣帽间|露台|飘窗"
)
_PLACE = re.compile(
    rf"(?:(?:{_N}(?:号楼|栋|幢|座|号院)|{_N}(?:单元)|{_N}(?:层|楼(?!上|下))"
    rf"|(?<=[栋幢楼座元层])\d{{3,4}}(?:室|房)?|(?<!\d)\d{{3,4}}(?:室|房)|(?:{_SPOT}))\s*的?)+"
    r"|\b(?:\d{1,2}(?:st|nd|rd|th)|ground|first|second|third|top) floor(?: [a-z]+(?= is| are|$))?"
    r"|\b(?:building|block|tower|unit|apartment|apt|flat|room|floor)\s+(?:no\.?\s*)?[A-Z]?\d[\w\-]*"
    r"|\b(?:kitchen|bathroom|living room|bedroom|balcony|toilet|study|dining room|corridor|hallway"
    r"|lobby|garage|garden|basement|entrance|stairwell"
    r"|rooftop|guest room|master bedroom|laundry room|gate)\b|(?<![\w\-])\d{1,3}-\d{3,4}(?![\w\-])"
    r"|(?<![\w\-])\d{1,3}-\d{1,2}-\d{3,4}(?![\w\-])",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the text, as it stands and as a value."""

    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True)
class Spans:
    """What a text holds. `days` leans to the future, `past_days` to the past where a year is not said."""

    text: str
    emails: Sequence[Span]
    phones: Sequence[Span]
    plates: Sequence[Span]
    places: Sequence[Span]
    codes: Sequence[Span]
    days: Sequence[When]
    past_days: Sequence[When]
    clocks: Sequence[Clock]
    window: Window | None
    numbers: Sequence[Number]


def spans_of(text: str, now: datetime) -> Spans:
    """Find everything typed. What is part of one thing is no other: a phone is no number, a plate no code."""
    emails = [Span(m.start(), m.end(), m.group()) for m in _EMAIL.finditer(text)]
    phones = [Span(m.start(), m.end(), "".join(m.groups())) for m in _PHONE.finditer(text) if _clear(m, emails)]
    plates = [
        Span(m.start(), m.end(), re.sub(r"[\s·・.]", "", m.group()).upper())
        for m in _PLATE.finditer(text)
        if _clear(m, emails)
    ]
    taken = [*emails, *phones, *plates]
    places = [p for p in places_in(text) if not any(p.start < t.end and t.start < p.end for t in taken)]
    near, past = days(text, now.date()), days(text, now.date(), past=True)
    spots = clocks(text)
    codes = [
        Span(m.start(), m.end(), m.group())
        for m in _CODE.finditer(text)
        if any(c.isdigit() for c in m.group())
        and _clear(m, [*taken, *(w for w in near if text[w.start : w.end].isascii())])
    ]
    lettered = [c for c in codes if not c.value.isdigit() and not _MEASURED.match(c.value)]
    found = [n for n in numbers(text) if not _inside(n, [*taken, *places, *near, *spots, *lettered])]
    return Spans(text, emails, phones, plates, places, codes, near, past, spots, window(text, now), found)


class Placed(Protocol):
    """Anything that stands at [start, end) of a text."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


def without(text: str, read: Iterable[Placed], put: str = " ") -> str:
    """The text with everything that was read blanked out; positions stay."""
    for span in read:
        text = text[: span.start] + put * (span.end - span.start) + text[span.end :]
    return text


def places_in(text: str) -> list[Span]:
    """The places about a building that a text names, in order."""
    return [Span(m.start(), m.end(), re.sub(r"的$", "", m.group().strip())) for m in _PLACE.finditer(text)]


def _clear(match: re.Match[str], taken: Sequence[Span | When]) -> bool:
    return not any(match.start() < t.end and t.start < match.end() for t in taken)


def _inside(number: Number, taken: Sequence[Span | When | Clock]) -> bool:
    return any(number.start < t.end and t.start < number.end for t in taken)
