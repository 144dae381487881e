"""Reads an OpenAPI document on its own, straight from the standards, for `openapi_grade.py`; it imports no engine.

Swagger 2.0, OpenAPI 3.0.4 and 3.1.1. It tells what a document *declares*: operations, parameters, bodies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LOCATIONS = ("path", "query", "header", "cookie")
# What a Swagger 2.0 parameter says beside its schema (Swagger 2.0, Parameter Object).
_NOT_SCHEMA = frozenset({"name", "in", "description", "required", "collectionFormat", "allowEmptyValue", "schema"})
_MAX_HOPS = 40


class Unreadable(ValueError):
    """The text is no OpenAPI document at all; the message says why."""


class _Loader(yaml.CSafeLoader):
    """YAML 1.2's core schema: `on`, `no` and dates are texts (`in: on` must not become true)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in found if not tag.endswith((":timestamp", ":bool"))]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), [*"tTfF"])


@dataclass(frozen=True)
class Declared:
    """One parameter as the document declares it. `schema` is None where it says nothing."""

    name: str
    location: str
    required: bool
    schema: Any
    description: str
    pointer: str


@dataclass(frozen=True)
class Body:
    """`media` holds (media type, schema) in the document's order; for 2.0's formData one made of the fields."""

    required: bool
    media: tuple[tuple[str, Any], ...]
    description: str


@dataclass(frozen=True)
class Declaration:
    """One operation. `broken` tells what of the declaration itself cannot be read (nobody can be asked to)."""

    method: str
    path: str
    pointer: str
    operation_id: str
    parameters: tuple[Declared, ...]
    body: Body | None
    text: str
    broken: tuple[str, ...] = field(default=())

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.path


