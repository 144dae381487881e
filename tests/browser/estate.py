"""The truth that an answer in the browser is compared with: the embedded estate's own database, read beside it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


def yuan(cents: int) -> str:
    """`123456` fen → `1234.56`, without a separator."""
    return f"{cents // 100}.{cents % 100:02d}"


def bills(database: Path, user_id: str) -> set[tuple[str, str]]:
    """A resident's bills as `(period, amount in yuan)`."""
    with _reading(database) as connection:
        rows = connection.execute("SELECT period, amount_cents FROM bills WHERE user_id = ?", [user_id])
        return {(period, yuan(cents)) for period, cents in rows}


def sums(database: Path, user_id: str) -> set[str]:
    """Every amount in yuan that a resident's bills truly yield: charged, paid, late fee, owed, and the sum owed."""
    with _reading(database) as connection:
        rows = connection.execute(
            "SELECT amount_cents, paid_cents, late_fee_cents FROM bills WHERE user_id = ?", [user_id]
        ).fetchall()
    owed = [amount + late - paid for amount, paid, late in rows]
    return {yuan(cents) for cents in [*(cents for row in rows for cents in row), *owed, sum(owed)]}


def cars(database: Path, user_id: str) -> set[str]:
    """The number plates of a resident."""
    with _reading(database) as connection:
        rows = connection.execute("SELECT car_number FROM cars WHERE user_id = ?", [user_id])
        return {car for (car,) in rows}


def repairs(database: Path, user_id: str) -> dict[str, str]:
    """A resident's repair orders: number → description."""
    with _reading(database) as connection:
        return dict(connection.execute("SELECT no, description FROM repairs WHERE user_id = ?", [user_id]).fetchall())


def finish_leaks(database: Path, user_id: str) -> None:
    """Close a resident's orders for water: the estate takes no second one of a kind while one is open, and other tests
    may have left one."""
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        connection.execute(
            "UPDATE repairs SET status = 'CANCELLED' WHERE user_id = ? AND type_code = 'WATER' AND status = 'WAIT'",
            [user_id],
        )
        connection.commit()


def amounts(text: str) -> set[str]:
    """The amounts that a text names, two decimals each, thousands separators taken out."""
    return set(re.findall(r"\d+\.\d{2}(?!\d)", re.sub(r"(?<=\d),(?=\d{3})", "", text)))
