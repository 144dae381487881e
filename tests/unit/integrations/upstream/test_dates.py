"""Dates of an upstream's own format become RFC 3339 with a zone, and back."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.upstream.dates import DateFormat

PLAIN = DateFormat("Asia/Shanghai", "yyyy-MM-dd HH:mm:ss")


def test_a_local_time_gets_its_zone() -> None:
    """The zone of the upstream is written behind the time."""
    assert PLAIN.read("2026-11-02 08:15:30") == "2026-11-02T08:15:30+08:00"


@pytest.mark.parametrize(
    "text", ["2026-13-02 08:15:30", "2026-11-02", "粤B12345", "2026-11-02 08:15:30 ", "２026-11-02 08:15:30"]
)
def test_other_text_is_no_date(text: str) -> None:
    """What is not exactly in the format stays as it is."""
    assert PLAIN.read(text) is None


def test_digits_alone_are_a_date_only_where_the_schema_says_so() -> None:
    """`yyyyMMddHHmmss` could be any number."""
    digits = DateFormat("Asia/Shanghai", "yyyyMMddHHmmss")
    assert digits.read("20261102081530") is None
    assert digits.read("20261102081530", declared=True) == "2026-11-02T08:15:30+08:00"


def test_an_iso_time_without_zone_gets_one_where_declared() -> None:
    """A declared date-time without offset is in the upstream's zone."""
    assert DateFormat("Asia/Shanghai", None).read("2026-11-02T08:15:30", declared=True) == "2026-11-02T08:15:30+08:00"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1793578530000, "epoch_ms", "2026-11-02T08:15:30+08:00"),
        ("1793578530", "epoch_s", "2026-11-02T08:15:30+08:00"),
        (True, "epoch_s", None),
        ("soon", "epoch_s", None),
        (10**30, "epoch_s", None),
    ],
)
def test_epochs_become_dates(value: object, unit: str, expected: str | None) -> None:
    """Seconds or milliseconds since 1970, never a truth value or nonsense."""
    assert PLAIN.read_epoch(value, unit) == expected


def test_arguments_are_written_in_the_upstream_s_format() -> None:
    """RFC 3339 in nested arguments becomes local time; dates, plain text and numbers stay."""
    arguments = {"a": "2026-11-02T00:15:30Z", "b": ["2026-11-02T08:15:30+08:00"], "c": "2026-11-02", "d": 1}
    assert PLAIN.write(arguments) == {
        "a": "2026-11-02 08:15:30",
        "b": ["2026-11-02 08:15:30"],
        "c": "2026-11-02",
        "d": 1,
    }
    assert DateFormat("Asia/Shanghai", None).write(arguments) == arguments


@given(st.datetimes(datetime(1992, 1, 1), datetime(9000, 1, 1)))  # noqa: DTZ001
def test_reading_undoes_writing(moment: datetime) -> None:
    """Any second of the zone survives the way out and back."""
    text = moment.replace(microsecond=0, tzinfo=ZoneInfo("Asia/Shanghai")).isoformat()
    written = PLAIN.write(text)
    read = PLAIN.read(written)
    assert read is not None
    assert datetime.fromisoformat(read) == datetime.fromisoformat(text)
