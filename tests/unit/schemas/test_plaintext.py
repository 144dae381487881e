"""Texts from outside, made part of one line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.plaintext import escaped, one_line


@given(st.text(max_size=200))
def test_every_text_becomes_one_line(text: str) -> None:
    """Universal: whatever counts as a break, none is left."""
    assert len(one_line(text).splitlines()) <= 1


@given(st.text(max_size=200))
def test_no_control_or_direction_character_is_left(text: str) -> None:
    """Universal, but for the two joiners that emoji and scripts need."""
    left = {character for character in escaped(text) if unicodedata.category(character) in ("Cc", "Cf", "Cs")}
    assert left <= {"\u200c", "\u200d"}


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("3栋2单元501", "3栋2单元501"),
        ("a\r\nb", "a ⏎ b"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("100\u202e001", "100\\u202e001"),
        ("a" + " " * 9 + "b", "a ␣×9 b"),
        ("👨\u200d👩", "👨\u200d👩"),
    ],
)
def test_what_could_deceive_is_written_as_a_sign(text: str, plain: str) -> None:
    """A24: breaks, escapes, direction marks and long blanks; other text stays as it is."""
    assert one_line(text) == plain
