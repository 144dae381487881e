"""upstreams.yaml and its documents → the frozen catalogue of all upstreams and their tools; `toolset.py` is next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from integrations.openapi.bodies import offered
from integrations.openapi.load import load_document
from integrations.openapi.model import Note, Operation, OperationOptions, Tool, ToolOptions
from integrations.openapi.tools import build_tools, drop_globs, dropped_by
from integrations.upstream.config import (
    IdentitySettings,
    OperationSettings,
    Scalar,
    UpstreamSettings,
    identity_field,
    nearest,
)
from integrations.upstream.config_file import LoadedFile, load_file
from integrations.upstream.target import Target, Upstream
from schemas.errors import DocumentError

EXTENSION = "x-steward-"
_NOT_EFFECTIVE = ("owner",)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All upstreams that loaded and their tools by name.

    `reports` are the notes on what was mended, cut, left out or is noteworthy, by upstream ("" for the file itself);
    `failures` the documents that did not load, by upstream. `identity` is the operation that says who a token is (None
    where none is configured or its document did not load).
    """

    upstreams: Mapping[str, Upstream]
    tools: Mapping[str, Target]
    reports: Mapping[str, tuple[Note, ...]]
    failures: Mapping[str, DocumentError]
    identity_settings: IdentitySettings | None = None
    identity: Target | None = None

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes on all upstreams."""
        return tuple(note for notes in self.reports.values() for note in notes)

    def tools_of(self, upstream: str) -> list[Target]:
        """The tools of one upstream, in the order of its document."""
        return [target for target in self.tools.values() if target.upstream.name == upstream]

    def tool_counts(self) -> dict[str, int]:
        """How many tools each upstream has, by its name."""
        counts = dict.fromkeys(self.upstreams, 0)
        for target in self.tools.values():
            counts[target.upstream.name] += 1
        return counts


def load_catalogue(path: Path, environment: Mapping[str, str]) -> Catalogue:
    """The catalogue of the upstreams file `path`; `environment` fills its `${NAME}`.

    Raises `ConfigurationError` for a mistake in the file. A document that does not load costs its own upstream and
    is among `failures`.
    """
    file = load_file(path, environment)
    _check_references(file)
    upstreams: dict[str, Upstream] = {}
    tools: dict[str, Target] = {}
    reports: dict[str, tuple[Note, ...]] = {}
    failures: dict[str, DocumentError] = {}
    taken: set[str] = set()
    for name, settings in file.settings.upstreams.items():
        try:
            document = load_document(path.parent / settings.document, name=settings.document)
        except DocumentError as error:
            failures[name] = error
            reports[name] = (Note(error.document, error.pointer, error.reason, "skipped"),)
            continue
        upstream = Upstream(name, settings, document)
        _check_operations(file, upstream)
        upstreams[name] = upstream
        made, more = _targets(upstream, taken)
        tools |= made
        reports[name] = (*_loaded(upstream), *more, *_not_effective(upstream))
    identity, more = _identity(file, upstreams)
    reports[""] = tuple(more)
    return Catalogue(upstreams, tools, reports, failures, file.settings.identity, identity)


def _loaded(upstream: Upstream) -> Iterator[Note]:
    """The notes of the document; what could not be used and is dropped anyway is no fault of it."""
    globs = drop_globs(upstream.document, upstream.settings.drop)
    for note in upstream.document.notes:
        glob = dropped_by(note.operation, note.operation_id, globs) if note.action == "skipped" else None
        yield note if glob is None else replace(note, action="dropped", reason=f"dropped by {glob!r}: {note.reason}")


def _targets(upstream: Upstream, taken: set[str]) -> tuple[dict[str, Target], list[Note]]:
    settings, document = upstream.settings, upstream.document
    by_key: dict[str, OperationSettings] = {}
    notes: list[Note] = []
    for operation in document.operations:
        by_key[operation.key], more = _operation_settings(upstream, operation)
        notes += more
    tools, more = build_tools(document, _options(settings, by_key), taken)
    notes += more
    for tool in tools[settings.max_operations :]:
        reason = f"more than max_operations ({settings.max_operations}); raise it in upstreams.yaml"
        notes.append(Note(document.name, "", reason, "dropped", tool.operation.key))
        taken.discard(tool.name)
    kept = tools[: settings.max_operations]
    return {tool.name: _target(upstream, tool, by_key[tool.operation.key]) for tool in kept}, notes


def _target(upstream: Upstream, tool: Tool, settings: OperationSettings) -> Target:
    known = {(p.location, p.name.lower() if p.location == "header" else p.name) for p in tool.operation.parameters}
    declared: dict[tuple[str, str], Scalar] = {}
    undeclared: dict[tuple[str, str], Scalar] = {}
    for (location, name), value in upstream.settings.bindings().items():
        if (location, name.lower() if location == "header" else name) in known or (
            location == "body" and name in _body_properties(tool.operation)
        ):
            declared[location, name] = value
        elif location == "header" and value is not None:
            undeclared[location, name] = value
    return Target(upstream, tool, settings, declared, undeclared)


def _body_properties(operation: Operation) -> set[str]:
    """The top-level properties of the operation's bodies, as far as they become arguments of their own."""
    choices = offered(operation.body) if operation.body is not None else ()
    return {name for choice in choices if choice.shape is not None for name in choice.shape.properties}


