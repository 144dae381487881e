"""upstreams.yaml and its documents → the frozen catalogue of all upstreams and their tools; `toolset.py` is next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from integrations.catalogue_checks import (
    check_operations,
    check_references,
    noticed,
    operation_names,
    reconcile_mistake,
)
from integrations.openapi.bodies import offered
from integrations.openapi.load import Limits, load_document
from integrations.openapi.model import Note, Operation, OperationOptions, Tool, ToolOptions
from integrations.openapi.tools import build_tools, drop_globs, dropped_by
from integrations.paging import with_first_page
from integrations.upstream.config import (
    IdentitySettings,
    OperationSettings,
    Scalar,
    UpstreamSettings,
    identity_field,
    nearest,
)
from integrations.upstream.config_file import LoadedFile, load_file
from integrations.upstream.jwt_keys import JwtKeys, KeysUnusable
from integrations.upstream.target import Target, Upstream
from schemas.errors import DocumentError
from schemas.settings import Settings

EXTENSION = "x-steward-"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All upstreams that loaded and their tools by name.

    `reports` are the notes on what was mended, cut, left out or is noteworthy, by upstream ("" for the file itself);
    `failures` the documents that did not load, by upstream. `identity` is the operation that says who a token is (None
    where none is configured or its document did not load), `identity_keys` what verifies tokens instead. `reconciles`
    are the reads that look a write up whose outcome is unknown, by the write's tool name.
    """

    upstreams: Mapping[str, Upstream]
    tools: Mapping[str, Target]
    reports: Mapping[str, tuple[Note, ...]]
    failures: Mapping[str, DocumentError]
    identity_settings: IdentitySettings | None = None
    identity: Target | None = None
    identity_keys: JwtKeys | None = None
    reconciles: Mapping[str, Target] = field(default_factory=dict)

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


def document_limits(settings: Settings) -> Limits:
    """What one document may cost, as the settings say."""
    return Limits(
        max_bytes=settings.document_max_bytes,
        max_nodes=settings.document_max_nodes,
        max_alias_nodes=settings.document_max_alias_nodes,
    )


def load_catalogue(path: Path, environment: Mapping[str, str], limits: Limits | None = None) -> Catalogue:
    """The catalogue of the upstreams file `path`; `environment` fills its `${NAME}`.

    Raises `ConfigurationError` for a mistake in the file. A document that does not load costs its own upstream and
    is among `failures`.
    """
    file = load_file(path, environment)
    check_references(file)
    upstreams: dict[str, Upstream] = {}
    tools: dict[str, Target] = {}
    reports: dict[str, tuple[Note, ...]] = {}
    failures: dict[str, DocumentError] = {}
    reconciles: dict[str, Target] = {}
    taken: set[str] = set()
    for name, settings in file.settings.upstreams.items():
        try:
            document = load_document(path.parent / settings.document, name=settings.document, limits=limits)
        except DocumentError as error:
            failures[name] = error
            reports[name] = (Note(error.document, error.pointer, error.reason, "skipped"),)
            continue
        upstream = Upstream(name, settings, document)
        check_operations(file, upstream)
        upstreams[name] = upstream
        made, more = _targets(upstream, taken)
        tools |= made
        found, missed = _reconciles(file, upstream, made)
        reconciles |= found
        without_effect = noticed(file, upstream, made.values(), known_in_body=_body_properties)
        reports[name] = (*_loaded(upstream), *more, *missed, *without_effect)
    identity, more = _identity(file, upstreams)
    reports[""] = tuple(more)
    keys = _identity_keys(file)
    return Catalogue(upstreams, tools, reports, failures, file.settings.identity, identity, keys, reconciles)


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
    return {tool.name: _target(upstream, tool, by_key[tool.operation.key]) for tool in tools}, notes


def _target(upstream: Upstream, tool: Tool, settings: OperationSettings) -> Target:
    known = {(p.location, p.name.lower() if p.location == "header" else p.name) for p in tool.operation.parameters}
    declared: dict[tuple[str, str], Scalar] = {}
    undeclared: dict[tuple[str, str], Scalar] = {}
    for (location, name), value in upstream.settings.bindings().items():
        if (location, name.lower() if location == "header" else name) in known or (
            location == "body" and name.partition(".")[0] in _body_properties(tool.operation)
        ):
            declared[location, name] = value
        elif location == "header" and value is not None:
            undeclared[location, name] = value
    return Target(upstream, with_first_page(tool, upstream.settings.paging), settings, declared, undeclared)


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
        max_tools=settings.max_operations,
    )


