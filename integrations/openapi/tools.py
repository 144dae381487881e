"""Makes model-safe tools of a document's operations; `validate.py` checks a model's arguments against them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from glob import escape
from typing import Any

from integrations.openapi.arguments import Unusable, build_arguments, size_of
from integrations.openapi.model import (
    Document,
    MediaType,
    Note,
    Operation,
    OperationOptions,
    RequestBody,
    Schema,
    Tool,
    ToolOptions,
)
from integrations.openapi.names import shortened, tool_names
from integrations.openapi.refs import References
from integrations.openapi.schemas import CUT, Schemas
from integrations.openapi.words import clean, shorten
from schemas.tool import Effect

# The last line of a tool's description, where there are examples: "Examples: 我想报修 | something is broken".
EXAMPLES = "Examples: "
EXAMPLES_SEPARATOR = " | "
# Name, description and schema of one tool, as JSON text in bytes.
MAX_TOOL_BYTES = 8_000
_MAX_DESCRIPTION = 1_200
_BRIEF = f"\nIts arguments are told in brief {CUT}"
_READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_NO_OPTIONS = OperationOptions()


def build_tools(document: Document, options: ToolOptions, taken: set[str]) -> tuple[list[Tool], list[Note]]:
    """The tools of `document` in its order, and notes on what was mended, cut or left out.

    `taken` are names that must not be used; the names given here are added to it, so that one set keeps a whole
    catalogue unique. A dropped operation is a note with action "dropped".
    """
    notes: list[Note] = []
    kept: list[Operation] = []
    globs = drop_globs(document, options.drop)
    for operation in document.operations:
        glob = dropped_by(operation.key, operation.operation_id, globs)
        if glob is not None:
            notes.append(_note(operation, f"dropped by {glob!r}", "dropped"))
        else:
            kept.append(operation)
    settings = [_options(operation, options) for operation in kept]
    wanted = [_wanted_name(operation, own) for operation, own in zip(kept, settings, strict=True)]
    names = tool_names(kept, wanted, taken)
    tools: list[Tool] = []
    for operation, own, wish, name in zip(kept, settings, wanted, names, strict=True):
        if len(tools) >= options.max_tools:
            reason = f"more than max_operations ({options.max_tools}); raise it in upstreams.yaml"
            notes.append(_note(operation, reason, "dropped"))
            taken.discard(name)
            continue
        if name not in (wish, operation.operation_id):
            why = (
                "missing"
                if not operation.operation_id
                else f"{operation.operation_id[:80]!r} is not usable or not unique"
            )
            notes.append(_note(operation, f"its operationId is {why}; the tool is called {name!r}", "mended"))
        try:
            tools.append(_tool(operation, own, name, options, notes))
        except Unusable as error:
            notes.append(_note(operation, str(error), "skipped"))
            taken.discard(name)
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
            # The net under the rules: an unforeseen schema costs its operation, never the document.
            notes.append(_note(operation, f"it made no tool ({type(error).__name__}: {str(error)[:120]})", "skipped"))
            taken.discard(name)
    return tools, notes


def default_effect(operation: Operation) -> Effect:
    """GET, HEAD and OPTIONS read, all others write; `x-steward-effect` of a document can only make that stricter."""
    if operation.extensions.get("x-steward-effect") == "write":
        return "write"
    return "read" if operation.method in _READS else "write"


def _tool(operation: Operation, own: OperationOptions, name: str, options: ToolOptions, notes: list[Note]) -> Tool:
    if own.arguments is not None:
        operation = _with_body(operation, own.arguments, notes)
    description = _description(operation, own)
    budget = MAX_TOOL_BYTES - size_of(name) - size_of(description) - size_of(_BRIEF)
    built = build_arguments(operation, options, budget)
    if built.cut:
        notes.append(_note(operation, "its schema was shortened for the model", "cut"))
    if built.brief:
        description += _BRIEF  # nothing in the schema tells of texts that are not there
    return Tool(
        name=name,
        description=description,
        parameters=built.parameters,
        arguments=built.arguments,
        operation=operation,
        effect=own.effect or default_effect(operation),
    )


def _with_body(operation: Operation, schema: Schema, notes: list[Note]) -> Operation:
    """The operation with the body that upstreams.yaml describes in place of the document's."""

    def report(pointer: str, reason: str) -> None:
        notes.append(_note(operation, f"arguments{pointer}: {reason}", "mended"))

    root: Mapping[str, Any] = schema if isinstance(schema, dict) else {}
    read = Schemas(References(root), "3.1", report).read(schema, "")
    old = operation.body
    media = old.media_types[0].name if old is not None and old.media_types else "application/json"
    # springfox calls every body optional; a schema that requires members says that there must be one.
    required = (old is not None and old.required) or bool(root.get("required"))
    return replace(operation, body=RequestBody(required, (MediaType(media, read),), old.description if old else ""))


def drop_globs(document: Document, globs: Iterable[str]) -> dict[str, str]:
    """What each glob of `drop` matches by: one that is an operation's own key ("GET /parking/**") means that one."""
    keys = {o.key for o in document.operations} | {note.operation for note in document.notes}
    return {said: escape(said) if said in keys else said for said in globs}


def dropped_by(key: str, operation_id: str, globs: Mapping[str, str]) -> str | None:
    """The glob that leaves an operation out, matched against "METHOD /path" and operationId; None where none does."""
    for said, glob in globs.items():
        if fnmatchcase(key, glob) or (operation_id and fnmatchcase(operation_id, glob)):
            return said
    return None


def _options(operation: Operation, options: ToolOptions) -> OperationOptions:
    """By "METHOD /path" before operationId, which may not be unique."""
    return options.operations.get(operation.key) or options.operations.get(operation.operation_id) or _NO_OPTIONS


def _wanted_name(operation: Operation, own: OperationOptions) -> str | None:
    said = own.name or operation.extensions.get("x-steward-name")
    if not isinstance(said, str) or not said:
        return None
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in said)
    return shortened(safe)


def _description(operation: Operation, own: OperationOptions) -> str:
    """Summary, description and examples; bilingual text is kept whole (see the module's constants for the examples)."""
    said = own.description or operation.extensions.get("x-steward-description")
    if isinstance(said, str) and said.strip():
        lines = [clean(said)]
    else:
        summary, description = clean(operation.summary), clean(operation.description)
        lines = [summary] if summary else []
        if description and description != summary:
            lines.append(description)
    if not lines:
        lines = [f"{operation.method} {clean(operation.path)}"]
    if operation.deprecated:
        lines.append("Deprecated.")
    text = shorten("\n".join(lines), _MAX_DESCRIPTION)
    listed = own.examples or operation.extensions.get("x-steward-examples") or ()
    examples = [clean(e).replace("\n", " ") for e in listed if isinstance(e, str) and e.strip()]
    if examples:
        text += "\n" + EXAMPLES + EXAMPLES_SEPARATOR.join(examples[:8])
    return text


def _note(operation: Operation, reason: str, action: Any) -> Note:
    path = operation.key.split(" ", 1)[-1].replace("~", "~0").replace("/", "~1")
    pointer = f"/paths/{path}/{operation.method.lower()}"
    return Note(operation.document, pointer, reason, action, operation.key)
