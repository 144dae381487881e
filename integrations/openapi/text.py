"""Bytes of a document → plain dicts, lists and scalars, within limits; `load.py` calls it. Nothing of OpenAPI here.

JSON is read by msgspec. Everything else is YAML 1.2's core schema (what OpenAPI 3.1 §4.3 asks for: `on`, `no` and dates
stay strings), built from libyaml's events without recursion: no tag makes an object, aliases are counted, nesting is
bounded before anything is built.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may cost. Sizes in bytes, nodes and levels as counts."""

    max_bytes: int = 64 * 1024 * 1024
    max_nodes: int = 5_000_000
    max_alias_nodes: int = 10_000
    max_levels: int = 1_000


# Each limit is a setting of its own.
_TRUSTED = "If the document is to be trusted, raise STEWARD_DOCUMENT_MAX_"


class Unreadable(ValueError):
    """The text is not what it should be; the message says what and where, for a person."""


_FOREIGN_BOMS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_JSON_START = re.compile(r"\s*[{\[]")
# A string, which is left alone, or a comma with nothing after it.
_EXTRA_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])')
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_FIRST_OF_NUMBER = frozenset("+-.0123456789")
_MAX_DIGITS = 400


def parse(data: bytes, limits: Limits) -> Any:
    """The document as plain Python values; mapping keys are strings. Raises `Unreadable`."""
    if len(data) > limits.max_bytes:
        raise Unreadable(too_many_bytes(len(data), limits))
    text = _decode(data)
    if _JSON_START.match(text):
        try:
            tree = msgspec.json.decode(text)
        except RecursionError as error:
            raise Unreadable(f"it is nested deeper than {limits.max_levels} levels") from error
        except msgspec.MsgspecError as error:
            return _yaml_instead(text, limits, str(error))
        _check_tree(tree, limits)
        return tree
    return parse_yaml(text, limits)


def too_many_bytes(size: int, limits: Limits) -> str:
    """Why a file of `size` bytes is not even opened."""
    return f"it has {size} bytes, more than the {limits.max_bytes} that are allowed. {_TRUSTED}BYTES"


