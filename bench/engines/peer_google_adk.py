"""google-adk in a child process: the tools of its `OpenAPIToolset`, and the requests they would hand to httpx."""

from __future__ import annotations

import time

_STARTED = time.process_time()

import base64  # noqa: E402
import importlib.metadata  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import httpx  # noqa: E402
import yaml  # noqa: E402
from google.adk.tools.openapi_tool import OpenAPIToolset  # noqa: E402

from bench.engines.child import Lines, plain_files, serve  # noqa: E402


def load(path: Path) -> OpenAPIToolset:
    text = path.read_text("utf-8-sig")
    spec = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    toolset = OpenAPIToolset(spec_dict=spec)
    for tool in toolset._tools:
        tool._operation_parser.get_json_schema()
    return toolset


def lines(toolset: OpenAPIToolset) -> Lines:
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "method": tool.endpoint.method.upper(),
            "path": tool.endpoint.path,
            "effect": None,
            "parameters": tool._operation_parser.get_json_schema(),
            "arguments": {p.py_name: _place(tool, p) for p in tool._operation_parser.get_parameters()},
        }
        for tool in toolset._tools
    ]


def _place(tool: Any, parameter: Any) -> dict[str, str]:
    location = str(getattr(parameter.param_location, "value", parameter.param_location))
    if location != "body":
        return {"in": location, "name": parameter.original_name}
    media = next(iter(tool.operation.requestBody.content.values()))
    flat = media.schema_ is not None and media.schema_.type == "object" and media.schema_.properties
    name = parameter.original_name.replace("~", "~0").replace("/", "~1")
    return {"in": "body", "pointer": f"/{name}" if flat else ""}


def call(toolset: OpenAPIToolset, name: str, arguments: dict[str, Any], base_url: str | None) -> dict[str, Any]:
    tool = next(tool for tool in toolset._tools if tool.name == name)
    if base_url is not None:
        tool.endpoint.base_url = base_url
    prepared = tool._prepare_request_params(tool._operation_parser.get_parameters(), plain_files(arguments))
    request = httpx.Request(**prepared)
    body = request.read()
    headers = [pair for pair in request.headers.multi_items() if pair[0] != "user-agent"]
    return {"method": request.method, "url": str(request.url), "headers": headers,
            "body": base64.b64encode(body).decode() if body else None}  # fmt: skip


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    serve(load, lines, call, f"google-adk {importlib.metadata.version('google-adk')}", _STARTED)
