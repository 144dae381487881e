"""What a client can show of a tool's result: a table, a card, a chart (the protocol's `data.payload`).

Every text is ready to be shown: labels from the document, amounts with their unit, dates in the estate's zone.
"""

from __future__ import annotations

from typing import Literal

import msgspec

ColumnKind = Literal["text", "number", "money", "date", "enum"]
# The value as the tool result gave it, for sorting and links; numbers beyond 2^53 and exact amounts are strings.
Scalar = str | int | float | bool | None


class Column(msgspec.Struct, frozen=True):
    """One column of a table."""

    key: str
    label: str
    kind: ColumnKind


class Cell(msgspec.Struct, frozen=True):
    """One value: how it reads, and what it is."""

    text: str
    value: Scalar


class Table(msgspec.Struct, frozen=True):
    """Rows of one kind: `shown` of `total` that the system has (None where it does not say)."""

    title: str
    columns: list[Column]
    rows: list[dict[str, Cell]]
    shown: int
    total: int | None


class Field(msgspec.Struct, frozen=True):
    """One line of a card."""

    label: str
    text: str
    value: Scalar


class Card(msgspec.Struct, frozen=True):
    """One record."""

    title: str
    fields: list[Field]


class Series(msgspec.Struct, frozen=True):
    """One line of a chart; None where there is no value."""

    label: str
    unit: str
    values: list[float | None]


class Chart(msgspec.Struct, frozen=True):
    """Values along `x`, as many in each series."""

    title: str
    x: list[str]
    series: list[Series]
