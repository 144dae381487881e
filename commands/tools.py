"""`python app.py tools`: the tools of documents or of the whole catalogue, and what did not become one and why."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from integrations.catalogue import Catalogue
from integrations.openapi.load import Limits, load_document
from integrations.openapi.model import Argument, Note, Tool, ToolOptions
from integrations.openapi.tools import build_tools
from schemas.errors import DocumentError
from schemas.jsontext import to_json

_LEFT_OUT = ("skipped", "dropped")


def print_documents(paths: Sequence[Path], *, as_json: bool, limits: Limits | None = None) -> int:
    """The tools of each document, one at a time; the exit code: 1 where one did not load.

    As JSON one object a line: a tool, `{"skipped", "method", "path"}`, or `{"document", "error"}`. With several
    documents every line carries "document".
    """
    code = 0
    for path in paths:
        more = {"document": str(path)} if len(paths) > 1 else {}
        try:
            document = load_document(path, limits=limits)
        except DocumentError as error:
            code = 1
            _print_error(str(path), error, as_json=as_json)
            continue
        tools, notes = build_tools(document, ToolOptions(), set())
        if as_json:
            _print_lines(tools, (*document.notes, *notes), more)
        else:
            print(f"{path}: OpenAPI {document.version}, {len(tools)} tools, {_digest(document.digest)}")
            _print_table(tools, (*document.notes, *notes))
        sys.stdout.flush()
    return code


def print_catalogue(catalogue: Catalogue, *, as_json: bool) -> int:
    """The same of every upstream of the catalogue, as upstreams.yaml shapes it; JSON lines carry "upstream"."""
    for name, upstream in catalogue.upstreams.items():
        tools = [target.tool for target in catalogue.tools_of(name)]
        notes = catalogue.reports[name]
        if as_json:
            _print_lines(tools, notes, {"upstream": name})
        else:
            document = upstream.document
            print(
                f"{name}: {document.name}, OpenAPI {document.version}, {len(tools)} tools, {_digest(document.digest)}"
            )
            _print_table(tools, notes)
    for error in catalogue.failures.values():
        _print_error(error.document, error, as_json=as_json)
    return 1 if catalogue.failures else 0


def tool_object(tool: Tool) -> dict[str, Any]:
    """A tool as one JSON object: what a model is shown, and where each argument goes."""
    return {
        "name": tool.name,
        "description": tool.description,
        "method": tool.operation.method,
        "path": tool.operation.key.split(" ", 1)[1],
        "effect": tool.effect,
        "parameters": tool.parameters,
        "arguments": {name: _place(argument) for name, argument in tool.arguments.items()},
    }


def left_out(notes: Iterable[Note]) -> list[dict[str, Any]]:
    """`{"skipped": reason, "method", "path"}` of every operation that became no tool; `method` is null where all of
    a path was left out."""
    found = []
    for note in notes:
        if note.action in _LEFT_OUT:
            method, _, path = note.operation.partition(" ")
            place = path or note.pointer.removeprefix("/paths/").replace("~1", "/").replace("~0", "~")
            found.append({"skipped": note.reason, "method": method or None, "path": place})
    return found


def _place(argument: Argument) -> dict[str, str]:
    if argument.location == "body":
        return {"in": "body", "pointer": argument.pointer or ""}
    return {"in": argument.location, "name": argument.name}


def _print_lines(tools: Iterable[Tool], notes: Iterable[Note], more: dict[str, str]) -> None:
    for tool in tools:
        print(to_json({**more, **tool_object(tool)}))
    for line in left_out(notes):
        print(to_json({**more, **line}))


def _print_table(tools: Iterable[Tool], notes: Iterable[Note]) -> None:
    for tool in tools:
        summary = tool.description.partition("\n")[0]
        print(f"  {tool.name:<34} {tool.effect:<6} {tool.operation.key}  {summary[:80]}")
    for line in left_out(notes):
        print(f"  {'-':<34} {'left':<6} {line['method'] or '*'} {line['path']}  {line['skipped']}")
    print()


def _digest(digest: str) -> str:
    return f"sha256 {digest[:16]}"


def _print_error(name: str, error: DocumentError, *, as_json: bool) -> None:
    if as_json:
        where = f"{error.pointer}: " if error.pointer else ""
        print(to_json({"document": name, "error": where + error.reason}))
    else:
        print(f"steward: {error}", file=sys.stderr)
