"""Field paths such as `rows[].payAmount`: looking a value up, and finding the rule for a value; `shape.py` uses both.

A path starts at the body as it arrived, before any envelope was unwrapped. Where a rule's path does not fit there it
may also start at the payload, and a bare name stands for that field at any depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")
MISSING: Any = object()


def look_up(body: Any, path: str) -> Any:
    """The value at a dotted path without lists (`error.message`), or `MISSING`."""
    value = body
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return MISSING
        value = value[name]
    return value


def child(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


class FieldRules:
    """Finds what a mapping of field paths says of one field. `payload` is the payload's own path in the body."""

    __slots__ = ("_payload",)

    def __init__(self, payload: str) -> None:
        self._payload = payload

    def find(self, rules: Mapping[str, T], path: str, name: str, parent: str) -> T | None:
        """The rule of the field at `path` whose last name is `name`; the value of a map also answers to `parent.*`."""
        if not rules:
            return None
        found = rules.get(path)
        if found is None and self._payload and path.startswith(self._payload):
            found = rules.get(path[len(self._payload) :].removeprefix("."))
        if found is None:
            found = rules.get(child(parent, "*"))
        return rules.get(name) if found is None else found
