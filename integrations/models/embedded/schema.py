"""A tool's parameters as slots: one per value that a sentence could fill, nested objects flattened by path.

Next: `extract.py`.

An object with a start and an end of time is one slot of kind "window". A `oneOf` of objects becomes the slots of every
variant, each under its condition, and one enum slot for the property whose constant tells the variants apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from integrations.models.embedded import labels
from integrations.models.embedded.kinds import Kind, kind_of

Path = tuple[str, ...]
Role = Literal["from", "to", ""]
_MAX_SLOTS, _MAX_DEPTH = 80, 6
_FROM = re.compile(r"from|start|begin|since|after|min(?!ute)|earliest|开始|起始|最早|从|第一", re.I)
_TO = re.compile(
    r"^to$|^to(?-i:[A-Z_])|To$|_to$|\bto\b|end|until|before|latest|finish|截止|结束|最晚|到$|至|最后", re.I
)
# The label of a text that is a name or a title, and tells no kind.
NAMED = re.compile(r"名|标题|题目|name|title|called", re.I)
_PAGING = re.compile(
    r"^(page|pageNum|pageNo|pageSize|pageIndex|page_?size|page_?no|size|limit|offset|cursor|skip|top"
    r"|start|rows|per_?page|order_?by\w*|sort\w*|isAsc)$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Slot:
    """One fillable value. `glosses` says an enum's values in words, `when` are the (path, value) that must hold."""

    path: Path
    kind: Kind
    schema: Mapping[str, Any]
    required: bool
    nullable: bool
    zh: str
    en: str
    about: str
    values: tuple[Any, ...] = ()
    glosses: Mapping[Any, tuple[str, ...]] = field(default_factory=dict)
    when: tuple[tuple[Path, Any], ...] = ()
    many: bool = False
    role: Role = ""
    ends: tuple[str, str] = ("", "")
    variant: bool = False

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def label(self) -> str:
        return f"{self.zh} {self.en} {self.name}"

    @property
    def paging(self) -> bool:
        return bool(_PAGING.match(self.name)) and not self.required

    @property
    def free(self) -> bool:
        """Whether any words will do."""
        return self.kind in ("text", "place")


def slots_of(parameters: Mapping[str, Any]) -> tuple[Slot, ...]:
    """The slots of a tool's parameter schema, in its order; at most 80, six levels deep."""
    walk = _Walk(parameters.get("$defs") if isinstance(parameters.get("$defs"), Mapping) else {})
    found: list[Slot] = []
    for slot in walk.object((), walk.resolve(parameters), True, ()):
        if len(found) == _MAX_SLOTS:
            break
        found.append(slot)
    if not any(slot.role == "from" for slot in found):  # an end without a beginning is a day like any other
        found = [replace(slot, role="") for slot in found]
    return tuple(found)


