"""The single keywords of a schema: what each must look like, and how what is wrong is mended. `schemas.py` calls it.

JSON Schema Validation 2020-12 §6–§10, OpenAPI 3.0.3 §4.7.24, Swagger 2.0 §Schema Object.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jsonschema_rs

Say = Callable[[str], None]
TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
FOR_PEOPLE = frozenset(
    {"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly"}
)
# Names that writers and generators use for types that JSON Schema does not have.
_TYPE_NAMES: dict[str, dict[str, Any]] = {
    "int": {"type": "integer"}, "int32": {"type": "integer"}, "long": {"type": "integer", "format": "int64"},
    "int64": {"type": "integer", "format": "int64"}, "short": {"type": "integer"}, "byte": {"type": "integer"},
    "float": {"type": "number"}, "double": {"type": "number"}, "decimal": {"type": "number"},
    "bigdecimal": {"type": "number"}, "bool": {"type": "boolean"}, "str": {"type": "string"},
    "text": {"type": "string"},
    "uuid": {"type": "string"}, "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string"}, "date-time": {"type": "string", "format": "date-time"},
    "list": {"type": "array"}, "map": {"type": "object"},
    "dict": {"type": "object"}, "any": {}, "none": {"type": "null"},
}  # fmt: skip
_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains",
                     "maxContains"})  # fmt: skip
_BOUNDS = frozenset({"minimum", "maximum"})
_TEXTS = frozenset({"title", "description", "format", "contentMediaType", "contentEncoding"})
# Beyond it no value is told or checked one by one.
MAX_ENUM = 10_000
_FLAGS = frozenset({"uniqueItems", "deprecated", "readOnly", "writeOnly"})
_KEPT_EXTENSIONS = frozenset({"x-enum-descriptions", "x-enumDescriptions", "x-enumNames", "x-enum-varnames"})
_COMPOSED = ("$ref", "allOf", "anyOf", "oneOf")
MAX_PATTERN = 2_000


class Patterns:
    """Which patterns the linear-time engine takes (no look-around, no back-references); each is tried once."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def usable(self, pattern: str) -> bool:
        if pattern not in self._known:
            self._known[pattern] = len(pattern) <= MAX_PATTERN and _compiles(pattern)
        return self._known[pattern]


def _compiles(pattern: str) -> bool:
    try:
        jsonschema_rs.Draft202012Validator(
            {"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions(size_limit=1 << 20), offline=True
        )
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


def kind_of(value: Any) -> str:
    """What a wrong value is, in words."""
    names = {dict: "a mapping", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), "something else")


def copy(key: str, value: Any, node: dict[str, Any], result: dict[str, Any], patterns: Patterns, say: Say) -> None:
    """Takes one keyword of `node` over into `result`, mended or left out where it is wrong."""
    if key == "type":
        _type(value, result, say)
    elif key in _TEXTS:
        if isinstance(value, str):
            result.setdefault(key, value)
        elif key in ("title", "description") and value is not None:
            result[key] = str(value)
    elif key == "enum":
        if isinstance(value, list) and value:
            if len(value) > MAX_ENUM:
                say(f"`enum` has {len(value)} values; the first {MAX_ENUM} were read")
            result["enum"] = value[:MAX_ENUM]
        else:
            say(f"`enum` is {kind_of(value)} or empty; left out")
    elif key in ("const", "default"):
        result[key] = value
    elif key == "example":
        if "examples" not in node and value is not None:
            result["examples"] = [value]
    elif key == "examples":
        _examples(value, result)
    elif key in _COUNTS:
        _count(key, value, result, say)
    elif key in _BOUNDS or key in ("exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
        _number(key, value, node, result, say)
    elif key == "pattern":
        if isinstance(value, str) and patterns.usable(value):
            result["pattern"] = value
        else:
            say(f"the pattern {str(value)[:80]!r} cannot be checked in linear time; left out")
    elif key in _FLAGS:
        if value is True:
            result[key] = True
    elif key == "discriminator":
        _discriminator(value, result)
    elif key == "dependentRequired":
        if isinstance(value, dict) and all(_names(v) for v in value.values()):
            result[key] = value
    elif key in _KEPT_EXTENSIONS or key.startswith("x-steward-"):
        result[key] = value


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value) and len(set(value)) == len(value)


def _type(value: Any, result: dict[str, Any], say: Say) -> None:
    if isinstance(value, str):
        if value in TYPES:
            result["type"] = value
            return
        if value == "file":  # Swagger 2.0 §Parameter Object: no mistake
            result.update(type="string", format="binary")
            return
        meant = _TYPE_NAMES.get(value.lower()) if value.lower() not in TYPES else {"type": value.lower()}
        say(f"the type {value[:60]!r} is unknown; " + ("read as what it means" if meant is not None else "left out"))
        for key, mended in (meant or {}).items():
            result.setdefault(key, mended)
        return
    if isinstance(value, list):
        types = list(dict.fromkeys(t for t in value if isinstance(t, str) and t in TYPES))
        if len(types) != len(value):
            say("`type` lists unknown or repeated types; those are left out")
        if types:
            result["type"] = types[0] if len(types) == 1 else types
        return
    say(f"`type` is {kind_of(value)}; left out")


