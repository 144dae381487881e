"""An upstream's document as Steward understands it: as OpenAPI 3.1, normalised, mended, with what was made of it.

Each operation that became a tool says its effect, its envelope, what the gateway fills and hides, what was mended; the
introduction says what was left out and why. `assembly.py` hands it to `blueprints/docs.py`. No origin, key or constant
of upstreams.yaml is in it: the page may be open to residents. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from integrations.catalogue import Catalogue
from integrations.openapi.model import MediaType, Note, Parameter, Response, Schema
from integrations.upstream.config import Scalar, UpstreamSettings, identity_field
from integrations.upstream.envelope import rule_for
from integrations.upstream.target import Target, Upstream
from schemas.turn import Locale

_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"})
_HEADINGS: Mapping[str, Mapping[Locale, str]] = {
    "skipped": {"zh": "未能使用", "en": "Left out: cannot be used"},
    "dropped": {"zh": "按 upstreams.yaml 略去", "en": "Left out as upstreams.yaml says"},
    "mended": {"zh": "已修正", "en": "Mended"},
    "cut": {"zh": "为模型缩短", "en": "Shortened for the model"},
    "noticed": {"zh": "值得注意", "en": "Noteworthy"},
}
_INTRODUCTION: Mapping[Locale, str] = {
    "zh": "智能助手所理解的**{title}**（{document}，{version}）：{operations} 个操作，其中 {tools} 个可用"
    "（{writes} 个写操作，须经住户确认）。",
    "en": "**{title}** as the assistant understands it ({document}, {version}): {operations} operations, {tools} of"
    " them usable ({writes} writes, which need the resident's yes).",
}
_FAILED: Mapping[Locale, str] = {"zh": "文档无法读取：{reason}", "en": "The document does not load: {reason}"}


def understood(catalogue: Catalogue, name: str, locale: Locale) -> dict[str, Any]:
    """The document of one upstream of the catalogue. Raises `KeyError` for an unknown one."""
    notes = catalogue.reports[name]
    if name in catalogue.failures:
        reason = _FAILED[locale].format(reason=_plain(str(catalogue.failures[name])))
        return {"openapi": "3.1.0", "info": {"title": name, "version": "", "description": reason}, "paths": {}}
    return _Writer(catalogue, catalogue.upstreams[name], notes, locale).document()


class _Writer:
    """Writes one document; definitions that its schemas bring are gathered as its components."""

    def __init__(self, catalogue: Catalogue, upstream: Upstream, notes: Iterable[Note], locale: Locale) -> None:
        self._upstream, self._notes, self._locale = upstream, list(notes), locale
        self._targets = {target.tool.operation.key: target for target in catalogue.tools_of(upstream.name)}
        self._schemas: dict[str, Any] = {}

    def document(self) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        for operation in self._upstream.document.operations:
            target = self._targets.get(operation.key)
            if target is not None and operation.method in _METHODS:
                paths.setdefault(operation.path, {})[operation.method.lower()] = self._operation(target)
        written: dict[str, Any] = {
            "openapi": "3.1.0",
            "info": {
                "title": self._upstream.title(self._locale),
                "version": self._upstream.document.version,
                "description": self._introduction(),
            },
            "servers": [{"url": self._base_path()}],
            "paths": paths,
            "components": {"schemas": self._schemas},
            "x-steward-notes": [_note(note) for note in self._notes],
        }
        return written

    def _base_path(self) -> str:
        servers = self._upstream.document.servers
        return urlsplit(self._upstream.settings.base_url).path or (servers[0].path if servers else "") or "/"

    def _introduction(self) -> str:
        document = self._upstream.document
        lines = [
            _INTRODUCTION[self._locale].format(
                title=_plain(self._upstream.title(self._locale)),
                document=_plain(document.name),
                version=_plain(document.version),
                operations=len(document.operations),
                tools=len(self._targets),
                writes=sum(target.tool.effect == "write" for target in self._targets.values()),
            )
        ]
        for action, heading in _HEADINGS.items():
            found = [note for note in self._notes if note.action == action]
            if found:
                lines += ["", f"### {heading[self._locale]} ({len(found)})", ""]
                lines += [f"- `{_code(_where(note))}`: {_plain(note.reason)}" for note in found]
        return "\n".join(lines)

    def _operation(self, target: Target) -> dict[str, Any]:
        tool, operation = target.tool, target.tool.operation
        written: dict[str, Any] = {
            "operationId": tool.name,
            "summary": f"{target.title(self._locale)} · {tool.effect}",
            "description": "\n\n".join(_plain(line) for line in tool.description.splitlines()),
            "tags": list(operation.tags[:1]),
            "parameters": [self._parameter(target, one) for one in operation.parameters],
            "responses": {one.status: self._response(one) for one in operation.responses} or {"default": _NO_RESPONSE},
            "x-steward-tool": tool.name,
            "x-steward-effect": tool.effect,
            "x-steward-envelope": _envelope(target),
            "x-steward-credential": "none" if target.public else _credential(target.upstream.settings),
        }
        if operation.operation_id and operation.operation_id != tool.name:
            written["x-steward-operation-id"] = operation.operation_id
        if operation.deprecated:
            written["deprecated"] = True
        if operation.body is not None:
            written["requestBody"] = {
                "required": operation.body.required,
                "description": operation.body.description,
                "content": self._content(operation.body.media_types),
            }
        written |= {f"x-steward-{name}": value for name, value in self._made_of(target) if value}
        return written

    def _made_of(self, target: Target) -> Iterator[tuple[str, Any]]:
        """What the gateway adds to an operation besides its effect."""
        settings, own = target.settings, target.tool.operation
        yield "filled", {f"{location}.{name}": _filled(value) for (location, name), value in _bound(target)}
        yield "confirm", settings.confirm
        yield "examples", list(settings.examples)
        yield "money", dict(settings.money)
        yield "idempotency", settings.idempotency.header if settings.idempotency is not None else None
        yield "notes", [_note(note) for note in self._notes if note.operation == own.key]

    def _parameter(self, target: Target, parameter: Parameter) -> dict[str, Any]:
        written: dict[str, Any] = {
            "name": parameter.name,
            "in": parameter.location,
            "required": parameter.required or parameter.location == "path",
            "description": parameter.description,
        }
        schema = self._hoisted(parameter.schema)
        if parameter.media_type is not None:
            written["content"] = {parameter.media_type: {"schema": schema}}
        else:
            written |= {"schema": schema, "style": parameter.style, "explode": parameter.explode}
            if parameter.allow_reserved and parameter.location == "query":
                written["allowReserved"] = True
        bound = {(location, name.lower()) for (location, name), _ in _bound(target)}
        if (parameter.location, parameter.name.lower()) in bound:
            written["x-steward-filled"] = True
        elif parameter.name in target.upstream.settings.hide:
            written["x-steward-hidden"] = True
        return written

    def _response(self, response: Response) -> dict[str, Any]:
        written: dict[str, Any] = {"description": response.description}
        if response.media_types:
            written["content"] = self._content(response.media_types)
        return written

    def _content(self, media_types: Iterable[MediaType]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for media_type in media_types:
            content[media_type.name] = {"schema": self._hoisted(media_type.schema)}
            encodings = {
                name: {"contentType": encoding.content_type}
                for name, encoding in media_type.encoding.items()
                if encoding.content_type
            }
            if encodings:
                content[media_type.name]["encoding"] = encodings
        return content

    def _hoisted(self, schema: Schema) -> Any:
        """The schema with its definitions among the components: in one document a name means one definition."""
        if isinstance(schema, bool):
            return schema
        for name, definition in schema.get("$defs", {}).items():
            if name not in self._schemas:
                self._schemas[name] = None  # so that it is rewritten once
                self._schemas[name] = _rewritten(definition)
        return _rewritten({key: value for key, value in schema.items() if key != "$defs"})


_NO_RESPONSE = {"description": ""}


def _rewritten(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {
            key: f"#/components/schemas/{value.removeprefix('#/$defs/')}"
            if key == "$ref" and isinstance(value, str) and value.startswith("#/$defs/")
            else _rewritten(value)
            for key, value in node.items()
        }
    return [_rewritten(item) for item in node] if isinstance(node, list | tuple) else node


def _bound(target: Target) -> list[tuple[tuple[str, str], Scalar]]:
    return [*target.declared.items(), *target.undeclared.items()]


def _filled(value: Scalar) -> str:
    """Where a bound value comes from, never a constant itself: it may be a key."""
    if value is None:
        return "never sent"
    return f"identity.{field}" if (field := identity_field(value)) is not None else "a constant"


def _envelope(target: Target) -> Any:
    settings = target.upstream.settings
    rule = rule_for(settings, target.tool.operation.path)
    if rule is not None:
        return rule.model_dump(exclude_defaults=True)
    return settings.envelope if isinstance(settings.envelope, str) else "none"


def _credential(settings: UpstreamSettings) -> str:
    """Where the resident's own token goes; what is `fixed` is the gateway's own business. There are no
    `securitySchemes`: nobody is to type a token into this page."""
    own = (auth for auth in settings.auth if auth.fixed is None)
    places = [(("header", one.header), ("cookie", one.cookie), ("query", one.query)) for one in own]
    return ", ".join(f"{place} {name}" for found in places for place, name in found if name)


def _note(note: Note) -> dict[str, str]:
    return {"action": note.action, "where": _where(note), "reason": note.reason}


def _where(note: Note) -> str:
    return note.operation or note.pointer or note.document


def _code(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ")


def _plain(text: str) -> str:
    """Text of a document in Markdown: no markup, no link, no image of it is one here."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-!|<>" else c for c in " ".join(text.split()))
