"""Where an answer is not what its document says: for the operator's log, never a failure; `response.py` asks here.

Old systems' documents are often wrong; what arrived is told all the same. Only places and types are named, no values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

from integrations.openapi.model import Operation, Schema

_MAX_LEVELS = 16
_MAX_ITEMS = 20
_MOST = 5


def differences(body: Any, operation: Operation, status: int) -> list[str]:
    """Up to five sentences such as "data.amount is text, integer is declared"; lists are looked at up to 20 entries."""
    schema = _schema_of(operation, status)
    if not isinstance(schema, Mapping):
        return []
    defs = schema.get("$defs", {})
    return list(
        dict.fromkeys(islice(_differences(body, schema, defs if isinstance(defs, Mapping) else {}, "", 0), 50))
    )[:_MOST]


def _schema_of(operation: Operation, status: int) -> Schema:
    """Of the answer's own status, else of its class, else of any (OpenAPI 3.1 §4.8.16)."""
    for wanted in (str(status), f"{status // 100}XX", "default"):
        for response in operation.responses:
            if response.status.upper() == wanted.upper():
                return next((m.schema for m in response.media_types if "json" in m.name or "*" in m.name), True)
    return True


def _differences(value: Any, schema: Any, defs: Mapping[str, Any], path: str, level: int) -> Iterator[str]:
    # Legacy documents never say what may be null, so that null says nothing.
    if level > _MAX_LEVELS or value is None or not isinstance(schema, Mapping):
        return
    ref = schema.get("$ref")
    if isinstance(ref, str):
        yield from _differences(value, defs.get(ref.removeprefix("#/$defs/")), defs, path, level + 1)
    parts = schema.get("allOf")
    for part in parts if isinstance(parts, list) else ():
        yield from _differences(value, part, defs, path, level + 1)
    declared = schema.get("type")
    kinds = declared if isinstance(declared, list) else [declared] if declared else []
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{path or 'the answer'} is {_kind(value)}, {' or '.join(map(str, kinds))} is declared"
        return
    if isinstance(value, Mapping):
        yield from _of_object(value, schema, defs, path, level)
    elif isinstance(value, list):
        for item in value[:_MAX_ITEMS]:
            yield from _differences(item, schema.get("items"), defs, f"{path}[]", level + 1)


def _of_object(
    value: Mapping[str, Any], schema: Mapping[str, Any], defs: Mapping[str, Any], path: str, level: int
) -> Iterator[str]:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if not isinstance(name, str):
            continue
        described = properties.get(name)
        if name not in value and not (isinstance(described, Mapping) and described.get("writeOnly")):
            yield f"{f'{path}.{name}' if path else name} is missing"
    others = schema.get("additionalProperties")
    for name, item in islice(value.items(), 500):
        here = f"{path}.{name}" if path else str(name)
        if name in properties:
            yield from _differences(item, properties[name], defs, here, level + 1)
        elif isinstance(others, Mapping):
            yield from _differences(item, others, defs, f"{path}.*" if path else "*", level + 1)


def _is(value: Any, kind: Any) -> bool:
    match kind:
        case "object":
            return isinstance(value, Mapping)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer" | "number":
            return _is_number(value, whole=kind == "integer")
    return bool(kind != "null")


def _is_number(value: Any, *, whole: bool) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):  # an integer beyond 2^53 came as a number and was made text on reading
        return len(value) >= 16 and value.removeprefix("-").isdigit()
    if isinstance(value, Decimal):
        return not whole or bool(value == value.to_integral_value())
    return isinstance(value, int)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return "text" if isinstance(value, str) else "a number"
