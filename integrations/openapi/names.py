"""Names that every model accepts, for tools and their arguments, derived the same way whenever a document is read."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from integrations.openapi.model import Operation
from schemas.tool import SEARCH_TOOLS

MAX_NAME = 64
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
# Tools that the gateway answers itself: no operation may take their names.
INTERNAL_TOOLS = frozenset({SEARCH_TOOLS})
_ORDER = {"path": 0, "query": 1, "header": 2, "cookie": 3, "body": 4}


def is_safe(name: str) -> bool:
    """Whether providers take the name as it is: ^[a-zA-Z0-9_-]{1,64}$."""
    return _SAFE.fullmatch(name) is not None


def shortened(name: str) -> str:
    """At most 64 characters; a cut name ends in a digest of the whole one, so that two never become one."""
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: MAX_NAME - 9]}_{digest}"


def tool_names(operations: Sequence[Operation], wanted: Sequence[str | None], taken: set[str]) -> list[str]:
    """One name for each operation, in order; they are added to `taken`.

    A `wanted` name (of upstreams.yaml) comes first, then an operationId that is safe, or safe once its ASCII
    punctuation is replaced, and that no other operation has (capitals aside). All others are named for method and
    path: a look-alike letter can therefore never stand for another tool.
    """
    candidates = [name or _from_id(operation) for name, operation in zip(wanted, operations, strict=True)]
    counts = Counter(name.casefold() for name in candidates if name)
    # Two ids that differ in punctuation only (`Bill.query`, `Bill_query`): the one that was safe as written keeps it.
    as_written = Counter(
        c.casefold() for c, w, o in zip(candidates, wanted, operations, strict=True) if c and c in (w, o.operation_id)
    )
    occupied = {name.casefold() for name in taken | INTERNAL_TOOLS}
    names: list[str | None] = [None] * len(operations)
    for explicit in (True, False):
        for index, operation in enumerate(operations):
            name = candidates[index]
            if name is None or bool(wanted[index]) is not explicit or name.casefold() in occupied:
                continue
            written = name in (wanted[index], operation.operation_id)
            alone = counts[name.casefold()] == 1 or (written and as_written[name.casefold()] == 1)
            if alone or explicit:
                names[index] = name
                occupied.add(name.casefold())
    result: list[str] = []
    for operation, name in zip(operations, names, strict=True):
        if name is None:
            name = _unique(from_path(operation.method, operation.key.split(" ", 1)[-1]), occupied)
            occupied.add(name.casefold())
        result.append(name)
    taken.update(result)
    return result


def _from_id(operation: Operation) -> str | None:
    identifier = operation.operation_id
    if is_safe(identifier):
        return identifier
    if not identifier.isascii():
        return None
    mended = _UNSAFE.sub("_", identifier).strip("_")
    return shortened(mended) if re.search(r"[A-Za-z]", mended) else None


def from_path(method: str, path: str) -> str:
    """`get_parking_record_by_recordId` of GET /parking/record/{recordId}."""
    words = [method.lower()]
    for segment in re.split(r"[/?#&]", path):
        name = _UNSAFE.sub("_", segment.replace("{", "by_")).strip("_")
        if name:
            words.append(name)
    name = "_".join(words)
    if not path.isascii():
        # Segments in other scripts left no trace; a digest keeps their operations apart.
        name = f"{name[:54]}_{hashlib.sha256(path.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return shortened(name)


def _unique(name: str, occupied: set[str]) -> str:
    candidate, number = name, 1
    while candidate.casefold() in occupied:
        number += 1
        candidate = shortened(name)[: MAX_NAME - 1 - len(str(number))] + f"_{number}"
    return candidate


def argument_names(wires: Iterable[tuple[str, str]]) -> list[str]:
    """A safe, unique argument name for each (location, wire name), in order.

    `params[beginTime]` becomes `params_beginTime`. Where two become the same, the first of path, query, header,
    cookie, body keeps it and the others get their location behind it (`id`, `id_query`, `id_body`), then a number.
    """
    listed = list(wires)
    names: list[str] = [""] * len(listed)
    used: set[str] = set()
    for index in sorted(range(len(listed)), key=lambda i: (_ORDER.get(listed[i][0], 9), i)):
        location, wire = listed[index]
        name = _argument(wire)
        if name in used:
            name = _unique_exact(shortened(f"{name}_{location}"), used)
        used.add(name)
        names[index] = name
    return names


def _unique_exact(name: str, used: set[str]) -> str:
    candidate, number = name, 1
    while candidate in used:
        number += 1
        candidate = name[: MAX_NAME - 1 - len(str(number))] + f"_{number}"
    return candidate


def _argument(wire: str) -> str:
    if is_safe(wire):
        return wire
    ascii_form = unicodedata.normalize("NFKD", wire).encode("ascii", "ignore").decode()
    name = _UNSAFE.sub("_", ascii_form).strip("_")
    return shortened(name) if name else "argument"
