"""What an operation's answer calls its fields: labels and glosses for people, read from the response schema.

The contract (`upstream/response.py` and the toolset use it):

- `response_labels(operation)` maps a property path to a `FieldLabel`. A path names the payload as the document
  describes it, envelope included: `items[].amountCents`, `data.orderId`, `[].typeCode` for a list at the top,
  `prices.*` for the values of a map.
- `FieldLabel.label` is the schema's `title`, else the start of its `description`: of each half, what stands before
  the first colon, comma, full stop or bracket, Chinese or ASCII. Bilingual text stays whole: "状态 / Status". "" where
  the document is silent.
- `FieldLabel.values` are the glosses of an enum's values (as text): {"UNPAID": "未缴 / unpaid"}. They are read from a
  description such as "状态：UNPAID 未缴、PARTIAL 部分缴纳 / Status: UNPAID unpaid, PARTIAL partly paid", from
  `x-enum-descriptions` (list or map), `x-enumNames`, or from `oneOf: [{const, title}]`. One without a gloss is absent.
- `FieldLabel.format` is the declared `format` ("date-time", "int64", ...) and `type` the declared type, or "".

`argument_labels(tool)` says the same of a tool's arguments (`order.title`, `photos`).
Response schemas are the widest of the success responses: 2xx first in the order of their status, then `default`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.openapi.model import Operation, Response, Schema, Tool

_MAX_DEPTH = 8
_MAX_FIELDS = 500
_LABEL_END = re.compile(r"[：:，,。;；(（\n]")
_GLOSS_END = re.compile(r"[、，,。;；|\n(（)）\]】]|\s/\s")
_GLOSS_LEAD = " \t:：=-—–>→('\"（「`"
# Titles that generators make of a type's name (`AjaxResult`, `统一返回«订单VO»`) say nothing to a person.
_GENERATED_TITLE = re.compile(r"\S*«\S*|[A-Za-z0-9.]*[a-z0-9][A-Z_][A-Za-z0-9_.]*")
_CJK = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class FieldLabel:
    """What one field is called; see the contract above."""

    label: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    format: str = ""
    type: str = ""


def response_labels(operation: Operation) -> dict[str, FieldLabel]:
    """The labels of the success response's fields, by property path."""
    for response in _by_success(operation.responses):
        for media_type in response.media_types:
            found = labels_of(media_type.schema)
            if found:
                return found
    return {}


def argument_labels(tool: Tool) -> dict[str, FieldLabel]:
    """The labels of a tool's arguments, by argument name and path into it."""
    return labels_of(tool.parameters)


def labels_of(schema: Schema) -> dict[str, FieldLabel]:
    """The labels of every field of a self-contained schema, breadth by breadth, cut at 8 levels and 500 fields."""
    found: dict[str, FieldLabel] = {}
    if not isinstance(schema, Mapping):
        return found
    defs = schema.get("$defs", {})
    looks = 5_000
    queue: list[tuple[str, Mapping[str, Any], int]] = [("", schema, 0)]
    while queue and len(found) < _MAX_FIELDS:
        path, node, depth = queue.pop(0)
        if depth > _MAX_DEPTH:
            continue
        for part in _parts(node, defs):
            looks -= 1
            if looks < 0:
                return found
            label = _label(part)
            if path and (path not in found or not found[path].label) and label != FieldLabel():
                found[path] = _joined(label, found.get(path))
            queue.extend((child, deeper, depth + 1) for child, deeper in _children(path, part))
    return found


def halves(text: str) -> tuple[str, ...]:
    """Bilingual text at the ` / ` that parts Chinese from English: ("中文", "English"); other text is one half."""
    at = -1
    while (at := text.find(" / ", at + 1)) >= 0:
        left, right = text[:at], text[at + 3 :]
        if _CJK.search(left) and not _CJK.search(right):
            return left.strip(), right.strip()
    return (text.strip(),)


def _by_success(responses: tuple[Response, ...]) -> list[Response]:
    success = [r for r in responses if r.status.startswith("2")]
    return sorted(success, key=lambda r: r.status) + [r for r in responses if r.status == "default"]


