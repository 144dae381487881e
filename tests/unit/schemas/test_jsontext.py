"""JSON text for models: exact numbers, and no text that UTF-8 cannot carry."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.jsontext import to_json, whole_characters, whole_values

any_text = st.text(st.characters(exclude_categories=()), max_size=20)
leaves = st.none() | st.booleans() | st.integers() | any_text
values: st.SearchStrategy[Any] = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4), max_leaves=10
)


@given(values)
def test_any_json_value_becomes_text_that_can_be_sent(value: Any) -> None:
    """And reads back as it was, half surrogate pairs aside."""
    assert json.loads(to_json(value).encode()) == whole_values(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=2))
def test_an_amount_is_a_number_with_all_its_digits(amount: Decimal) -> None:
    """Also where a half character beside it takes the longer way."""
    for beside in ("", "\ud800"):
        read = json.loads(to_json({"amount": amount, "beside": beside}), parse_float=Decimal, parse_int=Decimal)
        assert read["amount"] == amount


@given(any_text)
def test_whole_characters_changes_only_half_ones(text: str) -> None:
    """A text without them is left alone; the result can always be encoded."""
    whole = whole_characters(text)
    whole.encode()
    assert whole == text or any("\ud800" <= character <= "\udfff" for character in text)


def test_a_pair_in_two_halves_becomes_its_character() -> None:
    """As JSON escapes carry it."""
    assert whole_characters("\ud83d\ude00\ud83d") == "😀�"
