"""Walks a document's paths and reads each operation on its own; `swagger2.py` and `openapi3.py` know the two dialects.

OpenAPI 3.1 §4.8.8–§4.8.10, Swagger 2.0 §Paths Object. What is wrong with one operation costs that operation at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from integrations.openapi.model import Note, Operation, Parameter, RequestBody, Response, Server
from integrations.openapi.paths import BadPath, Template, read_servers, read_template
from integrations.openapi.refs import References, escape
from integrations.openapi.schemas import Schemas

MAX_PARAMETERS = 1_000
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class Skip(ValueError):
    """This operation cannot become usable; the message is the reason."""


@dataclass
class Reading:
    """What the reading of one document carries along."""

    document: str
    root: Mapping[str, Any]
    references: References
    notes: list[Note] = field(default_factory=list)
    operation: str = ""
    operation_id: str = ""

    def mended(self, pointer: str, reason: str) -> None:
        self.notes.append(Note(self.document, pointer, reason, "mended", self.operation))

    def skipped(self, pointer: str, reason: str) -> None:
        self.notes.append(Note(self.document, pointer, reason, "skipped", self.operation, self.operation_id))

    def noticed(self, pointer: str, reason: str) -> None:
        self.notes.append(Note(self.document, pointer, reason, "noticed", self.operation))


class Dialect(Protocol):
    """What differs between Swagger 2.0 and OpenAPI 3.x."""

    schemas: Schemas

    def servers(self) -> tuple[Server, ...]: ...

    def parameters(self, raw: list[tuple[Mapping[str, Any], str]], template: Template) -> list[Parameter]: ...

    def body(
        self, operation: Mapping[str, Any], raw: list[tuple[Mapping[str, Any], str]], pointer: str
    ) -> RequestBody | None: ...

    def responses(self, operation: Mapping[str, Any], pointer: str) -> tuple[Response, ...]: ...


def read_operations(reading: Reading, dialect: Dialect) -> tuple[Operation, ...]:
    """All operations that can be read, in the document's order; the others are notes of `reading`."""
    paths = reading.root.get("paths")
    if not isinstance(paths, dict):
        if paths is not None or "webhooks" not in reading.root:
            reading.noticed("/paths", "the document has no paths")
        return ()
    servers = dialect.servers()
    operations: list[Operation] = []
    for path, raw_item in paths.items():
        if path.startswith("x-"):
            continue
        pointer = f"/paths/{escape(path)}"
        item = _path_item(reading, raw_item, pointer)
        methods = [(m, item[m]) for m in item if isinstance(m, str) and m.lower() in METHODS]
        for method, raw in methods:
            reading.operation = f"{method.upper()} {path}"
            reading.operation_id = _text(raw.get("operationId")) if isinstance(raw, dict) else ""
            at = f"{pointer}/{method}"
            operation = _tolerant(reading, at, lambda: _read(reading, dialect, servers, path, item, method, raw, at))  # noqa: B023
            if operation is not None:
                operations.append(operation)
        reading.operation = reading.operation_id = ""
    return tuple(operations)


def _tolerant(reading: Reading, pointer: str, read: Callable[[], Operation]) -> Operation | None:
    try:
        return read()
    except (BadPath, Skip) as refusal:
        reading.skipped(pointer, str(refusal))
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, RecursionError) as error:
        # The net under the rules above: an unforeseen shape costs its operation, never the document.
        reading.skipped(pointer, f"it could not be read ({type(error).__name__}: {str(error)[:120]})")
    return None


def _path_item(reading: Reading, raw: Any, pointer: str) -> Mapping[str, Any]:
    """A path item; with a `$ref` the target, what stands beside it winning (§4.8.9 leaves that open)."""
    if not isinstance(raw, dict):
        reading.skipped(pointer, "the path item is not a mapping")
        return {}
    if "$ref" not in raw:
        return raw
    found = reading.references.follow(raw, pointer)
    if found is None:
        reading.skipped(pointer, f"the path item's reference {str(raw['$ref'])[:200]!r} cannot be resolved")
        return {key: value for key, value in raw.items() if key != "$ref"}
    return {**found[0], **{key: value for key, value in raw.items() if key != "$ref"}}


