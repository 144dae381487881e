"""The estate's one SQLite file: its tables survive a restart; `seed.py` fills them, the upstreams query them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE_NAME = "estate.sqlite3"

# Money is in fen (INTEGER). JSON columns are text. Ids of 19 digits fit SQLite's 64-bit INTEGER.
SCHEMA = """
CREATE TABLE IF NOT EXISTS residents (
    user_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    community_id TEXT NOT NULL,
    community_name TEXT NOT NULL,
    rooms TEXT NOT NULL                     -- JSON [{"roomId", "roomName"}]
);
CREATE TABLE IF NOT EXISTS bills (
    bill_id INTEGER PRIMARY KEY,
    bill_no TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES residents,
    community_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    room_name TEXT NOT NULL,
    fee_type TEXT NOT NULL CHECK (fee_type IN ('PROPERTY', 'WATER', 'ELECTRIC', 'PARKING_MONTHLY')),
    period TEXT NOT NULL,                   -- yyyy-MM
    amount_cents INTEGER NOT NULL,
    paid_cents INTEGER NOT NULL,
    late_fee_cents INTEGER NOT NULL,
    due_date TEXT NOT NULL,                 -- yyyy-MM-dd; the status follows from it and from what was paid
    lines TEXT NOT NULL,                    -- JSON [{"itemName", "quantity", "unitPrice", "amountCents"}]
    created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS bills_of ON bills (user_id, period);
CREATE TABLE IF NOT EXISTS payments (
    payment_id TEXT PRIMARY KEY,
    bill_id INTEGER NOT NULL REFERENCES bills,
    user_id TEXT NOT NULL REFERENCES residents,
    channel TEXT NOT NULL CHECK (channel IN ('WECHAT', 'ALIPAY')),
    amount_cents INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'SUCCESS', 'CLOSED')),
    pay_url TEXT,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    paid_at TEXT,
    idempotency_key TEXT,
    request_sha256 TEXT,
    UNIQUE (user_id, idempotency_key)
);
CREATE TABLE IF NOT EXISTS cars (
    car_id INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES residents,
    community_id TEXT NOT NULL,
    car_number TEXT NOT NULL UNIQUE,
    car_type TEXT NOT NULL,                 -- 1001 month card, 1003 temporary
    bind_time TEXT NOT NULL,
    month_until TEXT                        -- yyyy-MM-dd of a month card's last day
);
CREATE TABLE IF NOT EXISTS parking_records (
    record_id INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES residents,
    community_id TEXT NOT NULL,
    car_number TEXT NOT NULL,
    park_id TEXT NOT NULL,
    park_name TEXT NOT NULL,
    in_time TEXT NOT NULL,
    out_time TEXT,                          -- NULL while the car is inside
    state TEXT NOT NULL,                    -- 100300 in, 100400 paid, 100500 out, 100600 to be paid later
    car_type TEXT NOT NULL,
    pay_amount_cents INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS parking_records_of ON parking_records (user_id, in_time);
CREATE TABLE IF NOT EXISTS parking_orders (
    order_no TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES residents,
    community_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('FEE', 'MONTH_CARD')),
    car_number TEXT NOT NULL,
    record_id INTEGER,
    minutes INTEGER,
    months INTEGER,
    amount_cents INTEGER NOT NULL,
    state TEXT NOT NULL,                    -- QUOTED (a fee was asked for), CREATED (an order to pay), PAID
    created_at TEXT NOT NULL,
    expires_at TEXT
);
CREATE TABLE IF NOT EXISTS repairs (
    repair_id TEXT PRIMARY KEY,             -- ULID
    no TEXT NOT NULL UNIQUE,                -- BX20261122-0007
    user_id TEXT NOT NULL REFERENCES residents,
    community_id TEXT NOT NULL,
    type_code TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    contact_name TEXT,
    contact_phone TEXT,
    target TEXT NOT NULL,                   -- JSON {"targetType": "ROOM" | "PUBLIC" | "VEHICLE", ...}
    status TEXT NOT NULL CHECK (
        status IN ('WAIT', 'TAKEN', 'PROCESSING', 'TO_PAY', 'TO_RATE', 'DONE', 'CANCELLED', 'SUSPENDED')
    ),
    appointment TEXT,                       -- JSON {"from", "to"}
    worker TEXT,                            -- JSON {"name", "phone"}
    fee_cents INTEGER,
    rating TEXT,                            -- JSON {"score", "speed", "service", "comment"}
    version INTEGER NOT NULL DEFAULT 1,     -- the ETag
    created_at TEXT NOT NULL,
    idempotency_key TEXT,
    request_sha256 TEXT,
    UNIQUE (user_id, idempotency_key)
);
CREATE INDEX IF NOT EXISTS repairs_of ON repairs (user_id, created_at);
CREATE TABLE IF NOT EXISTS repair_events (
    event_id INTEGER PRIMARY KEY AUTOINCREMENT,
    repair_id TEXT NOT NULL REFERENCES repairs,
    at TEXT NOT NULL,
    event TEXT NOT NULL,
    by TEXT                                 -- NULL: the system itself
);
CREATE INDEX IF NOT EXISTS repair_events_of ON repair_events (repair_id, event_id);
CREATE TABLE IF NOT EXISTS repair_photos (
    photo_id TEXT PRIMARY KEY,              -- ULID
    repair_id TEXT NOT NULL REFERENCES repairs,
    filename TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,                  -- bytes
    content BLOB NOT NULL,
    created_at TEXT NOT NULL
);
"""

Value = str | int | float | bytes | None


class Database:
    """One connection, used from one event loop: a handler that does not await is alone with it.

    Other processes may read the file at the same time (write-ahead log)."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.path = data_dir / FILE_NAME
        self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=5.0)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SCHEMA)

    def rows(self, sql: str, *values: Value) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Value) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def run(self, sql: str, *values: Value) -> int:
        """Runs a statement; how many rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, **columns: Value) -> None:
        """Adds one row; the names of the columns are the keywords."""
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(columns.values()))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, or nothing of it (any exception rolls back). Do not await inside."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Closes the file; what was written stays."""
        self._connection.close()
