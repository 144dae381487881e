"""Closes the objects of a tool's schema: what a document describes is what a model may send; `arguments.py` calls it.

An object with properties and nothing about others gets `additionalProperties: false`, so that nothing can be smuggled
in beside what is declared (mass assignment). One that takes part in a composition stays as it is: JSON Schema 2020-12
§10.3.2.3 judges `additionalProperties` by the properties of its own schema alone: closing one part would refuse the
other's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_COMPOSED = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "$ref")
_SAYS = ("additionalProperties", "unevaluatedProperties", "patternProperties")


def close_objects(parameters: dict[str, Any]) -> None:
    """Closes what can be closed in `parameters`, in place; `$ref`s point into its `$defs`."""
    reached: dict[int, dict[str, Any]] = {}
    composed: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(parameters, False)]
    done: set[tuple[int, bool]] = set()
    while waiting:
        node, inside = waiting.pop()
        if not isinstance(node, dict) or (id(node), inside) in done:
            continue
        done.add((id(node), inside))
        reached[id(node)] = node
        if inside:
            composed.add(id(node))
        waiting += _below(node, parameters.get("$defs", {}), inside)
    for key, node in reached.items():
        if node.get("properties") and key not in composed and not any(word in node for word in (*_COMPOSED, *_SAYS)):
            node["additionalProperties"] = False


def _below(node: dict[str, Any], defs: dict[str, Any], inside: bool) -> Iterator[tuple[Any, bool]]:
    """The schemas below a node, and whether each describes the same value as another schema does."""
    for member in node.get("properties", {}).values():
        yield member, False
    for key in ("items", "contains", "additionalProperties"):
        yield node.get(key), False
    for member in (*node.get("prefixItems", ()), *node.get("patternProperties", {}).values()):
        yield member, False
    for key in ("allOf", "not", "if", "then", "else"):
        members = node.get(key, ())
        for member in members if isinstance(members, list) else [members]:
            yield member, True
    # One alternative is the whole value, unless something stands beside it; of `anyOf` several may hold at once.
    beside = inside or "properties" in node or "allOf" in node or "if" in node or ("oneOf" in node and "anyOf" in node)
    for member in node.get("oneOf", ()):
        yield member, beside
    several = sum(_may_be_object(member) for member in node.get("anyOf", ())) > 1
    for member in node.get("anyOf", ()):
        yield member, beside or several
    if "$ref" in node:
        target = defs.get(str(node["$ref"]).removeprefix("#/$defs/"))
        yield target, inside or any(key in node for key in ("properties", "allOf", "oneOf", "anyOf"))


def _may_be_object(schema: Any) -> bool:
    if not isinstance(schema, dict) or "$ref" in schema:
        return schema is not False
    kind = schema.get("type", "object")
    return "object" in kind if isinstance(kind, list) else kind == "object"
