"""Reads upstreams.yaml into `config.py`'s models, so that each mistake names its line; `catalogue.py` calls it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from integrations.upstream.config import UpstreamsFile
from schemas.errors import ConfigurationError

Where = tuple[str | int, ...]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}\n]*))?\}")
# `${NAME}` inside `{...}` is no plain YAML scalar: while parsing, two private characters round a number stand for it.
_HELD = re.compile("\ue000([0-9]+)\ue001")
_MAX_NODES = 100_000
_KINDS = {
    "list": "a list such as [a, b]",
    "dict": "a mapping such as {key: value}",
    "model": "a mapping such as {key: value}",
    "string": "a text (in quotes if it looks like a number)",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """The settings, and the line of every key, by its path from the top."""

    file: Path
    settings: UpstreamsFile
    lines: Mapping[Where, int]

    def mistake(self, message: str, *where: str | int) -> ConfigurationError:
        """An error about the key at `where` (or its nearest parent that is written in the file)."""
        return ConfigurationError(message, file=str(self.file), line=self.line(*where))

    def line(self, *where: str | int) -> int:
        """The line of the key at `where`, or of its nearest parent that is written in the file."""
        return _line(self.lines, where)


def load_file(path: Path, environment: Mapping[str, str]) -> LoadedFile:
    """The settings of the file, `${NAME}` and `${NAME:-default}` filled from `environment` (empty counts as unset).

    Raises `ConfigurationError` with file, line and the nearest valid key.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be read: {error}", file=str(path)) from error
    reader = _Reader(path, environment)
    tree = reader.read(text)
    try:
        settings = UpstreamsFile.model_validate(tree)
    except ValidationError as error:
        raise _first_mistake(path, error, reader.lines) from None
    return LoadedFile(path, _beside(path.parent, settings), reader.lines)


def _beside(folder: Path, settings: UpstreamsFile) -> UpstreamsFile:
    """Certificates stand where documents do: relative to the file and not to where the process was started."""
    upstreams = {}
    for name, upstream in settings.upstreams.items():
        files = {key: str(folder / file) for key, file in upstream.tls if file is not None}
        upstreams[name] = upstream.model_copy(update={"tls": upstream.tls.model_copy(update=files)})
    return settings.model_copy(update={"upstreams": upstreams})


class _Reader:
    """YAML text → plain values and the line of every key."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._path, self._environment = path, environment
        self._held: list[tuple[str, str | None]] = []
        self._nodes = 0
        self.lines: dict[Where, int] = {}

    def read(self, text: str) -> Any:
        held_text = _VARIABLE.sub(self._hold, text)
        try:
            node = yaml.compose(held_text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or "is not valid YAML"
            line = mark.line + 1 if mark is not None else 0
            raise ConfigurationError(f"not valid YAML: {problem}", file=str(self._path), line=line) from None
        return {} if node is None else self._value(node, ())

    def _hold(self, match: re.Match[str]) -> str:
        self._held.append((match[1], match[2]))
        return f"\ue000{len(self._held) - 1}\ue001"

    def _value(self, node: yaml.Node, where: Where) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise ConfigurationError(f"has more than {_MAX_NODES} nodes", file=str(self._path))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.lines[(*where, index)] = item.start_mark.line + 1
            return [self._value(item, (*where, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                parts = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for part in reversed(parts):
                    merged |= self._value(part, where)
                continue
            key = self._scalar(key_node)
            if isinstance(key, bool):  # for Python `true` and 1 are one key
                key = str(key).lower()
            if isinstance(key, list | dict) or key in made:
                raise ConfigurationError(f"the key {key} stands twice", file=str(self._path), line=line)
            self.lines[(*where, key if isinstance(key, int) else str(key))] = line
            made[key] = self._value(value_node, (*where, str(key)))
        return merged | made

    def _scalar(self, node: yaml.Node) -> Any:
        value = str(node.value)
        if _HELD.search(value):
            return _HELD.sub(lambda match: self._filled(int(match[1]), node.start_mark.line + 1), value)
        if node.tag in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:str"):
            return value
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigurationError(
                f"{value} cannot be read: {error}", file=str(self._path), line=node.start_mark.line + 1
            ) from None

    def _filled(self, index: int, line: int) -> str:
        name, default = self._held[index]
        value = self._environment.get(name) or default
        if value is None:
            raise ConfigurationError(
                f"the environment has no {name}; set it, or write ${{{name}:-default}}", file=str(self._path), line=line
            )
        return value


def _first_mistake(path: Path, error: ValidationError, lines: Mapping[Where, int]) -> ConfigurationError:
    """The most telling of pydantic's errors: an unknown key first, then the one deepest in the file."""
    found: list[tuple[bool, int, Where, ErrorDetails]] = []
    for detail in error.errors(include_url=False, include_input=False):
        where = _written(detail["loc"], lines)
        unknown = detail["type"] == "unknown_key"
        if unknown:
            where = (*where, str(detail["ctx"]["key"]))
        found.append((not unknown, -len(where), where, detail))
    _, _, where, detail = min(found, key=lambda item: item[:2])
    at = ".".join(str(part) for part in where)
    others = len({other for _, _, other, _ in found if other != where[: len(other)]})
    more = f" (and {others} more)" if others and detail["type"] != "unknown_key" else ""
    message = _said([other for _, _, place, other in found if place == where])
    return ConfigurationError(f"{at or 'the file'}: {message}{more}", file=str(path), line=_line(lines, where))


def _said(details: list[ErrorDetails]) -> str:
    """What is wrong at one place. The branches of a union each say what they expect: any of it would do."""
    first = details[0]
    if first["type"] == "missing":
        return f"the key {first['loc'][-1]} is missing"
    expected = dict.fromkeys(found for detail in details if (found := _expected(detail)))
    if expected:
        return f"{' or '.join(expected)} is expected"
    return first["msg"].removeprefix("Value error, ").replace("Input should be", "it should be")


def _expected(detail: ErrorDetails) -> str:
    kind = detail["type"].partition("_")[0]
    if detail["type"] == "literal_error":
        return str(detail["ctx"]["expected"])
    return _KINDS.get(kind, "") if detail["type"].endswith(("_type", "_parsing")) else ""


def _written(location: tuple[str | int, ...], lines: Mapping[Where, int]) -> Where:
    """pydantic's location without the names it gives to branches of unions."""
    where: Where = ()
    for part in location:
        if (*where, part) in lines:
            where = (*where, part)
    return where


def _line(lines: Mapping[Where, int], where: Where) -> int:
    while where:
        if where in lines:
            return lines[where]
        where = where[:-1]
    return 1
