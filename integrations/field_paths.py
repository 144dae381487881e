"""Which fields an operation's documents describe, to find paths in upstreams.yaml that no answer has; for `check`.

A path is judged only where the schema could have it: what stands below an undescribed object may be anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from integrations.openapi.labels import argument_labels, labels_of
from integrations.openapi.model import Tool
from integrations.upstream.config import nearest

# `labels_of` stops here: what it has not seen cannot be judged.
_MOST = 500
_SAYING = frozenset({"type", "$ref", "properties", "items", "allOf", "oneOf", "anyOf", "enum", "const", "format"})


class FieldPaths:
    """The described fields of one tool's answers (errors too) and arguments."""

    def __init__(self, tool: Tool) -> None:
        kinds: dict[str, str] = {}
        schemas = [media.schema for r in tool.operation.responses for media in r.media_types]
        described = [labels_of(schema) for schema in schemas]
        self._answered = any(described) and not any(map(_vague, schemas))
        for found in (*described, argument_labels(tool)):
            kinds |= {path: label.type for path, label in found.items()}
        self._cut = any(len(found) >= _MOST for found in described)
        self._known = set(_with_parents(kinds))
        # An object or a list about whose inside nothing is said.
        parents = {_parent(path) for path in self._known}
        self._open = {path for path, kind in kinds.items() if kind in ("object", "array", "") and path not in parents}

    def unknown(self, path: str) -> str | None:
        """A hint (maybe "") where no answer can have the field at `path`, else None."""
        if not self._answered or self._cut or self._has(path) or self._may_have(path):
            return None
        name = path.rpartition(".")[2]
        alike = [known for known in self._known if known.rpartition(".")[2] == name]
        return f" — did you mean {min(alike, key=len)}?" if alike else nearest(path, sorted(self._known))

    def _has(self, path: str) -> bool:
        """As `fields.py` finds it: from the body, from the payload, or a bare name at any depth."""
        pattern = path.removesuffix("*").rstrip(".")
        return any(known == pattern or known.endswith((f".{pattern}", f"[].{pattern}")) for known in self._known)

    def _may_have(self, path: str) -> bool:
        if "." not in path and "[]" not in path:
            return bool(self._open)
        return any(_below(path, known) for known in self._open)


def _vague(schema: Any) -> bool:
    """True if some property has a name and nothing else (`data: {}`): whatever it is, `labels_of` passes it over."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping) and any(_says_nothing(part) for part in properties.values()):
            return True
        return any(_vague(part) for part in schema.values())
    return isinstance(schema, list) and any(_vague(part) for part in schema)


def _says_nothing(part: Any) -> bool:
    return not isinstance(part, Mapping) or not part.keys() & _SAYING


def _below(path: str, known: str) -> bool:
    """True if `path`, from the body or from the payload, may lead through the open field `known`."""
    parents = []
    while path:
        path = _parent(path)
        parents.append(path)
    # An open field at the top may be the payload itself (`data`); deeper ones must be named.
    payload = "." not in known and "[]" not in known
    return any(known == parent or known.endswith(f".{parent}") if parent else payload for parent in parents)


def _parent(path: str) -> str:
    if path.endswith("[]"):
        return path[:-2]
    return path.rpartition(".")[0]


def _with_parents(paths: dict[str, str]) -> Iterator[str]:
    for path in paths:
        while path:
            yield path
            path = _parent(path)
