"""Compares what a document says of a value with what an engine shows a model of it; `openapi_grade.py` asks here.

What was cut must be marked where it was cut, or above.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from bench.openapi_schema import View

# A description with this tells that something was left out; "…" only that a text was shortened.
MARK = re.compile(r"\[(shortened|cut|truncated|omitted)\b[^\]]*\]", re.I)
_DEPTH = 10


class Comparison:
    """Two views of the same value. `found` takes (rule, where, what); `marked`: the tool itself says it was cut."""

    def __init__(self, document: View, shown: View, found: Callable[[str, str, str], None], *, marked: bool) -> None:
        self.document, self.shown, self.found, self.marked = document, shown, found, marked

    def compare(self, declared: Any, shown: Any, where: str, depth: int = 0, chain: tuple[int, ...] = ()) -> None:
        """What the document says of a value must be shown, or what was cut must be marked there or above."""
        view, own = self.document, self.shown
        shown_members = own.members(shown)
        if depth > _DEPTH or _marked(shown_members) or not view.says(declared):
            return
        target = view.resolved(declared)
        if not isinstance(target, dict) or id(target) in chain or _is_file(view, declared):
            return
        chain = (*chain, id(target))
        self._kinds(declared, shown, where)
        self._enum(declared, shown, where)
        branches, shown_branches = view.branches(declared), own.branches(shown)
        if branches:
            if len(shown_branches) == len(branches):
                for index, (one, other) in enumerate(zip(branches, shown_branches, strict=True)):
                    self.compare(one, other, f"{where}|{index}", depth + 1, chain)
            elif own.keyword(shown, "enum") is None and len({json.dumps(b, sort_keys=True) for b in branches}) > 1:
                self.found("alternatives-lost", where, f"{len(branches)} declared, {len(shown_branches)} shown")
        self._object(declared, shown, where, depth, chain)
        items = view.keyword(declared, "items")
        if isinstance(items, dict) and view.says(items):
            other = own.keyword(shown, "items")
            if "array" not in (view.kinds(declared) or {"array"}):
                return
            if other is None:
                self.found("nested-lost", where, "items")
            else:
                self.compare(items, other, f"{where}[]", depth + 1, chain)

    def _object(self, declared: Any, shown: Any, where: str, depth: int, chain: tuple[int, ...]) -> None:
        view, own = self.document, self.shown
        properties, required = view.properties(declared)
        others, needed = own.properties(shown)
        for name, schema in properties.items():
            if view.read_only(schema):
                if name in others:
                    self.found("read-only-shown", where, name)
                continue
            if name not in others:
                self.found("nested-lost", where, f"property {name}")
                continue
            if (name in required) != (name in needed):
                self.found("required", f"{where}.{name}", f"is {'' if name in required else 'not '}required")
            self.compare(schema, others[name], f"{where}.{name}", depth + 1, chain)
        extra = view.keyword(declared, "additionalProperties")
        closed = own.keyword(shown, "additionalProperties") is False
        if closed and extra is not False and (extra is not None or not properties):
            self.found("nested-lost", where, "closed, though the document leaves it open")
        if isinstance(extra, dict) and view.says(extra):
            other = next((n["additionalProperties"] for n in own.members(shown)
                          if isinstance(n.get("additionalProperties"), dict)), None)  # fmt: skip
            if other is None:
                self.found("nested-lost", where, "the schema of additionalProperties")
            else:
                self.compare(extra, other, f"{where}.*", depth + 1, chain)

    def _kinds(self, declared: Any, shown: Any, where: str) -> None:
        due, got = self.document.kinds(declared), self.shown.kinds(shown)
        if due is None:
            return
        if got is None:
            if not self.shown.branches(shown):
                self.found("type", where, f"{sorted(due)} declared, none shown")
            return
        if "number" in due:
            due = due | {"integer"} if "integer" in got else due
        for kind in due - got:
            if kind in ("integer", "number") and "string" in got:
                continue
            if kind == "integer" and "number" in got:
                continue
            self.found("type", where, f"{sorted(due)} declared, {sorted(got)} shown")
            return
        spare = got - due - ({"string"} if due & {"integer", "number"} else set())
        if spare - ({"number"} if "integer" in due else set()):
            self.found("type", where, f"{sorted(due)} declared, {sorted(got)} shown")

    def _enum(self, declared: Any, shown: Any, where: str) -> None:
        values = self.document.keyword(declared, "enum")
        if not isinstance(values, list) or not values or {True, False} <= {v for v in values if isinstance(v, bool)}:
            return
        got = self.shown.keyword(shown, "enum")
        if got is None:
            constant = next((n["const"] for n in self.shown.members(shown) if "const" in n), None)
            got = None if constant is None else [constant]
        if not isinstance(got, list):
            if self.marked:
                return
            self.found("enum-lost", where, f"{len(values)} values")
            return
        due = {_text(v) for v in values if v is not None}
        if due - {_text(v) for v in got}:
            self.found("enum-lost", where, f"without {sorted(due - {_text(v) for v in got})[:4]}")
        elif {_text(v) for v in got if v is not None} - due:
            self.found("enum-lost", where, f"invented {sorted({_text(v) for v in got if v is not None} - due)[:4]}")


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _marked(members: list[dict[str, Any]]) -> bool:
    """Whether a description says that the schema was cut; "…" only tells that a text was."""
    return any(MARK.search(str(node.get("description", ""))) for node in members)


def _is_file(view: View, schema: Any) -> bool:
    return any(node.get("format") in ("binary", "file") or node.get("type") == "file" for node in view.members(schema))