def _options(settings: UpstreamSettings, by_key: Mapping[str, OperationSettings]) -> ToolOptions:
    operations = {
        key: OperationOptions(said.name, said.description, tuple(said.examples), said.effect, said.arguments)
        for key, said in by_key.items()
    }
    headers = {said.idempotency.header.lower() for said in by_key.values() if said.idempotency is not None}
    return ToolOptions(
        hidden=frozenset(settings.hide),
        bound=frozenset(settings.bindings()) | settings.credential_places(),
        reserved_headers=frozenset(headers),
        drop=tuple(settings.drop),
        operations=operations,
    )


def _operation_settings(upstream: Upstream, operation: Operation) -> tuple[OperationSettings, list[Note]]:
    """What the file says of an operation (by "METHOD /path", else by operationId), filled up from its extensions."""
    said = upstream.settings.operations
    settings = said.get(operation.key) or said.get(operation.operation_id) or OperationSettings()
    extra: dict[str, Any] = {}
    for name, value in operation.extensions.items():
        field = name.removeprefix(EXTENSION).replace("-", "_")
        if name.startswith(EXTENSION) and field in OperationSettings.model_fields:
            extra[field] = value
    # A document can only make an operation stricter.
    if extra.get("effect") == "read":
        del extra["effect"]
    extra = {field: value for field, value in extra.items() if field not in settings.model_fields_set}
    if not extra:
        return settings, []
    try:
        said_there = OperationSettings.model_validate(extra)
    except ValidationError as error:
        reason = f"{EXTENSION}*: {error.errors(include_url=False, include_input=False)[0]['msg']}"
        return settings, [Note(upstream.document.name, "", reason, "skipped", operation.key)]
    return settings.model_copy(update={field: getattr(said_there, field) for field in extra}), []


def _identity(file: LoadedFile, upstreams: Mapping[str, Upstream]) -> tuple[Target | None, list[Note]]:
    settings = file.settings.identity
    if settings is None:
        return None, []
    if settings.operation is None:
        return None, [Note(str(file.file), "/identity/jwt", "identity.jwt is not effective yet", "noticed")]
    name, _, wanted = settings.operation.partition(".")
    if name not in upstreams:
        reason = f"nobody can be identified: the document of {name} did not load"
        return None, [Note(str(file.file), "/identity/operation", reason, "skipped")]
    upstream = upstreams[name]
    operation = next((o for o in upstream.document.operations if wanted in (o.key, o.operation_id)), None)
    if operation is None:
        known = _names(upstream.document.operations)
        raise file.mistake(f"{name} has no operation {wanted}{nearest(wanted, known)}", "identity", "operation")
    said, _ = _operation_settings(upstream, operation)
    # Asked by the gateway itself, whether or not it is also a tool: `drop` and hidden parameters play no part.
    alone = replace(upstream.document, operations=(operation,))
    options = replace(_options(upstream.settings, {operation.key: said}), drop=())
    tools, _ = build_tools(alone, options, set())
    if not tools:
        raise file.mistake(f"{settings.operation} cannot be called", "identity", "operation")
    target = _target(upstream, tools[0], said)
    declared = {place: value for place, value in target.declared.items() if identity_field(value) is None}
    return replace(target, declared=declared, undeclared={}), []


