"""From operations to tools: names, arguments, what a model must not see, and size."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from integrations.openapi.load import read_document
from integrations.openapi.model import Argument, Note, OperationOptions, Tool, ToolOptions
from integrations.openapi.names import argument_names
from integrations.openapi.tools import build_tools
from integrations.openapi.validate import compile_schema

OK = {"responses": {"200": {"description": "ok"}}}
NO_OPTIONS = ToolOptions()


def tools(paths: dict[str, Any], options: ToolOptions = NO_OPTIONS, **more: Any) -> tuple[list[Tool], list[Note]]:
    document = read_document(json.dumps({"openapi": "3.0.3", "paths": paths, **more}).encode(), name="d")
    return build_tools(document, options, set())


def one(operation: dict[str, Any], options: ToolOptions = NO_OPTIONS, path: str = "/x", **more: Any) -> Tool:
    (tool,), _ = tools({path: {"post": {"operationId": "op", **OK, **operation}}}, options, **more)
    return tool


def json_body(schema: dict[str, Any], required: bool = True) -> dict[str, Any]:
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def query(name: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema or {"type": "string"}}


IDS = st.one_of(st.text(max_size=80), st.sampled_from(["a.b", "a_b", "A_B", "查询", "op", "", "x" * 90]))


@given(st.lists(IDS, max_size=12))
def test_names_are_always_safe_and_unique(ids: list[str]) -> None:
    """Every provider's rule, whatever the operationIds are (attack A68); the same document gives the same names."""
    paths = {f"/p{index}/{{x}}": {"get": {"operationId": name, **OK}} for index, name in enumerate(ids)}
    document = read_document(json.dumps({"openapi": "3.0.3", "paths": paths}).encode(), name="d")
    taken = {"search_tools"}
    built, _ = build_tools(document, NO_OPTIONS, taken)
    names = [tool.name for tool in built]
    assert len(names) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert len({name.casefold() for name in [*names, "search_tools"]}) == len(names) + 1
    assert names == [tool.name for tool in build_tools(document, NO_OPTIONS, {"search_tools"})[0]]


@given(
    st.lists(
        st.tuples(st.sampled_from(["path", "query", "header", "cookie", "body"]), st.text(max_size=70)), unique=True
    )
)
def test_argument_names_are_always_safe_and_unique(wires: list[tuple[str, str]]) -> None:
    names = argument_names(wires)
    assert len(set(names)) == len(wires)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)


def test_operation_ids_are_kept_where_they_are_safe_and_unique() -> None:
    """Two operations of one id are both named for method and path."""
    built, notes = tools(
        {
            "/a": {"get": {"operationId": "listA_3", **OK}},
            "/b/{id}": {"get": {"operationId": "pay", **OK}, "post": {"operationId": "pay", **OK}},
            "/c": {"get": {"operationId": "Bill.query", **OK}},
        }
    )
    assert [tool.name for tool in built] == ["listA_3", "get_b_by_id", "post_b_by_id", "Bill_query"]
    assert [note.operation for note in notes] == ["GET /b/{id}", "POST /b/{id}", "GET /c"]


def test_body_properties_stand_beside_parameters() -> None:
    tool = one(
        {
            "parameters": [query("params[beginTime]")],
            **json_body(
                {"type": "object", "required": ["v"], "properties": {"v": {"type": "integer"}, "s": {"type": "string"}}}
            ),
        }
    )
    assert tool.arguments == {
        "params_beginTime": Argument("query", "params[beginTime]"),
        "v": Argument("body", "v", "/v"),
        "s": Argument("body", "s", "/s"),
    }
    assert tool.parameters == {
        "type": "object",
        "properties": {"params_beginTime": {"type": "string"}, "v": {"type": "integer"}, "s": {"type": "string"}},
        "required": ["v"],
        "additionalProperties": False,
    }


def test_names_that_clash_get_their_location() -> None:
    """A parameter is unique by name and location (OpenAPI 3.1 §4.8.12): path, query, header, cookie, body in order."""
    tool = one(
        {"parameters": [query("id")], **json_body({"type": "object", "properties": {"id": {"type": "string"}}})},
        path="/x/{id}",
    )
    assert {name: a.location for name, a in tool.arguments.items()} == {
        "id": "path",
        "id_query": "query",
        "id_body": "body",
    }


