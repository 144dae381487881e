"""Request serialisation, case by case: `wire_cases.yaml` holds document fragments, arguments and the request due.

Each case names where the rule is written down (`spec`). An expected list means that any of its forms is right.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml

from integrations.openapi.load import read_document
from integrations.openapi.model import Argument, Tool, ToolOptions
from integrations.openapi.tools import build_tools
from integrations.upstream.request import BuiltRequest, build_request

CASES = yaml.safe_load((Path(__file__).parent / "wire_cases.yaml").read_text(encoding="utf-8"))["cases"]
SERVER = "https://api.example.com/v1"


def _document(case: dict[str, Any]) -> dict[str, Any]:
    """The one-operation document of a case, in its version."""
    version = str(case.get("version", "3.0.3"))
    operation = {"operationId": "op", "responses": {"200": {"description": "OK"}}, **case.get("operation", {})}
    document: dict[str, Any] = {"info": {"title": "case", "version": "1"}}
    if version == "2.0":
        document |= {"swagger": "2.0", "host": "api.example.com", "basePath": "/v1", "schemes": ["https"]}
    else:
        document |= {"openapi": version, "servers": [{"url": SERVER}]}
    document["paths"] = {case["path"]: {case.get("method", "get"): operation, **case.get("path_item", {})}}
    return document | case.get("doc", {})


def _arguments(tool: Tool, wanted: dict[str, Any]) -> dict[str, Any]:
    """The case's arguments by location and wire name, as arguments of the tool."""

    def value(argument: Argument) -> Any:
        if argument.location != "body":
            return wanted.get(argument.location, {}).get(argument.name, KeyError)
        if not argument.pointer:
            return wanted.get("body", KeyError)
        body = wanted.get("body", {})
        return body.get(argument.pointer[1:].replace("~1", "/").replace("~0", "~"), KeyError)

    found = {name: value(argument) for name, argument in tool.arguments.items()}
    return {name: item for name, item in found.items() if item is not KeyError}


def _request(case: dict[str, Any]) -> BuiltRequest:
    document = read_document(json.dumps(_document(case)).encode(), name="case")
    tools, notes = build_tools(document, ToolOptions(), set())
    assert len(tools) == 1, notes
    server = document.operations[0].servers[0].url
    base_url = case.get("base_url") or server.split("/", 3)[0] + "//" + server.split("/", 3)[2]
    return build_request(tools[0], _arguments(tools[0], case.get("args", {})), base_url=base_url, bound={})


def _one_of(expected: Any, got: Any) -> bool:
    return got in expected if isinstance(expected, list) else got == expected


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_request_is_what_the_standard_prescribes(case: dict[str, Any]) -> None:
    """URL, query, headers and body are those of the case."""
    built = _request(case)
    expected = case["expect"]
    url, _, query = built.url.partition("?")
    headers = {name.lower(): value for name, value in built.headers}
    assert _one_of(expected["url"], url)
    assert _one_of(expected.get("query", ""), query)
    for name, value in expected.get("headers", {}).items():
        assert headers[name.lower()].startswith(value)
    body = built.body or b""
    if "json" in expected:
        assert json.loads(body) == expected["json"]
    if "form" in expected:
        assert parse_qsl(body.decode(), keep_blank_values=True) == [tuple(pair) for pair in expected["form"]]
    if "parts" in expected:
        raw = f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + body
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(raw)
        parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
        assert set(parts) == set(expected["parts"])
        for name, part in expected["parts"].items():
            assert parts[name].get_payload(decode=True) == part["data"].encode()
            assert bool(parts[name].get_filename()) == bool(part.get("file"))
