"""What the estate's database really holds: the truth that answers are compared with."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any


def rows(database: Path, sql: str, *values: object) -> Sequence[dict[str, Any]]:
    """Rows as dictionaries, read beside the running estate."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, values)]


def yuan(cents: int) -> str:
    """An amount as a person writes it, without the thousands separator."""
    return f"{Decimal(cents) / 100:.2f}"


def amounts_in(text: str) -> set[str]:
    """Every amount with two decimals in an answer, thousands separators dropped."""
    return {match.replace(",", "") for match in re.findall(r"\d[\d,]*\.\d{2}(?!\d)", text)}
