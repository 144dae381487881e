"""Puts the pieces of streamed tool calls together, whichever way the provider cut them. Used by `assemble.py`.

The protocol says: `index` names the call, `id` and `name` come with its first piece, `arguments` are pieces to be
joined. Providers leave out, repeat or change each of these; what belongs together is decided here from all of them.
"""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Any

import msgspec

from integrations.models.chunks import CallDelta, FunctionDelta
from schemas.jsontext import to_json

# Longer arguments are refused as a whole (`integrations/toolset.py`): one character more is kept, so that they are.
MAX_ARGUMENT_CHARS = 64 * 1024
# More calls than any turn may make; further ones of the same answer are not kept.
MAX_CALLS = 128


class PartialCall:
    """One call so far. `id` and `name` are empty until a piece had them. `too_long`: the rest was not kept."""

    __slots__ = ("_cumulative", "_parts", "_size", "_whole", "id", "index", "name", "too_long")

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self._parts: list[str] = []
        self._cumulative: str | None = None  # the newest piece, while each one repeats all before it
        self._whole: str | None = None  # arguments that came as an object
        self._size = 0
        self.too_long = False

    def add(self, arguments: Any) -> str:
        """A piece of the arguments: text to append, all of the text again, or an object. Gives what was new of it."""
        if arguments is None or arguments == "" or self.too_long:
            return arguments if isinstance(arguments, str) else ""
        if not isinstance(arguments, str):
            self._whole = to_json(arguments)
            self.too_long = len(self._whole) > MAX_ARGUMENT_CHARS
            return self._whole
        if self._parts and arguments.startswith("{") and arguments == self.arguments and is_object(arguments):
            return ""  # sent once more, on the finish chunk for one
        repeats = self._cumulative is not None and arguments.startswith(self._cumulative)
        known = len(self._cumulative or "") if repeats else 0
        self._cumulative = arguments if repeats or not self._parts else None
        self._parts.append(arguments)
        self._size = len(arguments) if repeats else self._size + len(arguments)
        self.too_long = self._size > MAX_ARGUMENT_CHARS
        return arguments[known:]

    @property
    def arguments(self) -> str:
        """The JSON text. Whether pieces were to be joined is judged by what they make together, so that `100` and `00`
        are 10000 and a text that was sent whole each time is there once."""
        if self._whole is not None:
            return self._whole
        joined = "".join(self._parts)
        if joined.startswith("{}") and is_object(joined[2:]):
            return joined[2:]  # some relays begin with the empty input of another protocol
        if len(self._parts) > 1 and self._cumulative is not None and not is_object(joined):
            return self._cumulative
        return joined

    @property
    def complete(self) -> bool:
        """Are the arguments a whole JSON object, to which nothing can be added?"""
        return is_object(self.arguments)


class CallAssembler:
    """All calls of one answer, in the order in which they began. `tool_names` are the tools that were offered."""

    def __init__(self, tool_names: Set[str]) -> None:
        self._tool_names = tool_names
        self.calls: list[PartialCall] = []

    def add(self, deltas: list[CallDelta | None] | CallDelta | str | None) -> str:
        """The `tool_calls` of one chunk. Gives the text that was new in them, for counting."""
        if isinstance(deltas, CallDelta):
            deltas = [deltas]
        if not isinstance(deltas, list):
            return ""
        touched: list[PartialCall] = []
        new: list[str] = []
        for delta in deltas:
            if delta is None:
                continue
            function = delta.function if isinstance(delta.function, FunctionDelta) else FunctionDelta()
            index, call_id, name = _index(delta.index), _text(delta.id), _text(function.name)
            call = self._find(index, call_id)
            # Two named entries of one list are two calls, whatever their index says.
            if call is None or (call in touched and name) or not self._continues(call, index, call_id, function):
                if len(self.calls) >= MAX_CALLS:
                    break
                call = PartialCall(index)
                self.calls.append(call)
            touched.append(call)
            call.id = call.id or call_id
            if not call.name or call.name not in self._tool_names:
                call.name = name if not call.name or call.name == name else call.name + name
            new += (name, call.add(function.arguments))
        return "".join(new)

    def _find(self, index: int | None, call_id: str) -> PartialCall | None:
        """The call that this piece may belong to: the last one of its index, of its id, or the last one at all."""
        if index is not None:
            for call in reversed(self.calls):
                if call.index == index:
                    return call
        if call_id:
            for call in reversed(self.calls):
                if call.id == call_id:
                    return call
            if index is not None:
                return None
        return self.calls[-1] if self.calls else None

    def _continues(self, call: PartialCall, index: int | None, call_id: str, function: FunctionDelta) -> bool:
        """Is this piece more of `call`, or the first of another one?"""
        name = _text(function.name)
        other_id = bool(call_id and call.id and call_id != call.id)
        other_index = index is not None and call.index is not None and index != call.index
        if not name:
            # Some servers make a new id for every piece: without a name that alone begins no call.
            return not (other_id and call.complete)
        if other_index:
            return call.name == name and call_id == call.id != "" and not call.complete
        if not call.name:
            return not (other_id and call.complete)
        if call.name != name:
            joined = call.name + name
            return name not in self._tool_names and any(known.startswith(joined) for known in self._tool_names)
        if other_id:
            return bool(call.arguments) and not call.complete
        # The name said again: more of it, unless a whole and different set of arguments comes after a whole one.
        arguments = function.arguments
        if not call.complete or arguments in (None, ""):
            return True
        if isinstance(arguments, str):
            return arguments == call.arguments or not is_object(arguments)
        return to_json(arguments) == call.arguments


def is_object(text: str) -> bool:
    """Is this the whole JSON text of an object (control characters inside strings let through)?"""
    if not text.rstrip().endswith("}"):
        return False
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, UnicodeError):
        pass
    try:
        return isinstance(json.loads(text, strict=False), dict)
    except (ValueError, RecursionError):
        return False


def is_cut_off(text: str) -> bool:
    """Does this JSON text end before it is over: inside a string, or with a bracket still open?"""
    depth, in_string, escaped = 0, False, False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
    return in_string or depth > 0


def _index(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal():
        return int(value[:9])
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
