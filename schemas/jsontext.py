"""JSON text out, one way for the whole project: exact Decimals as numbers, UTF-8, no lone surrogates."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="number")


def to_json(value: Any) -> str:
    """`value` (dicts, lists, str, int, Decimal, float, bool, None, msgspec structs) as compact JSON text."""
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:  # a half surrogate pair: JSON may carry one in, UTF-8 none out
        return _encoder.encode(whole_values(msgspec.to_builtins(value, builtin_types=(Decimal,)))).decode()


def whole_characters(text: str) -> str:
    """`text` with surrogate pairs joined and half ones replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def whole_values(value: Any) -> Any:
    """A JSON value whose texts, the names of its members included, have whole characters."""
    match value:
        case str():
            return whole_characters(value)
        case Mapping():
            return {whole_values(name): whole_values(member) for name, member in value.items()}
        case list() | tuple():
            return [whole_values(member) for member in value]
    return value
