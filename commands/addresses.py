"""Which tools take addresses (URLs, hosts) from a model: `check` flags them; a document's writer decides.

An address is passed on as data and never followed here, but the upstream may follow it (server-side request forgery).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from integrations.openapi.advice import Advice
from integrations.openapi.model import Tool

_FORMATS = frozenset(
    {"uri", "url", "uri-reference", "iri", "iri-reference", "uri-template", "hostname", "ipv4", "ipv6"}
)
_WORDS = frozenset({"url", "uri", "href", "host", "hostname", "server", "callback", "webhook", "endpoint", "redirect"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MAX_NODES = 2_000


def advise_addresses(tools: Iterable[Tool]) -> list[Advice]:
    """One sentence for each tool with arguments that are addresses by format or by name."""
    found = []
    for tool in tools:
        names = list(dict.fromkeys(_addresses(tool.parameters)))
        if names:
            shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
            text = (
                f"takes an address from the model: {shown}; it is never followed here, but the upstream may follow it:"
                " `hide` it or `drop` the operation in upstreams.yaml unless it must be given"
            )
            found.append(Advice("addresses", "", tool.operation.key, text))
    return found


def _addresses(schema: Any) -> Iterator[str]:
    """Names of properties anywhere in a schema whose values are addresses."""
    queue: list[Any] = [schema]
    for _ in range(_MAX_NODES):
        if not queue:
            return
        node = queue.pop()
        if isinstance(node, list):
            queue += node
        elif isinstance(node, Mapping):
            properties = node.get("properties")
            if isinstance(properties, Mapping):
                yield from (str(name) for name, part in properties.items() if _is_address(str(name), part))
            queue += node.values()


def _is_address(name: str, part: Any) -> bool:
    if not isinstance(part, Mapping):
        return False
    kind = part.get("type", "string")
    inner = part.get("items")
    if kind == "array" and isinstance(inner, Mapping):
        return _is_address(name, inner)
    if "string" not in (kind if isinstance(kind, list) else [kind]) or "enum" in part or "const" in part:
        return False
    words = {word.lower().removesuffix("s") for word in _WORD.findall(name)}
    return part.get("format") in _FORMATS or bool(words & _WORDS)