def test_a_one_of_at_the_top_stays_one_argument() -> None:
    variants = [{"type": "object", "properties": {name: {"type": "string"}}, "required": [name]} for name in "ab"]
    tool = one(json_body({"oneOf": variants}))
    assert tool.arguments == {"body": Argument("body", "body", "")}
    assert tool.parameters["properties"]["body"]["oneOf"] == [{**v, "additionalProperties": False} for v in variants]


def test_all_of_is_merged_and_read_only_properties_are_left_out() -> None:
    """OpenAPI 3.1 §4.8.24: readOnly properties are not sent, and not required of a request."""
    tool = one(
        json_body(
            {
                "allOf": [
                    {"$ref": "#/components/schemas/Base"},
                    {"type": "object", "properties": {"b": {"type": "string"}}},
                ]
            }
        ),
        components={
            "schemas": {
                "Base": {
                    "type": "object",
                    "required": ["id", "a"],
                    "properties": {"id": {"type": "string", "readOnly": True}, "a": {"type": "string"}},
                }
            }
        },
    )
    assert list(tool.arguments) == ["a", "b"]
    assert tool.parameters["required"] == ["a"]


def test_long_ids_are_strings_of_digits_and_other_integers_stay() -> None:
    """Integers beyond 2^53 do not survive JSON numbers (RFC 8259 §6)."""
    long = {"type": "integer", "format": "int64", "minimum": 1, "example": 2624710177366999063}
    schema = {
        "type": "object",
        "properties": {
            "billId": long,
            "amountCents": {"type": "integer", "format": "int64"},
            "userIds": {"type": "array", "items": {"type": "integer", "format": "int64"}},
        },
    }
    shown = one(json_body(schema)).parameters["properties"]
    assert shown["billId"] == {"type": "string", "pattern": r"^-?\d+$", "examples": ["2624710177366999063"]}
    assert shown["amountCents"] == {"type": "integer"}
    assert shown["userIds"]["items"] == {"type": "string", "pattern": r"^-?\d+$"}


def test_what_the_gateway_fills_is_not_offered() -> None:
    """Bound, hidden and reserved parameters (OpenAPI 3.1 §4.8.12: Accept, Content-Type, Authorization) are absent."""
    headers = [
        "X-Tenant-Id",
        "authorization",
        "Accept",
        "X-Forwarded-For",
        "X-HTTP-Method-Override",
        "Idempotency-Key",
        "X-Own",
    ]
    parameters = [{"name": name, "in": "header", "schema": {"type": "string"}} for name in headers]
    body = {
        "type": "object",
        "properties": {"remark": {"type": "string"}, "userId": {"type": "string"}, "a": {"type": "string"}},
    }
    options = ToolOptions(
        hidden=frozenset({"remark"}),
        bound=frozenset({("header", "x-tenant-id"), ("body", "userId")}),
        reserved_headers=frozenset({"idempotency-key"}),
    )
    assert list(one({"parameters": parameters, **json_body(body)}, options).arguments) == ["X-Own", "a"]


def test_an_optional_body_needs_its_required_properties_once_begun() -> None:
    """OpenAPI 3.1 §4.8.13 `required`, JSON Schema Validation §6.5.4."""
    body = json_body({"type": "object", "required": ["a"], "properties": {"a": {}, "b": {}}}, required=False)
    schema = one(body).parameters
    assert "required" not in schema
    assert schema["dependentRequired"] == {"b": ["a"]}
    assert compile_schema(schema).is_valid({})
    assert not compile_schema(schema).is_valid({"b": 1})


def test_json_is_offered_unless_another_media_type_has_more() -> None:
    """The union of both is offered where multipart takes files; XML beside JSON changes nothing."""
    order = {"type": "object", "required": ["order"], "properties": {"order": {"type": "string"}}}
    with_file = {
        "type": "object",
        "required": ["order"],
        "properties": {"order": {"type": "string"}, "photo": {"type": "string", "format": "binary"}},
    }
    content = {
        "multipart/form-data": {"schema": with_file},
        "application/json": {"schema": order},
        "application/xml": {},
    }
    tool = one({"requestBody": {"required": True, "content": content}})
    assert list(tool.arguments) == ["order", "photo"]
    assert tool.parameters["required"] == ["order"]
    assert "upload" in tool.parameters["properties"]["photo"]["description"]


