"""openapi-llm in a child process: its tool definitions in OpenAI's form, and the requests it would hand to requests."""

from __future__ import annotations

import time

_STARTED = time.process_time()

import base64  # noqa: E402
import importlib.metadata  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import requests  # noqa: E402
from openapi_llm.client.config import ClientConfig  # noqa: E402
from openapi_llm.core.spec import OpenAPISpecification  # noqa: E402
from openapi_llm.utils import build_request, normalize_function_name  # noqa: E402

from bench.engines.child import Lines, plain_files, serve  # noqa: E402

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def load(path: Path) -> tuple[ClientConfig, list[dict[str, Any]]]:
    config = ClientConfig(openapi_spec=OpenAPISpecification.from_file(path))
    tools = [tool["function"] for tool in config.get_tool_definitions()]
    json.dumps(tools)  # its definitions hold lazy references; a model is given text
    return config, tools


def lines(loaded: tuple[ClientConfig, list[dict[str, Any]]]) -> Lines:
    """Its tools carry neither method nor path; they stand in the document's order under their operationId."""
    config, tools = loaded
    found: Lines = []
    waiting = list(tools)
    for path, item in config.openapi_spec.spec_dict["paths"].items():
        for method, operation in item.items():
            if method.lower() not in _METHODS or not waiting:
                continue
            name = normalize_function_name(operation.get("operationId", ""))
            if waiting[0]["name"] not in (operation.get("operationId"), name):
                continue
            tool = waiting.pop(0)
            shown = json.loads(json.dumps(tool))
            places = {
                p.get("name"): {"in": p.get("in"), "name": p.get("name")} for p in operation.get("parameters", [])
            }
            arguments = {
                name: places.get(name, {"in": "body", "pointer": "/" + name.replace("~", "~0").replace("/", "~1")})
                for name in shown["parameters"]["properties"]
            }
            found.append({"name": tool["name"], "description": shown["description"], "method": method.upper(),
                          "path": path, "effect": None, "parameters": shown["parameters"],
                          "arguments": arguments})  # fmt: skip
    return found


def call(loaded: Any, name: str, arguments: dict[str, Any], base_url: str | None) -> dict[str, Any]:
    config, _ = loaded
    if base_url is not None:
        config.base_url = base_url
    operation = config.openapi_spec.find_operation_by_id(name)
    built = build_request(operation, config, **plain_files(arguments))
    # As its `send_request` hands them on.
    prepared = requests.Request(built["method"], built["url"], headers=built["headers"], params=built["params"],
                                json=built["json"]).prepare()  # fmt: skip
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    return {"method": prepared.method, "url": prepared.url, "headers": list(prepared.headers.items()),
            "body": base64.b64encode(body).decode() if body else None}  # fmt: skip


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    serve(load, lines, call, f"openapi-llm {importlib.metadata.version('openapi-llm')}", _STARTED)
