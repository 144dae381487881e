"""Turns schemas of any OpenAPI version into valid, self-contained JSON Schema 2020-12; `keywords.py` is next.

Swagger 2.0 §Schema Object, OpenAPI 3.0.3 §4.7.24 (`nullable`, boolean `exclusiveMinimum`; siblings of `$ref` are
ignored but for words for people) and 3.1 §4.8.24 all end in one form. A definition is converted once however often it
is used; what is returned shares it, so nobody may change a schema that was read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from integrations.openapi import keywords
from integrations.openapi.model import Schema
from integrations.openapi.refs import References, below

MAX_LEVELS = 64
# A schema that needs more definitions than this is given all of the document's, which cost nothing: they are shared.
_MAX_OWN_DEFINITIONS = 64
# A reference that leads to a reference, and so on: followed as far as this, as `References.follow` does.
_MAX_CHAIN = 32
CUT = "[shortened]"
# (pointer, reason) of something that was mended.
Report = Callable[[str, str], None]
_SUBSCHEMA = ("items", "contains", "not", "if", "then", "else", "propertyNames", "additionalProperties",
              "unevaluatedProperties", "unevaluatedItems")  # fmt: skip
_SUBSCHEMA_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SUBSCHEMA_MAPS = ("properties", "patternProperties", "dependentSchemas")
_HANDLED = frozenset((*_SUBSCHEMA, *_SUBSCHEMA_LISTS, *_SUBSCHEMA_MAPS, "required", "$ref", "$dynamicRef", "nullable",
                      "x-nullable", "$defs", "definitions", "$id", "$schema", "$anchor", "$dynamicAnchor", "xml",
                      "externalDocs", "$comment", "$vocabulary"))  # fmt: skip


class Schemas:
    """Reads the schemas of one document. `version` is "2.0", "3.0" or "3.1"."""

    def __init__(self, references: References, version: str, report: Report) -> None:
        self.references, self.version, self.report = references, version, report
        self.patterns = keywords.Patterns()
        self._names: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._read: dict[int, tuple[Any, Schema]] = {}
        self._definitions: dict[str, Any] = {}
        self._uses: dict[str, set[str]] = {}
        self._closures: dict[frozenset[str], dict[str, Any]] = {}
        self._waiting: list[tuple[str, Any, str]] = []
        self._current: set[str] = set()

    def read(self, node: Any, pointer: str, *, keep: bool = True) -> Schema:
        """The schema at `pointer`, with the definitions it needs as its own `$defs`.

        A node of the document is read once, however often it is used; `keep` is false for one made only for this.
        """
        if not isinstance(node, dict) or not keep:
            return self._read_new(node, pointer)
        known = self._read.get(id(node))
        if known is None:
            # The node is kept beside its schema, so that its id cannot come to mean another one.
            known = self._read[id(node)] = (node, self._read_new(node, pointer))
        return known[1]

    def joined(self, schemas: Iterable[Schema]) -> Mapping[str, Any]:
        """The definitions that several schemas need together."""
        found: dict[str, Any] = {}
        for schema in schemas:
            own = schema.get("$defs", {}) if isinstance(schema, Mapping) else {}
            if own is self._definitions or len(found) > _MAX_OWN_DEFINITIONS:
                return self._definitions
            found |= own
        return found

    def _read_new(self, node: Any, pointer: str) -> Schema:
        direct: set[str] = set()
        self._current = direct
        converted: Schema = self._convert(node, pointer, 0)
        while self._waiting:
            name, target, where = self._waiting.pop()
            self._current = self._uses[name] = set()
            if isinstance(target, dict) and target.get("title") == _last(where):
                # Generators repeat a definition's name as its title; that is no word for people.
                target = {key: value for key, value in target.items() if key != "title"}
            self._definitions[name] = self._convert(target, where, 0)
        if not direct or not isinstance(converted, dict):
            return converted
        return {**converted, "$defs": self._closure(frozenset(direct))}

    def _closure(self, direct: frozenset[str]) -> dict[str, Any]:
        if direct not in self._closures:
            reached: dict[str, Any] = {}
            front = sorted(direct)
            while front:
                name = front.pop()
                if name not in reached:
                    reached[name] = self._definitions[name]
                    front.extend(sorted(self._uses[name].difference(reached)))
                if len(reached) > _MAX_OWN_DEFINITIONS:
                    reached = self._definitions
                    break
            self._closures[direct] = reached
        return self._closures[direct]

    def _convert(self, node: Any, pointer: str, level: int) -> Any:
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict):
            self.report(pointer, f"a schema is {keywords.kind_of(node)}; anything is accepted there")
            return {}
        if level > MAX_LEVELS:
            self.report(pointer, f"schemas are nested deeper than {MAX_LEVELS} levels; cut there")
            return {"description": CUT}
        result: dict[str, Any] = {}
        ref = node.get("$ref", node.get("$dynamicRef"))
        if ref is not None and not isinstance(ref, dict):
            return self._reference(node, ref, pointer, level)
        for key, value in node.items():
            if key not in _HANDLED:
                keywords.copy(key, value, node, result, self.patterns, lambda why: self.report(pointer, why))
        self._nested(node, result, pointer, level)
        self._required(node, result, pointer)
        keywords.settle(result, lambda why: self.report(pointer, why))
        if node.get("nullable") is True or node.get("x-nullable") is True:
            return keywords.nullable(result)
        return result

    def _reference(self, node: dict[str, Any], ref: Any, pointer: str, level: int) -> Any:
        name = self._name(ref)
        if name is None:
            self.report(pointer, f"the reference {str(ref)[:200]!r} cannot be resolved; anything is accepted there")
            target: dict[str, Any] = {}
        else:
            self._current.add(name)
            target = {"$ref": f"#/$defs/{name}"}
        rest = {key: value for key, value in node.items() if key not in ("$ref", "$dynamicRef")}
        if self.version != "3.1":
            # Siblings of `$ref` are ignored before 3.1, but words for people do no harm and help a model.
            rest = {k: v for k, v in rest.items() if k in keywords.FOR_PEOPLE or k in ("nullable", "x-nullable")}
        if not rest:
            return target
        siblings = self._convert(rest, pointer, level)
        if rest.get("nullable") is True or rest.get("x-nullable") is True:
            words = {key: value for key, value in siblings.items() if key in keywords.FOR_PEOPLE}
            return {"anyOf": [target, {"type": "null"}], **words}
        return {**target, **siblings}

    def _name(self, ref: Any) -> str | None:
        """The `$defs` name of what `ref` points at; the target waits to be converted when it is new."""
        found = self.references.find(ref)
        for _ in range(_MAX_CHAIN):
            if found is None or not isinstance(found[0], (dict, bool)):
                return None
            if isinstance(found[0], bool) or found[0].keys() != {"$ref"}:
                break
            found = self.references.find(found[0]["$ref"])
        else:
            return None
        target, pointer = found
        if id(target) not in self._names:
            base = re.sub(r"[^A-Za-z0-9]+", "_", str(ref)[-200:].rsplit("/", 1)[-1]).strip("_")[:48] or "schema"
            name = self._names[id(target)] = self._new_name(base)
            self._waiting.append((name, target, pointer))
        return self._names[id(target)]

    def _new_name(self, base: str) -> str:
        name = base
        while name in self._numbers:
            self._numbers[base] += 1
            name = f"{base}_{self._numbers[base]}"
        self._numbers[name] = 1
        return name

    def _nested(self, node: dict[str, Any], result: dict[str, Any], pointer: str, level: int) -> None:
        for key in _SUBSCHEMA:
            if key not in node:
                continue
            value = node[key]
            if key == "items" and isinstance(value, list):
                result["prefixItems"] = self._list(value, below(pointer, "items"), level)
            elif isinstance(value, (dict, bool)):
                result[key] = self._convert(value, below(pointer, key), level + 1)
            else:
                self.report(f"{pointer}/{key}", f"`{key}` is {keywords.kind_of(value)}; left out")
        for key in _SUBSCHEMA_LISTS:
            if key in node:
                value = node[key] if isinstance(node[key], list) else [node[key]]
                members = self._list(value, below(pointer, key), level)
                if members:
                    result[key] = members
        for key in _SUBSCHEMA_MAPS:
            if key in node:
                value = self._map(node[key], below(pointer, key))
                result[key] = {
                    str(name): self._convert(schema, below(pointer, key, name), level + 1)
                    for name, schema in value.items()
                    if key != "patternProperties" or self.patterns.usable(str(name))
                }

    def _list(self, value: list[Any], pointer: str, level: int) -> list[Any]:
        return [
            self._convert(member, below(pointer, index), level + 1)
            for index, member in enumerate(value)
            if isinstance(member, (dict, bool))
        ]

    def _map(self, value: Any, pointer: str) -> dict[str, Any]:
        if isinstance(value, list):  # a list of {name, ...}, as some writers have it
            named = {m["name"]: m for m in value if isinstance(m, dict) and isinstance(m.get("name"), str)}
            self.report(pointer, "a list stands where a mapping belongs; read by its members' names")
            return named
        if not isinstance(value, dict):
            self.report(pointer, f"{keywords.kind_of(value)} stands where a mapping belongs; left out")
            return {}
        return {
            name: ({} if schema is None else schema)
            for name, schema in value.items()
            if schema is None or isinstance(schema, (dict, bool))
        }

    def _required(self, node: dict[str, Any], result: dict[str, Any], pointer: str) -> None:
        """`required` as a list; a boolean one on a property (JSON Schema draft 3) is lifted to its object."""
        required = node.get("required")
        names: dict[str, None] = {}
        if isinstance(required, list):
            names = dict.fromkeys(name for name in required if isinstance(name, str))
        elif isinstance(required, str):
            names = {required: None}
        properties = node.get("properties")
        if isinstance(properties, dict):
            lifted = [n for n, s in properties.items() if isinstance(s, dict) and s.get("required") is True]
            if lifted:
                self.report(pointer, f"`required: true` on {', '.join(lifted[:5])}; read as the object's `required`")
            names.update(dict.fromkeys(lifted))
        if names:
            result["required"] = list(names)


def _last(pointer: str) -> str:
    return pointer.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")


def plain(schema: Schema) -> Mapping[str, Any]:
    """A schema as a mapping: `true` is {}, `false` refuses everything."""
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    return schema
