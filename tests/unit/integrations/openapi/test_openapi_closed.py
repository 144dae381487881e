"""Objects of a tool's schema are closed where that refuses nothing that the document allows (JSON Schema §10.3.2)."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from integrations.openapi.closed import close_objects

NAME = {"name": {"type": "string"}}
AGE = {"age": {"type": "integer"}}


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    close_objects(schema)
    return schema


def takes(schema: dict[str, Any], value: Any) -> bool:
    return jsonschema_rs.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: {"type": "object", "properties": {"x": inner}},
        lambda inner: {"type": "object", "properties": {"x": {"type": "array", "items": inner}}},
        lambda inner: {"type": "object", "properties": {"x": {"oneOf": [inner, {"type": "null"}]}}},
        lambda inner: {"type": "object", "properties": {"x": {"anyOf": [inner, {"type": "null"}]}}},
        lambda inner: {"type": "object", "properties": {"x": {"additionalProperties": inner}}},
        lambda inner: {"type": "object", "properties": {"x": {"$ref": "#/$defs/A"}}, "$defs": {"A": inner}},
    ],
)
def test_a_described_object_takes_nothing_undeclared_at_any_depth(wrap: Any) -> None:
    """A38: in a property, an item, an alternative, a map's value or by reference, `role` beside `name` is refused."""
    schema = wrap({"type": "object", "properties": NAME})
    array, mapped = "items" in schema["properties"]["x"], "additionalProperties" in schema["properties"]["x"]
    close_objects(schema)

    def put(value: Any) -> Any:
        return {"x": [value] if array else {"k": value} if mapped else value}

    assert takes(schema, put({"name": "a"}))
    assert not takes(schema, put({"name": "a", "role": "admin"}))


def test_an_object_that_the_document_leaves_open_stays_open() -> None:
    """`additionalProperties: true` or a schema for the others is the document's word; a free object has no others."""
    for schema in (
        {"type": "object", "properties": NAME, "additionalProperties": True},
        {"type": "object", "properties": NAME, "additionalProperties": {"type": "string"}},
        {"type": "object"},
    ):
        assert takes(closed({"type": "object", "properties": {"x": schema}}), {"x": {"name": "a", "other": "b"}})


def test_parts_of_a_composition_stay_open_for_each_other() -> None:
    """allOf of two objects, one a definition that is used alone elsewhere too: both together are still taken."""
    schema = closed(
        {
            "type": "object",
            "properties": {
                "x": {"allOf": [{"$ref": "#/$defs/A"}, {"type": "object", "properties": AGE}]},
                "y": {"$ref": "#/$defs/A"},
                "z": {"type": "object", "properties": NAME, "oneOf": [{"properties": AGE}, {"required": ["name"]}]},
                "w": {"type": "object", "properties": NAME, "if": {"properties": AGE}, "then": {"properties": AGE}},
                "v": {"anyOf": [{"type": "object", "properties": NAME}, {"type": "object", "properties": AGE}]},
            },
            "$defs": {"A": {"type": "object", "properties": NAME}},
        }
    )
    both = {"name": "a", "age": 1}
    assert takes(schema, {"x": both, "y": {"name": "a"}, "z": {"age": 1}, "w": both, "v": both})


def test_a_definition_that_contains_itself_is_closed_once() -> None:
    """A tree of nodes: every level is closed, and the walk ends."""
    node = {"type": "object", "properties": {**NAME, "children": {"type": "array", "items": {"$ref": "#/$defs/N"}}}}
    schema = closed({"type": "object", "properties": {"x": {"$ref": "#/$defs/N"}}, "$defs": {"N": node}})
    assert takes(schema, {"x": {"name": "a", "children": [{"name": "b", "children": []}]}})
    assert not takes(schema, {"x": {"name": "a", "children": [{"name": "b", "admin": True}]}})
