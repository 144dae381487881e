"""What sentences hold: dates, times, numbers, codes, plates, places; and how schemas become slots."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integrations.models.embedded.clock import window
from integrations.models.embedded.dates import days
from integrations.models.embedded.labels import glosses, label
from integrations.models.embedded.numbers import numbers
from integrations.models.embedded.schema import slots_of
from integrations.models.embedded.spans import spans_of
from tests.support.library import RESERVE

WEDNESDAY = date(2026, 3, 18)
NOW = datetime(2026, 11, 23, 17, 40, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("上个月", "2026-02-01", "2026-02-28"),
        ("上上个月", "2026-01-01", "2026-01-31"),
        ("去年12月", "2025-12-01", "2025-12-31"),
        ("一月份", "2026-01-01", "2026-01-31"),
        ("大后天", "2026-03-21", "2026-03-21"),
        ("周六上午", "2026-03-21", "2026-03-21"),
        ("下周三", "2026-03-25", "2026-03-25"),
        ("3月1号到3月15号", "2026-03-01", "2026-03-15"),
        ("between Feb 1 and Feb 28", "2026-02-01", "2026-02-28"),
        ("last month", "2026-02-01", "2026-02-28"),
        ("on March 30", "2026-03-30", "2026-03-30"),
        ("最近三天", "2026-03-15", "2026-03-18"),
    ],
)
def test_dates_are_read_as_people_mean_them(text: str, first: str, last: str) -> None:
    """Relative to Wednesday, 18 March 2026."""
    [when] = days(text, WEDNESDAY)
    assert (str(when.first), str(when.last)) == (first, last)


@pytest.mark.parametrize("text", ["3号楼201", "B20260201", "3个月", "R1024", "五星", "may I ask", "the sun is out"])
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    """Buildings, codes, counts and English words."""
    assert days(text, WEDNESDAY) == []


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("明天上午", "2026-11-24T09:00:00+08:00", "2026-11-24T12:00:00+08:00"),
        ("后天下午3点到5点", "2026-11-25T15:00:00+08:00", "2026-11-25T17:00:00+08:00"),
        ("tomorrow morning", "2026-11-24T09:00:00+08:00", "2026-11-24T12:00:00+08:00"),
        ("at 3pm on Friday", "2026-11-27T15:00:00+08:00", "2026-11-27T17:00:00+08:00"),
        ("between 2 and 4 pm tomorrow", "2026-11-24T14:00:00+08:00", "2026-11-24T16:00:00+08:00"),
        ("明天", "2026-11-24T09:00:00+08:00", "2026-11-24T18:00:00+08:00"),
        ("上午", "2026-11-24T09:00:00+08:00", "2026-11-24T12:00:00+08:00"),
        ("明早九点半", "2026-11-24T09:30:00+08:00", "2026-11-24T11:30:00+08:00"),
    ],
)
def test_a_stretch_of_time_has_the_offset_of_the_zone(text: str, begins: str, ends: str) -> None:
    """A part of a day by office hours, a time with two hours from it, the next one where no day is said."""
    found = window(text, NOW)
    assert found is not None
    assert (found.begins.isoformat(), found.ends.isoformat()) == (begins, ends)


def test_a_stretch_that_is_over_is_none() -> None:
    """It is 17:40: this morning cannot be booked."""
    assert window("今天上午", NOW) is None


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("一百五十块", "150", "money"), ("88.5 yuan", "88.5", "money"), ("三个月", "3", "month"),
        ("半年", "6", "month"), ("五星", "5", "star"), ("两张", "2", "count"), ("六零零一", "6001", ""),
        ("three weeks", "3", "week"),
    ],
)  # fmt: skip
def test_numbers_are_read_with_their_units(text: str, value: str, unit: str) -> None:
    """Digits, Chinese numerals, English words."""
    [number] = numbers(text)
    assert (number.value, number.unit) == (Decimal(value), unit)


def test_each_typed_thing_is_one_thing_only() -> None:
    """A phone is no number, a plate no code, a room no count."""
    spans = spans_of("6栋1502客厅，京N8K66P，13912345678，a@b.cn，LN0001", NOW)
    assert [s.value for s in spans.places] == ["6栋1502客厅"]
    assert [s.value for s in spans.plates] == ["京N8K66P"]
    assert [s.value for s in spans.phones] == ["13912345678"]
    assert [s.value for s in spans.emails] == ["a@b.cn"]
    assert "LN0001" in [s.value for s in spans.codes]
    assert list(spans.numbers) == []


def test_a_one_of_becomes_conditional_slots() -> None:
    """The constant that tells the variants apart is an enum slot; shared properties are one path."""
    slots = {(slot.path, slot.when): slot for slot in slots_of(RESERVE.parameters)}
    way = slots[(("order", "way"), ())]
    assert way.variant
    assert way.values == ("PICKUP", "POST")
    assert "自取" in way.glosses["PICKUP"]
    branch = slots[(("order", "branch"), ((("order", "way"), "PICKUP"),))]
    assert branch.kind == "enum"
    when = slots[(("order", "when"), ((("order", "way"), "POST"),))]
    assert (when.kind, when.nullable, when.ends) == ("window", True, ("from", "to"))


def test_references_and_all_of_are_followed_within_the_schema() -> None:
    """`$defs` of the parameters themselves; a reference to nowhere is an empty schema."""
    schema: dict[str, Any] = {
        "type": "object",
        "$defs": {"Day": {"type": "string", "format": "date"}, "Loop": {"$ref": "#/$defs/Loop"}},
        "properties": {"day": {"$ref": "#/$defs/Day"}, "loop": {"$ref": "#/$defs/Loop"}, "gone": {"$ref": "#/x"}},
        "allOf": [{"properties": {"n": {"type": "integer"}}, "required": ["n"]}],
        "required": ["day"],
    }
    kinds = {slot.name: (slot.kind, slot.required) for slot in slots_of(schema)}
    assert kinds["day"] == ("date", True)
    assert kinds["n"] == ("integer", True)
    assert set(kinds) == {"day", "loop", "gone", "n"}


def test_glosses_are_read_behind_the_value_or_by_the_order() -> None:
    """Both halves of a bilingual description count."""
    said = glosses("方式：cash 现金、card 刷卡 / Method: cash, bank card", ["cash", "card"])
    assert "现金" in said["cash"]
    assert "bank card" in said["card"]
    assert label("账期，格式 yyyy-MM / Billing period, yyyy-MM", "period") == ("账期", "Billing period")