def _examples(value: Any, result: dict[str, Any]) -> None:
    if isinstance(value, list):
        found = value
    elif isinstance(value, dict):  # the map of Example Objects that belongs beside a schema
        found = [v["value"] if isinstance(v, dict) and "value" in v else v for v in value.values()]
    else:
        found = [value]
    if found:
        result["examples"] = found


def _count(key: str, value: Any, result: dict[str, Any], say: Say) -> None:
    number = _as_number(value)
    if number is not None and number >= 0 and number == int(number):
        result[key] = int(number)
    elif value is not None:
        say(f"`{key}` is not a count; left out")


def _number(key: str, value: Any, node: dict[str, Any], result: dict[str, Any], say: Say) -> None:
    if key.startswith("exclusive") and isinstance(value, bool):
        bound = _as_number(node.get("minimum" if key == "exclusiveMinimum" else "maximum"))
        if value and bound is not None:
            result[key] = bound
            result.pop("minimum" if key == "exclusiveMinimum" else "maximum", None)
        return
    if key in _BOUNDS and node.get("exclusive" + key.capitalize()) is True:
        return  # draft 4: the boolean sibling turns this bound into an exclusive one
    number = _as_number(value)
    if number is None or (key == "multipleOf" and number <= 0):
        if value is not None:
            say(f"`{key}` is not a usable number; left out")
        return
    result[key] = number


def _as_number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value) if any(c in value for c in ".eE") else int(value)
        except ValueError:
            return None
    if isinstance(value, int):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None


def _discriminator(value: Any, result: dict[str, Any]) -> None:
    name = value.get("propertyName") if isinstance(value, dict) else value
    if isinstance(name, str):
        result["discriminator"] = {"propertyName": name}


def settle(schema: dict[str, Any], say: Say) -> None:
    """Makes the keywords fit each other: a type where it can be told, enum values of that type, items for arrays."""
    if "type" not in schema and not any(key in schema for key in (*_COMPOSED, "not", "if", "const")):
        told = _tell_type(schema)
        if told:
            schema["type"] = told
    kind = schema.get("type")
    if isinstance(kind, str) and "enum" in schema:
        _fit_enum(schema, kind, say)


def _tell_type(schema: dict[str, Any]) -> str | None:
    if "properties" in schema or "additionalProperties" in schema or "patternProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    values = schema.get("enum")
    if isinstance(values, list) and values and all(isinstance(v, str) for v in values):
        return "string"
    if isinstance(values, list) and values and all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        return "integer"
    if "pattern" in schema or "maxLength" in schema or "minLength" in schema or "format" in schema:
        numeric = {"int32": "integer", "int64": "integer", "float": "number", "double": "number"}
        return numeric.get(str(schema.get("format")), "string")
    return None


def _fit_enum(schema: dict[str, Any], kind: str, say: Say) -> None:
    fitted: list[Any] = []
    seen: set[tuple[type, Any]] = set()
    for value in schema["enum"]:
        fit = _fit(value, kind)
        if fit is _UNFIT:
            say(f"the enum value {str(value)[:40]!r} is not of type {kind}; left out")
        elif isinstance(fit, (dict, list)):
            fitted.append(fit)
        elif (type(fit), fit) not in seen:
            seen.add((type(fit), fit))
            fitted.append(fit)
    if fitted:
        schema["enum"] = fitted
    else:
        del schema["enum"]


_UNFIT = object()


def _fit(value: Any, kind: str) -> Any:
    if kind == "string":
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return str(value)
        return value if isinstance(value, str) or value is None else _UNFIT
    if value is None:
        return value
    if kind in ("integer", "number"):
        number = _as_number(value)
        if number is None or (kind == "integer" and number != int(number)):
            return _UNFIT
        return int(number) if kind == "integer" else number
    if kind == "boolean":
        named = {"true": True, "false": False, "1": True, "0": False}
        return value if isinstance(value, bool) else named.get(str(value).lower(), _UNFIT)
    return value


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0.3 §4.7.24.1 `nullable: true` as 2020-12: null joins the types, the enum or the alternatives."""
    kind = schema.get("type")
    if kind is not None:
        types = kind if isinstance(kind, list) else [kind]
        schema["type"] = types if "null" in types else [*types, "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    for keyword in ("oneOf", "anyOf"):
        if keyword in schema and "allOf" not in schema:
            schema[keyword] = [*schema[keyword], {"type": "null"}]
            return schema
    if "allOf" in schema or "not" in schema:
        words = {key: schema.pop(key) for key in tuple(schema) if key in FOR_PEOPLE}
        return {"anyOf": [schema, {"type": "null"}], **words}
    return schema
