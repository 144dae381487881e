"""Which media types of a request body are usable, and what properties each has; tools and requests both ask here.

JSON where it is offered, unless another supported media type declares properties that JSON lacks (files): then the
union of the properties is offered and the arguments decide. A `oneOf` at the top stays whole: it is never flattened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from integrations.openapi.model import MediaType, RequestBody, Schema
from integrations.openapi.schemas import plain

Kind = Literal["json", "urlencoded", "multipart", "text", "binary"]
_ORDER: tuple[Kind, ...] = ("json", "urlencoded", "multipart", "text", "binary")
_BINARY_TYPES = ("image/", "audio/", "video/", "application/octet-stream", "application/pdf", "application/zip",
                 "application/gzip", "application/x-tar")  # fmt: skip
_NOT_FLAT = ("oneOf", "not", "if", "patternProperties", "propertyNames", "dependentSchemas", "const", "enum")
_MAX_DEPTH = 16
# How many schemas one question may look at: compositions that fan out (a hostile document's) end there.
_MAX_LOOKS = 4_000


@dataclass(frozen=True, slots=True)
class Shape:
    """An object's properties, with `allOf` merged. Their `$ref`s point into `defs`."""

    properties: Mapping[str, Schema]
    required: tuple[str, ...] = ()
    defs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to send a body. `shape` is None where the body must stay one value."""

    media_type: MediaType
    kind: Kind
    shape: Shape | None


def offered(body: RequestBody) -> tuple[Choice, ...]:
    """The ways that a tool offers, best first; empty where no media type of the body is supported."""
    choices = [
        Choice(media_type, kind, shape_of(media_type.schema))
        for media_type in body.media_types
        if (kind := kind_of(media_type)) is not None
    ]
    choices.sort(key=lambda choice: (_ORDER.index(choice.kind), choice.media_type.name.lower() != "application/json"))
    if not choices:
        return ()
    first, rest = choices[0], choices[1:]
    if first.shape is None:
        # One value of several shapes: another way is better only where it takes files that this one cannot.
        with_files = [c for c in rest if c.shape and any(is_file(s, c.shape.defs) for s in c.shape.properties.values())]
        return (with_files[0],) if with_files and first.kind == "json" else (first,)
    known = set(first.shape.properties)
    more = [c for c in rest if c.shape is not None and not set(c.shape.properties) <= known]
    return (first, *more[:1])


def choose(choices: Collection[Choice], names: Collection[str]) -> Choice | None:
    """The first way that has all properties that are given and gets all that it requires, else the first that has
    all, else None."""
    having = [c for c in choices if c.shape is None or set(names) <= set(c.shape.properties)]
    complete = [c for c in having if c.shape is None or set(c.shape.required) <= set(names)]
    return next(iter(complete or having), None)


def kind_of(media_type: MediaType) -> Kind | None:
    """How bodies of this media type are written; None for XML, which is not supported."""
    name = media_type.name.split(";", 1)[0].strip().lower()
    schema = plain(media_type.schema)
    if name == "application/x-www-form-urlencoded":
        return "urlencoded"
    if name.startswith("multipart/"):
        return "multipart"
    if name.endswith(("/json", "+json")) or name in ("text/javascript", "application/json-patch"):
        return "json"
    if name.endswith(("/xml", "+xml")):
        return None
    if is_file(schema, schema.get("$defs", {})) or (not schema and name.startswith(_BINARY_TYPES)):
        return "binary"
    if schema.get("type") == "string" or (name.startswith("text/") and not schema):
        return "binary" if name.startswith(_BINARY_TYPES) else "text"
    return "json"


def is_file(schema: Schema, defs: Mapping[str, Any], depth: int = 0, looks: list[int] | None = None) -> bool:
    """Whether a value is a file, or a list of files (OpenAPI 3.0 `format: binary`, 3.1 `contentMediaType`)."""
    looks = [_MAX_LOOKS] if looks is None else looks
    looks[0] -= 1
    if isinstance(schema, bool) or depth > _MAX_DEPTH or looks[0] < 0:
        return False
    if "$ref" in schema:
        target = defs.get(str(schema["$ref"]).removeprefix("#/$defs/"))
        return target is not None and is_file(target, defs, depth + 1, looks)
    kind = schema.get("type")
    if kind == "array" or (isinstance(kind, list) and "array" in kind):
        return is_file(schema.get("items", True), defs, depth + 1, looks)
    for keyword in ("allOf", "anyOf", "oneOf"):
        members = [m for m in schema.get(keyword, ()) if m != {"type": "null"}]
        if members and all(is_file(m, defs, depth + 1, looks) for m in members):
            return True
    if schema.get("format") in ("binary", "file"):
        return True
    media = schema.get("contentMediaType")
    if not isinstance(media, str) or "contentEncoding" in schema:
        return False
    return not media.startswith(("text/", "application/json")) and kind in (None, "string", ["string", "null"])


def shape_of(schema: Schema) -> Shape | None:
    """The object that the schema describes, or None where it is something else or would lose by being flattened."""
    top = plain(schema)
    defs = top.get("$defs", {})
    merged = merge(top, defs)
    if merged is None or not merged[0]:
        return None
    return Shape(merged[0], tuple(name for name in merged[1] if name in merged[0]), defs)


def merge(
    node: Schema, defs: Mapping[str, Any], depth: int = 0, looks: list[int] | None = None
) -> tuple[dict[str, Schema], dict[str, None]] | None:
    """Properties and required names of a plain object, its `$ref` and `allOf` merged; None where it is not plain."""
    looks = [_MAX_LOOKS] if looks is None else looks
    looks[0] -= 1
    if isinstance(node, bool) or depth > _MAX_DEPTH or looks[0] < 0 or any(key in node for key in _NOT_FLAT):
        return None
    kind = node.get("type")
    if kind is not None and kind != "object" and not (isinstance(kind, list) and "object" in kind):
        return None
    if node.get("additionalProperties", False) is not False:
        return None
    if "anyOf" in node and not all(isinstance(b, Mapping) and set(b) <= {"required", "type"} for b in node["anyOf"]):
        return None
    properties: dict[str, Schema] = {}
    required: dict[str, None] = {}
    members: list[Schema] = list(node.get("allOf", ()))
    if "$ref" in node:
        members.insert(0, defs.get(str(node["$ref"]).removeprefix("#/$defs/"), False))
    for member in members:
        part = merge(member, defs, depth + 1, looks)
        if part is None:
            return None
        for name, schema in part[0].items():
            _join(properties, name, schema)
        required.update(part[1])
    for name, schema in node.get("properties", {}).items():
        _join(properties, name, schema)
    required.update(dict.fromkeys(node.get("required", ())))
    return properties, required


def _join(properties: dict[str, Schema], name: str, schema: Schema) -> None:
    """A property that several members describe must fit all of them."""
    if name in properties and properties[name] != schema:
        old = plain(properties[name])
        properties[name] = {"allOf": [old, schema]} if old else schema
    else:
        properties[name] = schema
