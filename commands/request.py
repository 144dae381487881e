"""`python app.py request`: the request that a tool call would send, as JSON or as a curl command; nothing is sent."""

from __future__ import annotations

import base64
import difflib
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from integrations.openapi.load import Limits, load_document
from integrations.openapi.model import Document, Server, Tool, ToolOptions
from integrations.openapi.tools import build_tools
from integrations.openapi.validate import Validator
from integrations.upstream.request import BuiltRequest, build_request
from integrations.upstream.url import origin_of
from schemas.errors import ArgumentsInvalid, RequestRefused
from schemas.jsontext import to_json

# A file may be given in the arguments themselves, so they are allowed more than a model's.
MAX_ARGUMENTS_BYTES = 16 * 1024 * 1024


def built_request(
    path: Path, name: str, arguments: str, base_url: str | None, *, limits: Limits | None = None
) -> BuiltRequest:
    """The request of the tool `name` (or operationId, or "METHOD /path") of the document at `path`.

    Without `base_url` the document's own server is used. Raises `DocumentError` where the document does not load,
    `ArgumentsInvalid` and `RequestRefused` for what cannot be built.
    """
    document = load_document(path, limits=limits)
    tools, notes = build_tools(document, ToolOptions(), set())
    tool = _find(name, tools)
    if tool is None:
        left_out = [n for n in (*document.notes, *notes) if n.action == "skipped" and n.operation == name]
        raise ArgumentsInvalid(_unknown(name, tools, left_out[0].reason if left_out else ""))
    checked = Validator().check(tool, arguments, inline_files=True, max_bytes=MAX_ARGUMENTS_BYTES)
    return build_request(tool, checked, base_url=base_url or _own_server(tool, document), bound={})


def as_json(request: BuiltRequest) -> str:
    """`{"method", "url", "headers": [[name, value]], "body": base64 or null}` in one line."""
    body = None if request.body is None else base64.b64encode(request.body).decode()
    headers = [list(pair) for pair in request.headers]
    return to_json({"method": request.method, "url": request.url, "headers": headers, "body": body})


def as_curl(request: BuiltRequest) -> str:
    """A command for a POSIX shell; a body that is not plain text is piped in."""
    words = ["curl", "--globoff", "--path-as-is"]
    if request.method == "HEAD":
        words.append("--head")
    elif request.method != "GET" or request.body is not None:
        words += ["--request", request.method]
    words.append(request.url)
    for name, value in request.headers:
        words += ["--header", f"{name}: {value}" if value else f"{name};"]
    if request.body is None:
        return shlex.join(words)
    text = _plain(request.body)
    if text is not None:
        return shlex.join([*words, "--data-raw", text])
    return f"echo {base64.b64encode(request.body).decode()} | base64 -d | " + shlex.join(
        [*words, "--data-binary", "@-"]
    )


def _plain(body: bytes) -> str | None:
    """The body as text where a shell can carry it as it is."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if all(c.isprintable() or c == "\n" for c in text) else None


def _find(name: str, tools: Sequence[Tool]) -> Tool | None:
    """By the tool's own name first: an operationId may be another tool's name, and need not be unique."""
    ways: tuple[Callable[[Tool], str], ...] = (
        lambda tool: tool.name,
        lambda tool: tool.operation.key,
        lambda tool: tool.operation.operation_id,
    )
    for way in ways:
        found = [tool for tool in tools if way(tool) == name]
        if len(found) == 1:
            return found[0]
    return None


def _unknown(name: str, tools: Sequence[Tool], reason: str) -> str:
    if reason:
        return f"{name!r} did not become a tool: {reason}."
    known = [tool.name for tool in tools] + [tool.operation.key for tool in tools]
    near = difflib.get_close_matches(name, known, 3, 0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; `tools` lists them"
    return f"The document has no tool {name!r}{hint}"


def _own_server(tool: Tool, document: Document) -> str:
    """The origin of the server in force; a relative one belongs to the document's first host (OpenAPI 3.1 §4.8.5)."""
    servers: tuple[Server, ...] = (*tool.operation.servers[:1], *document.servers)
    for server in servers:
        if server.url.lower().startswith(("http://", "https://")):
            return origin_of(server.url)
    raise RequestRefused("The document names no host; give one with --base-url.")
