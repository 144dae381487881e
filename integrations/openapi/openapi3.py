"""Parameters, bodies and responses of OpenAPI 3.0 and 3.1 (3.1 §4.8.12–§4.8.17); `operations.py` calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from integrations.openapi.model import Encoding, MediaType, Parameter, RequestBody, Response, Server
from integrations.openapi.operations import Reading
from integrations.openapi.paths import Template, read_servers
from integrations.openapi.refs import escape
from integrations.openapi.schemas import Schemas

Raw = tuple[Mapping[str, Any], str]
_STYLES: dict[str, tuple[str, ...]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
ParameterLocation = Literal["path", "query", "header", "cookie"]


class OpenApi3:
    """The dialect of OpenAPI 3.0 and 3.1."""

    def __init__(self, reading: Reading, version: str) -> None:
        self.reading = reading
        self.schemas = Schemas(reading.references, version, reading.mended)

    def servers(self) -> tuple[Server, ...]:
        return read_servers(self.reading.root.get("servers")) or (Server("/", ""),)

    def parameters(self, raw: list[Raw], template: Template) -> list[Parameter]:
        return [self._parameter(parameter, at, template) for parameter, at in raw]

    def _parameter(self, raw: Mapping[str, Any], at: str, template: Template) -> Parameter:
        name = str(raw["name"])
        location = str(raw.get("in", "")).lower()
        if location not in _STYLES:
            location = "path" if name in template.names else "query"
            self.reading.mended(
                at, f"`in` is {raw.get('in')!r}; the parameter {name!r} was read as one of the {location}"
            )
        default = _STYLES[location][0]
        style = raw.get("style", default)
        if style not in _STYLES[location]:
            self.reading.mended(at, f"the style {style!r} is not one for a {location} parameter; {default} is used")
            style = default
        explode = raw["explode"] if isinstance(raw.get("explode"), bool) else style == "form"
        schema: Any = raw.get("schema")
        media_type, where = None, f"{at}/schema"
        content = raw.get("content")
        if isinstance(content, dict) and content:
            media_type = str(next(iter(content)))
            entry = content[media_type]
            schema = entry.get("schema", {}) if isinstance(entry, dict) else {}
            where = f"{at}/content/{escape(media_type)}/schema"
        elif schema is None:
            schema = {key: raw[key] for key in ("type", "format", "enum", "items", "pattern") if key in raw}
            schema = schema or {"type": "string"}
            self.reading.mended(at, f"the parameter {name!r} has no schema; read as {schema.get('type', 'one')}")
        converted = self.schemas.read(schema, where)
        if isinstance(converted, Mapping) and "examples" not in converted and raw.get("example") is not None:
            converted = {**converted, "examples": [raw["example"]]}
        return Parameter(
            name=name,
            location=cast(ParameterLocation, location),
            required=raw.get("required") is True or location == "path",
            schema=converted,
            style=str(style),
            explode=explode,
            allow_reserved=raw.get("allowReserved") is True,
            media_type=media_type,
            description=str(raw.get("description") or ""),
        )

    def body(self, operation: Mapping[str, Any], raw: list[Raw], pointer: str) -> RequestBody | None:
        if operation.get("requestBody") is None:
            return None
        at = f"{pointer}/requestBody"
        found = self.reading.references.follow(operation["requestBody"], at)
        if found is None:
            self.reading.mended(at, "the request body cannot be resolved; any JSON is accepted there")
            return RequestBody(False, (MediaType("application/json", {"type": "object"}),))
        body, at = found
        media_types = self._content(body.get("content"), f"{at}/content")
        if not media_types:
            self.reading.mended(at, "the request body has no content; any JSON is accepted there")
            media_types = (MediaType("application/json", {"type": "object"}),)
        return RequestBody(body.get("required") is True, media_types, str(body.get("description") or ""))

    def _content(self, content: Any, pointer: str) -> tuple[MediaType, ...]:
        if not isinstance(content, dict):
            return ()
        found: list[MediaType] = []
        for name, entry in content.items():
            at = f"{pointer}/{escape(name)}"
            resolved = self.reading.references.follow(entry, at)
            entry, at = resolved if resolved is not None else ({}, at)
            schema: Any = self.schemas.read(entry["schema"], f"{at}/schema") if "schema" in entry else {}
            # §4.7.15 of 3.0: `style` and its like are ignored in multipart bodies; 3.1 §4.8.15 has them there too.
            styled = self.schemas.version != "3.0" or not str(name).strip().lower().startswith("multipart/")
            found.append(MediaType(str(name).strip(), schema, _encodings(entry.get("encoding"), styled)))
        return tuple(found)

    def responses(self, operation: Mapping[str, Any], pointer: str) -> tuple[Response, ...]:
        raw = operation.get("responses")
        found: list[Response] = []
        for status, entry in raw.items() if isinstance(raw, dict) else ():
            resolved = self.reading.references.follow(entry, f"{pointer}/responses/{escape(status)}")
            if resolved is None or str(status).startswith("x-"):
                continue
            response, at = resolved
            headers = response.get("headers")
            found.append(
                Response(
                    str(status).upper() if str(status) != "default" else "default",
                    str(response.get("description") or ""),
                    self._content(response.get("content"), f"{at}/content"),
                    headers if isinstance(headers, dict) else {},
                )
            )
        return tuple(found)


def _encodings(raw: Any, styled: bool) -> dict[str, Encoding]:
    found: dict[str, Encoding] = {}
    for name, entry in raw.items() if isinstance(raw, dict) else ():
        if isinstance(entry, dict):
            style, explode = entry.get("style"), entry.get("explode")
            headers = entry.get("headers")
            found[str(name)] = Encoding(
                content_type=entry["contentType"] if isinstance(entry.get("contentType"), str) else None,
                style=style if isinstance(style, str) and styled else None,
                explode=explode if isinstance(explode, bool) and styled else None,
                allow_reserved=entry.get("allowReserved") is True and styled,
                headers=headers if isinstance(headers, dict) else {},
            )
    return found
