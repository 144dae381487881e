"""Whatever an upstream sends back, the credential is not in it."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.upstream.scrub import MASK, Scrubber
from schemas.credential import Credential

tokens = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=80)
around = st.text(max_size=20)


@given(tokens, around, around)
def test_the_exact_token_never_comes_through(token: str, before: str, behind: str) -> None:
    """In any text, key, list or nesting."""
    scrubber = Scrubber(Credential(token))
    value = {"a": [before + token + behind, {token + behind: 1}], "n": None}
    assert token not in json.dumps(scrubber.value(value), ensure_ascii=False).replace(json.dumps(token)[1:-1], token)


@given(tokens, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12))
def test_its_base64_never_comes_through_at_any_alignment(token: str, before: str) -> None:
    """`Basic base64("user:" + token)` is masked too: what decodes again has no token in it."""
    encoded = base64.b64encode((before + token).encode()).decode()
    cleaned = Scrubber(Credential(token)).text(f"Basic {encoded}")
    assert encoded not in cleaned
    assert MASK in cleaned


@pytest.mark.parametrize("part", [0, 1, 2])
def test_each_part_of_a_jwt_is_masked(part: int) -> None:
    """Header, payload and signature alone are masked as well as the whole."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyMTIzIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
    assert Scrubber(Credential(token)).text(f"<{token.split('.')[part]}>") == f"<{MASK}>"


def test_the_percent_encoded_token_is_masked() -> None:
    """A token in an echoed URL is masked."""
    token = "abc/def+ghi=="
    assert token not in Scrubber(Credential(token)).text(f"/login?t={quote(token, safe='')}").replace("%", "")
    assert MASK in Scrubber(Credential(token)).text(f"/login?t={quote(token, safe='')}")


def test_a_number_that_holds_the_token_is_masked() -> None:
    """A token of digits echoed as a JSON number is masked."""
    scrubber = Scrubber(Credential("1234567890"))
    assert scrubber.value({"a": 1234567890, "b": Decimal("1234567890.5"), "c": 7, "d": True}) == {
        "a": MASK,
        "b": MASK,
        "c": 7,
        "d": True,
    }


def test_a_fixed_key_is_masked_without_a_caller_s_token() -> None:
    """The gateway's own key for an upstream is as secret."""
    assert Scrubber(None, ["fixed-key-1"]).text("fixed-key-1!") == f"{MASK}!"


def test_honest_data_stays() -> None:
    """Nothing else changes, and the representation tells nothing."""
    scrubber = Scrubber(Credential("your-token-here"))
    value = {"title": "厨房水龙头漏水", "amount": Decimal("1.20"), "rows": [1, None, True]}
    assert scrubber.value(value) == value
    assert "your-token-here" not in repr(scrubber)
