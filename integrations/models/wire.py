"""A step as a chat-completions request: messages and tools in the form that strict providers take. Pure.

What they refuse and is mended here: `content: null`, arguments in the history that are not JSON, names of other than
letters, digits, `_` and `-`, half surrogate pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from integrations.models.calls import is_object
from schemas.model import Message
from schemas.tool import ToolSpec

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_MAX_CACHED = 8


def wire_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The history as it is sent."""
    sent: list[dict[str, Any]] = []
    for message in messages:
        plain = {str(key): _plain(value) for key, value in message.items()}
        if plain.get("content") is None:
            plain["content"] = ""
        for call in plain.get("tool_calls") or ():
            function = call["function"]
            function["name"] = _NOT_IN_NAMES.sub("_", function["name"])[:64] or "_"
            if not is_object(function["arguments"]):
                function["arguments"] = "{}"
        if "tool_calls" in plain and not plain["tool_calls"]:
            del plain["tool_calls"]
        sent.append(plain)
    return sent


def call_ids(messages: Iterable[Message]) -> set[str]:
    """The tool call ids that a history already uses."""
    return {call["id"] for message in messages for call in message.get("tool_calls") or ()}


class ToolEncoder:
    """Tool specs in their wire form, made once per tuple of specs (a catalogue offers the same one again and again)."""

    def __init__(self) -> None:
        self._cached: dict[int, tuple[Sequence[ToolSpec], list[dict[str, Any]]]] = {}

    def encode(self, specs: Sequence[ToolSpec]) -> list[dict[str, Any]]:
        """`{"type": "function", "function": {"name", "description", "parameters"}}` for each; not to be changed."""
        found = self._cached.get(id(specs))
        if found is not None:
            return found[1]
        encoded = [
            {
                "type": "function",
                "function": {
                    "name": spec.name,
                    "description": _plain(spec.description),
                    "parameters": _plain(spec.parameters),
                },
            }
            for spec in specs
        ]
        if isinstance(specs, tuple):  # a list could change; the entry keeps the tuple alive, so its id stays its own
            if len(self._cached) >= _MAX_CACHED:
                del self._cached[next(iter(self._cached))]
            self._cached[id(specs)] = (specs, encoded)
        return encoded


def _plain(value: Any) -> Any:
    """Dicts, lists and clean strings, whatever mappings, sequences and strings came in."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    return value
