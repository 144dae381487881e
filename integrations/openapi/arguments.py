"""One flat, closed argument schema of an operation, and where each argument goes; `tools.py` calls it.

Parameters stand beside the properties of the body. What the gateway fills (bound, hidden, reserved) is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.openapi.bodies import Choice, Kind, offered
from integrations.openapi.closed import close_objects
from integrations.openapi.definitions import MAX_FAN_OUT, fan_out, inline_single
from integrations.openapi.model import Argument, Operation, Parameter, RequestBody, Schema, ToolOptions
from integrations.openapi.names import argument_names
from integrations.openapi.project import DETAILS, Detail, Projector, Recursive, TooLarge
from integrations.openapi.refs import escape
from integrations.openapi.schemas import CUT
from integrations.openapi.words import clean, shorten

# OpenAPI 3.1 §4.8.12 reserves Accept, Content-Type and Authorization; the others frame or reroute a request, or turn
# one method into another.
RESERVED_HEADERS = frozenset({
    "accept", "authorization", "connection", "content-length", "content-type", "cookie", "expect", "forwarded", "host",
    "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "via",
    "x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-real-ip", "x-rewrite-url",
})  # fmt: skip
_WHOLE = "body"
# The barest property has some 25 bytes: more would not fit into any tool.
MAX_ARGUMENTS = 600
# What a body without a schema takes (§4.8.14: anything): in JSON an object or a list, in a form an object.
_ANY: dict[Kind, dict[str, Any]] = {
    "json": {"type": ["object", "array"]},
    "urlencoded": {"type": "object"},
    "multipart": {"type": "object"},
    "text": {"type": "string"},
}
_TYPING = frozenset({"type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "not", "if"})


class Unusable(ValueError):
    """The operation cannot become a tool; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """`parameters` is the schema, `arguments` its map; `cut`: something was shortened, `brief`: no text is left."""

    parameters: dict[str, Any]
    arguments: dict[str, Argument]
    cut: bool
    brief: bool


@dataclass(frozen=True, slots=True)
class _Item:
    argument: Argument
    schema: Schema
    required: bool
    description: str
    defs: Mapping[str, Any]
    files: bool = False
    accepts: str = ""
    # What travels as text anyway (parameters, form fields) is a string where the document names no type.
    text: bool = False


def build_arguments(operation: Operation, options: ToolOptions, budget: int) -> Arguments:
    """The arguments of `operation`, in at most `budget` bytes of JSON where cutting can achieve that.

    A body whose properties are too many to be shown is one open argument, marked as cut. Raises `Unusable` where no
    media type of a body is supported, or the parameters alone do not fit.
    """
    parameters, body = list(_parameters(operation, options)), _body(operation.body, options)
    if len(parameters) > MAX_ARGUMENTS:
        raise Unusable(f"it has {len(parameters)} parameters, more than the {MAX_ARGUMENTS} that a tool can show")
    if len(body) <= MAX_ARGUMENTS:
        built = _built(operation, [*parameters, *body], budget)
        if size_of(built.parameters) <= budget:
            return built
    built = _built(operation, [*parameters, *(_cut_whole(operation.body) if body else ())], budget)
    if size_of(built.parameters) > budget:
        raise Unusable(
            f"its {len(parameters)} parameters do not fit into the {budget} bytes that its tool has for them"
        )
    return built


def _built(operation: Operation, items: list[_Item], budget: int) -> Arguments:
    names = argument_names((item.argument.location, _wire(item.argument)) for item in items)
    arguments = {name: item.argument for name, item in zip(names, items, strict=True)}
    parameters, cut, brief = _fit(dict(zip(names, items, strict=True)), budget)
    dependent = _dependent(names, items, operation.body)
    if dependent:
        parameters["dependentRequired"] = dependent
    return Arguments(parameters, arguments, cut, brief)


def is_reserved(header: str, more: frozenset[str]) -> bool:
    """Whether a header parameter is the gateway's own (names compare without case, RFC 9110 §5.1)."""
    name = header.lower()
    return name in RESERVED_HEADERS or name in more or name.startswith(("x-forwarded-", "sec-", "proxy-"))


def _parameters(operation: Operation, options: ToolOptions) -> Iterator[_Item]:
    bound = {(location, _folded(location, name)) for location, name in options.bound}
    for parameter in operation.parameters:
        name, location = parameter.name, parameter.location
        if (location, _folded(location, name)) in bound or name in options.hidden:
            continue
        if location == "header" and is_reserved(name, options.reserved_headers):
            continue
        schema = parameter.schema
        defs = schema.get("$defs", {}) if isinstance(schema, Mapping) else {}
        yield _Item(Argument(location, name), schema, parameter.required, _said(parameter), defs, text=True)


def _folded(location: str, name: str) -> str:
    return name.lower() if location == "header" else name


def _said(parameter: Parameter) -> str:
    """A parameter's description, unless it only repeats the name as generators do."""
    text = clean(parameter.description)
    return "" if text.casefold() == parameter.name.casefold() else text


def _body(body: RequestBody | None, options: ToolOptions) -> list[_Item]:
    if body is None:
        return []
    choices = offered(body)
    if not choices:
        names = ", ".join(media_type.name for media_type in body.media_types)
        raise Unusable(f"its body is {names}, which is not supported")
    if choices[0].shape is None:
        return [_whole(choices[0], body)]
    return _flat(choices, body, options)