def _check_references(file: LoadedFile) -> None:
    """What the file can be judged by alone: the identity's upstream, and the names that `bind` uses."""
    settings, upstreams = file.settings.identity, file.settings.upstreams
    if settings is not None and settings.operation is not None:
        name, dot, _ = settings.operation.partition(".")
        if not dot:
            raise file.mistake("identity.operation is UPSTREAM.OPERATION", "identity", "operation")
        if name not in upstreams:
            raise file.mistake(f"there is no upstream {name}{nearest(name, list(upstreams))}", "identity", "operation")
    known = ["subject", *(settings.fields if settings is not None else ())]
    for name, upstream in upstreams.items():
        for place, value in upstream.bind.items():
            field = identity_field(value)
            if field is not None and settings is None:
                raise file.mistake(f"{place} needs `identity:`, which is missing", "upstreams", name, "bind", place)
            if field is not None and field not in known:
                hint = nearest(field, known)
                raise file.mistake(f"the identity has no field {field}{hint}", "upstreams", name, "bind", place)


def _check_operations(file: LoadedFile, upstream: Upstream) -> None:
    operations = upstream.document.operations
    known = _names(operations)
    where = ("upstreams", upstream.name)
    for key, settings in upstream.settings.operations.items():
        if key not in known:
            message = f"{upstream.settings.document} has no operation {key}{nearest(key, known)}"
            raise file.mistake(message, *where, "operations", key)
        reconcile = settings.reconcile
        if reconcile is not None and reconcile.operation not in known:
            hint = nearest(reconcile.operation, known)
            message = f"{upstream.settings.document} has no operation {reconcile.operation}{hint}"
            raise file.mistake(message, *where, "operations", key, "reconcile", "operation")


def _not_effective(upstream: Upstream) -> list[Note]:
    """Keys that are understood and do nothing so far: said at start-up, never passed over in silence."""
    notes = []
    for key in _NOT_EFFECTIVE:
        if key in upstream.settings.model_fields_set and getattr(upstream.settings, key) is not None:
            pointer = f"/upstreams/{upstream.name}/{key}"
            notes.append(Note("upstreams.yaml", pointer, f"{upstream.name}.{key} is not effective yet", "noticed"))
    for name, said in upstream.settings.operations.items():
        if said.reconcile is not None:
            pointer = f"/upstreams/{upstream.name}/operations/{name}/reconcile".replace(" ", "%20")
            notes.append(Note("upstreams.yaml", pointer, f"{name}: reconcile is not effective yet", "noticed", name))
    # Of operations that were skipped while loading the parameters are not known.
    skipped = [note for note in upstream.document.notes if note.action == "skipped"]
    for location, name in upstream.settings.bindings():
        if (
            not skipped
            and location != "header"
            and not any(_declares(o, location, name) for o in upstream.document.operations)
        ):
            pointer = f"/upstreams/{upstream.name}/bind"
            notes.append(Note("upstreams.yaml", pointer, f"bind: no operation declares {location}.{name}", "noticed"))
    for pattern, glob in drop_globs(upstream.document, upstream.settings.drop).items():
        named = [(o.key, o.operation_id) for o in upstream.document.operations]
        named += [(note.operation, note.operation_id) for note in skipped]
        if not any(dropped_by(key, operation_id, {pattern: glob}) for key, operation_id in named):
            pointer = f"/upstreams/{upstream.name}/drop"
            notes.append(Note("upstreams.yaml", pointer, f"drop: {pattern} names no operation", "noticed"))
    return notes


def _declares(operation: Operation, location: str, name: str) -> bool:
    if location == "body":
        return name in _body_properties(operation)
    return any((p.location, p.name) == (location, name) for p in operation.parameters)


def _names(operations: Iterable[Operation]) -> list[str]:
    return list(dict.fromkeys(name for o in operations for name in (o.operation_id, o.key) if name))
