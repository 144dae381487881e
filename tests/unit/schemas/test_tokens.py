"""The gateway's own count of tokens: the order of magnitude, for every text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.tokens import count_tokens, first_tokens, most_tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("a", 1),
        ("Your water bill of May is 35.20 yuan.", 10),
        ("查询我的物业费账单", 9),
        ("账单 202405", 5),
        ("😀", 2),
        ("\ud83d", 1),
    ],
)
def test_english_has_four_letters_to_a_token_and_chinese_one(text: str, expected: int) -> None:
    """F45: near enough to what tokenisers count that a budget means the same."""
    assert count_tokens(text) == expected


@given(st.text(), st.integers(0, 50))
def test_the_beginning_of_a_text_has_no_more_tokens_than_asked_for(text: str, tokens: int) -> None:
    """F46: within a third, for characters of four bytes; and it is a beginning."""
    first = first_tokens(text, tokens)
    assert text.startswith(first)
    assert count_tokens(first) <= tokens * 4 / 3 + 1


@given(st.text(min_size=1))
def test_no_text_is_free_and_none_costs_more_than_its_bytes(text: str) -> None:
    """A delta of one letter counts, so that an answer without end reaches its limit."""
    assert 1 <= count_tokens(text) <= len(text.encode("utf-8", "replace"))


@given(st.text())
def test_what_a_text_costs_at_most_is_no_less_than_a_quarter_of_its_length(text: str) -> None:
    """So a store that loads four characters for each token has loaded all that may be shown."""
    assert len(text) / 4 <= most_tokens(text) <= len(text.encode("utf-8", "replace"))


@pytest.mark.parametrize(
    ("text", "at_least"),
    [
        ('{"amount":"1350.00","dueDate":"2025-03-31T00:00:00+08:00"}', 28),
        ("查询我的物业费账单", 6),
        ("Your water bill of May is 35.20 yuan.", 12),
    ],
)
def test_rows_of_digits_and_marks_are_not_counted_as_prose(text: str, at_least: int) -> None:
    """No less than o200k_base counts (the numbers), and not twice as many."""
    assert at_least <= most_tokens(text) <= 2 * at_least
