"""The style table of OpenAPI 3.1.1 §4.8.12.4 and what RFC 6570 says where the table is silent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.upstream.styles import cookie_pairs, encode, form_pairs, header_value, path_value, query_pairs, scalar

ARRAY = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


@pytest.mark.parametrize(
    ("style", "explode", "value", "expected"),
    [
        ("simple", False, "blue", "blue"),
        ("simple", False, ARRAY, "blue,black,brown"),
        ("simple", True, ARRAY, "blue,black,brown"),
        ("simple", False, OBJECT, "R,100,G,200,B,150"),
        ("simple", True, OBJECT, "R=100,G=200,B=150"),
        ("label", False, "blue", ".blue"),
        ("label", False, "", "."),
        ("label", False, ARRAY, ".blue,black,brown"),
        ("label", True, ARRAY, ".blue.black.brown"),
        ("label", False, OBJECT, ".R,100,G,200,B,150"),
        ("label", True, OBJECT, ".R=100.G=200.B=150"),
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, "", ";color"),
        ("matrix", False, ARRAY, ";color=blue,black,brown"),
        ("matrix", True, ARRAY, ";color=blue;color=black;color=brown"),
        ("matrix", False, OBJECT, ";color=R,100,G,200,B,150"),
        ("matrix", True, OBJECT, ";R=100;G=200;B=150"),
        ("pipeDelimited", False, ARRAY, "blue%7Cblack%7Cbrown"),
    ],
)
def test_path_styles(style: str, explode: bool, value: Any, expected: str) -> None:
    assert path_value("color", value, style, explode) == expected


@pytest.mark.parametrize(
    ("style", "explode", "value", "expected"),
    [
        ("form", False, "", "color="),
        ("form", True, "blue", "color=blue"),
        ("form", False, ARRAY, "color=blue,black,brown"),
        ("form", True, ARRAY, "color=blue&color=black&color=brown"),
        ("form", False, OBJECT, "color=R,100,G,200,B,150"),
        ("form", True, OBJECT, "R=100&G=200&B=150"),
        ("form", True, [], ""),
        ("form", False, {}, ""),
        ("form", True, [None, "a"], "color=a"),
        ("form", True, False, "color=false"),
        ("spaceDelimited", False, ARRAY, "color=blue%20black%20brown"),
        ("spaceDelimited", False, OBJECT, "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", False, ARRAY, "color=blue%7Cblack%7Cbrown"),
        ("pipeDelimited", True, ARRAY, "color=blue&color=black&color=brown"),
        ("tabDelimited", False, ARRAY, "color=blue%09black%09brown"),
        ("deepObject", True, OBJECT, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ("deepObject", True, {"a": {"b": [1, 2]}}, "color%5Ba%5D%5Bb%5D%5B0%5D=1&color%5Ba%5D%5Bb%5D%5B1%5D=2"),
        ("form", False, ["a,b", "c"], "color=a%2Cb,c"),
    ],
)
def test_query_styles(style: str, explode: bool, value: Any, expected: str) -> None:
    assert "&".join(query_pairs("color", value, style, explode)) == expected


def test_allow_reserved_lets_reserved_characters_and_triplets_pass() -> None:
    """OpenAPI 3.1.1 §4.8.12.2.1, RFC 6570 §3.2.3; what would end the value in a query is still encoded."""
    assert encode("/a?b:c,d=%20%", allow_reserved=True) == "/a?b:c,d=%20%25"
    assert encode("a&b#c+d[e]", allow_reserved=True) == "a%26b%23c%2Bd%5Be%5D"
    assert encode("/a b") == "%2Fa%20b"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_encoding_leaves_only_unreserved_characters_and_is_reversible(text: str) -> None:
    """RFC 3986 §2.1 and §2.3."""
    encoded = encode(text)
    assert all(c.isascii() and (c.isalnum() or c in "-._~%") for c in encoded)
    assert unquote(encoded) == text


def test_headers_are_simple_and_not_percent_encoded() -> None:
    """RFC 9110 §5.5; letters beyond ASCII are percent-encoded, since a header has no other way for them."""
    assert header_value([1, "a b"], "simple", False) == "1,a b"
    assert header_value({"a": 1, "b": 2}, "simple", True) == "a=1,b=2"
    assert header_value("停", "simple", False) == "%E5%81%9C"


def test_exploded_cookies_are_cookies_of_their_own() -> None:
    """OpenAPI 3.1.1 Appendix D."""
    assert cookie_pairs("a", [1, 2], True) == ["a=1", "a=2"]
    assert cookie_pairs("a", "x; y", True) == ["a=x%3B%20y"]


def test_form_fields_follow_the_same_rules_unencoded() -> None:
    assert form_pairs("a", ["x y", "z"], "pipeDelimited", False) == [("a", "x y|z")]
    assert form_pairs("a", {"b": {"c": 1}}, "deepObject", True) == [("a[b][c]", "1")]
    assert form_pairs("a", {"b": 1, "c": None}, "form", True) == [("b", "1")]


def test_primitives_are_spelt_as_in_json() -> None:
    assert [scalar(v) for v in (True, 1, Decimal("356.20"), Decimal("1E+2"), 1.5, {"a": [1]})] == [
        "true",
        "1",
        "356.20",
        "100",
        "1.5",
        '{"a":[1]}',
    ]
