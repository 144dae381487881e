"""Request-serialisation cases: a case as a document, its arguments as a tool's, and whether a request is right.

A case holds version (default 3.0.3), method (get), path, fragments of a one-operation document (`operation`,
`path_item`, `doc`), `args` by location and wire name, and what to `expect`. A list of expected texts means any of them.
"""

from __future__ import annotations

import base64
import email.parser
import email.policy
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import yaml

_SERVER = "https://api.example.com/v1"


def read_cases(path: Path) -> list[dict[str, Any]]:
    cases = yaml.safe_load(path.read_text("utf-8"))["cases"]
    return [case for case in cases if isinstance(case, dict)]


def document(case: dict[str, Any]) -> dict[str, Any]:
    """The one-operation document of a case."""
    version = str(case.get("version", "3.0.3"))
    operation = {"operationId": "op", "summary": case["name"], "responses": {"200": {"description": "OK"}}}
    operation |= case.get("operation") or {}
    root: dict[str, Any] = {"info": {"title": case["name"], "version": "1"}}
    if version == "2.0":
        root |= {"swagger": "2.0", "host": "api.example.com", "basePath": "/v1", "schemes": ["https"]}
    else:
        root |= {"openapi": version, "servers": [{"url": _SERVER}]}
    root["paths"] = {case["path"]: {case.get("method", "get"): operation, **(case.get("path_item") or {})}}
    return root | (case.get("doc") or {})


def arguments(tool: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The case's arguments under the tool's names, by its argument map."""
    found: dict[str, Any] = {}
    for name, place in tool["arguments"].items():
        values = wanted.get(place["in"], {})
        if place["in"] != "body":
            folded = {k.lower(): v for k, v in values.items()} if place["in"] == "header" else values
            key = place["name"].lower() if place["in"] == "header" else place["name"]
            if key in folded:
                found[name] = folded[key]
        elif place["pointer"] == "":
            if "body" in wanted:
                found[name] = wanted["body"]
        elif isinstance(values, dict) and (key := place["pointer"][1:].replace("~1", "/").replace("~0", "~")) in values:
            found[name] = values[key]
    return found


def mistakes(expect: dict[str, Any], request: dict[str, Any]) -> list[str]:
    """What of the request is not as the case expects; empty where all is right."""
    url, _, query = str(request["url"]).partition("?")
    headers = {str(name).lower(): str(value) for name, value in request["headers"]}
    body = base64.b64decode(request["body"] or "")
    wrong = [] if _one_of(expect["url"], url) else [f"url {url}"]
    if not _one_of(expect.get("query", ""), query):
        wrong.append(f"query {query}")
    for name, value in (expect.get("headers") or {}).items():
        if not headers.get(name.lower(), "").startswith(str(value)):
            wrong.append(f"header {name}: {headers.get(name.lower())}")
    try:
        wrong += _body(expect, body, headers)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        wrong.append(f"body {body[:80]!r} ({error})")
    return wrong


def _one_of(expected: Any, got: str) -> bool:
    return got in expected if isinstance(expected, list) else got == expected


def _body(expect: dict[str, Any], body: bytes, headers: dict[str, str]) -> list[str]:
    if "json" in expect and json.loads(body) != expect["json"]:
        return [f"json {body[:80]!r}"]
    if "form" in expect:
        pairs = parse_qsl(body.decode(), keep_blank_values=True)
        if pairs != [tuple(pair) for pair in expect["form"]]:
            return [f"form {body[:80]!r}"]
    if "text" in expect and body.decode() != expect["text"]:
        return [f"text {body[:80]!r}"]
    return _parts(expect["parts"], body, headers) if "parts" in expect else []


def _parts(expected: dict[str, Any], body: bytes, headers: dict[str, str]) -> list[str]:
    raw = f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + body
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(raw)
    parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
    if set(parts) != set(expected):
        return [f"parts {sorted(map(str, parts))}"]
    for name, due in expected.items():
        if parts[name].get_payload(decode=True) != str(due["data"]).encode():
            return [f"part {name}: {parts[name].get_payload(decode=True)!r}"]
        if bool(parts[name].get_filename()) != bool(due.get("file")):
            return [f"part {name}: filename {parts[name].get_filename()!r}"]
    return []
