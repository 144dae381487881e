"""The `$defs` of a tool's schema: put in place where used once, and measured; `arguments.py` calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Beyond it a value could be checked against so many alternatives that validation takes seconds.
MAX_FAN_OUT = 5_000


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
    """How many schemas one value may be checked against, references counted as often as they are reached."""
    defs = schema.get("$defs", {})
    known: dict[str, int] = {}

    def cost(node: Any, inside: frozenset[str]) -> int:
        if not isinstance(node, Mapping):
            return 0
        total = 1
        ref = node.get("$ref")
        if isinstance(ref, str):
            name = ref.removeprefix("#/$defs/")
            if name not in known and name not in inside:
                known[name] = cost(defs.get(name), inside | {name})
            total += known.get(name, 0)
        for keyword in ("allOf", "anyOf", "oneOf"):
            total += sum(cost(member, inside) for member in node.get(keyword, ()))
        return min(total, MAX_FAN_OUT + 1)

    nodes: list[Any] = [schema, *defs.values()]
    worst = 0
    while nodes:
        node = nodes.pop()
        if isinstance(node, Mapping):
            worst = max(worst, cost(node, frozenset()))
            nodes.extend(node.get("properties", {}).values())
            nodes += [node[key] for key in ("items", "additionalProperties") if key in node]
    return worst
