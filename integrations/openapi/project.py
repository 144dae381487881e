"""A schema as a model should see it: references inlined, what is only read left out, ids as strings, cut to size.

`arguments.py` calls it. Whatever is shortened says so: texts end in "…", the rest carries "[shortened]", and a schema
is only ever cut towards accepting more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.openapi.bodies import is_file, merge
from integrations.openapi.keywords import MAX_ENUM
from integrations.openapi.model import Schema
from integrations.openapi.schemas import CUT
from integrations.openapi.words import clean, shorten
from schemas.jsontext import to_json

FILE_HINT = "文件：填上传得到的编号 / A file: the id of an upload"
INTEGER_TEXT = r"^-?\d+$"
_SAFE_INTEGER = 2**53
_ID_EXACT = re.compile(r"(?:^|[_\-.\[])(?:id|ID|Id|ids|IDs|IDS|Ids)\]?$|[a-z0-9](?:Id|ID)s?\]?$")
_GENERATED_TITLE = re.compile(r"\S*«\S*|[A-Za-z0-9.]*[a-z0-9][A-Z_][A-Za-z0-9_.]*")
_LIMITS = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
    "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "format", "contentMediaType",
    "contentEncoding", "minContains", "maxContains", "dependentRequired",
})  # fmt: skip
_COPIED = frozenset({"type", "const", "default"})


# Widths of numbers mean nothing to a model.
_MACHINE_FORMATS = frozenset({"int32", "int64", "float", "double", "bigdecimal"})


class TooLarge(Exception):
    """This way of showing the schema needs more than its budget; a plainer one is tried."""


class Recursive(Exception):
    """The schema contains itself: it cannot be inlined."""


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is shown. `share` keeps references as `$defs` instead of inlining them; `depth` counts levels."""

    text: int
    enum: int
    depth: int
    examples: int
    limits: bool
    share: bool


# From all there is to the bare bones: the first that fits is taken.
DETAILS = (
    Detail(700, 120, 12, 2, True, share=False),
    Detail(700, 120, 12, 2, True, share=True),
    Detail(240, 60, 8, 1, True, share=True),
    Detail(120, 40, 5, 0, True, share=True),
    Detail(80, 25, 4, 0, True, share=False),
    Detail(60, 15, 3, 0, True, share=False),
    Detail(50, 12, 2, 0, True, share=False),
    Detail(40, 8, 1, 0, False, share=False),
    Detail(0, 6, 0, 0, False, share=False),
)
# What fits the budget of a tool has fewer: beyond it the next detail is tried at once.
_MAX_NODES = 800
_MAX_LOOKS = 10_000


