"""Swagger 2.0 read into the 3.1 form: `host`/`basePath`, `formData`, `collectionFormat`, `consumes` and `produces`.

Swagger 2.0 §Parameter Object, §Items Object, §Response Object; `operations.py` calls it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from integrations.openapi.model import Encoding, MediaType, Parameter, RequestBody, Response, Server
from integrations.openapi.openapi3 import ParameterLocation
from integrations.openapi.operations import Reading
from integrations.openapi.paths import Template, server_path
from integrations.openapi.refs import escape
from integrations.openapi.schemas import Schemas

Raw = tuple[Mapping[str, Any], str]
_JSON = "application/json"
_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_LOCATIONS = ("path", "query", "header", "cookie")
# collectionFormat → (style, explode). Outside a query 3.x has no style for ssv, tsv and pipes; 2.0 has them anywhere.
_COLLECTIONS = {
    "csv": ("form", False),
    "ssv": ("spaceDelimited", False),
    "tsv": ("tabDelimited", False),
    "pipes": ("pipeDelimited", False),
    "multi": ("form", True),
}
# §Items Object: inside a list `multi` is not allowed.
_INNER = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}
_MAX_INNER = 8
_NOT_SCHEMA = frozenset({"name", "in", "required", "description", "collectionFormat", "allowEmptyValue", "schema",
                         "allowMultiple", "style", "explode"})  # fmt: skip


class Swagger2:
    """The dialect of Swagger 2.0."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.schemas = Schemas(reading.references, "2.0", reading.mended)

    def servers(self) -> tuple[Server, ...]:
        """§Swagger Object: scheme, host and basePath; the first scheme first."""
        root = self.reading.root
        host, base = root.get("host"), root.get("basePath")
        base = base if isinstance(base, str) else ""
        schemes = root.get("schemes")
        names = [s for s in schemes if isinstance(s, str)] if isinstance(schemes, list) else []
        prefix = "/" + base.strip("/") if base.strip("/") else ""
        if not isinstance(host, str) or not host.strip():
            return (Server(prefix or "/", server_path(prefix)),)
        host = host.strip().removeprefix("http://").removeprefix("https://").strip("/")
        return tuple(Server(f"{scheme}://{host}{prefix}", server_path(prefix)) for scheme in names or ["https"])

    def parameters(self, raw: list[Raw], template: Template) -> list[Parameter]:
        return [self._parameter(p, at, template) for p, at in raw if p.get("in") not in ("body", "formData", "form")]

    def _parameter(self, raw: Mapping[str, Any], at: str, template: Template) -> Parameter:
        name = str(raw["name"])
        location = str(raw.get("in", "")).lower()
        if location not in _LOCATIONS:
            location = "path" if name in template.names else "query"
            self.reading.mended(
                at, f"`in` is {raw.get('in')!r}; the parameter {name!r} was read as one of the {location}"
            )
        schema = self._schema(raw, at, name)
        style, explode = _style(raw, location)
        return Parameter(
            name=name,
            location=cast(ParameterLocation, location),
            required=raw.get("required") is True or location == "path",
            schema=schema,
            style=style,
            explode=explode,
            description=str(raw.get("description") or ""),
            inner=_inner(raw),
        )

    def _schema(self, raw: Mapping[str, Any], at: str, name: str) -> Any:
        """A parameter of 2.0 is its own schema; generators also put a `schema` where it does not belong."""
        own = {key: value for key, value in raw.items() if key not in _NOT_SCHEMA and not key.startswith("x-")}
        own |= {key: raw[key] for key in ("x-nullable", "x-enumNames", "x-enum-descriptions") if key in raw}
        if isinstance(raw.get("schema"), dict):
            self.reading.mended(at, f"the parameter {name!r} carries a `schema`; it was read")
            own = {**raw["schema"], **{k: v for k, v in own.items() if k not in ("type", "items") or v}}
        elif isinstance(own.get("type"), str) and own["type"].lower() in ("ref", "object") and "properties" not in own:
            own = {**own, "type": "object"}
        elif "type" not in own and "enum" not in own:
            self.reading.mended(at, f"the parameter {name!r} has no type; read as a string")
            own["type"] = "string"
        return self.schemas.read(own, at, keep=False)

    def body(self, operation: Mapping[str, Any], raw: list[Raw], pointer: str) -> RequestBody | None:
        consumes = [str(c) for c in self._listed(operation, "consumes")]
        bodies = [(p, at) for p, at in raw if p.get("in") == "body"]
        fields = [(p, at) for p, at in raw if p.get("in") in ("formData", "form")]
        if fields and bodies:
            self.reading.mended(pointer, "body and formData parameters exclude each other; the body's schema is kept")
        if bodies:
            return self._json_body(bodies, consumes, pointer)
        return self._form(fields, consumes) if fields else None

    def _json_body(self, bodies: list[Raw], consumes: list[str], pointer: str) -> RequestBody:
        media_types = [c for c in consumes if c not in (_URLENCODED, _MULTIPART, "*/*")] or [_JSON]
        if len(bodies) > 1:
            self.reading.mended(pointer, "several body parameters; each was read as a property of one JSON object")
            properties = {str(p.get("name")): p.get("schema", {}) for p, _ in bodies}
            schema = self.schemas.read({"type": "object", "properties": properties}, pointer, keep=False)
        else:
            raw, at = bodies[0]
            if "schema" in raw:
                schema = self.schemas.read(raw["schema"], f"{at}/schema")
            else:
                self.reading.mended(at, "the body parameter has no schema; its own keywords were read as one")
                own = {k: v for k, v in raw.items() if k not in _NOT_SCHEMA and not k.startswith("x-")}
                schema = self.schemas.read(own or {"type": "object"}, at, keep=False)
        required = any(p.get("required") is True for p, _ in bodies)
        description = str(bodies[0][0].get("description") or "")
        return RequestBody(required, tuple(MediaType(name, schema) for name in media_types), description)

    def _form(self, fields: list[Raw], consumes: list[str]) -> RequestBody:
        properties: dict[str, Any] = {}
        required: list[str] = []
        encoding: dict[str, Encoding] = {}
        read: list[Any] = []
        has_file = False
        for raw, at in fields:
            name = str(raw["name"])
            schema = self._schema(raw, at, name)
            if isinstance(schema, dict):
                read.append(schema)
                schema = {key: value for key, value in schema.items() if key != "$defs"}
                if raw.get("description"):
                    schema = {**schema, "description": str(raw["description"])}
                has_file = has_file or schema.get("format") == "binary"
                if schema.get("type") == "array":
                    style, explode = _style(raw, "query")
                    encoding[name] = Encoding(style=style, explode=explode, inner=_inner(raw))
            properties[name] = schema
            if raw.get("required") is True:
                required.append(name)
        schema = {"type": "object", "properties": properties, "required": required}
        definitions = self.schemas.joined(read)
        if definitions:
            schema["$defs"] = definitions
        names = [c for c in consumes if c.split(";")[0].strip() in (_URLENCODED, _MULTIPART)]
        if has_file:
            names = [_MULTIPART]
        media_types = tuple(MediaType(n, schema, encoding) for n in names or [_URLENCODED])
        return RequestBody(bool(required), media_types)

    def _listed(self, operation: Mapping[str, Any], key: str) -> list[Any]:
        for owner in (operation, self.reading.root):
            value = owner.get(key)
            if isinstance(value, str):
                return [value]
            if isinstance(value, list) and value:
                return value
            if isinstance(value, list):
                return []  # an empty list is a statement: it clears the document's (§Operation Object)
        return []

    def responses(self, operation: Mapping[str, Any], pointer: str) -> tuple[Response, ...]:
        raw = operation.get("responses")
        produces = [str(p) for p in self._listed(operation, "produces")] or [_JSON]
        found: list[Response] = []
        for status, entry in raw.items() if isinstance(raw, dict) else ():
            resolved = self.reading.references.follow(entry, f"{pointer}/responses/{escape(status)}")
            if resolved is None or str(status).startswith("x-"):
                continue
            response, at = resolved
            media_types: tuple[MediaType, ...] = ()
            if isinstance(response.get("schema"), dict):
                schema = self.schemas.read(response["schema"], f"{at}/schema")
                media_types = tuple(MediaType(name, schema) for name in produces)
            headers = response.get("headers")
            found.append(
                Response(
                    str(status).upper() if str(status) != "default" else "default",
                    str(response.get("description") or ""),
                    media_types,
                    headers if isinstance(headers, dict) else {},
                )
            )
        return tuple(found)


def _style(raw: Mapping[str, Any], location: str) -> tuple[str, bool]:
    """§Parameter Object `collectionFormat`: csv unless said otherwise; `multi` only where names can repeat."""
    wanted = raw.get("collectionFormat", "csv")
    style, explode = _COLLECTIONS.get(str(wanted), ("form", False))
    if location in ("path", "header"):
        return ("simple", False) if style == "form" else (style, False)
    if location == "cookie":
        return "form", False
    return style, explode


def _inner(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """The delimiters of lists inside the list, from the outside in: csv unless said otherwise."""
    found: list[str] = []
    items = raw.get("items")
    while isinstance(items, Mapping) and items.get("type") == "array" and len(found) < _MAX_INNER:
        found.append(_INNER.get(str(items.get("collectionFormat", "csv")), ","))
        items = items.get("items")
    return tuple(found)
