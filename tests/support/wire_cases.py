"""The request cases as data: `wire_cases*.yaml` and `wire_style_table.yaml` beside the tests of requests.

A case is a document fragment, arguments by location and wire name, and the request due; `spec` says where the rule is
written down. An expected list means that any of its forms is right.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from integrations.upstream.request import BuiltRequest
from tests.support.wire import Part, header, read_form, read_multipart

HERE = Path(__file__).parents[1] / "unit" / "integrations" / "upstream"

SERVER = "https://api.example.com/v1"
_LOCATIONS = {"path": "url", "query": "query", "header": "X-Color", "cookie": "Cookie"}


def _listed() -> list[dict[str, Any]]:
    found = []
    for path in sorted(HERE.glob("wire_cases*.yaml")):
        found += yaml.safe_load(path.read_text(encoding="utf-8"))["cases"]
    return found


def _rows() -> list[dict[str, Any]]:
    """The style table as cases, each row in both versions that have it."""
    rows = yaml.safe_load((HERE / "wire_style_table.yaml").read_text(encoding="utf-8"))["table"]
    return [_row(version, number, *row) for version in ("3.0.4", "3.1.1") for number, row in enumerate(rows, start=1)]


def _row(version: str, number: int, location: str, style: str, explode: bool, value: Any, due: Any) -> dict[str, Any]:
    name = "X-Color" if location == "header" else "color"
    parameter = {"name": name, "in": location, "required": location == "path", "style": style, "explode": explode}
    case: dict[str, Any] = {
        "name": f"{version}-{number}-{location}-{style}-{explode}",
        "spec": "the style table",
        "version": version,
        "path": "/x/{color}" if location == "path" else "/x",
        "operation": {"parameters": [{**parameter, "schema": _schema(value)}]},
        "args": {location: {name: value}},
        "expect": {"url": f"{SERVER}/x"},
    }
    if due == "refused":
        return {**case, "refused": True}
    if location == "path":
        case["expect"]["url"] = "https://api.example.com/v1" + due
    elif location == "query":
        case["expect"]["query"] = due
    elif due == "":
        case["expect"]["absent"] = [_LOCATIONS[location]]
    else:
        case["expect"]["headers"] = {_LOCATIONS[location]: due}
    return case


def _schema(value: Any) -> dict[str, Any]:
    kinds = {bool: "boolean", str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return {"type": kinds[type(value)], **({"additionalProperties": {}} if isinstance(value, dict) else {})}


CASES = [*_listed(), *_rows()]


def document_of(case: dict[str, Any]) -> dict[str, Any]:
    """The one-operation document of a case, in its version."""
    version = str(case.get("version", "3.0.3"))
    operation = {"operationId": "op", "responses": {"200": {"description": "OK"}}, **case.get("operation", {})}
    document: dict[str, Any] = {"info": {"title": "case", "version": "1"}}
    if version == "2.0":
        document |= {"swagger": "2.0", "host": "api.example.com", "basePath": "/v1", "schemes": ["https"]}
    else:
        document |= {"openapi": version, "servers": [{"url": SERVER}]}
    document["paths"] = {case["path"]: {case.get("method", "get"): operation, **case.get("path_item", {})}}
    return {**document, **case.get("doc", {})}


def arguments_of(case: dict[str, Any], places: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The case's arguments as those of its tool. `places` is the tool's argument map as `tools --json` shows it."""
    wanted = case.get("args", {})

    def value(place: Mapping[str, str]) -> Any:
        if place["in"] != "body":
            return wanted.get(place["in"], {}).get(place["name"], KeyError)
        body = wanted.get("body", KeyError)
        if not place["pointer"]:
            return body
        name = place["pointer"][1:].replace("~1", "/").replace("~0", "~")
        return body.get(name, KeyError) if isinstance(body, dict) else KeyError

    found = {name: value(place) for name, place in places.items()}
    return {name: item for name, item in found.items() if item is not KeyError}


def _one_of(expected: Any, got: Any) -> bool:
    return got in expected if isinstance(expected, list) else got == expected


def check_request(case: dict[str, Any], built: BuiltRequest) -> None:
    """Method, URL, query, headers and body are those of the case."""
    expected = case["expect"]
    url, _, query = built.url.partition("?")
    assert built.method == case.get("method", "get").upper()
    assert _one_of(expected["url"], url), url
    assert _one_of(expected.get("query", ""), query), query
    for name, value in expected.get("headers", {}).items():
        got = header(built, name)
        assert got is not None, f"{name} is missing"
        assert got.startswith(value) if name == "Content-Type" else got == value, got
    for name in expected.get("absent", []):
        assert header(built, name) is None
    _check_body(built, expected)


def _check_body(built: BuiltRequest, expected: dict[str, Any]) -> None:
    if not expected.keys() & {"json", "form", "parts", "text", "raw_form", "base64", "contains"}:
        assert built.body is None
    body = built.body or b""
    if "json" in expected:
        assert json.loads(body) == expected["json"]
    if "form" in expected:
        assert read_form(built) == [tuple(pair) for pair in expected["form"]]
    if "text" in expected or "raw_form" in expected:
        assert body.decode() == expected.get("text", expected.get("raw_form"))
    if "base64" in expected:
        assert body == base64.b64decode(expected["base64"])
    for text in expected.get("contains", []):
        assert text.encode() in body
    if "parts" in expected:
        _check_parts(read_multipart(built), expected["parts"])


def _check_parts(parts: list[Part], expected: Any) -> None:
    """Expected by name where order is free, as a list where it counts."""
    if isinstance(expected, dict):
        due = [{"name": name, **part} for name, part in expected.items()]
        parts = sorted(parts, key=lambda part: list(expected).index(part.name))
    else:
        due = expected
    assert [part.name for part in parts] == [part["name"] for part in due]
    for part, wanted in zip(parts, due, strict=True):
        data = base64.b64decode(wanted["base64"]) if "base64" in wanted else wanted["data"].encode()
        assert part.data == data
        assert part.type == wanted.get("type", part.type)
        if "file" in wanted:
            assert (part.filename is not None) == wanted["file"]
        else:
            assert part.filename == wanted.get("filename", part.filename if isinstance(expected, dict) else None)
        assert set(wanted.get("headers", {}).items()) <= set(part.headers)
