"""Steward's engine in a child process: loading is timed here; the lines are those of `python app.py tools --json`."""

from __future__ import annotations

import time

_STARTED = time.process_time()

import base64  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402
from urllib.parse import urlsplit  # noqa: E402

from bench.engines.child import Lines, serve  # noqa: E402
from integrations.openapi.load import load_document  # noqa: E402
from integrations.openapi.model import Argument, Document, Note, Tool, ToolOptions  # noqa: E402
from integrations.openapi.tools import build_tools  # noqa: E402
from integrations.upstream.request import build_request  # noqa: E402

Loaded = tuple[Document, list[Tool], list[Note]]


def load(path: Path) -> Loaded:
    document = load_document(path)
    tools, notes = build_tools(document, ToolOptions(), set())
    return document, tools, notes


def lines(loaded: Loaded) -> Lines:
    """The lines of the command, in its form."""
    document, tools, notes = loaded
    found: Lines = [
        {
            "name": tool.name,
            "description": tool.description,
            "method": tool.operation.method,
            "path": tool.operation.key.partition(" ")[2],
            "effect": tool.effect,
            "parameters": tool.parameters,
            "arguments": {name: _place(argument) for name, argument in tool.arguments.items()},
        }
        for tool in tools
    ]
    for note in [*document.notes, *notes]:
        if note.action == "skipped":
            method, _, path = note.operation.partition(" ")
            if not path:
                path = note.pointer.removeprefix("/paths/").replace("~1", "/").replace("~0", "~")
            found.append({"skipped": note.reason, "method": method, "path": path})
    return found


def _place(argument: Argument) -> dict[str, str]:
    if argument.location == "body":
        return {"in": "body", "pointer": argument.pointer or ""}
    return {"in": argument.location, "name": argument.name}


def call(loaded: Loaded, name: str, arguments: dict[str, Any], base_url: str | None) -> dict[str, Any]:
    """The request that would be sent; without a `base_url` to the origin of the operation's own server."""
    tool = next(tool for tool in loaded[1] if tool.name == name)
    if base_url is None:
        parts = urlsplit(tool.operation.servers[0].url)
        base_url = f"{parts.scheme}://{parts.netloc}"
    built = build_request(tool, arguments, base_url=base_url, bound={})
    body = None if built.body is None else base64.b64encode(built.body).decode()
    return {"method": built.method, "url": built.url, "headers": [list(pair) for pair in built.headers], "body": body}


if __name__ == "__main__":
    serve(load, lines, call, "steward", _STARTED)