class _Walk:
    """One walk over one schema; holds the `$defs` that its references mean."""

    def __init__(self, defs: Any) -> None:
        self.defs: Mapping[str, Any] = defs or {}

    def resolve(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """A schema with its reference followed and its `allOf` merged. What is no mapping is the empty schema."""
        if not isinstance(schema, Mapping) or depth > 2 * _MAX_DEPTH:
            return {}
        merged = dict(schema)
        reference = merged.pop("$ref", None)
        parts = [self.defs.get(str(reference).rpartition("/")[2])] if reference else []
        every = merged.pop("allOf", None)
        parts += every if isinstance(every, list) else []
        for part in parts:
            below = self.resolve(part, depth + 1)
            for key, value in below.items():
                if key == "properties" and isinstance(merged.get(key), Mapping):
                    merged[key] = {**value, **merged[key]}
                elif key == "required" and isinstance(merged.get(key), list):
                    merged[key] = [*merged[key], *(v for v in value if v not in merged[key])]
                else:
                    merged.setdefault(key, value)
        return merged

    def object(
        self, path: Path, schema: Mapping[str, Any], required: bool, when: tuple[tuple[Path, Any], ...]
    ) -> Iterator[Slot]:
        properties = schema.get("properties")
        needed = schema.get("required")
        needed = needed if isinstance(needed, list) else []
        for name, below in properties.items() if isinstance(properties, Mapping) else ():
            yield from self.value((*path, name), self.resolve(below), required and name in needed, when)

    def value(
        self, path: Path, schema: dict[str, Any], required: bool, when: tuple[tuple[Path, Any], ...]
    ) -> Iterator[Slot]:
        schema, nullable = self._without_null(schema)
        if len(path) > _MAX_DEPTH:
            return
        variants = schema.get("oneOf") or schema.get("anyOf")
        if isinstance(variants, list) and variants:
            options = [self.resolve(v) for v in variants]
            if all(isinstance(o.get("properties"), Mapping) for o in options):
                yield from self._variants(path, schema, options, required, when)
                return
            schema = {**options[0], **{k: v for k, v in schema.items() if k not in ("oneOf", "anyOf")}}
        slot = self._slot(path, schema, required, nullable, when)
        if slot.kind == "opaque" and isinstance(schema.get("properties"), Mapping) and schema["properties"]:
            yield from self.object(path, schema, required, when)
        else:
            yield slot

    def _variants(
        self,
        path: Path,
        schema: Mapping[str, Any],
        options: list[dict[str, Any]],
        required: bool,
        when: tuple[tuple[Path, Any], ...],
    ) -> Iterator[Slot]:
        told = _discriminator(schema, options)
        if told is None:  # nothing tells them apart in words: the first is taken
            yield from self.object(path, options[0], required, when)
            return
        chosen, glosses, about = (*path, told), {}, ""
        for option in options:
            constant = self.resolve(option["properties"][told])
            about = about or str(constant.get("description") or schema.get("description") or "")
            value = constant.get("const", (constant.get("enum") or [None])[0])
            glosses[value] = tuple(
                dict.fromkeys(
                    (
                        *labels.glosses(str(constant.get("description", "")), [value])[value],
                        *labels.parts(str(option.get("title", ""))),
                    )
                )
            )
        zh, en = labels.label(about, told)
        yield Slot(
            chosen,
            "enum",
            {"enum": list(glosses)},
            required,
            False,
            zh,
            en,
            about,
            tuple(glosses),
            glosses,
            when,
            variant=True,
        )
        for value, option in zip(glosses, options, strict=False):
            for slot in self.object(path, option, required, (*when, (chosen, value))):
                if slot.path != chosen:
                    yield slot

    def _without_null(self, schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        nullable = bool(schema.get("nullable"))
        kinds = schema.get("type")
        if isinstance(kinds, list):
            nullable = nullable or "null" in kinds
            rest = [k for k in kinds if k != "null"]
            schema = {**schema, "type": rest[0] if rest else "null"}
        for word in ("oneOf", "anyOf"):
            options = schema.get(word)
            if isinstance(options, list) and any(isinstance(o, Mapping) and o.get("type") == "null" for o in options):
                nullable = True
                rest = [o for o in options if not (isinstance(o, Mapping) and o.get("type") == "null")]
                plain = {k: v for k, v in schema.items() if k != word}
                schema = {**self.resolve(rest[0]), **plain} if len(rest) == 1 else {**plain, word: rest}
                return self._without_null(schema)[0], True
        return schema, nullable

    def _slot(
        self, path: Path, schema: dict[str, Any], required: bool, nullable: bool, when: tuple[tuple[Path, Any], ...]
    ) -> Slot:
        about = str(schema.get("description") or schema.get("title") or "")
        zh, en = labels.label(about, path[-1], str(schema.get("title") or ""))
        slot = Slot(path, "opaque", schema, required, nullable, zh, en, about, when=when)
        if schema.get("type") == "array":
            item = self._without_null(self.resolve(schema.get("items")))[0]
            item.setdefault("description", about)
            one = self._slot(path, item, required, nullable, when)
            if one.kind == "file" and isinstance(schema.get("maxItems"), int):
                item["maxItems"] = schema["maxItems"]
            fits = one.kind not in ("opaque", "window", "text", "place") and not item.get("contentMediaType")
            return replace(one, schema=item, many=True) if fits else slot
        if schema.get("type") == "object" or isinstance(schema.get("properties"), Mapping):
            ends = self._window(schema)
            return replace(slot, kind="window", ends=ends) if ends else slot
        kind = kind_of(path[-1], schema, about)
        values = tuple(v for v in schema["enum"] if v is not None) if kind == "enum" and "enum" in schema else ()
        if kind == "enum" and "const" in schema:
            values = (schema["const"],)
        glosses = labels.glosses(about, list(values)) if values else {}
        role: Role = ""
        if kind in ("date", "datetime", "month", "time"):
            name = f"{path[-1]} {zh}"
            role = "from" if _FROM.search(name) else "to" if _TO.search(path[-1]) or _TO.search(zh) else ""
        return replace(slot, kind=kind, values=values, glosses=glosses, role=role)

    def _window(self, schema: Mapping[str, Any]) -> tuple[str, str] | None:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or len(properties) != 2:
            return None
        names = list(properties)
        if any(self.resolve(properties[n]).get("format") != "date-time" for n in names):
            return None
        return (names[1], names[0]) if _TO.search(names[0]) or _FROM.search(names[1]) else (names[0], names[1])


def _discriminator(schema: Mapping[str, Any], options: list[dict[str, Any]]) -> str | None:
    """The property that every option holds constant, each at another value."""
    declared = schema.get("discriminator")
    names = [declared.get("propertyName")] if isinstance(declared, Mapping) else []
    names += [n for n in options[0]["properties"] if n not in names]
    for name in names:
        found = []
        for option in options:
            below = option["properties"].get(name)
            if not isinstance(below, Mapping):
                break
            single = below.get("enum")
            value = below.get("const", single[0] if isinstance(single, list) and len(single) == 1 else None)
            if not isinstance(value, str):
                break
            found.append(value)
        if len(found) == len(options) == len(set(found)):
            return str(name)
    return None