def _whole(choice: Choice, body: RequestBody) -> _Item:
    schema = choice.media_type.schema
    defs = schema.get("$defs", {}) if isinstance(schema, Mapping) else {}
    if choice.kind == "binary":
        schema = {"type": "string", "format": "binary"}
    elif schema is True or (isinstance(schema, Mapping) and not schema.keys() - {"$defs"}):
        schema = _ANY[choice.kind]
    text = clean(body.description)
    return _Item(
        Argument("body", _WHOLE, ""), schema, body.required, text, defs, files=choice.kind in ("binary", "multipart")
    )


def _cut_whole(body: RequestBody | None) -> list[_Item]:
    """The body as one open argument."""
    choice = offered(body)[0] if body is not None else None
    if body is None or choice is None:
        return []
    kind = "string" if choice.kind in ("text", "binary") else "object"
    text = f"{shorten(clean(body.description), 200)} {CUT}".strip()
    return [_Item(Argument("body", _WHOLE, ""), {"type": kind, "description": text}, body.required, "", {})]


def _flat(choices: tuple[Choice, ...], body: RequestBody, options: ToolOptions) -> list[_Item]:
    """The union of the properties; required is what every way requires. Bound and hidden properties are left out."""
    bound = {name for location, name in options.bound if location == "body"}
    items: dict[str, _Item] = {}
    for choice in choices:
        shape = choice.shape
        if shape is None:
            continue
        projector = Projector(shape.defs, DETAILS[0])
        for name, schema in shape.properties.items():
            if name in items or name in bound or name in options.hidden or projector.read_only(schema):
                continue
            required = body.required and all(c.shape is not None and name in c.shape.required for c in choices)
            argument = Argument("body", name, f"/{escape(name)}")
            encoding = choice.media_type.encoding.get(name)
            accepts = (encoding.content_type or "") if encoding is not None else ""
            files = choice.kind == "multipart"
            form = choice.kind != "json"
            items[name] = _Item(argument, schema, required, "", shape.defs, files, accepts, form)
    return list(items.values())


def _dependent(names: list[str], items: list[_Item], body: RequestBody | None) -> dict[str, list[str]]:
    """A body that may be left out but, once begun, needs its required properties (Validation §6.5.4)."""
    if body is None or body.required:
        return {}
    choices = offered(body)
    if len(choices) != 1 or choices[0].shape is None:
        return {}
    own = {
        item.argument.name: name for name, item in zip(names, items, strict=True) if item.argument.location == "body"
    }
    needed = [own[name] for name in choices[0].shape.required if name in own]
    found = {name: [other for other in needed if other != name] for name in own.values()}
    return {name: others for name, others in found.items() if others}


def _wire(argument: Argument) -> str:
    return argument.name


def _fit(items: dict[str, _Item], budget: int) -> tuple[dict[str, Any], bool, bool]:
    """The schema in the richest detail that fits the budget; whether it was cut, and whether no text is left."""
    parameters: dict[str, Any] = {}
    cut = False
    for detail in DETAILS:
        try:
            parameters, cut = _render(items, detail, budget)
        except (TooLarge, Recursive):
            continue
        if size_of(parameters) > budget:
            continue
        close_objects(parameters)
        if size_of(parameters) <= budget and ("$defs" not in parameters or fan_out(parameters) <= MAX_FAN_OUT):
            return parameters, cut or detail not in DETAILS[:2], detail.text == 0
    return parameters, True, True


def size_of(value: Any) -> int:
    """Bytes of the JSON text as most clients write it: escaped to ASCII."""
    return len(json.dumps(value, ensure_ascii=True, default=str))


def _render(items: dict[str, _Item], detail: Detail, budget: int) -> tuple[dict[str, Any], bool]:
    properties: dict[str, Any] = {}
    cut = False
    projector = Projector({}, detail, room=budget)
    shared = projector.shared
    for name, item in items.items():
        projector = projector.alike(item.defs, files=item.files, accepts=item.accepts)
        schema: Schema = item.schema
        if isinstance(schema, Mapping) and "$defs" in schema:
            schema = {key: value for key, value in schema.items() if key != "$defs"}
        wire = item.argument.name
        projected = projector.project(schema, wire, 1 if item.argument.pointer != "" else 0)
        shown = dict(projected) if isinstance(projected, Mapping) else {}
        if item.text and not shown.keys() & _TYPING:
            shown["type"] = "string"
        _describe(shown, item, name, projector)
        properties[name] = shown
        cut = cut or projector.cut
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if shared:
        parameters = inline_single(parameters, shared)
    required = [name for name, item in items.items() if item.required]
    if required:
        parameters["required"] = required
    parameters["additionalProperties"] = False
    if shared:
        parameters["$defs"] = shared
    return parameters, cut


def _describe(shown: dict[str, Any], item: _Item, name: str, projector: Projector) -> None:
    """The parameter's own words come before its schema's; a wire name that could not be kept is told."""
    said = projector.words(item.description)
    if said:
        old = str(shown.get("description", ""))
        # What the schema adds that is not words of the document (what was shortened, how a file is given) is kept.
        extra = old if item.files or old.endswith("[shortened]") else ""
        shown["description"] = f"{said} {extra}".strip() if extra not in said else said
    wire = item.argument.name
    if wire != name and not wire.isascii() and projector.detail.text:
        shown["description"] = projector.words(f"{wire}: {shown.get('description', '')}".rstrip(": "))