def _read(
    reading: Reading,
    dialect: Dialect,
    servers: tuple[Server, ...],
    path: str,
    item: Mapping[str, Any],
    method: str,
    raw: Any,
    pointer: str,
) -> Operation:
    if not isinstance(raw, dict):
        raise Skip("the operation is not a mapping")
    template = read_template(path)
    if template.mended:
        reading.mended(pointer, template.mended)
    declared = _declared(reading, item, raw, pointer)
    parameters = _with_template(reading, dialect.parameters(declared, template), template, pointer)
    own = read_servers(raw.get("servers")) or read_servers(item.get("servers"))
    body = dialect.body(raw, declared, pointer)
    if body is not None and method.lower() in ("get", "head", "delete", "trace"):
        reading.noticed(pointer, f"a body on {method.upper()} is sent as declared, though not every server reads it")
    security = raw.get("security")
    return Operation(
        document=reading.document,
        key=f"{method.upper()} {path}",
        operation_id=_text(raw.get("operationId")),
        method=method.upper(),
        path=template.path,
        servers=own or servers,
        summary=_text(raw.get("summary")) or _text(item.get("summary")),
        description=_text(raw.get("description")) or _text(item.get("description")),
        tags=tuple(tag for tag in raw.get("tags") or () if isinstance(tag, str)),
        parameters=tuple(parameters),
        body=body,
        responses=dialect.responses(raw, pointer),
        public=isinstance(security, list) and (not security or {} in security),
        deprecated=raw.get("deprecated") is True,
        own_servers=bool(own),
        extensions={key: value for key, value in raw.items() if key.startswith("x-steward-")},
    )


def _declared(
    reading: Reading, item: Mapping[str, Any], raw: Mapping[str, Any], pointer: str
) -> list[tuple[Mapping[str, Any], str]]:
    """The parameters in force, unread, with their pointers: an operation's replace its path item's (§4.8.10)."""
    found: dict[tuple[str, str], tuple[Mapping[str, Any], str]] = {}
    for owner, base in ((item, pointer.rsplit("/", 1)[0]), (raw, pointer)):
        listed = owner.get("parameters")
        if isinstance(listed, dict):
            reading.mended(f"{base}/parameters", "`parameters` is a mapping; its values were read")
            listed = list(listed.values())
        if isinstance(listed, list) and len(listed) > MAX_PARAMETERS:
            raise Skip(f"it has {len(listed)} parameters, more than the {MAX_PARAMETERS} that are read")
        for index, entry in enumerate(listed if isinstance(listed, list) else ()):
            where = f"{base}/parameters/{index}"
            resolved = reading.references.follow(entry, where)
            if resolved is None and isinstance(entry, dict) and isinstance(entry.get("name"), str):
                reading.mended(
                    where, f"the reference {str(entry.get('$ref'))[:200]!r} cannot be resolved; its siblings were read"
                )
                resolved = {key: value for key, value in entry.items() if key != "$ref"}, where
            if resolved is None:
                raise Skip(f"parameter {index} ({str(entry)[:120]}) cannot be resolved")
            parameter, at = resolved
            name, location = parameter.get("name"), parameter.get("in")
            if not isinstance(name, str) or (not name and location != "body"):
                if location != "body":
                    reading.mended(at, "a parameter without a name was left out")
                    continue
                name = "body"
            key = (name.lower() if location == "header" else name, str(location))
            if key in found and owner is raw and found[key][1].startswith(pointer + "/"):
                reading.mended(at, f"the {location} parameter {name!r} is declared twice; the first counts")
                continue
            found[key] = (parameter, at)
    return list(found.values())


def _with_template(reading: Reading, parameters: list[Parameter], template: Template, pointer: str) -> list[Parameter]:
    """Makes parameters and template agree: what the template needs is declared, what it lacks is mended."""
    result = list(parameters)
    in_path = {p.name for p in result if p.location == "path"}
    lacking = [name for name in template.names if name not in in_path]
    for index, parameter in enumerate(result):
        if parameter.location != "path" or parameter.name in template.names:
            continue
        if parameter.name in template.query:
            result[index] = replace(parameter, location="query", style="form", explode=True)
            continue
        twin = next((n for n in lacking if _same(n, parameter.name)), lacking[0] if len(lacking) == 1 else None)
        if twin is not None:
            lacking.remove(twin)
            result[index] = replace(parameter, name=twin)
            reading.mended(pointer, f"the path parameter {parameter.name!r} was taken for the template {{{twin}}}")
        else:
            result[index] = replace(parameter, location="query", required=False, style="form", explode=True)
            reading.mended(pointer, f"the path has no {{{parameter.name}}}; offered as an optional query parameter")
    for name in lacking:
        # A parameter that was declared in the wrong place is still the best description of it.
        other = next((p for p in result if p.name == name and p.location == "query" and p.required), None)
        if other is not None:
            result.remove(other)
            result.append(replace(other, location="path", style="simple", explode=False))
        else:
            result.append(Parameter(name, "path", True, {"type": "string"}, "simple", False))
        reading.mended(pointer, f"the path parameter {name!r} was not declared; it is a required string")
    known = {p.name for p in result if p.location == "query"}
    for name in template.query:
        if name not in known:
            result.append(Parameter(name, "query", False, {"type": "string"}, "form", True))
    return result


def _same(one: str, other: str) -> bool:
    return one.lower().replace("_", "").replace("-", "") == other.lower().replace("_", "").replace("-", "")


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)
