"""Loading documents of every version, and the defects that are mended by general rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.openapi.load import load_document, read_document
from integrations.openapi.model import Document, Operation, Parameter
from schemas.errors import DocumentError

OK = {"responses": {"200": {"description": "ok"}}}


def document(paths: dict[str, Any], version: str = "3.0.3", **more: Any) -> Document:
    key = "swagger" if version == "2.0" else "openapi"
    return read_document(json.dumps({key: version, "info": {"title": "t"}, "paths": paths, **more}).encode(), name="d")


def only(paths: dict[str, Any], version: str = "3.0.3", **more: Any) -> Operation:
    (operation,) = document(paths, version, **more).operations
    return operation


def parameter(raw: dict[str, Any], version: str = "3.0.3") -> Parameter:
    return only({"/x": {"get": {"parameters": [raw], **OK}}}, version).parameters[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"openapi": "4.0.0", "paths": {}}', "none of 2.0"),
        ('{"swaggerVersion": "1.2"}', "too old"),
        ('{"hello": 1}', "neither"),
        ("[]", "not a mapping"),
        ("just text", "not a mapping"),
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        read_document(text.encode(), name="d")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"no\.yaml: it cannot be opened"):
        load_document(tmp_path / "no.yaml")


def test_the_three_versions_end_in_one_form() -> None:
    """Swagger 2.0 §Parameter Object, OpenAPI 3.0.3 §4.7.24 and 3.1 §4.8.24: a nullable list reads the same."""
    items = {"type": "array", "items": {"type": "integer"}}
    old = parameter({"name": "a", "in": "query", **items, "collectionFormat": "multi", "x-nullable": True}, "2.0")
    mid = parameter(
        {"name": "a", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}, "nullable": True}}
    )
    new = parameter(
        {"name": "a", "in": "query", "schema": {"type": ["array", "null"], "items": {"type": "integer"}}}, "3.1.0"
    )
    assert old == mid == new


@pytest.mark.parametrize(
    ("collection", "style", "explode"),
    [
        ("csv", "form", False),
        ("multi", "form", True),
        ("ssv", "spaceDelimited", False),
        ("tsv", "tabDelimited", False),
        ("pipes", "pipeDelimited", False),
    ],
)
def test_collection_formats_become_styles(collection: str, style: str, explode: bool) -> None:
    """Swagger 2.0 §Parameter Object, `collectionFormat`."""
    raw = {"name": "a", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": collection}
    read = parameter(raw, "2.0")
    assert (read.style, read.explode) == (style, explode)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ({"type": "string", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"type": "string", "example": "x"}, {"type": "string", "examples": ["x"]}),
        ({"type": "string", "enum": [1, True]}, {"type": "string", "enum": ["1", "true"]}),
        ({"type": "int"}, {"type": "integer"}),
        ({"type": "string", "maxLength": "12"}, {"type": "string", "maxLength": 12}),
        ({"type": "string", "pattern": "(?=a)b"}, {"type": "string"}),
        ({"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
        (
            {"type": "object", "properties": {"a": {"type": "string", "required": True}}},
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        ),
    ],
)
def test_keywords_become_those_of_2020_12(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    """OpenAPI 3.0.3 §4.7.24 against JSON Schema Validation 2020-12 §6; what is wrong is mended or left out."""
    assert parameter({"name": "a", "in": "query", "schema": schema}).schema == expected


def test_a_recursive_schema_keeps_its_reference_inside_its_own_defs() -> None:
    """JSON Schema Core 2020-12 §8.2.4: a schema that was read is self-contained."""
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}
    paths = {"/x": {"post": {"requestBody": {"content": content}, **OK}}}
    operation = only(paths, components={"schemas": {"Node": node}})
    assert operation.body is not None
    schema = operation.body.media_types[0].schema
    assert schema == {
        "$ref": "#/$defs/Node",
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    }


def test_definitions_with_odd_names_are_found() -> None:
    """springfox: `统一返回«List«账单»»`, names with blanks, raw or percent-encoded in the reference."""
    body = {"in": "body", "name": "b", "schema": {"$ref": "#/definitions/通用 请求«查询»"}}
    encoded = {
        "in": "body",
        "name": "b",
        "schema": {"$ref": "#/definitions/%E9%80%9A%E7%94%A8%20%E8%AF%B7%E6%B1%82«查询»"},
    }
    definitions = {"通用 请求«查询»": {"type": "object", "properties": {"a": {"type": "string"}}}}
    for raw in (body, encoded):
        read = document({"/x": {"post": {"parameters": [raw], **OK}}}, "2.0", definitions=definitions)
        assert read.notes == ()
        assert read.operations[0].body is not None


def test_an_unresolved_or_foreign_reference_costs_only_its_schema() -> None:
    """Attack A61: files and hosts are never opened; the note names the reference."""
    for ref in ("#/definitions/Map", "file:///etc/passwd", "http://192.0.2.1/x", "../other.yaml#/A"):
        raw = {"in": "body", "name": "b", "schema": {"$ref": ref}}
        read = document({"/x": {"post": {"parameters": [raw], **OK}}}, "2.0")
        assert len(read.operations) == 1
        assert any(ref in note.reason for note in read.notes)


def test_an_undeclared_path_parameter_is_added() -> None:
    """OpenAPI 3.1 §4.8.8: each template has a parameter; springfox forgets them."""
    (read,) = only({"/a/{id}": {"get": OK}}, "2.0").parameters
    assert (read.name, read.location, read.required, read.schema) == ("id", "path", True, {"type": "string"})


def test_query_expansions_in_a_path_become_query_parameters() -> None:
    """RFC 6570 `{?page,size}`, as HAL-minded generators write it."""
    operation = only({"/a{?page,size}": {"get": OK}}, "2.0")
    assert operation.path == "/a"
    assert [(p.name, p.location) for p in operation.parameters] == [("page", "query"), ("size", "query")]


@pytest.mark.parametrize("path", ["/{+path}", "//evil/{x}", "/a/../b", "/a\r\nX: y", "/a/{", "/a/**", "/a/{}", "/a\\b"])
def test_path_tricks_are_skipped_with_a_reason(path: str) -> None:
    """Attack A69; the rest of the document goes on."""
    read = document({path: {"get": OK}, "/good": {"get": OK}})
    assert [operation.path for operation in read.operations] == ["/good"]
    assert [note.action for note in read.notes] == ["skipped"]


def test_one_bad_operation_costs_only_itself() -> None:
    paths = {
        "/a": {"get": "nonsense", "post": OK},
        "/b": 7,
        "/c": {"get": {"parameters": [{"$ref": "#/nowhere"}], **OK}},
    }
    read = document(paths)
    assert [operation.key for operation in read.operations] == ["POST /a"]
    assert sorted(note.pointer for note in read.notes) == ["/paths/~1a/get", "/paths/~1b", "/paths/~1c/get"]


def test_an_operation_parameter_replaces_that_of_its_path_item() -> None:
    """OpenAPI 3.1 §4.8.10, by name and location."""
    item = {
        "parameters": [{"name": "a", "in": "query", "schema": {"type": "string"}}],
        "get": {"parameters": [{"name": "a", "in": "query", "schema": {"type": "integer"}}], **OK},
    }
    (read,) = only({"/x": item}).parameters
    assert read.schema == {"type": "integer"}


def test_servers_have_their_variables_filled_and_belong_to_the_nearest_owner() -> None:
    """OpenAPI 3.1 §4.8.5, §4.8.6, §4.8.9, §4.8.10."""
    servers = [{"url": "https://{host}/{base}", "variables": {"host": {"default": "h"}, "base": {"enum": ["v2"]}}}]
    operation = only({"/x": {"get": OK}}, servers=servers)
    assert (operation.servers[0].url, operation.servers[0].path, operation.own_servers) == (
        "https://h/v2",
        "/v2",
        False,
    )
    own = only({"/x": {"servers": [{"url": "/o/"}], "get": OK}}, servers=servers)
    assert (own.servers[0].path, own.own_servers) == ("/o", True)


def test_security_that_is_explicitly_empty_makes_an_operation_public() -> None:
    """OpenAPI 3.1 §4.8.10 `security`."""
    assert only({"/x": {"get": {"security": [], **OK}}}).public
    assert only({"/x": {"get": {"security": [{"a": []}, {}], **OK}}}).public
    assert not only({"/x": {"get": OK}}).public


def test_form_data_becomes_a_form_body() -> None:
    """Swagger 2.0 §Parameter Object: a file makes it multipart."""
    fields = [
        {"name": "n", "in": "formData", "type": "string", "required": True},
        {"name": "f", "in": "formData", "type": "file"},
    ]
    operation = only({"/x": {"post": {"parameters": fields, **OK}}}, "2.0")
    assert operation.body is not None
    (media_type,) = operation.body.media_types
    assert media_type.name == "multipart/form-data"
    assert media_type.schema == {
        "type": "object",
        "properties": {"n": {"type": "string"}, "f": {"type": "string", "format": "binary"}},
        "required": ["n"],
    }


def test_deep_nesting_is_cut_and_marked() -> None:
    """Attack A63: beyond 64 levels a schema is cut, the document loads."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(100):
        schema = {"type": "object", "properties": {"a": schema}}
    read = document({"/x": {"get": {"parameters": [{"name": "a", "in": "query", "schema": schema}], **OK}}})
    assert len(read.operations) == 1
    assert any("64 levels" in note.reason for note in read.notes)
