"""Values in the types that the document declares: numbers, texts, what is only read, bytes as text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.upstream.declared import coerce, declares

LONG = 2624710177366999063


@pytest.mark.parametrize(
    ("value", "schema", "due"),
    [
        (str(LONG), {"type": "integer"}, LONG),
        ("-7", {"type": ["integer", "null"]}, -7),
        (Decimal("7.0"), {"type": "integer"}, 7),
        (Decimal("7.5"), {"type": "integer"}, Decimal("7.5")),
        (Decimal("7.0"), {"type": "number"}, Decimal("7.0")),
        ("007", {"type": "string"}, "007"),
        ("7", {"type": ["integer", "string"]}, "7"),
        ("7", {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "7"),
        ("7", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, 7),
        ("7", {}, "7"),
        ("seven", {"type": "integer"}, "seven"),
        ("9" * 101, {"type": "integer"}, "9" * 101),
        (LONG, {"type": "string"}, str(LONG)),
        (LONG, {"type": ["string", "null"]}, str(LONG)),
        (LONG, {"type": ["string", "integer"]}, LONG),
        (LONG, {}, LONG),
        (True, {"type": "string"}, True),
        (None, {"type": "integer"}, None),
    ],
)
def test_a_number_has_the_type_that_the_document_gives_it(value: Any, schema: Any, due: Any) -> None:
    """JSON Schema Validation §6.1.1: digits become an integer, an integer a text, where nothing else is allowed."""
    got = coerce(value, schema)
    assert (got, type(got)) == (due, type(due))


def test_types_are_found_through_references_and_compositions() -> None:
    """JSON Schema Core §8.2.3.1, §10.2: in lists, maps, `allOf` and recursive definitions."""
    node = {
        "type": "object",
        "properties": {"id": {"allOf": [{"type": "integer"}]}, "next": {"$ref": "#/$defs/N"}},
        "additionalProperties": {"type": "integer"},
    }
    schema = {"type": "array", "items": {"$ref": "#/$defs/N"}, "$defs": {"N": node}}
    value = [{"id": "1", "next": {"id": "2", "more": "3"}}]
    assert coerce(value, schema) == [{"id": 1, "next": {"id": 2, "more": 3}}]


def test_what_is_only_read_is_left_out_at_any_depth() -> None:
    """OpenAPI 3.1.1 §4.8.24, JSON Schema Validation §9.4; a member that one composition may write stays."""
    only_read = {"type": "string", "readOnly": True}
    schema = {
        "type": "object",
        "properties": {"a": only_read, "b": {"type": "array", "items": {"properties": {"a": {"$ref": "#/$defs/R"}}}}},
        "anyOf": [{"properties": {"c": only_read}}, {"properties": {"c": {"type": "string"}}}],
        "$defs": {"R": only_read},
    }
    assert coerce({"a": "x", "b": [{"a": "y", "z": 1}], "c": "w"}, schema) == {"b": [{"z": 1}], "c": "w"}


@pytest.mark.parametrize(
    ("schema", "due"),
    [
        ({"contentEncoding": "base64"}, "AP/+"),
        ({"contentEncoding": "base64url"}, "AP_-"),
        ({"contentEncoding": "base16"}, "00FFFE"),
        ({"contentEncoding": "base32"}, "AD774==="),
        ({"format": "byte"}, "AP/+"),
    ],
)
def test_a_file_is_text_where_the_schema_encodes_bytes(schema: Any, due: str) -> None:
    """JSON Schema Validation §8.3, RFC 4648; OpenAPI 3.0.4 §4.4.1 `byte`."""
    assert coerce({"$file": {"content": b"\x00\xff\xfe"}}, {"type": "string", **schema}) == due


def test_a_path_is_declared_by_properties_alone() -> None:
    """A gateway's filling of a body goes where the document has a property, through lists; not where anything fits."""
    line = {"type": "object", "properties": {"userId": {"type": "string"}}}
    schema = {"properties": {"lines": {"type": "array", "items": line}, "free": {"additionalProperties": True}}}
    assert declares(schema, ["lines", "userId"])
    assert not declares(schema, ["free", "userId"])
    assert not declares(True, ["x"])