def _parts(node: Mapping[str, Any], defs: Mapping[str, Any], level: int = 0) -> Iterator[Mapping[str, Any]]:
    """The node itself and what it is composed of: `$ref`, `allOf`, `oneOf`, `anyOf`."""
    if level > _MAX_DEPTH:
        return
    yield node
    ref = node.get("$ref")
    if isinstance(ref, str) and ref.startswith("#/$defs/"):
        target = defs.get(ref.removeprefix("#/$defs/"))
        if isinstance(target, Mapping):
            yield from _parts(target, defs, level + 1)
    for keyword in ("allOf", "oneOf", "anyOf"):
        for member in node.get(keyword, ()):
            if isinstance(member, Mapping):
                yield from _parts(member, defs, level + 1)


def _children(path: str, node: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, schema in node.get("properties", {}).items():
        if isinstance(schema, Mapping):
            yield (f"{path}.{name}" if path else str(name)), schema
    items = node.get("items")
    if isinstance(items, Mapping):
        yield f"{path}[]", items
    values = node.get("additionalProperties")
    if isinstance(values, Mapping):
        yield (f"{path}.*" if path else "*"), values


def _label(node: Mapping[str, Any]) -> FieldLabel:
    kind = node.get("type", "")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "")
    title, description = str(node.get("title", "")), str(node.get("description", ""))
    label = title if title and not _GENERATED_TITLE.fullmatch(title) else _start(description)
    return FieldLabel(label.strip(), glosses(node), str(node.get("format", "")), str(kind))


def _joined(new: FieldLabel, old: FieldLabel | None) -> FieldLabel:
    """What the outer part said wins; what it left open is filled."""
    if old is None:
        return new
    values = {**new.values, **old.values}  # of several alternatives each knows its own
    return FieldLabel(old.label or new.label, values, old.format or new.format, old.type or new.type)


def _start(description: str) -> str:
    starts = [_LABEL_END.split(half, maxsplit=1)[0].strip() for half in halves(description)]
    return " / ".join(start for start in starts if start)[:80]


def glosses(node: Mapping[str, Any]) -> dict[str, str]:
    """The glosses of an enum's values, as the contract above says."""
    branches = [b for b in node.get("oneOf", ()) if isinstance(b, Mapping) and "const" in b]
    if branches:
        named = {_text(b["const"]): str(b.get("title") or b.get("description") or "") for b in branches}
        return {value: gloss for value, gloss in named.items() if gloss}
    values = node.get("enum", [node["const"]] if "const" in node else None)
    if not isinstance(values, list):
        return {}
    for keyword in ("x-enum-descriptions", "x-enumDescriptions", "x-enumNames"):
        extra = node.get(keyword)
        if isinstance(extra, Mapping):
            return {_text(v): str(extra[_text(v)]) for v in values if extra.get(_text(v))}
        if isinstance(extra, list) and len(extra) == len(values):
            return {_text(v): str(gloss) for v, gloss in zip(values, extra, strict=True) if gloss}
    return glosses_of_text(str(node.get("description", "")), [_text(v) for v in values if v is not None])


def glosses_of_text(description: str, values: list[str]) -> dict[str, str]:
    """From prose: a value, then its gloss up to the next separator or value; the halves joined by ` / `."""
    known = sorted((v for v in values if v), key=len, reverse=True)
    if not known or not description:
        return {}
    token = re.compile(r"(?<![A-Za-z0-9_])(" + "|".join(map(re.escape, known)) + r")(?![A-Za-z0-9_])")
    found: dict[str, list[str]] = {}
    for half in halves(description):
        matches = list(token.finditer(half))
        for index, match in enumerate(matches):
            end = matches[index + 1].start() if index + 1 < len(matches) else len(half)
            gloss = half[match.end() : end].lstrip(_GLOSS_LEAD)
            gloss = _GLOSS_END.split(gloss, maxsplit=1)[0].strip(_GLOSS_LEAD)
            if gloss and gloss.lower() not in {"or", "and", "或", "和"} and len(gloss) <= 60:
                found.setdefault(match.group(1), []).append(gloss)
    return {value: " / ".join(dict.fromkeys(texts[:2])) for value, texts in found.items()}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
