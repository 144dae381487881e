"""A step as a chat-completions request: messages and tools in the form that strict providers take. Pure.

What they refuse and is mended here: `content: null`, arguments in the history that are not JSON, names of other than
letters, digits, `_` and `-`, half surrogate pairs. What only some refuse is mended when they do (`habits.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from integrations.models.calls import is_object
from schemas.jsontext import to_json
from schemas.model import Message
from schemas.tokens import count_tokens
from schemas.tool import ToolSpec

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_MAX_CACHED = 8
# What chat templates write round a message. Where a server reads them inside of one, a resident (or a row of an
# upstream) could end his own message and begin the system's: a space makes them plain text.
_CONTROL = re.compile(
    r"<(?=[|｜][^<>\s]{1,64}[|｜]>)"
    r"|<(?=/?s>|<SYS>>|</SYS>>|(?:start|end)_of_turn>|bos>|eos>)"
    r"|\[(?=/?(?:INST|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS|SYSTEM_PROMPT)\])",
    re.IGNORECASE,
)
_MESSAGE_TOKENS = 4  # role and what stands round a message


def wire_messages(messages: Iterable[Message], *, echo_reasoning: bool = False) -> list[dict[str, Any]]:
    """The history as it is sent. `echo_reasoning`: messages with calls carry `reasoning_content`, if only an empty one;
    otherwise none does."""
    sent: list[dict[str, Any]] = []
    for message in messages:
        plain = {str(key): _plain(value) for key, value in message.items()}
        if plain.get("content") is None:
            plain["content"] = ""
        if plain["role"] != "system" and isinstance(plain["content"], str):
            plain["content"] = _CONTROL.sub(r"\g<0> ", plain["content"])
        for call in plain.get("tool_calls") or ():
            function = call["function"]
            function["name"] = _NOT_IN_NAMES.sub("_", function["name"])[:64] or "_"
            if not is_object(function["arguments"]):
                function["arguments"] = "{}"
        if "tool_calls" in plain and not plain["tool_calls"]:
            del plain["tool_calls"]
        reasoning = plain.pop("reasoning_content", "")
        if echo_reasoning and "tool_calls" in plain:
            plain["reasoning_content"] = reasoning
        sent.append(plain)
    return sent


def one_call_each(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same history for templates that know one call a message: each call with its own result after it."""
    sent: list[dict[str, Any]] = []
    own: dict[str, int] = {}  # where the message of a call stands, by its id
    for message in messages:
        calls: list[dict[str, Any]] = message.get("tool_calls") or []
        if len(calls) > 1:
            own = {}
            for call in calls:
                own[call["id"]] = len(sent)
                sent.append(message | {"tool_calls": [call]} | ({} if call is calls[0] else {"content": ""}))
        elif message.get("tool_call_id") in own:
            place = own.pop(message["tool_call_id"]) + 1
            sent.insert(place, message)
            own = {call_id: at + (at >= place) for call_id, at in own.items()}
        else:
            sent.append(message)
    return sent


def short_ids(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same history with call ids of nine letters and digits, the same for the same id."""
    sent: list[dict[str, Any]] = []
    for message in messages:
        changed = dict(message)
        if "tool_call_id" in message:
            changed["tool_call_id"] = _short(message["tool_call_id"])
        if "tool_calls" in message:
            changed["tool_calls"] = [call | {"id": _short(call["id"])} for call in message["tool_calls"]]
        sent.append(changed)
    return sent


def stand_in_tools(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tools by the names that a history calls, for providers that want them declared though none may be called."""
    names = [call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()]
    parameters = {"type": "object", "properties": {}}
    return [
        {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}
        for name in dict.fromkeys(names)
    ]


def message_tokens(messages: Iterable[Message]) -> int:
    """Our own count of what a history costs."""
    return sum(
        _MESSAGE_TOKENS
        + count_tokens(message.get("content") or "")
        + sum(count_tokens(call["function"]["arguments"]) + 8 for call in message.get("tool_calls") or ())
        for message in messages
    )


def call_ids(messages: Iterable[Message]) -> set[str]:
    """The tool call ids that a history already uses."""
    return {call["id"] for message in messages for call in message.get("tool_calls") or ()}


class ToolEncoder:
    """Tool specs in their wire form, made once per tuple of specs (a catalogue offers the same one again and again)."""

    def __init__(self) -> None:
        self._cached: dict[int, tuple[Sequence[ToolSpec], list[dict[str, Any]]]] = {}
        self._counted: dict[int, int] = {}
        self._raw: dict[int, tuple[list[dict[str, Any]], msgspec.Raw]] = {}

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
                oldest = next(iter(self._cached))
                del self._cached[oldest]
                self._counted.pop(oldest, None)
            self._cached[id(specs)] = (specs, encoded)
        return encoded

    def raw(self, encoded: list[dict[str, Any]]) -> msgspec.Raw:
        """What `encode` gave, as JSON text."""
        found = self._raw.get(id(encoded))
        if found is None:
            if len(self._raw) >= _MAX_CACHED:
                del self._raw[next(iter(self._raw))]
            found = self._raw[id(encoded)] = encoded, msgspec.Raw(to_json(encoded).encode())
        return found[1]

    def tokens(self, specs: Sequence[ToolSpec]) -> int:
        """Our own count of what they cost in a request."""
        counted = self._counted.get(id(specs)) if id(specs) in self._cached else None
        if counted is None:
            counted = count_tokens(to_json(self.encode(specs))) if specs else 0
            if id(specs) in self._cached:
                self._counted[id(specs)] = counted
        return counted


def _short(call_id: str) -> str:
    return hashlib.sha256(call_id.encode()).hexdigest()[:9]


def _plain(value: Any) -> Any:
    """Dicts, lists and clean strings, whatever mappings, sequences and strings came in."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    return value