class Projector:
    """Projects schemas of one tool. `defs` are the definitions they refer to; `shared` the ones still referred to."""

    def __init__(
        self, defs: Mapping[str, Any], detail: Detail, *, files: bool = False, accepts: str = "", room: int = 10**9
    ) -> None:
        self.defs, self.detail, self.files, self.accepts = defs, detail, files, accepts
        # Bytes that are left: [n], shared with the projectors of the tool's other arguments.
        self._room = [room]
        self.shared: dict[str, Any] = {}
        self.cut = False
        self._nodes = 0
        self._looks = [_MAX_LOOKS]

    def alike(self, defs: Mapping[str, Any], *, files: bool, accepts: str) -> Projector:
        """A projector of another argument of the same tool: definitions that are shared, and one budget."""
        other = Projector(defs, self.detail, files=files, accepts=accepts)
        other.shared, other._looks, other._nodes, other._room = self.shared, self._looks, self._nodes, self._room
        return other

    def project(self, schema: Schema, name: str, depth: int = 0, chain: tuple[str, ...] = ()) -> dict[str, Any] | bool:
        """`schema` of something called `name`. Raises `TooLarge` or `Recursive`."""
        if isinstance(schema, bool):
            return schema
        self._nodes += 1
        # Name, braces, type and half of the text (which another may replace): no schema is smaller than that.
        self._room[0] -= len(name) + 12 + min(len(str(schema.get("description", ""))), self.detail.text) // 2
        if (self._nodes > _MAX_NODES or self._room[0] < 0) and self.detail.depth:
            raise TooLarge
        if self.files and is_file(schema, self.defs, 0, self._looks) and not self._is_list(schema):
            return self._file(schema)
        if "$ref" in schema:
            return self._reference(schema, name, depth, chain)
        if "allOf" in schema:
            return self._all_of(schema, name, depth, chain)
        if depth > self.detail.depth:
            return self._cut_here(schema)
        result: dict[str, Any] = {}
        self._own(schema, result, name)
        self._nested(schema, result, name, depth, chain)
        return result

    def read_only(self, schema: Schema) -> bool:
        """Whether the property never travels in a request (OpenAPI 3.1 §4.8.24, JSON Schema Validation §9.4)."""
        for _ in range(16):
            if isinstance(schema, bool):
                return False
            if schema.get("readOnly") is True:
                return True
            if "$ref" not in schema:
                return False
            schema = self.defs.get(str(schema["$ref"]).removeprefix("#/$defs/"), True)
        return False

    def _is_list(self, schema: Mapping[str, Any]) -> bool:
        for _ in range(16):
            if "$ref" not in schema:
                break
            target = self.defs.get(str(schema["$ref"]).removeprefix("#/$defs/"), {})
            schema = target if isinstance(target, Mapping) else {}
        kind = schema.get("type")
        return kind == "array" or (isinstance(kind, list) and "array" in kind)

    def _file(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        said = self.words(schema.get("description", ""))
        media = self.accepts or schema.get("contentMediaType")
        hint = FILE_HINT + (f" ({media})" if isinstance(media, str) else "")
        return {"type": "string", "description": f"{said} ({hint})" if said else hint}

    def _reference(
        self, schema: Mapping[str, Any], name: str, depth: int, chain: tuple[str, ...]
    ) -> dict[str, Any] | bool:
        target_name = str(schema["$ref"]).removeprefix("#/$defs/")
        target = self.defs.get(target_name, True)
        if isinstance(target, bool):
            return target
        beside = {key: value for key, value in schema.items() if key not in ("$ref", "$defs")}
        shareable = any(key in target for key in ("properties", "allOf", "oneOf", "anyOf", "enum"))
        if self.detail.share and shareable and depth:
            if target_name not in self.shared:
                if depth > self.detail.depth:
                    return self._cut_here(target)
                self.shared[target_name] = True
                self.shared[target_name] = self.project(target, name, depth)
            words = {k: v for k, v in beside.items() if k in ("description", "default")}
            result: dict[str, Any] = {"$ref": f"#/$defs/{target_name}"}
            self._own(words, result, name)
            return result
        if target_name in chain:
            if self.detail.depth >= DETAILS[2].depth:
                raise Recursive
            return self._cut_here(target)
        inner = {**target, **beside} if set(beside) <= _FLAT_BESIDE else {"allOf": [target, beside]}
        return self.project(inner, name, depth, (*chain, target_name))

    def _all_of(
        self, schema: Mapping[str, Any], name: str, depth: int, chain: tuple[str, ...]
    ) -> dict[str, Any] | bool:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        members = [m for m in schema["allOf"] if m is not True and m != {}]
        if not members:
            return self.project(rest, name, depth, chain)
        if len(members) == 1 and set(rest) <= _FLAT_BESIDE and isinstance(members[0], Mapping):
            return self.project({**members[0], **rest}, name, depth, self._through(members[0], chain))
        merged = merge(schema, self.defs, 0, self._looks)
        if merged is not None:
            words = {key: value for key, value in rest.items() if key in _FLAT_BESIDE}
            for member in reversed(members):
                words = {**self._said(member), **words}
            flat = {"type": "object", "properties": merged[0], "required": list(merged[1]), **words}
            for member in members:
                chain = self._through(member, chain)
            return self.project(flat, name, depth, chain)
        if depth > self.detail.depth:
            return self._cut_here(schema)
        result: dict[str, Any] = {"allOf": [self.project(m, name, depth + 1, chain) for m in members]}
        self._own(rest, result, name)
        self._nested(rest, result, name, depth, chain)
        return result

    def _said(self, member: Schema) -> dict[str, Any]:
        """What a merged member says of the whole, itself or by the definition that it names."""
        if isinstance(member, Mapping) and "$ref" in member and "description" not in member:
            member = self.defs.get(str(member["$ref"]).removeprefix("#/$defs/"), True)
        text = member.get("description") if isinstance(member, Mapping) else None
        return {"description": text} if isinstance(text, str) else {}

    def _through(self, member: Schema, chain: tuple[str, ...]) -> tuple[str, ...]:
        """The chain with what a merged member names, so that recursion through `allOf` is seen."""
        if isinstance(member, Mapping) and "$ref" in member and "allOf" not in member:
            name = str(member["$ref"]).removeprefix("#/$defs/")
            return (*chain, name) if name not in chain and name in self.defs else chain
        return chain

    def _cut_here(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        self.cut = True
        kind = schema.get("type")
        if kind is None and ("properties" in schema or "allOf" in schema):
            kind = "object"
        result: dict[str, Any] = {} if kind is None or "$ref" in schema else {"type": kind}
        if result.get("type") in ("object", "array") or not result:
            said = self.words(schema.get("description", ""))
            result["description"] = f"{said} {CUT}".strip()
        elif self.detail.text:
            self._own({"description": schema.get("description", "")}, result, "")
        return result

    def _own(self, schema: Mapping[str, Any], result: dict[str, Any], name: str) -> None:
        """The keywords of the node itself."""
        for key, value in schema.items():
            if key in _COPIED or (key in _LIMITS and self.detail.limits):
                result[key] = value
        said = self.words(schema.get("description", ""))
        title = self.words(schema.get("title", ""))
        if title and not _GENERATED_TITLE.fullmatch(title) and title != name and self.detail.depth >= DETAILS[2].depth:
            result["title"] = title
        notes: list[str] = [said] if said else []
        if "enum" in schema:
            self._enum(schema["enum"], result, notes)
        examples = schema.get("examples")
        if isinstance(examples, list) and self.detail.examples:
            shown = [e for e in examples[: self.detail.examples] if len(to_json(e)) <= 200]
            if shown:
                result["examples"] = shown
        if len(to_json(result.get("default"))) > 200:
            del result["default"]
        if isinstance(schema.get("discriminator"), Mapping):
            result["discriminator"] = schema["discriminator"]
        if _is_long_id(schema, name):
            _as_text(result)
        if result.get("format") in _MACHINE_FORMATS:
            del result["format"]
        if notes:
            result["description"] = " ".join(notes)

    def _enum(self, values: list[Any], result: dict[str, Any], notes: list[str]) -> None:
        if len(values) <= self.detail.enum and len(to_json(values)) <= 3_000:
            result["enum"] = values
            return
        self.cut = True
        shown = ", ".join(str(v)[:40] for v in values[: min(5, self.detail.enum)])
        count = f"{len(values)}" if len(values) < MAX_ENUM else f"{MAX_ENUM} or more"
        notes.append(f"One of {count} values such as {shown} {CUT}")

    def _nested(
        self, schema: Mapping[str, Any], result: dict[str, Any], name: str, depth: int, chain: tuple[str, ...]
    ) -> None:
        before, self.cut = self.cut, False
        if "properties" in schema:
            self._properties(schema, result, depth, chain)
        for key in ("items", "contains"):
            if key in schema:
                result[key] = self.project(schema[key], name, depth + 1, chain)
        for key in ("additionalProperties", "propertyNames", "not", "if", "then", "else"):
            if key in schema:
                result[key] = self.project(schema[key], "", depth + 1, chain)
        for key in ("oneOf", "anyOf", "prefixItems"):
            if key in schema:
                result[key] = [self.project(member, name, depth + 1, chain) for member in schema[key]]
        if "patternProperties" in schema:
            result["patternProperties"] = {
                pattern: self.project(member, "", depth + 1, chain)
                for pattern, member in schema["patternProperties"].items()
            }
        if "oneOf" in result and (self.cut or is_id(name)):
            # Alternatives that were cut, or ids that became texts, may overlap: `anyOf` accepts what `oneOf` would not.
            result.setdefault("anyOf", result.pop("oneOf"))
        if self.cut:
            for key in ("not", "if", "then", "else"):
                result.pop(key, None)
        self.cut = self.cut or before

    def _properties(
        self, schema: Mapping[str, Any], result: dict[str, Any], depth: int, chain: tuple[str, ...]
    ) -> None:
        properties = {n: s for n, s in schema["properties"].items() if not self.read_only(s)}
        if depth >= self.detail.depth and properties:
            self.cut = True
            result["description"] = f"{result.get('description', '')} {CUT}".strip()
            return
        result["properties"] = {n: self.project(s, n, depth + 1, chain) for n, s in properties.items()}
        hidden = schema["properties"].keys() - properties.keys()
        required = [n for n in schema.get("required", ()) if n not in hidden]
        if required:
            result["required"] = required

    def words(self, text: Any) -> str:
        """Text for people within this detail's size; each language of a bilingual text gets its half."""
        return shorten(clean(str(text)), self.detail.text)


_FLAT_BESIDE = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$defs",
                          "type"})  # fmt: skip


def is_id(name: str) -> bool:
    """Whether a name says that its value is an id: id, userId, user_id, userID, userIds."""
    return _ID_EXACT.search(name) is not None


def _is_long_id(schema: Mapping[str, Any], name: str) -> bool:
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if "integer" not in kinds or "string" in kinds or not is_id(name):
        return False
    if schema.get("format") in ("int64", "uint64", "long"):
        return True
    shown = [schema.get("maximum"), schema.get("minimum"), *schema.get("examples", ())]
    return any(isinstance(v, int) and abs(v) > _SAFE_INTEGER for v in shown)


def _as_text(result: dict[str, Any]) -> None:
    """An integer beyond what JSON numbers survive becomes a string of digits; sending gives it its type back."""
    kind = result["type"]
    result["type"] = [("string" if k == "integer" else k) for k in kind] if isinstance(kind, list) else "string"
    for key in ("format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
        result.pop(key, None)
    result["pattern"] = INTEGER_TEXT
    for key in ("enum", "examples"):
        if key in result:
            result[key] = [str(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in result[key]]
    for key in ("default", "const"):
        if isinstance(result.get(key), int):
            result[key] = str(result[key])
