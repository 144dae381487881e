"""Finds what a `$ref` points at, inside one document only; `schemas.py` and `operations.py` ask it.

JSON Reference as OpenAPI 3.1 §4.8.23 and §4.6 use it: `#/...` pointers (RFC 6901, percent-encoded or raw as generators
write them), `#anchor` and `$id` of 3.1. Files and hosts are never opened: such a reference is unresolved, and reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

# Where a schema of a bare or misplaced name may stand (`Pet`, `#/definitions/Pet` in a 3.x document).
_SCHEMA_HOMES = (("components", "schemas"), ("definitions",), ("$defs",))
_MAX_CHAIN = 32
# No pointer grows beyond it: a long key with many members would cost its length for each of them.
_MAX_POINTER, _MAX_TOKEN = 2_000, 500


class References:
    """The references of one document. `root` is its plain tree."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self._anchors: dict[str, tuple[Any, str]] | None = None
        self._found: dict[str, tuple[Any, str] | None] = {}

    def find(self, ref: Any) -> tuple[Any, str] | None:
        """The node that `ref` names and its JSON pointer, or None. One step: the node may itself be a reference."""
        if not isinstance(ref, str):
            return None
        if ref not in self._found:
            self._found[ref] = self._find(ref)
        return self._found[ref]

    def follow(self, node: Any, pointer: str) -> tuple[Mapping[str, Any], str] | None:
        """The object that stands at the end of a chain of references (not for schemas), or None."""
        for _ in range(_MAX_CHAIN):
            if not isinstance(node, Mapping):
                return None
            if "$ref" not in node:
                return node, pointer
            found = self.find(node["$ref"])
            if found is None:
                return None
            node, pointer = found
        return None

    def _find(self, ref: str) -> tuple[Any, str] | None:
        if ref in ("", "#"):
            return self.root, ""
        if ref.startswith("#/"):
            for path in (ref[1:], unquote(ref[1:])):
                found = self._walk(path)
                if found is not None:
                    return found
            return self._at_home(unquote(ref.rsplit("/", 1)[-1]))
        found = self._anchored().get(ref) or self._anchored().get(ref.removeprefix("#"))
        if found is not None:
            return found
        return self._at_home(ref) if re.fullmatch(r"[^/#:]+", ref) else None

    def _walk(self, path: str) -> tuple[Any, str] | None:
        node: Any = self.root
        tokens = path.split("/")[1:]
        for index, token in enumerate(tokens):
            name = token.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict):
                if name not in node:
                    # Names with a slash that the generator did not escape: the rest may be one name.
                    rest = "/".join(tokens[index:])
                    return (node[rest], path) if rest in node else None
                node = node[name]
            elif isinstance(node, list) and name.isdecimal() and len(name) < 9 and int(name) < len(node):
                node = node[int(name)]
            else:
                return None
        return node, path

    def _at_home(self, name: str) -> tuple[Any, str] | None:
        for home in _SCHEMA_HOMES:
            node: Any = self.root
            for step in home:
                node = node.get(step) if isinstance(node, dict) else None
            if isinstance(node, dict) and name in node:
                return node[name], "/" + "/".join((*home, escape(name)))
        return None

    def _anchored(self) -> dict[str, tuple[Any, str]]:
        """`$id`, `$anchor` and `$dynamicAnchor` of the document's schemas, indexed on first need."""
        if self._anchors is None:
            self._anchors = {}
            stack: list[tuple[Any, str]] = [(self.root, "")]
            while stack:
                node, pointer = stack.pop()
                if isinstance(node, dict):
                    for keyword in ("$id", "$anchor", "$dynamicAnchor"):
                        if isinstance(node.get(keyword), str):
                            self._anchors.setdefault(node[keyword], (node, pointer))
                    stack.extend((value, below(pointer, key)) for key, value in node.items())
                elif isinstance(node, list):
                    stack.extend((value, below(pointer, index)) for index, value in enumerate(node))
        return self._anchors


def below(pointer: str, *tokens: Any) -> str:
    """The pointer of what stands below `pointer`; its nearest ancestor's where it would become too long to be told."""
    for token in tokens:
        text = token if isinstance(token, str) else str(token)
        if len(pointer) > _MAX_POINTER or len(text) > _MAX_TOKEN:
            return pointer
        pointer = f"{pointer}/{escape(text)}" if "/" in text or "~" in text else f"{pointer}/{text}"
    return pointer


def escape(token: Any) -> str:
    """One token of a JSON pointer (RFC 6901 §3)."""
    return str(token).replace("~", "~0").replace("/", "~1")
