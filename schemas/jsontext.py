"""JSON text out, one way for the whole project: exact Decimals as numbers, UTF-8, no lone surrogates."""

from __future__ import annotations

from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="number")


def to_json(value: Any) -> str:
    """`value` (dicts, lists, str, int, Decimal, float, bool, None, msgspec structs) as compact JSON text."""
    return _encoder.encode(value).decode()