def test_a_body_in_xml_alone_is_skipped_with_a_reason() -> None:
    built, (note,) = tools(
        {"/x": {"post": {"operationId": "op", "requestBody": {"content": {"application/xml": {}}}, **OK}}}
    )
    assert built == []
    assert (note.action, note.operation) == ("skipped", "POST /x")


def test_settings_name_describe_and_shape_a_tool() -> None:
    """upstreams.yaml wins; examples stand in the last line."""
    own = OperationOptions(
        name="bind_car",
        description="绑定 / Bind",
        examples=("帮我绑定", "bind my car"),
        effect="read",
        arguments={"type": "object", "required": ["p"], "properties": {"p": {"type": "string"}}},
    )
    tool = one(json_body({"type": "object"}), ToolOptions(operations={"op": own}))
    assert (tool.name, tool.effect) == ("bind_car", "read")
    assert tool.description == "绑定 / Bind\nExamples: 帮我绑定 | bind my car"
    assert tool.parameters["required"] == ["p"]


def test_effect_is_derived_from_the_method_and_a_document_only_makes_it_stricter() -> None:
    """Attack A67: `x-steward-effect: read` on a POST changes nothing."""
    built, _ = tools(
        {
            "/a": {"get": OK, "post": {"x-steward-effect": "read", **OK}},
            "/b": {"get": {"x-steward-effect": "write", **OK}},
        }
    )
    assert [tool.effect for tool in built] == ["read", "write", "write"]


def test_dropped_operations_are_reported() -> None:
    built, notes = tools(
        {"/a/x": {"get": {"operationId": "exportAll", **OK}}, "/b": {"get": {"operationId": "b", **OK}}},
        ToolOptions(drop=("*export*", "POST /b")),
    )
    assert [tool.name for tool in built] == ["b"]
    assert [(note.action, note.operation) for note in notes] == [("dropped", "GET /a/x")]


def test_hidden_characters_are_stripped_from_words() -> None:
    """Attack A66: control and tag characters never reach a model; descriptions have a limit."""
    tool = one({"summary": "pay\u202e it\U000e0041\x07 now", "description": "x" * 5000})
    assert tool.description.startswith("pay it now\n")
    assert len(tool.description) <= 1200


def test_a_huge_schema_is_cut_to_size_and_marked() -> None:
    """8 KB a tool at most; every top-level property stays, what was cut says so and accepts more, never less."""
    leaf = {"type": "object", "properties": {f"p{i}": {"type": "string", "description": "d" * 300} for i in range(30)}}
    schema = {
        "type": "object",
        "properties": {
            **{f"q{i}": leaf for i in range(30)},
            "kind": {"type": "string", "enum": [f"value-{i}" for i in range(3000)]},
        },
    }
    built, notes = tools({"/x": {"post": {"operationId": "op", **json_body(schema), **OK}}})
    assert len(built[0].arguments) == 31
    assert len(json.dumps(built[0].parameters)) <= 8_000
    assert "[shortened]" in json.dumps(built[0].parameters)
    assert [note.action for note in notes] == ["cut"]
    assert compile_schema(built[0].parameters).is_valid({"q1": {"p1": "x"}, "kind": "value-2999"})


def test_recursion_is_kept_as_a_reference_that_resolves() -> None:
    node = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "next": {"$ref": "#/components/schemas/Node"},
            "other": {"$ref": "#/components/schemas/Other"},
        },
    }
    other = {"type": "object", "properties": {"node": {"$ref": "#/components/schemas/Node"}}}
    tool = one(json_body({"$ref": "#/components/schemas/Node"}), components={"schemas": {"Node": node, "Other": other}})
    validator = compile_schema(tool.parameters)
    assert validator.is_valid({"next": {"other": {"node": {"name": "x"}}}})
    assert not validator.is_valid({"next": {"other": {"node": {"name": 1}}}})


def test_compositions_that_fan_out_are_bounded() -> None:
    """Attack A63: ten references ten levels deep are ten thousand million paths; a tool comes out all the same."""
    schemas: dict[str, Any] = {f"A{i}": {"allOf": [{"$ref": f"#/components/schemas/A{i + 1}"}] * 10} for i in range(10)}
    schemas["A10"] = {"type": "object", "properties": {"a": {"type": "string"}}}
    tool = one(json_body({"$ref": "#/components/schemas/A0"}), components={"schemas": schemas})
    assert compile_schema(tool.parameters).is_valid({name: {} for name in tool.parameters.get("required", ())})
