"""What a schema says, whichever side it stands on: the document's (`openapi_document.py`) or a tool's.

`openapi_grade.py` compares both sides with it. JSON Schema 2020-12, with OpenAPI 3.0's and Swagger 2.0's own keywords.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.openapi_document import Source

KINDS = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
SAYING = frozenset({"type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf", "not", "properties", "items", "if",
                    "additionalProperties", "patternProperties"})  # fmt: skip
_OBJECT = ("properties", "additionalProperties", "patternProperties", "required")
_MAX_DEPTH = 24
_MAX_MEMBERS = 400


class View:
    """Schemas of one root, read through `$ref` and `allOf`."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def resolved(self, schema: Any) -> Any:
        """The schema behind its references; None where there is none."""
        found, good = self.source.follow(schema)
        return found if good and isinstance(found, (dict, bool)) else None

    def members(self, schema: Any) -> list[dict[str, Any]]:
        """The schema and, through `allOf`, all that it must satisfy as well; each with its references followed."""
        found: list[dict[str, Any]] = []
        stack: list[tuple[Any, int]] = [(schema, 0)]
        seen: set[int] = set()
        while stack and len(found) < _MAX_MEMBERS:
            node, depth = stack.pop()
            node = self.resolved(node)
            if not isinstance(node, dict) or id(node) in seen or depth > _MAX_DEPTH:
                continue
            seen.add(id(node))
            found.append(node)
            listed = node.get("allOf")
            stack.extend((member, depth + 1) for member in reversed(listed if isinstance(listed, list) else []))
        return found

    def kinds(self, schema: Any, depth: int = 0) -> set[str] | None:
        """The JSON types that may be valid, `null` aside; None where the schema does not say (or says nonsense)."""
        if depth > 6:
            return None
        result: set[str] | None = None
        for node in self.members(schema):
            said = self._own_kinds(node, depth)
            if said is not None:
                result = said if result is None else (result & said or result)
        return result

    def _own_kinds(self, node: dict[str, Any], depth: int) -> set[str] | None:
        kind = node.get("type")
        listed = [k for k in (kind if isinstance(kind, list) else [kind]) if isinstance(k, str)]
        if listed:
            if listed == ["file"]:
                return {"string"}
            known = {k for k in listed if k in KINDS}
            return (known - {"null"} or None) if len(known) == len(listed) else None
        for key in ("oneOf", "anyOf"):
            if isinstance(node.get(key), list) and node[key]:
                union: set[str] = set()
                for branch in node[key]:
                    if isinstance(branch, dict) and branch.get("type") == "null":
                        continue
                    said = self.kinds(branch, depth + 1)
                    if said is None:
                        return None
                    union |= said
                return union or None
        values = node.get("enum", [node["const"]] if "const" in node else None)
        if isinstance(values, list):
            return {kind_of(value) for value in values} - {"null"} or None
        if any(isinstance(node.get(key), dict) for key in _OBJECT[:3]):
            return {"object"}
        return {"array"} if isinstance(node.get("items"), dict) else None

    def properties(self, schema: Any) -> tuple[dict[str, Any], set[str]]:
        """Declared properties and required names, `allOf` merged; of several the first that says something."""
        properties: dict[str, Any] = {}
        required: set[str] = set()
        for node in self.members(schema):
            own = node.get("properties")
            for name, value in (own if isinstance(own, dict) else {}).items():
                if not isinstance(value, (dict, bool)):
                    continue
                if name not in properties or properties[name] in ({}, True):
                    properties[name] = value
            listed = node.get("required")
            required |= {n for n in (listed if isinstance(listed, list) else []) if isinstance(n, str)}
        return properties, required

    def keyword(self, schema: Any, key: str) -> Any:
        """The first value of a keyword among the members; None where none has it."""
        return next((node[key] for node in self.members(schema) if node.get(key) is not None), None)

    def read_only(self, schema: Any) -> bool:
        return any(node.get("readOnly") is True for node in self.members(schema)) or (
            isinstance(schema, dict) and schema.get("readOnly") is True
        )

    def says(self, schema: Any) -> bool:
        """Whether anything is said of the value at all."""
        return any(node.keys() & SAYING for node in self.members(schema))

    def branches(self, schema: Any) -> list[Any]:
        """The alternatives of a `oneOf` or `anyOf`, null aside; empty where there are fewer than two."""
        for node in self.members(schema):
            for key in ("oneOf", "anyOf"):
                listed = node.get(key)
                if isinstance(listed, list):
                    some = [b for b in listed if isinstance(b, dict) and not self._only_null(b)]
                    if len(some) > 1:
                        return some
        return []

    def _only_null(self, branch: dict[str, Any]) -> bool:
        return branch.get("type") in ("null", ["null"]) or branch.get("enum") == [None] or (
            "const" in branch and branch["const"] is None
        )  # fmt: skip


def kind_of(value: Any) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "object"


def references(root: Any) -> Iterator[tuple[str, Any]]:
    """Every `$ref` of a schema that is a keyword (not a property called `$ref`), with the place it stands."""
    stack: list[tuple[Any, str, bool]] = [(root, "", False)]
    while stack:
        node, at, names = stack.pop()
        if isinstance(node, dict):
            if not names and "$ref" in node:
                yield at, node["$ref"]
            for key, value in node.items():
                if not names and key in ("const", "default", "enum", "examples", "example"):
                    continue
                stack.append((value, f"{at}/{key}", not names and key in _MAPS))
        elif isinstance(node, list):
            stack.extend((value, f"{at}/{index}", False) for index, value in enumerate(node))


_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