def _operation_settings(upstream: Upstream, operation: Operation) -> tuple[OperationSettings, list[Note]]:
    """What the file says of an operation (by "METHOD /path", else by operationId), filled up from its extensions."""
    said = upstream.settings.operations
    settings = said.get(operation.key) or said.get(operation.operation_id) or OperationSettings()
    extra: dict[str, Any] = {}
    notes: list[Note] = []
    for name, value in operation.extensions.items():
        field = name.removeprefix(EXTENSION).replace("-", "_")
        if name.startswith(EXTENSION) and field in OperationSettings.model_fields:
            extra[field] = value
        elif name.startswith(EXTENSION):
            hint = nearest(name, [EXTENSION + known.replace("_", "-") for known in OperationSettings.model_fields])
            notes.append(Note(upstream.document.name, "", f"{name} has no effect{hint}", "noticed", operation.key))
    # A document can only make an operation stricter.
    if extra.get("effect") == "read":
        del extra["effect"]
    extra = {field: value for field, value in extra.items() if field not in settings.model_fields_set}
    if not extra:
        return settings, notes
    try:
        said_there = OperationSettings.model_validate(extra)
    except ValidationError as error:
        reason = f"{EXTENSION}*: {error.errors(include_url=False, include_input=False)[0]['msg']}"
        return settings, [*notes, Note(upstream.document.name, "", reason, "skipped", operation.key)]
    return settings.model_copy(update={field: getattr(said_there, field) for field in extra}), notes


def _identity(file: LoadedFile, upstreams: Mapping[str, Upstream]) -> tuple[Target | None, list[Note]]:
    settings = file.settings.identity
    if settings is None or settings.operation is None:
        return None, []
    name, _, wanted = settings.operation.partition(".")
    if name not in upstreams:
        reason = f"nobody can be identified: the document of {name} did not load"
        return None, [Note(str(file.file), "/identity/operation", reason, "skipped")]
    target = _asked(upstreams[name], wanted)
    if target is None:
        known = operation_names(upstreams[name].document.operations)
        if wanted not in known:
            raise file.mistake(f"{name} has no operation {wanted}{nearest(wanted, known)}", "identity", "operation")
        raise file.mistake(f"{settings.operation} cannot be called", "identity", "operation")
    declared = {place: value for place, value in target.declared.items() if identity_field(value) is None}
    return replace(target, declared=declared, undeclared={}), []


def _asked(upstream: Upstream, name: str) -> Target | None:
    """An operation that the gateway itself asks, whether or not it is also a tool: `drop` plays no part."""
    operation = next((o for o in upstream.document.operations if name in (o.key, o.operation_id)), None)
    if operation is None:
        return None
    said, _ = _operation_settings(upstream, operation)
    alone = replace(upstream.document, operations=(operation,))
    options = replace(_options(upstream.settings, {operation.key: said}), drop=())
    tools, _ = build_tools(alone, options, set())
    return _target(upstream, tools[0], said) if tools else None


def _identity_keys(file: LoadedFile) -> JwtKeys | None:
    settings = file.settings.identity
    if settings is None or settings.jwt is None:
        return None
    key = "key_file" if settings.jwt.key_file is not None else "jwks_file"
    try:
        return JwtKeys(settings.jwt, file.file.parent)
    except KeysUnusable as error:
        raise file.mistake(f"identity.jwt.{key}: {error}", "identity", "jwt", key) from None


def _reconciles(
    file: LoadedFile, upstream: Upstream, targets: Mapping[str, Target]
) -> tuple[dict[str, Target], list[Note]]:
    """The reads that `reconcile` names, by the write's tool. One in a document's extension costs only itself."""
    found: dict[str, Target] = {}
    notes: list[Note] = []
    for name, target in targets.items():
        said = target.settings.reconcile
        if said is None:
            continue
        read = _asked(upstream, said.operation)
        operation = target.tool.operation
        key = next((k for k in (operation.key, operation.operation_id) if k in upstream.settings.operations), None)
        wrong = reconcile_mistake(target, said, read)
        if wrong is not None and key is not None and upstream.settings.operations[key].reconcile is not None:
            message, last = wrong
            raise file.mistake(message, "upstreams", upstream.name, "operations", key, "reconcile", last)
        if wrong is not None:
            reason = f"{EXTENSION}reconcile: {wrong[0]}"
            notes.append(Note(upstream.document.name, "", reason, "skipped", operation.key))
        elif read is not None:
            found[name] = read
    return found, notes
