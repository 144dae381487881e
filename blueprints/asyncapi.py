"""docs/asyncapi.yaml as its page wants it: every reference resolved, every part with a parser's id. Pure.

The AsyncAPI component can parse the file itself, but compiles schemas with `eval`, which the page's policy forbids.
What it reads instead is what its parser would have made: AsyncAPI 3.0 with `x-parser-*`. Used by `docs.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

_ID = "x-parser-unique-object-id"


def resolved(text: str) -> dict[str, Any]:
    """The document in `text`, without a reference in it. Raises `ValueError` for one that leads nowhere or round."""
    document = yaml.safe_load(text)
    for kind in ("channels", "operations"):
        for name, part in document.get(kind, {}).items():
            part[_ID] = name
    for name, message in document["components"]["messages"].items():
        message |= {_ID: name, "x-parser-message-name": name}
    for name, schema in document["components"]["schemas"].items():
        schema["x-parser-schema-id"] = name
    whole: dict[str, Any] = _resolve(document, document, ())
    return whole | {"x-parser-spec-parsed": True, "x-parser-api-version": 3}


def _resolve(node: Any, root: Mapping[str, Any], inside: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_resolve(item, root, inside) for item in node]
    if not isinstance(node, Mapping):
        return node
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return {name: _resolve(member, root, inside) for name, member in node.items()}
    if reference in inside or not reference.startswith("#/"):
        raise ValueError(f"{reference} leads in a circle, or out of the document")
    target: Any = root
    for name in reference.removeprefix("#/").split("/"):
        if not isinstance(target, Mapping) or name not in target:
            raise ValueError(f"{reference} leads nowhere")
        target = target[name]
    return _resolve(target, root, (*inside, reference))