class Source:
    """A parsed document, its references and its operations."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.version = _version(root)
        self._anchors: dict[str, Any] | None = None

    def follow(self, node: Any) -> tuple[Any, bool]:
        """`node` with its `$ref` chain followed, and whether that worked. What stands beside a `$ref` is laid over
        it in 3.1 (JSON Schema 2020-12 §8.2.3.1); earlier versions ignore it (OpenAPI 3.0.4 §4.8.23)."""
        beside: dict[str, Any] = {}
        for _ in range(_MAX_HOPS):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return ({**node, **beside} if beside and isinstance(node, dict) else node), True
            if self.version == "3.1":
                beside = {**{k: v for k, v in node.items() if k != "$ref"}, **beside}
            found, target = self._target(node["$ref"])
            if not found:
                return None, False
            node = target
        return None, False

    def _target(self, reference: str) -> tuple[bool, Any]:
        if not reference.startswith("#"):
            return False, None
        fragment = unquote(reference[1:])
        if not fragment.startswith("/"):
            if fragment == "":
                return True, self.root
            if self._anchors is None:
                self._anchors = dict(_anchors(self.root))
            return fragment in self._anchors, self._anchors.get(fragment)
        node: Any = self.root
        for part in fragment[1:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and part in node:
                node = node[part]
            elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
                node = node[int(part)]
            else:
                return False, None
        return True, node

    def operations(self) -> Iterator[Declaration]:
        """All that stands under a path and one of the eight methods and is an object."""
        paths = self.root.get("paths")
        for path, raw in (paths if isinstance(paths, dict) else {}).items():
            if not isinstance(path, str) or path.startswith("x-"):
                continue
            item, _ = self.follow(raw)
            if not isinstance(item, dict):
                continue
            if isinstance(raw, dict) and "$ref" in raw:
                item = {**item, **{k: v for k, v in raw.items() if k != "$ref"}}
            for method in METHODS:
                if isinstance(item.get(method), dict):
                    yield self._operation(str(path), item, method)

    def _operation(self, path: str, item: dict[str, Any], method: str) -> Declaration:
        raw = item[method]
        pointer = f"/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}"
        broken: list[str] = []
        merged: dict[tuple[str, str], tuple[dict[str, Any], str]] = {}
        for level, where in ((item, pointer.rpartition("/")[0]), (raw, pointer)):
            listed = level.get("parameters")
            for index, entry in enumerate(listed if isinstance(listed, list) else []):
                parameter, found = self.follow(entry)
                at = f"{where}/parameters/{index}"
                if not isinstance(parameter, dict) or not found:
                    broken.append(f"{at}: no parameter there")
                    continue
                name, location = parameter.get("name"), parameter.get("in")
                if not isinstance(name, str) or not name or not isinstance(location, str):
                    broken.append(f"{at}: without name or location")
                    continue
                location = location if location == "formData" else location.lower()
                same = name.lower() if location == "header" else name
                merged[location, same] = (parameter, at)
        parameters = [self._parameter(p, at) for (kind, _), (p, at) in merged.items() if kind in LOCATIONS]
        body = self._body2(raw, merged) if self.version == "2.0" else self._body3(raw, broken)
        text = " ".join(str(raw.get(key) or "") for key in ("summary", "description")).strip()
        operation_id = raw.get("operationId")
        return Declaration(method.upper(), path, pointer, operation_id if isinstance(operation_id, str) else "",
                           tuple(parameters), body, text, tuple(broken))  # fmt: skip

    def _parameter(self, raw: dict[str, Any], pointer: str) -> Declared:
        location = str(raw["in"]).lower()
        if self.version == "2.0":
            schema: Any = {k: v for k, v in raw.items() if k not in _NOT_SCHEMA and not k.startswith("x-")}
            if not schema.keys() & {"type", "enum"} and isinstance(raw.get("schema"), dict):
                schema = raw["schema"]
        else:
            schema = raw.get("schema")
            content = raw.get("content")
            if schema is None and isinstance(content, dict):
                entries = [entry for entry in content.values() if isinstance(entry, dict)]
                schema = entries[0].get("schema") if entries else None
        required = raw.get("required") is True or location == "path"
        return Declared(raw["name"], location, required, schema, str(raw.get("description") or ""), pointer)

    def _body2(self, raw: dict[str, Any], merged: dict[tuple[str, str], tuple[dict[str, Any], str]]) -> Body | None:
        """Swagger 2.0: `in: body`, or the `in: formData` fields as one object."""
        consumes = raw.get("consumes")
        if not isinstance(consumes, list):
            consumes = self.root.get("consumes")
        names = [c for c in consumes if isinstance(c, str)] if isinstance(consumes, list) else []
        bodies = [parameter for (location, _), (parameter, _at) in merged.items() if location == "body"]
        if len(bodies) > 1:
            # The standard allows one. Generators that list several mean the fields of one object.
            properties = {one["name"]: one.get("schema") or {} for one in bodies}
            required = [one["name"] for one in bodies if one.get("required") is True]
            several = {"type": "object", "properties": properties, "required": required}
            return Body(bool(required), tuple((n, several) for n in names or ["application/json"]), "")
        for (location, _), (parameter, _at) in merged.items():
            if location == "body":
                media = tuple((n, parameter.get("schema")) for n in names or ["application/json"])
                return Body(parameter.get("required") is True, media, str(parameter.get("description") or ""))
        fields = [parameter for (location, _), (parameter, _at) in merged.items() if location == "formData"]
        if not fields:
            return None
        properties = {}
        for one in fields:
            schema = {k: v for k, v in one.items() if k not in _NOT_SCHEMA and not k.startswith("x-")}
            if isinstance(one.get("description"), str):
                schema["description"] = one["description"]
            properties[one["name"]] = schema
        required = [one["name"] for one in fields if one.get("required") is True]
        form = {"type": "object", "properties": properties, "required": required}
        forms = [n for n in names if "form" in n] or ["application/x-www-form-urlencoded"]
        return Body(bool(required), tuple((n, form) for n in forms), "")

    def _body3(self, raw: dict[str, Any], broken: list[str]) -> Body | None:
        declared = raw.get("requestBody")
        if declared is None:
            return None
        body, found = self.follow(declared)
        if not found or not isinstance(body, dict):
            broken.append("requestBody: nothing there")
            return None
        content = body.get("content")
        if not isinstance(content, dict) or not content:
            broken.append("requestBody: without content")
            return None
        media = []
        for name, entry in content.items():
            entry, found = self.follow(entry)
            media.append((str(name), entry.get("schema") if isinstance(entry, dict) else None))
        return Body(body.get("required") is True, tuple(media), str(body.get("description") or ""))


def read(path: Path) -> Source:
    """The document in a file. Raises `Unreadable` for what no reader could take for an OpenAPI document."""
    return from_bytes(path.read_bytes())


def from_bytes(data: bytes) -> Source:
    """The same from bytes."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8: {error}") from error
    try:
        root = json.loads(text)
    except ValueError:
        try:
            root = yaml.load(text, Loader=_Loader)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise Unreadable(f"neither JSON nor YAML: {error}") from error
    except RecursionError as error:
        raise Unreadable("nested too deep") from error
    if not isinstance(root, dict) or not ("openapi" in root or "swagger" in root):
        raise Unreadable("no OpenAPI document")
    return Source(_string_keys(root))


def _version(root: dict[str, Any]) -> str:
    written = str(root.get("openapi") or root.get("swagger") or "")
    if written.startswith("2"):
        return "2.0"
    return "3.0" if written.startswith("3.0") or written == "3" else "3.1"


def _anchors(root: Any) -> Iterator[tuple[str, Any]]:
    stack, seen = [root], set()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, dict):
            if isinstance(node.get("$anchor"), str):
                yield node["$anchor"], node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def _string_keys(node: Any) -> Any:
    """YAML's `200:` is the key "200"."""
    if isinstance(node, dict):
        return {(k if isinstance(k, str) else json.dumps(k, default=str)): _string_keys(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_string_keys(value) for value in node]
    return node