def _decode(data: bytes) -> str:
    for bom, encoding in _FOREIGN_BOMS:
        if data.startswith(bom):
            raise Unreadable(f"it is {encoding}; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        guess = "UTF-16" if data[:64].count(0) > 8 else "GBK or another legacy encoding"
        raise Unreadable(f"byte {error.start} is not UTF-8 (it looks like {guess}); save it as UTF-8") from error
    if "\0" in text:
        raise Unreadable(f"it contains a NUL character at position {text.index(chr(0))}")
    return text


def _yaml_instead(text: str, limits: Limits, json_error: str) -> Any:
    """Almost-JSON (comments, unquoted keys) is mostly YAML's flow style. A comma too many, the most common mistake, is
    left out instead: YAML is much slower to read."""
    try:
        tree = msgspec.json.decode(_EXTRA_COMMA.sub(lambda found: "" if found[0] == "," else found[0], text))
    except (msgspec.MsgspecError, RecursionError):
        pass
    else:
        _check_tree(tree, limits)
        return tree
    try:
        return parse_yaml(text, limits)
    except Unreadable as error:
        raise Unreadable(f"neither JSON ({json_error}) nor YAML ({error})") from error


def _check_tree(tree: Any, limits: Limits) -> None:
    nodes, level, front = 0, 0, [tree]
    while front:
        level += 1
        nodes += len(front)
        if level > limits.max_levels:
            raise Unreadable(f"it is nested deeper than {limits.max_levels} levels")
        if nodes > limits.max_nodes:
            raise Unreadable(f"it has more than {limits.max_nodes} values. {_TRUSTED}NODES")
        below: list[Any] = []
        for node in front:
            if type(node) is dict:
                below.extend(node.values())
            elif type(node) is list:
                below.extend(node)
        front = below


class _Frame:
    """One open mapping or sequence. `key` is `_NO_KEY` while a mapping waits for its next key."""

    __slots__ = ("anchor", "key", "merges", "size", "value")

    def __init__(self, value: Any, anchor: str | None) -> None:
        self.value, self.anchor = value, anchor
        self.key: Any = _NO_KEY
        self.merges: list[Any] = []
        self.size = 1


_NO_KEY = object()


def parse_yaml(text: str, limits: Limits) -> Any:
    """YAML 1.2 core schema with merge keys; the first of several documents. Raises `Unreadable`."""
    try:
        return _Builder(limits).build(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Unreadable(f"{line}{error.problem or error}") from error
    except yaml.YAMLError as error:
        raise Unreadable(str(error)) from error
    except RecursionError as error:
        raise Unreadable(f"it is nested deeper than {limits.max_levels} levels") from error


class _Builder:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0
        self.alias_nodes = 0

    def build(self, events: Any) -> Any:
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                done, size = _scalar(event), 1
                if event.anchor:
                    self.anchors[event.anchor] = (done, 1)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open({} if kind is yaml.MappingStartEvent else [], event.anchor)
                continue
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                done, size = self._close()
            elif kind is yaml.AliasEvent:
                done, size = self._alias(event.anchor)
            else:
                continue
            if not self.stack:
                return done
            self._count()
            self._add(done, size)
        raise Unreadable("it is empty")

    def _open(self, value: Any, anchor: str | None) -> None:
        if len(self.stack) >= self.limits.max_levels:
            raise Unreadable(f"it is nested deeper than {self.limits.max_levels} levels")
        self.stack.append(_Frame(value, anchor))

    def _close(self) -> tuple[Any, int]:
        frame = self.stack.pop()
        for merged in frame.merges:
            for source in merged if isinstance(merged, list) else [merged]:
                if not isinstance(source, dict):
                    raise Unreadable("a merge key (`<<`) needs a mapping")
                for key, value in source.items():
                    frame.value.setdefault(key, value)
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.value, frame.size)
        return frame.value, frame.size

    def _alias(self, anchor: str) -> tuple[Any, int]:
        if anchor not in self.anchors:
            raise Unreadable(f"the alias *{anchor} has no anchor, or is inside it")
        value, size = self.anchors[anchor]
        self.alias_nodes += size
        if self.alias_nodes > self.limits.max_alias_nodes:
            raise Unreadable(f"its aliases add more than {self.limits.max_alias_nodes} values. {_TRUSTED}ALIAS_NODES")
        return value, size

    def _count(self) -> None:
        self.nodes += 1
        if self.nodes > self.limits.max_nodes:
            raise Unreadable(f"it has more than {self.limits.max_nodes} values. {_TRUSTED}NODES")

    def _add(self, value: Any, size: int) -> None:
        frame = self.stack[-1]
        frame.size += size
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is _NO_KEY:
            frame.key = _key(value)
        else:
            if frame.key == "<<":
                frame.merges.append(value)
            else:
                frame.value[frame.key] = value
            frame.key = _NO_KEY


def _key(value: Any) -> str:
    """Keys are strings in OpenAPI: `200:` is "200", `null:` is "null"."""
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        raise Unreadable("a mapping's key is itself a mapping or a list")
    return msgspec.json.encode(value).decode()


def _scalar(event: Any) -> Any:
    text: str = event.value
    if not event.implicit[0] and event.tag in (None, "!", "tag:yaml.org,2002:str"):
        return text
    if not event.implicit[0] and event.tag is not None:
        if not str(event.tag).startswith("tag:yaml.org,2002:"):
            raise Unreadable(f"line {event.start_mark.line + 1}: the tag {event.tag} is not allowed")
        if event.tag.startswith("tag:yaml.org,2002:python"):
            raise Unreadable(f"line {event.start_mark.line + 1}: the tag {event.tag} is not allowed")
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _FIRST_OF_NUMBER:
        return text
    return _number(text)


def _number(text: str) -> Any:
    if len(text) <= _MAX_DIGITS:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            return number if number not in (float("inf"), float("-inf")) else text
        if text.startswith("0x"):
            try:
                return int(text, 16)
            except ValueError:
                return text
    return text
