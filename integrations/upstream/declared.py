"""Values back in the types that the document declares, and the files among them; `request.py` calls it. Pure.

A model is offered ids beyond 2^53 as strings; on the wire they are the integers that the document says they are. What
is `readOnly` never travels in a request (OpenAPI 3.1.1 §4.8.24, JSON Schema Validation §9.4).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from integrations.openapi.bodies import is_file, offered
from integrations.openapi.model import Schema, Tool
from integrations.upstream.files import MARK, as_file, is_marked
from schemas.errors import RequestRefused

_INTEGER = re.compile(r"-?[0-9]+")
_MAX_DEPTH = 64
_MAX_DIGITS = 100


def coerce(value: Any, schema: Schema, defs: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """`value` with texts of digits made integers where the schema has integers and no strings there, integers made
    texts where it has nothing but strings; without members that are only read; a file as text where the schema encodes
    bytes as text (`contentEncoding`)."""
    if isinstance(schema, bool) or depth > _MAX_DEPTH:
        return value
    defs = schema.get("$defs", defs or {}) if defs is None else defs
    if isinstance(value, (str, Decimal, float, int)) and not isinstance(value, bool):
        return _integer(value, schema, defs)
    if is_marked(value):
        how = keyword(schema, defs, "contentEncoding")
        return value if how is None and keyword(schema, defs, "format") != "byte" else _base64(value, how)
    if isinstance(value, Mapping):
        found = {name: _property(schema, name, defs, 0) for name in value}
        return {
            name: coerce(v, _merged(found[name]), defs, depth + 1)
            for name, v in value.items()
            if not found[name] or not all(keyword(s, defs, "readOnly") is True for s in found[name])
        }
    if isinstance(value, list):
        inner = _merged(_items(schema, defs, 0))
        return [coerce(item, inner, defs, depth + 1) for item in value]
    return value


def _integer(value: Any, schema: Schema, defs: Mapping[str, Any]) -> Any:
    kinds = set(_kinds(schema, defs, 0))
    if isinstance(value, int):
        return str(value) if kinds and kinds <= {"string", "null"} else value
    if isinstance(value, str):
        fits = "integer" in kinds and "string" not in kinds and len(value) <= _MAX_DIGITS
        return int(value) if fits and _INTEGER.fullmatch(value) else value
    if "integer" not in kinds or "number" in kinds:
        return value
    exact = value if isinstance(value, Decimal) else Decimal(value)
    # 1E+999999999 is a whole number too, of a gigabyte: it is left as it is written.
    fits = exact.is_finite() and exact.adjusted() < _MAX_DIGITS and exact == exact.to_integral_value()
    return int(exact) if fits else value


def keyword(schema: Schema, defs: Mapping[str, Any], name: str) -> Any:
    """A keyword of the schema itself or of what it refers to; None where neither has it."""
    for _ in range(16):
        if isinstance(schema, bool):
            return None
        if name in schema:
            return schema[name]
        if "$ref" not in schema:
            return None
        schema = defs.get(str(schema["$ref"]).removeprefix("#/$defs/"), True)
    return None


def declares(schema: Schema, path: list[str], defs: Mapping[str, Any] | None = None) -> bool:
    """Whether the schema has a property at `path`, through lists too. What `additionalProperties` allows is none."""
    if isinstance(schema, bool):
        return False
    defs = schema.get("$defs", {}) if defs is None else defs
    front: list[Schema] = [schema]
    for name in path:
        parts = [part for node in front for part in _parts(node, defs, 0)]
        parts += [part for outer in parts if "items" in outer for part in _parts(outer["items"], defs, 0)]
        front = [part["properties"][name] for part in parts if name in part.get("properties", {})]
    return bool(front)


def encoded_text(value: Any) -> Any:
    """The value with every file in it as Base64 text, the only form that texts and JSON have for bytes (OpenAPI 3.1.1
    §4.4.2)."""
    if is_marked(value):
        return _base64(value, None)
    if isinstance(value, Mapping):
        return {name: encoded_text(member) for name, member in value.items()}
    return [encoded_text(item) for item in value] if isinstance(value, list) else value


def _base64(value: Any, how: Any) -> Any:
    file = as_file(value)
    if file is None:
        return value
    if how in (None, "base64"):
        return base64.b64encode(file.content).decode()
    if how == "base64url":
        return base64.urlsafe_b64encode(file.content).decode()
    if how in ("base16", "hex"):
        return base64.b16encode(file.content).decode()
    if how == "base32":
        return base64.b32encode(file.content).decode()
    raise RequestRefused(f"A file cannot be sent in the encoding {str(how)[:40]!r}.")


def _merged(schemas: list[Schema]) -> Schema:
    return {"anyOf": schemas} if len(schemas) != 1 else schemas[0]


def _parts(schema: Schema, defs: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    """The schema, what it refers to and what it is composed of: a few levels, which is what real ones have."""
    if isinstance(schema, bool) or depth > _MAX_DEPTH:
        return
    yield schema
    if "$ref" in schema:
        yield from _parts(defs.get(str(schema["$ref"]).removeprefix("#/$defs/"), True), defs, depth + 16)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for member in schema.get(keyword, ()):
            yield from _parts(member, defs, depth + 8)


def _kinds(schema: Schema, defs: Mapping[str, Any], depth: int) -> Iterator[str]:
    for part in _parts(schema, defs, depth):
        kind = part.get("type")
        if kind is not None:
            yield from kind if isinstance(kind, list) else [kind]


def _property(schema: Schema, name: str, defs: Mapping[str, Any], depth: int) -> list[Schema]:
    found: list[Schema] = []
    for part in _parts(schema, defs, depth):
        if name in part.get("properties", {}):
            found.append(part["properties"][name])
        elif isinstance(part.get("additionalProperties"), Mapping):
            found.append(part["additionalProperties"])
    return found


def _items(schema: Schema, defs: Mapping[str, Any], depth: int) -> list[Schema]:
    return [part["items"] for part in _parts(schema, defs, depth) if "items" in part]


def upload_ids(tool: Tool, arguments: Mapping[str, Any]) -> dict[tuple[str | int, ...], str]:
    """Where the arguments name uploads: path into the arguments → upload id. Fill them in with `with_files`."""
    found: dict[tuple[str | int, ...], str] = {}
    body = tool.operation.body
    for choice in offered(body) if body is not None else ():
        if choice.kind not in ("multipart", "binary"):
            continue
        for name, argument in tool.arguments.items():
            if argument.location != "body" or name not in arguments:
                continue
            if argument.pointer == "" and choice.kind == "binary":
                found.update(_strings(arguments[name], (name,)))
            elif choice.shape is not None and argument.name in choice.shape.properties:
                schema = choice.shape.properties[argument.name]
                found.update(_files(arguments[name], schema, choice.shape.defs, (name,), 0))
            elif argument.pointer == "":
                schema = choice.media_type.schema
                defs = schema.get("$defs", {}) if isinstance(schema, Mapping) else {}
                found.update(_files(arguments[name], schema, defs, (name,), 0))
    return found


def with_files(
    arguments: Mapping[str, Any], files: Mapping[tuple[str | int, ...], Mapping[str, Any]]
) -> dict[str, Any]:
    """The arguments with `{"$file": described}` at each path; `described` is {"filename", "type", "content": bytes}."""

    def filled(value: Any, path: tuple[str | int, ...]) -> Any:
        if path in files:
            return {MARK: files[path]}
        if isinstance(value, Mapping):
            return {name: filled(member, (*path, name)) for name, member in value.items()}
        if isinstance(value, list):
            return [filled(item, (*path, index)) for index, item in enumerate(value)]
        return value

    return {name: filled(value, (name,)) for name, value in arguments.items()}


_Path = tuple[str | int, ...]


def _files(value: Any, schema: Schema, defs: Mapping[str, Any], path: _Path, depth: int) -> Iterator[tuple[_Path, str]]:
    if depth > _MAX_DEPTH or isinstance(schema, bool):
        return
    if is_file(schema, defs):
        yield from _strings(value, path)
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _files(member, _merged(_property(schema, name, defs, 0)), defs, (*path, name), depth + 1)
    elif isinstance(value, list):
        inner = _merged(_items(schema, defs, 0))
        for index, item in enumerate(value):
            yield from _files(item, inner, defs, (*path, index), depth + 1)


def _strings(value: Any, path: _Path) -> Iterator[tuple[_Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, (*path, index))
