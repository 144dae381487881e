"""The body's value out of the arguments: media types chosen, bound members filled, fields that stay fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.openapi.model import ToolOptions
from integrations.upstream.request import build_request
from schemas.errors import ArgumentsInvalid, RequestRefused
from tests.support.wire import content, read_form, tool_of

BASE = "http://upstream.example"
ORDER = {
    "type": "object",
    "properties": {
        "userId": {"type": "string"},
        "order": {"type": "object", "properties": {"userId": {"type": "string"}, "note": {"type": "string"}}},
    },
}


def body_of(schema: Any, arguments: dict[str, Any], bound: dict[tuple[str, str], Any], required: bool = True) -> Any:
    declared = {**content("application/json", schema), "required": required}
    tool = tool_of(options=ToolOptions(bound=frozenset(bound)), requestBody=declared)
    body = build_request(tool, arguments, base_url=BASE, bound=bound).body
    return None if body is None else json.loads(body)


def test_a_bound_member_is_filled_and_absent_from_the_tool() -> None:
    """OpenAPI 3.1.1 §4.8.13: a property of the body by its name."""
    bound = {("body", "userId"): "u1"}
    assert body_of(ORDER, {"order": {"note": "x"}}, bound) == {"userId": "u1", "order": {"note": "x"}}
    assert body_of(ORDER, {}, bound, required=False) == {"userId": "u1"}


def test_a_bound_path_is_filled_where_its_object_is_sent() -> None:
    """`order.userId` is filled in the order that the model sends, and no order is made up for it."""
    bound = {("body", "order.userId"): "u1"}
    assert body_of(ORDER, {"order": {"note": "x"}}, bound) == {"order": {"note": "x", "userId": "u1"}}
    assert body_of(ORDER, {}, bound) == {}


def test_a_bound_member_is_filled_in_every_item_of_a_list() -> None:
    """A whole-body array of objects: each of them gets it."""
    schema = {"type": "array", "items": {"type": "object", "properties": {"userId": {"type": "string"}, "n": {}}}}
    assert body_of(schema, {"body": [{"n": 1}, {"n": 2}]}, {("body", "userId"): "u1"}) == [
        {"n": 1, "userId": "u1"},
        {"n": 2, "userId": "u1"},
    ]


@pytest.mark.parametrize("arguments", [{"order": {"userId": "someone"}}, {"order": {"note": "x", "userId": None}}])
def test_a_model_cannot_send_what_the_gateway_fills(arguments: dict[str, Any]) -> None:
    """Also inside an object that stays whole."""
    with pytest.raises(ArgumentsInvalid, match="filled by the gateway"):
        body_of(ORDER, arguments, {("body", "order.userId"): "u1"})


def test_a_bound_integer_is_a_text_where_the_document_says_so() -> None:
    """JSON Schema Validation §6.1.1: identity fields come as they come; the document's type is what is sent."""
    assert body_of(ORDER, {}, {("body", "userId"): 17}) == {"userId": "17"}


def test_members_of_an_exploded_field_are_no_other_fields() -> None:
    """OpenAPI 3.1.1 §4.8.15.1.2: `form` with `explode` turns members into fields; a declared field keeps its name."""
    schema = {"type": "object", "properties": {"o": {"type": "object"}, "amount": {"type": "integer"}}}
    form = content("application/x-www-form-urlencoded", schema, encoding={"o": {"style": "form", "explode": True}})
    tool = tool_of(requestBody=form)
    fine = build_request(tool, {"o": {"k": "v"}, "amount": 1}, base_url=BASE, bound={})
    assert read_form(fine) == [("k", "v"), ("amount", "1")]
    with pytest.raises(RequestRefused, match="filled by the gateway"):
        build_request(tool, {"o": {"amount": 0}}, base_url=BASE, bound={})


def test_arguments_of_two_media_types_do_not_go_together() -> None:
    """OpenAPI 3.1.1 §4.8.13: one request has one media type."""
    file = {"type": "string", "format": "binary"}
    multipart = {"schema": {"type": "object", "properties": {"f": file}}}
    plain = {"schema": {"type": "object", "properties": {"a": {}}}}
    both = {"required": True, "content": {"application/json": plain, "multipart/form-data": multipart}}
    with pytest.raises(ArgumentsInvalid, match="do not go together"):
        build_request(tool_of(requestBody=both), {"a": "x", "f": {"$file": {"content": b"x"}}}, base_url=BASE, bound={})
