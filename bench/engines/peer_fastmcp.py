"""fastmcp in a child process: what its OpenAPI provider makes of a document, and the requests its director builds."""

from __future__ import annotations

import time

_STARTED = time.process_time()

import base64  # noqa: E402
import importlib.metadata  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import httpx2  # noqa: E402
import yaml  # noqa: E402
from fastmcp.server.providers.openapi import OpenAPIProvider  # noqa: E402
from fastmcp.utilities.openapi.schemas import _ref_is_mergeable_object  # noqa: E402

from bench.engines.child import Lines, plain_files, serve  # noqa: E402


def load(path: Path) -> tuple[dict[str, Any], OpenAPIProvider]:
    text = path.read_text("utf-8-sig")
    spec = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    client = httpx2.AsyncClient(base_url="http://localhost")
    return spec, OpenAPIProvider(openapi_spec=spec, client=client)


def lines(loaded: tuple[dict[str, Any], OpenAPIProvider]) -> Lines:
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "method": tool._route.method,
            "path": tool._route.path,
            "effect": None,
            "parameters": tool.parameters,
            "arguments": {name: _place(tool._route, at) for name, at in tool._route.parameter_map.items()},
        }
        for tool in loaded[1]._tools.values()
    ]


def _place(route: Any, at: dict[str, str]) -> dict[str, str]:
    if at["location"] != "body":
        return {"in": at["location"], "name": at["openapi_name"]}
    schema = next(iter(route.request_body.content_schema.values()), {}) if route.request_body else {}
    flat = isinstance(schema, dict) and schema.get("properties") and _ref_is_mergeable_object(
        schema, route.request_schemas
    )  # fmt: skip
    name = at["openapi_name"].replace("~", "~0").replace("/", "~1")
    return {"in": "body", "pointer": f"/{name}" if flat else ""}


def call(loaded: Any, name: str, arguments: dict[str, Any], base_url: str | None) -> dict[str, Any]:
    spec, provider = loaded
    if base_url is None:
        base_url = str(OpenAPIProvider._create_default_client(spec).base_url)
    tool = provider._tools[name]
    request = tool._director.build(tool._route, plain_files(arguments), base_url)
    body = request.read()
    return {"method": request.method, "url": str(request.url), "headers": list(request.headers.multi_items()),
            "body": base64.b64encode(body).decode() if body else None}  # fmt: skip


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    serve(load, lines, call, f"fastmcp {importlib.metadata.version('fastmcp')}", _STARTED)
