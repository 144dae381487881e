"""The `$defs` of a tool's schema: put in place where used once, and measured; `arguments.py` calls it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

# Beyond it a value of some kilobytes could be checked against so many alternatives that validation takes seconds.
MAX_FAN_OUT = 1_000
# Kinds of places in a value that are looked at; a schema with more is taken for one that fans out.
_MAX_STATES = 3_000


def inline_single(schema: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """`schema` with every shared definition that is used once put in its place; the others stay in `shared`."""
    counts: dict[str, int] = {}
    stack: list[Any] = [schema, *shared.values()]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                name = node["$ref"].removeprefix("#/$defs/")
                counts[name] = counts.get(name, 0) + 1
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)

    source = dict(shared)

    def placed(node: Any, chain: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [placed(member, chain) for member in node]
        if not isinstance(node, dict):
            return node
        ref = node.get("$ref")
        name = ref.removeprefix("#/$defs/") if isinstance(ref, str) else ""
        if counts.get(name) == 1 and name not in chain and isinstance(source.get(name), dict):
            beside = {key: value for key, value in node.items() if key != "$ref"}
            return placed({**source[name], **beside}, (*chain, name))
        return {key: placed(value, chain) for key, value in node.items()}

    result: dict[str, Any] = placed(schema, ())
    for name in [name for name, count in counts.items() if count == 1 and name in shared]:
        del shared[name]
    for name in shared:
        shared[name] = placed(shared[name], (name,))
    return result


def fan_out(schema: Mapping[str, Any]) -> int:
    """Against how many schemas one part of a value may be checked at once, however deep it lies; never told beyond
    `MAX_FAN_OUT` + 1. Where several alternatives lead back to themselves it grows with every level of the value."""
    defs = schema.get("$defs", {})
    waiting: list[Counter[int]] = []
    nodes: dict[int, Any] = {}
    seen: set[frozenset[tuple[int, int]]] = set()
    worst = 0

    def apply(together: Counter[int], node: Any, count: int) -> None:
        if isinstance(node, Mapping):
            nodes[id(node)] = node
            together[id(node)] += count

    first: Counter[int] = Counter()
    apply(first, schema, 1)
    waiting.append(first)
    while waiting and worst <= MAX_FAN_OUT:
        here = waiting.pop()
        state = frozenset(here.items())
        if state in seen:
            continue
        seen.add(state)
        if len(seen) > _MAX_STATES:
            return MAX_FAN_OUT + 1
        total, below = _level([(nodes[key], count) for key, count in here.items()], defs)
        worst = max(worst, total)
        others = below.pop("*", [])
        for children in [others, *([*named, *others] for named in below.values())]:
            together: Counter[int] = Counter()
            for node, count in children:
                apply(together, node, count)
            if together:
                waiting.append(together)
    return min(worst, MAX_FAN_OUT + 1)


def _level(applied: list[tuple[Any, int]], defs: Mapping[str, Any]) -> tuple[int, dict[str, list[tuple[Any, int]]]]:
    """How many schemas `applied` (each so many times) make of one value, and what they apply to the values below it:
    by property name, "[]" for items, "*" for any property."""
    total, below = 0, dict[str, list[tuple[Any, int]]]()
    stack: list[tuple[Any, int, frozenset[str]]] = [(node, count, frozenset()) for node, count in applied]
    while stack and total <= MAX_FAN_OUT:
        node, count, inside = stack.pop()
        if not isinstance(node, Mapping):
            continue
        total += count
        name = str(node.get("$ref", "")).removeprefix("#/$defs/")
        if name and name not in inside:
            stack.append((defs.get(name), count, inside | {name}))
        for keyword in ("allOf", "anyOf", "oneOf", "not", "if", "then", "else"):
            members = node.get(keyword, ())
            stack += [(member, count, inside) for member in (members if isinstance(members, list) else [members])]
        for key, member in node.get("properties", {}).items():
            below.setdefault(f".{key}", []).append((member, count))
        for keyword in ("items", "contains"):
            below.setdefault("[]", []).append((node.get(keyword), count))
        below.setdefault("[]", []).extend((member, count) for member in node.get("prefixItems", ()))
        others = [node.get("additionalProperties"), *node.get("patternProperties", {}).values()]
        below.setdefault("*", []).extend((member, count) for member in others)
    return total, below
