"""What the writer of a document should improve so that a model chooses and fills its tools well; `check` prints it.

Each rule looks at one operation and its tool and gives one sentence at most: what a model lacks, and what to write.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.openapi.labels import response_labels
from integrations.openapi.model import Document, Operation, Tool
from integrations.openapi.refs import escape
from integrations.openapi.schemas import plain
from integrations.openapi.words import clean
from schemas.jsontext import to_json

_LARGE_TOOL_BYTES = 4_000
_MANY_ARGUMENTS = 25
_SHOWN = 6
_COMMON = 4
_CODE = re.compile(r"-?\d+|[A-Za-z]{1,2}\d*")
_GENERATED = re.compile(r"(?:\S*Using(?:GET|POST|PUT|DELETE|PATCH)(?:_\d+)?|[A-Za-z0-9]+(?:[_.-][A-Za-z0-9]+)*)")
_WRITING = re.compile(
    r"(?:^|[/_.\-])(?i:add|apply|bind|cancel|close|create|del|delete|disable|edit|enable|insert|pay|remove|reset|save|"
    r"set|submit|unbind|update)(?=$|[/_.\-]|[A-Z])|[a-z](?:Add|Bind|Cancel|Create|Delete|Remove|Save|Submit|Unbind|Update)"
    r"(?=$|[A-Z/])"
)
_READING = re.compile(
    r"(?:^|[/_.\-])(?i:count|detail|export|find|get|info|list|page|query|search|select)(?=$|[/_.\-]|[A-Z])|"
    r"[a-z](?:List|Page|Query|Search)(?=$|[/])"
)
_MONEY = re.compile(r"(?:amount|balance|cost|fee|money|price|total_?fee)s?$", re.IGNORECASE)
_MONEY_UNIT = re.compile(r"元|分|fen|yuan|cent|¥|\$|CNY|RMB|USD|EUR|currency", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Advice:
    """One sentence for the writer of a document. `rule` names its kind, `pointer` is a JSON pointer (RFC 6901)."""

    rule: str
    pointer: str
    operation: str
    text: str


def advise(document: Document, tools: Iterable[Tool]) -> list[Advice]:
    """What could be better in `document`, tool by tool."""
    listed = list(tools)
    common = Counter(name for tool in listed for name in _undescribed(tool))
    everywhere = {name for name, count in common.items() if count >= _COMMON}
    found = [
        Advice(name, _pointer(tool.operation), tool.operation.key, text)
        for tool in listed
        for name, rule in _RULES.items()
        if (text := rule(tool)) is not None
    ]
    found += [one for tool in listed if (one := _undescribed_arguments(tool, everywhere)) is not None]
    if everywhere:
        names = _names([name for name in common if name in everywhere])
        found.append(
            Advice("arguments", "", "", f"without a description in many operations: {names}; say it once each")
        )
    return [*found, *_alike(listed)]


def _no_summary(tool: Tool) -> str | None:
    operation = tool.operation
    said = clean(operation.summary) or clean(operation.description)
    if not said:
        return "it has neither summary nor description; say what its caller gets: a model chooses by these words"
    if " " not in said and said.isascii() and _GENERATED.fullmatch(said):
        return f"its summary {said!r} is a name, not a sentence; say what its caller gets"
    return None


def _undescribed(tool: Tool) -> list[str]:
    return [name for name, schema in _properties(tool).items() if not _described(schema, tool)]


def _undescribed_arguments(tool: Tool, everywhere: Collection[str]) -> Advice | None:
    """What lacks words in this operation alone; what lacks them in many is told once."""
    bare = [name for name in _undescribed(tool) if name not in everywhere]
    text = f"without a description: {_names(bare)}; say what each means, and in which form"
    return Advice("arguments", _pointer(tool.operation), tool.operation.key, text) if bare else None


def _undescribed_enums(tool: Tool) -> str | None:
    bare = []
    for name, schema in _properties(tool).items():
        part = _resolved(schema, tool)
        values = [value for value in part.get("enum", ()) if value is not None]
        text = str(part.get("description", "")) + str(schema.get("description", ""))
        unsaid = [v for v in values if _CODE.fullmatch(str(v)) and str(v) not in text and not isinstance(v, bool)]
        if unsaid:
            bare.append(f"{name} ({', '.join(str(v) for v in unsaid[:_SHOWN])})")
    return f"codes without a meaning: {_names(bare)}; write each value's meaning into the description" if bare else None


def _large(tool: Tool) -> str | None:
    size = len(to_json({"name": tool.name, "description": tool.description, "parameters": tool.parameters}))
    count = len(tool.arguments)
    if size > _LARGE_TOOL_BYTES:
        return f"the tool has {size} bytes; `hide` in upstreams.yaml what no caller gives, or split the operation"
    if count > _MANY_ARGUMENTS:
        return f"it has {count} arguments; `hide` in upstreams.yaml what no caller gives"
    return None


def _doubtful_effect(tool: Tool) -> str | None:
    operation = tool.operation
    path = re.split("[?#]", operation.path, maxsplit=1)[0]
    words = [operation.operation_id, *[s for s in path.split("/") if s and "{" not in s][-1:]]
    names = " ".join([operation.operation_id, path]).strip()
    writing = any(_WRITING.search(word) for word in words)
    if tool.effect == "read" and writing:
        return f"a {operation.method} that sounds like a write ({names}); if it is, say `effect: write`"
    if tool.effect == "write" and operation.method == "POST" and not writing and any(map(_READING.search, words)):
        return f"a POST that sounds like a query ({names}); if it is, say `effect: read` in upstreams.yaml"
    return None


def _no_answer_schema(tool: Tool) -> str | None:
    responses = [r for r in tool.operation.responses if r.status.startswith("2") or r.status == "default"]
    if any(r.status in ("204", "205") for r in responses):
        return None
    if any(media.schema not in ({}, True) for response in responses for media in response.media_types):
        return None
    return "no success response has a schema; describe its fields, or answers are told with their raw names"


def _unitless_money(tool: Tool) -> str | None:
    bare = []
    for path, label in response_labels(tool.operation).items():
        name = re.split(r"[.\[\]]+", path.rstrip("[]"))[-1]
        if label.type in ("integer", "number") and _MONEY.search(name) and not _MONEY_UNIT.search(label.label + name):
            bare.append(path)
    return (
        f"amounts without a unit: {_names(bare)}; say `money: {{FIELD: fen|yuan}}` in upstreams.yaml" if bare else None
    )


_RULES: Mapping[str, Callable[[Tool], str | None]] = {
    "summary": _no_summary,
    "enums": _undescribed_enums,
    "size": _large,
    "effect": _doubtful_effect,
    "answer": _no_answer_schema,
    "money": _unitless_money,
}


def _alike(tools: list[Tool]) -> Iterator[Advice]:
    """Operations that say the same of themselves: a model can only guess between them."""
    groups: dict[str, list[Tool]] = {}
    for tool in tools:
        said = clean(tool.description).casefold()
        if tool.operation.summary or tool.operation.description:
            groups.setdefault(said, []).append(tool)
    for group in groups.values():
        if len(group) > 1:
            first, names = group[0].operation, _names([tool.name for tool in group])
            yield Advice(
                "alike", _pointer(first), first.key, f"a model cannot tell these apart: {names}; describe each"
            )


def _properties(tool: Tool) -> dict[str, Mapping[str, Any]]:
    return {name: plain(schema) for name, schema in tool.parameters.get("properties", {}).items()}


def _described(schema: Mapping[str, Any], tool: Tool) -> bool:
    return any(part.get("description") or part.get("title") for part in (schema, _resolved(schema, tool)))


def _resolved(schema: Mapping[str, Any], tool: Tool) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    return plain(tool.parameters.get("$defs", {}).get(name, schema)) if name else schema


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _pointer(operation: Operation) -> str:
    return f"/paths/{escape(operation.key.split(' ', 1)[1])}/{operation.method.lower()}"
