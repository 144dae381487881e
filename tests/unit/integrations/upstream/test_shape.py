"""Amounts are exact, codes have labels, dates have zones, big integers are text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.openapi.labels import FieldLabel
from integrations.upstream.config import OperationSettings
from integrations.upstream.dates import DateFormat
from integrations.upstream.shape import Shaper, TooDeep, amount
from schemas.jsontext import to_json
from schemas.turn import Locale


def shaper(prefix: str = "", described: Any = None, locale: Locale = "zh", **said: Any) -> Shaper:
    dates = DateFormat("Asia/Shanghai", "yyyy-MM-dd HH:mm:ss")
    return Shaper(OperationSettings.model_validate(said), described or {}, dates, locale, prefix)


@given(st.integers(-(10**20), 10**20))
def test_fen_become_yuan_to_the_last_fen(fen: int) -> None:
    """What is shown times a hundred is what came, for any amount, as number or as text."""
    shown = amount(fen, "fen")
    assert Decimal(shown["value"]) * 100 == fen
    assert len(shown["value"].partition(".")[2]) == 2
    assert amount(str(fen), "fen") == shown


@given(st.decimals(-(10**12), 10**12, places=4))
def test_yuan_keep_every_digit(yuan: Decimal) -> None:
    """No digit of an amount in yuan is rounded away; at least two stand behind the point."""
    shown = amount(yuan, "yuan")
    assert Decimal(shown["value"]) == yuan
    assert len(shown["value"].partition(".")[2]) >= 2


@given(st.one_of(st.text(), st.booleans(), st.floats(), st.decimals(), st.integers()))
def test_any_value_is_an_amount_or_itself(value: Any) -> None:
    """Nothing raises and nothing grows: what is no amount comes back as it was."""
    shown = amount(value, "fen")
    assert (isinstance(shown, dict) and len(shown["value"]) < 80) or shown is value


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (Decimal("12.5"), "yuan", "12.50"),
        (Decimal("2.8000"), "yuan", "2.8000"),
        ("0.3", "yuan", "0.30"),
        (1250, "fen", "12.50"),
        (Decimal("1250.5"), "fen", "12.505"),
        (-5, "fen", "-0.05"),
        (Decimal("1E+3"), "fen", "10.00"),
    ],
)
def test_amounts_by_unit(value: Any, unit: str, shown: str) -> None:
    """Fen are divided by a hundred, yuan are written with two places or their own."""
    assert amount(value, unit) == {"value": shown, "unit": "元"}


@pytest.mark.parametrize("path", ["rows[].pay", "[].pay", "pay"])
def test_a_rule_s_path_starts_at_the_body_or_the_payload_or_is_a_name(path: str) -> None:
    """The whole path, the path inside the payload and the bare name all fit."""
    assert shaper("rows", money={path: "fen"}).shape([{"pay": 5, "other": 5}], "rows") == [
        {"pay": {"value": "0.05", "unit": "元"}, "other": 5}
    ]


def test_a_rule_of_another_place_does_not_fit() -> None:
    """`data.amount` says nothing of `items[].amount`."""
    assert shaper(money={"data.amount": "fen"}).shape({"items": [{"amount": 5}]}, "") == {"items": [{"amount": 5}]}


def test_codes_get_the_label_of_the_file_before_the_document_s() -> None:
    """upstreams.yaml wins; a code that nobody names stays bare; labels follow the language."""
    described = {
        "state": FieldLabel("状态 / State", {"1": "旧 / old", "2": "二 / two"}),
        "kind": FieldLabel("种类 / Kind", {"true": "是 / yes"}),
    }
    zh = shaper(described=described, enums={"state": {"1": "新 / new"}})
    assert zh.shape({"state": 1, "kind": True}, "") == {
        "state": {"value": 1, "label": "新"},
        "kind": {"value": True, "label": "是"},
    }
    assert zh.labels == {"state": "状态", "kind": "种类"}
    en = shaper(described=described, locale="en", labels={"state": "情况 / Condition"})
    assert en.shape({"state": "2", "kind": "?"}, "") == {"state": {"value": "2", "label": "two"}, "kind": "?"}
    assert en.labels == {"state": "Condition", "kind": "Kind"}


def test_values_of_a_map_are_described_by_a_star() -> None:
    """A document describes the values of a map once, under `prices.*`."""
    described = {"prices.*": FieldLabel("", {"A": "甲 / first"})}
    assert shaper(described=described).shape({"prices": {"x": "A"}}, "") == {
        "prices": {"x": {"value": "A", "label": "甲"}}
    }


def test_dates_and_epochs_get_a_zone() -> None:
    """Text in the configured format, and numbers where an epoch is declared."""
    shaped = shaper(dates={"until": "epoch_ms"}).shape(
        {"at": "2026-11-02 08:15:30", "until": 0, "day": "2026-11-02"}, ""
    )
    assert shaped == {"at": "2026-11-02T08:15:30+08:00", "until": "1970-01-01T08:00:00+08:00", "day": "2026-11-02"}


@given(st.integers(-(10**30), 10**30))
def test_integers_beyond_2_to_the_53_are_text(number: int) -> None:
    """What no double can hold is text with the same digits; the rest stays a number."""
    shaped = shaper().shape({"id": number}, "")["id"]
    assert shaped == (number if abs(number) <= 2**53 else str(number))


def test_null_stays_null() -> None:
    """A missing amount is no 0.00."""
    assert shaper(money={"a": "fen"}, enums={"a": {"None": "x"}}).shape({"a": None}, "") == {"a": None}


def test_endless_nesting_is_refused() -> None:
    """A53: deeper than 64 levels is nothing that a person reads."""
    value: Any = 1
    for _ in range(100):
        value = {"a": value}
    with pytest.raises(TooDeep):
        shaper().shape(value, "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_shaped_into_json(value: Any) -> None:
    """Whatever an upstream sends comes out as JSON text, with the same keys."""
    shaped = shaper(money={"a": "fen"}, enums={"b": {"1": "x"}}).shape(value, "")
    assert to_json(shaped)
    if isinstance(value, dict):
        assert set(shaped) == set(value)
