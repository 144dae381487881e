"""Hypothesis strategies: JSON Schemas together with values that fit them, and values that need not fit anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
# Names that look like keywords, need encoding or say that they are ids.
NAMES = st.one_of(
    st.sampled_from(["id", "userId", "ids", "type", "body", "a/b", "c~d", "$ref", "f[x]", "名称", "a b", "X-Y", "q.z"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6),
)
INTEGERS = st.one_of(st.integers(-9, 9), st.integers(-(2**63), 2**63 - 1))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@dataclass(frozen=True)
class Typed:
    """A schema and the values that fit it."""

    schema: dict[str, Any]
    values: st.SearchStrategy[Any]


STRINGS = Typed({"type": "string"}, TEXT)
SCALARS: st.SearchStrategy[Typed] = st.sampled_from([
    STRINGS,
    Typed({"type": "integer"}, INTEGERS),
    Typed({"type": "integer", "format": "int64"}, INTEGERS),
    Typed({"type": "number"}, NUMBERS),
    Typed({"type": "boolean"}, st.booleans()),
])  # fmt: skip
NULLABLE = st.sampled_from([
    Typed({"type": ["string", "null"]}, TEXT | st.none()),
    Typed({"type": ["integer", "null"], "format": "int64"}, INTEGERS | st.none()),
    Typed({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, st.booleans() | st.none()),
])  # fmt: skip


def array_of(items: Typed) -> Typed:
    return Typed({"type": "array", "items": items.schema}, st.lists(items.values, max_size=4))


def object_of(members: dict[str, Typed]) -> Typed:
    schema = {"type": "object", "properties": {name: member.schema for name, member in members.items()}}
    return Typed(schema, st.fixed_dictionaries({}, optional={n: m.values for n, m in members.items()}))


def objects(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    return st.dictionaries(NAMES, inner, min_size=1, max_size=4).map(object_of)


TYPED = st.recursive(SCALARS | NULLABLE, lambda inner: st.one_of(inner.map(array_of), objects(inner)), max_leaves=6)

# Whatever a model might send: JSON, fitting or not, with everything that means something in a URL, a header, a body.
NASTY = st.sampled_from([
    "..", ".", "../../etc", "a/../b", "%2e%2e%2f", "//evil.example", "https://evil.example/", "@evil.example", "?x=1",
    "#f", "a\r\nX-Evil: 1", "\n", "\x00", "a;b=c", "\\..\\", "{id}", "..;/", "\u2028", "\ud800", "&admin=1", "a=b", "",
    "--steward-", "\u0130", " ", "\t", "%", "%0d%0a",
])  # fmt: skip
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), NASTY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | NASTY, inner, max_size=3),
    max_leaves=6,
)
