"""The estate's side of `demo_faults.py`: arguments that fit what its database holds, and what was written in it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

USER, ORDER = "user123", "LC202611260000000000"
# A row that is new or changed in one of these is a write that was done.
_TABLES = ("payments", "cars", "parking_orders", "repairs", "repair_photos")
_ALL_TABLES = "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite%'"
# A parking fee that was asked for and can be paid.
_QUOTED = f"""
INSERT INTO parking_orders (order_no, user_id, community_id, kind, car_number, record_id, minutes, amount_cents, state,
                            created_at, expires_at)
SELECT '{ORDER}', user_id, community_id, 'FEE', car_number, record_id, 60, 500, 'QUOTED', in_time, '2099-01-01 00:00:00'
FROM parking_records WHERE user_id='{USER}' AND out_time IS NULL LIMIT 1
"""
_WHEN = {"from": "2099-01-02T09:00:00+08:00", "to": "2099-01-02T11:00:00+08:00"}


class Ledger:
    """The database beside the running estate. What it holds at the start is what `restore` brings back."""

    def __init__(self, database: Path) -> None:
        self._path = database
        with self._open() as connection:
            # One of the resident's repairs must wait for its worker, or it could be neither moved nor cancelled.
            waiting = f"UPDATE repairs SET status='WAIT', worker=NULL WHERE user_id='{USER}' AND status='PROCESSING'"
            connection.execute(waiting)
            connection.execute(_QUOTED)
            self._tables = {
                name: connection.execute(f"SELECT * FROM {name}").fetchall()
                for (name,) in connection.execute(_ALL_TABLES).fetchall()
            }

    def _open(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(self._path, timeout=10, isolation_level=None))

    def one(self, sql: str) -> Any:
        """The first value of the first row; the resident is user123."""
        with self._open() as connection:
            return connection.execute(sql).fetchone()[0]

    def written(self) -> int:
        """How many rows are new, changed or gone; a quoted parking fee is a read of ours and no write."""
        count = 0
        with self._open() as connection:
            for name in _TABLES:
                before = {row[0]: row for row in self._tables[name]}
                after = {row[0]: row for row in connection.execute(f"SELECT * FROM {name}")}
                changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
                count += sum("QUOTED" not in str(after.get(key)) for key in changed)
        return count

    def restore(self) -> None:
        """Everything as it was."""
        with self._open() as connection:
            connection.execute("PRAGMA foreign_keys=OFF")
            connection.execute("BEGIN IMMEDIATE")
            for name, rows in self._tables.items():
                connection.execute(f"DELETE FROM {name}")
                if rows:
                    places = ",".join("?" * len(rows[0]))
                    connection.executemany(f"INSERT INTO {name} VALUES ({places})", rows)
            connection.execute("COMMIT")


def _bill(ledger: Ledger) -> tuple[str, int]:
    due = "amount_cents + late_fee_cents - paid_cents"
    where = f"user_id='{USER}' AND {due} > 0 ORDER BY bill_id LIMIT 1"
    return str(ledger.one(f"SELECT bill_id FROM bills WHERE {where}")), ledger.one(
        f"SELECT {due} FROM bills WHERE {where}"
    )


def _repair(ledger: Ledger, status: str) -> str:
    return str(ledger.one(f"SELECT repair_id FROM repairs WHERE user_id='{USER}' AND status='{status}' LIMIT 1"))


def _etag(ledger: Ledger, status: str) -> str:
    repair = _repair(ledger, status)
    return f'"{repair}.{ledger.one(f"SELECT version FROM repairs WHERE repair_id={repair!r}")}"'


def _order(ledger: Ledger) -> dict[str, Any]:
    room = json.loads(ledger.one(f"SELECT rooms FROM residents WHERE user_id='{USER}'"))[0]["roomId"]
    return {
        "targetType": "ROOM",
        "roomId": room,
        "typeCode": "DOOR_WINDOW",
        "title": "门锁坏了",
        "description": "门锁打不开",
        "contactName": "张三",
        "contactPhone": "13800138000",
        "appointment": _WHEN,
    }


def _plate(ledger: Ledger) -> str:
    return str(ledger.one(f"SELECT car_number FROM cars WHERE user_id='{USER}' AND month_until IS NOT NULL LIMIT 1"))


def _inside(ledger: Ledger) -> str:
    return str(
        ledger.one(f"SELECT car_number FROM parking_records WHERE user_id='{USER}' AND out_time IS NULL LIMIT 1")
    )


# Every tool of the shipped catalogue but addRepairPhotos, whose files are uploads.
ARGUMENTS: dict[str, dict[str, Callable[[Ledger], dict[str, Any]]]] = {
    "bill": {
        "listBills": lambda _: {"status": "UNPAID"},
        "getArrearsSummary": lambda _: {},
        "getBill": lambda ledger: {"billId": _bill(ledger)[0]},
        "getInvoicePdf": lambda ledger: {
            "billId": str(ledger.one(f"SELECT bill_id FROM bills WHERE user_id='{USER}' AND paid_cents>=amount_cents"))
        },
        "listPayments": lambda _: {"limit": 5},
        "getCurrentResident": lambda _: {},
        "createPayment": lambda ledger: {
            "billId": _bill(ledger)[0],
            "channel": "WECHAT",
            "amountCents": _bill(ledger)[1],
        },
    },
    "parking": {
        "list_parking_records": lambda _: {},
        "get_parking_record": lambda ledger: {
            "recordId": str(ledger.one(f"SELECT record_id FROM parking_records WHERE user_id='{USER}'"))
        },
        "get_parking_statistics": lambda _: {},
        "query_parking_fee": lambda ledger: {"data": {"carNumber": _inside(ledger)}},
        "list_cars": lambda _: {},
        "get_free_spaces": lambda _: {},
        "pay_parking_fee": lambda _: {"orderId": ORDER},
        "bind_car": lambda _: {"carNumber": "粤B99887", "carType": "1003"},
        "unbind_car": lambda ledger: {"carId": str(ledger.one(f"SELECT car_id FROM cars WHERE user_id='{USER}'"))},
        "renew_month_card": lambda ledger: {"carNumber": _plate(ledger), "months": 2},
    },
    "repair": {
        "listRepairTypes": lambda _: {},
        "listRepairs": lambda _: {},
        "getRepair": lambda ledger: {"repairId": _repair(ledger, "WAIT")},
        "listRepairEvents": lambda ledger: {"repairId": _repair(ledger, "WAIT")},
        "createRepair": lambda ledger: {"order": _order(ledger)},
        "rescheduleRepair": lambda ledger: {
            "repairId": _repair(ledger, "WAIT"),
            "If-Match": _etag(ledger, "WAIT"),
            "appointment": _WHEN,
        },
        "cancelRepair": lambda ledger: {"repairId": _repair(ledger, "WAIT"), "reason": "已自行修好"},
        "rateRepair": lambda ledger: {"repairId": _repair(ledger, "TO_RATE"), "score": 5, "speed": 5, "service": 5},
    },
}
# Those of them that write.
WRITES = frozenset(
    [
        "createPayment",
        "bind_car",
        "unbind_car",
        "renew_month_card",
        "pay_parking_fee",
        "createRepair",
        "rescheduleRepair",
        "cancelRepair",
        "rateRepair",
    ]
)
