"""The JSON Schema of upstreams.yaml for editors, and the rows of the reference table; `commands/check.py` prints it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from integrations.upstream.config import UpstreamsFile

# What an editor must let stand for a number or a truth value: the environment fills it before it is read.
_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}
_BESIDE = ("title", "description", "default")


def file_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the whole file, `${NAME}` allowed wherever a number or truth value is."""
    schema: dict[str, Any] = _with_variables(UpstreamsFile.model_json_schema(mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "upstreams.yaml",
        "description": "The systems that Steward calls, and how each of them really behaves.",
    }


def schema_text() -> str:
    """The schema as it is shipped beside the file."""
    return json.dumps(file_schema(), ensure_ascii=False, indent=2) + "\n"


def keys() -> Iterator[tuple[str, str, str]]:
    """(path, default as JSON or "", description) of every key, parents first: `upstreams.NAME.errors.forbidden`."""
    schema = UpstreamsFile.model_json_schema(mode="validation")
    yield from _keys(schema, schema.get("$defs", {}), "")


def _keys(node: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    for name, said in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, _shown(said.get("default")), said.get("description", "")
        for below, suffix in _below(said, defs):
            yield from _keys(below, defs, here + suffix)


def _shown(default: Any) -> str:
    """A default in a table: the defaults of a mapping stand at its own keys."""
    if default is None or isinstance(default, dict):
        return ""
    if isinstance(default, list):
        default = [_without_none(item) for item in default]
    return json.dumps(default, ensure_ascii=False)


def _without_none(item: Any) -> Any:
    return {name: value for name, value in item.items() if value is not None} if isinstance(item, dict) else item


def _below(said: Mapping[str, Any], defs: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The mapping that a key holds, once: itself, in a list, or under names of the engineer's own."""
    seen: set[str] = set()
    queue: list[tuple[Mapping[str, Any], str]] = [(said, "")]
    while queue:
        node, suffix = queue.pop(0)
        ref = node.get("$ref", "").removeprefix("#/$defs/")
        if ref and ref not in seen:
            seen.add(ref)
            yield defs[ref], suffix
        queue += [(branch, suffix) for branch in node.get("anyOf", ())]
        if isinstance(node.get("items"), Mapping):
            queue.append((node["items"], "[]"))
        if isinstance(node.get("additionalProperties"), Mapping):
            queue.append((node["additionalProperties"], ".NAME"))


def _with_variables(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_variables(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: _with_variables(value) if name not in ("default", "const") else value for name, value in node.items()}
    if made.get("type") in ("integer", "number", "boolean"):
        beside = {name: made.pop(name) for name in _BESIDE if name in made}
        return {**beside, "anyOf": [made, _VARIABLE]}
    return made
