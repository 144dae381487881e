"""What upstreams.yaml says that its documents, or itself, do not bear out: mistakes with a line, notes; `catalogue.py`.

A name that must exist is a mistake and ends the start; one that merely has no effect is a note of `check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from integrations.field_paths import FieldPaths
from integrations.openapi.model import Note, Operation, Tool
from integrations.openapi.tools import drop_globs, dropped_by
from integrations.upstream.config import identity_field, nearest
from integrations.upstream.config_calls import Reconcile
from integrations.upstream.config_file import LoadedFile
from integrations.upstream.target import Target, Upstream

_BY_FIELD = ("money", "enums", "labels", "dates")


def check_references(file: LoadedFile) -> None:
    """What the file can be judged by alone: the identity's upstream, the names that `bind` uses, who an owner is."""
    settings, upstreams = file.settings.identity, file.settings.upstreams
    if settings is not None and settings.operation is not None:
        name, dot, _ = settings.operation.partition(".")
        if not dot:
            raise file.mistake("identity.operation is UPSTREAM.OPERATION", "identity", "operation")
        if name not in upstreams:
            raise file.mistake(f"there is no upstream {name}{nearest(name, list(upstreams))}", "identity", "operation")
    known = ["subject", *(settings.fields if settings is not None else ())]
    for name, upstream in upstreams.items():
        if upstream.owner is not None and settings is None:
            raise file.mistake("owner needs `identity:`, which is missing", "upstreams", name, "owner")
        for place, value in upstream.bind.items():
            field = identity_field(value)
            if field is not None and settings is None:
                raise file.mistake(f"{place} needs `identity:`, which is missing", "upstreams", name, "bind", place)
            if field is not None and field not in known:
                hint = nearest(field, known)
                raise file.mistake(f"the identity has no field {field}{hint}", "upstreams", name, "bind", place)


def check_operations(file: LoadedFile, upstream: Upstream) -> None:
    """Every operation that the file names must be one of the document's."""
    known = operation_names(upstream.document.operations)
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


def reconcile_mistake(target: Target, said: Reconcile, read: Target | None) -> tuple[str, str] | None:
    """Why `reconcile` of a write cannot work, and at which of its keys; None where it can."""
    if read is None:
        return f"{said.operation} cannot be called", "operation"
    if read.tool.effect != "read":
        return f"{said.operation} writes; name a read", "operation"
    if target.tool.effect != "write":
        return "only the outcome of a write is looked up; this operation reads", "operation"
    known = list(target.tool.arguments)
    for argument in said.match.values():
        head = argument.partition(".")[0]
        if head not in known:
            return f"{target.tool.name} has no argument {head}{nearest(head, known)}", "match"
    filled = reconcile_arguments(read.tool, said)
    for name in read.tool.parameters.get("required", ()):
        if name not in filled:
            wire = read.tool.arguments[name].name or name
            return f"{said.operation} needs its argument {wire}; match it with one of the write's", "match"
    return None


def reconcile_arguments(read: Tool, said: Reconcile) -> dict[str, str]:
    """The read's arguments that have the name of a matched field: which argument of the write each is filled with."""
    return {
        name: said.match[place.name]
        for name, place in read.arguments.items()
        if place.location != "body" and place.name in said.match
    }


def noticed(
    file: LoadedFile,
    upstream: Upstream,
    targets: Iterable[Target],
    known_in_body: Callable[[Operation], set[str]],
) -> Iterator[Note]:
    """What the file says of an upstream without any effect: bound and hidden names, globs, fields of answers."""

    def note(reason: str, *where: str | int, operation: str = "") -> Note:
        path = ("upstreams", upstream.name, *where)
        pointer = "".join(f"/{_escaped(str(part))}" for part in path)
        return Note("upstreams.yaml", pointer, f"line {file.line(*path)}: {reason}", "noticed", operation)

    operations = upstream.document.operations
    # Of operations that were skipped while loading the parameters are not known.
    skipped = [found for found in upstream.document.notes if found.action == "skipped"]
    settings = upstream.settings
    if not skipped:
        for location, name in settings.bindings():
            if location != "header" and not any(_declares(o, location, name, known_in_body) for o in operations):
                yield note(f"bind: no operation declares {location}.{name}", "bind", f"{location}.{name}")
        names = {name for o in operations for name in (*(p.name for p in o.parameters), *known_in_body(o))}
        for index, hidden in enumerate(settings.hide):
            if hidden not in names:
                yield note(f"hide: no operation has {hidden}{nearest(hidden, sorted(names))}", "hide", index)
    for index, (pattern, glob) in enumerate(drop_globs(upstream.document, settings.drop).items()):
        named = [(o.key, o.operation_id) for o in operations]
        named += [(found.operation, found.operation_id) for found in skipped]
        if not any(dropped_by(key, operation_id, {pattern: glob}) for key, operation_id in named):
            yield note(f"drop: {pattern} names no operation", "drop", index)
    yield from _unknown_fields(upstream, targets, note)


def _unknown_fields(upstream: Upstream, targets: Iterable[Target], note: Callable[..., Note]) -> Iterator[Note]:
    """Field paths that no schema of the operation's answers has, as far as they are described at all."""
    owner = upstream.settings.owner
    owned = owner is None
    for target in targets:
        operation = target.tool.operation
        key = next((k for k in (operation.key, operation.operation_id) if k in upstream.settings.operations), None)
        if key is None and owned:
            continue  # nothing is said of its fields, and to collect them has its price
        paths = FieldPaths(target.tool)
        owned = owned or (owner is not None and paths.unknown(owner) is None)
        if key is None:
            continue
        for kind in _BY_FIELD:
            said: Mapping[str, object] = getattr(upstream.settings.operations[key], kind)
            for path in said:
                hint = paths.unknown(path)
                if hint is not None:
                    yield note(
                        f"{kind}: no answer has the field {path}{hint}", "operations", key, kind, path,
                        operation=operation.key,
                    )  # fmt: skip
    if not owned:
        yield note(f"owner: no answer has the field {owner}", "owner")


def _declares(operation: Operation, location: str, name: str, known_in_body: Callable[[Operation], set[str]]) -> bool:
    if location == "body":
        return name.partition(".")[0] in known_in_body(operation)
    return any((p.location, p.name) == (location, name) for p in operation.parameters)


def operation_names(operations: Iterable[Operation]) -> list[str]:
    """Every name that the file may use: operationIds and "METHOD /path"."""
    return list(dict.fromkeys(name for o in operations for name in (o.operation_id, o.key) if name))


def _escaped(name: str) -> str:
    """RFC 6901 §3 in a URI fragment (§6), as far as names of operations need it."""
    return name.replace("~", "~0").replace("/", "~1").replace(" ", "%20")
