"""Reading the text of a document: encodings, YAML 1.2's core schema, limits."""

from __future__ import annotations

import pytest

from integrations.openapi.text import Limits, Unreadable, parse

LIMITS = Limits(max_bytes=100_000, max_nodes=20_000, max_alias_nodes=10_000, max_levels=1_000)


def test_json_and_yaml_of_the_same_content_are_equal() -> None:
    """OpenAPI 3.1 §4.3: a document is JSON or YAML."""
    assert parse(b'{"a": [1, 2.5, null, true, "x"]}', LIMITS) == parse(b"a: [1, 2.5, null, true, x]", LIMITS)


def test_a_byte_order_mark_is_accepted() -> None:
    assert parse(b"\xef\xbb\xbf{}", LIMITS) == {}


def test_yaml_follows_the_core_schema_of_1_2() -> None:
    """YAML 1.2 §10.3: `on`, `no` and dates are strings; keys become strings."""
    text = "on: no\n200: 2026-01-31\nmonth: 2026-01\nhex: 0x1F\nquoted: '12'\nnothing: ~\nbig: 2624710177366999063\n"
    assert parse(text.encode(), LIMITS) == {
        "on": "no",
        "200": "2026-01-31",
        "month": "2026-01",
        "hex": 31,
        "quoted": "12",
        "nothing": None,
        "big": 2624710177366999063,
    }


def test_merge_keys_fill_what_a_mapping_lacks() -> None:
    """YAML 1.1 merge key: the mapping's own entries win."""
    assert parse(b"base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}", LIMITS)["use"] == {"x": 1, "y": 3}


def test_almost_json_is_read_as_yaml() -> None:
    assert parse(b'{"a": 1,}', LIMITS) == {"a": 1}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("{}".encode("utf-16"), "UTF-16"),
        ("{}".encode("utf-32"), "UTF-32"),
        ("名: 停车".encode("gbk"), "not UTF-8"),
        (b'{"a": "\x00"}', "NUL"),
        (b"", "empty"),
        (b"a: !!python/object:os.system x", "not allowed"),
        (b"a: !secret x", "not allowed"),
        (b"[" * 5_000 + b"]" * 5_000, "deeper"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "deeper"),
        (b"a: &a [*a]", "no anchor"),
        (b"x" * 100_001, "bytes"),
        (b"[" + b"1," * 30_000 + b"1]", "values"),
        (b"a: [", "line 2"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(data: bytes, why: str) -> None:
    """Attacks A62 to A64: each is refused with its reason, in bounded time."""
    with pytest.raises(Unreadable, match=why):
        parse(data, LIMITS)


def test_aliases_that_multiply_are_refused() -> None:
    """Attack A62, a billion laughs: the values that aliases add are counted before anything is built."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(Unreadable, match="aliases"):
        parse("\n".join(lines).encode(), LIMITS)
