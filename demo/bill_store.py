"""Finds a bill of the resident who asks; `bill.py` and `bill_payments.py` use it."""

from sqlite3 import Row

from demo.bill_answers import refuse
from demo.core import Call

LARGEST_ID = 2**63 - 1


def find_bill(call: Call) -> Row:
    """The bill of the path's `billId`; somebody else's does not exist.

    Raises:
        Refused: 400 INVALID_ARGUMENT (no int64), 404 BILL_NOT_FOUND."""
    text = call.path["billId"]
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= LARGEST_ID):
        raise refuse(call.request, 400, "INVALID_ARGUMENT", "billId must be a positive 64-bit integer")
    row = call.database.row("SELECT * FROM bills WHERE bill_id = ? AND user_id = ?", int(text), call.resident.user_id)
    if row is None:
        raise refuse(call.request, 404, "BILL_NOT_FOUND", "账单不存在")
    return row
