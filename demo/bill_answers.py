"""How the bill upstream says things: errors, a bill, a payment; `bill.py` and `bill_payments.py` use it."""

import json
import uuid
from collections.abc import Mapping
from datetime import date
from sqlite3 import Row
from typing import Any

from sanic import HTTPResponse, Request

from demo.core import Call, Refused, json_answer

STATUSES = ("UNPAID", "PARTIAL", "PAID", "OVERDUE")
CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


class BillDialect:
    """Bearer tokens, and errors as `{error: {code, message, requestId, details?}}` with a real HTTP status."""

    def token(self, request: Request) -> str | None:
        """The token of `Authorization: Bearer ...` (RFC 6750)."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def unauthenticated(self, request: Request) -> HTTPResponse:
        """401 with a challenge (RFC 6750, section 3)."""
        response = error_answer(request, 401, "UNAUTHORIZED", "未登录或登录已过期，请重新登录")
        response.headers["WWW-Authenticate"] = 'Bearer realm="bill-api", error="invalid_token"'
        return response

    def failure(self, request: Request, status: int, message: str) -> HTTPResponse:
        """The same object for everything else."""
        return error_answer(request, status, CODES.get(status, "ERROR"), message)

    def unknown_code(self, request: Request) -> HTTPResponse:
        """A status and a code that `openapi/bill.yaml` does not have."""
        return error_answer(request, 418, "E_7731", "code 7731")


def error_answer(
    request: Request, status: int, code: str, message: str, details: Mapping[str, Any] | None = None
) -> HTTPResponse:
    """`{error: {code, message, requestId, details?}}`; the request id is the caller's where it sent one."""
    error: dict[str, Any] = {"code": code, "message": message}
    error["requestId"] = request.headers.get("x-request-id") or uuid.uuid4().hex
    if details is not None:
        error["details"] = dict(details)
    return json_answer({"error": error}, status)


def refuse(request: Request, status: int, code: str, message: str, details: Mapping[str, Any] | None = None) -> Refused:
    """The same, to be raised."""
    return Refused(error_answer(request, status, code, message, details))


def due_cents(row: Row) -> int:
    """What is still to be paid on a bill, with its late fee, in fen."""
    return int(row["amount_cents"]) + int(row["late_fee_cents"]) - int(row["paid_cents"])


def status_of(row: Row, today: date) -> str:
    """PAID; otherwise OVERDUE after the due date; otherwise PARTIAL or UNPAID."""
    if due_cents(row) <= 0:
        return "PAID"
    if row["due_date"] < today.isoformat():
        return "OVERDUE"
    return "PARTIAL" if row["paid_cents"] > 0 else "UNPAID"


def status_sql(call: Call) -> str:
    """`status_of` as an SQL expression; its only value is a date that the clock wrote."""
    return (
        "CASE WHEN amount_cents + late_fee_cents - paid_cents <= 0 THEN 'PAID' "
        f"WHEN due_date < '{call.now.date().isoformat()}' THEN 'OVERDUE' "
        "WHEN paid_cents > 0 THEN 'PARTIAL' ELSE 'UNPAID' END"
    )


def as_bill(row: Row, today: date) -> dict[str, Any]:
    """`Bill`: amounts in fen, but the late fee in yuan."""
    return {
        "billId": row["bill_id"],
        "billNo": row["bill_no"],
        "roomName": row["room_name"],
        "feeType": row["fee_type"],
        "period": row["period"],
        "amountCents": row["amount_cents"],
        "paidCents": row["paid_cents"],
        "lateFee": yuan(row["late_fee_cents"]),
        "dueDate": row["due_date"],
        "status": status_of(row, today),
        "createdAt": row["created_at"],
    }


def as_lines(row: Row) -> list[dict[str, Any]]:
    """`BillDetail.lines`."""
    lines: list[dict[str, Any]] = json.loads(row["lines"])
    return lines


def as_payment(row: Row, now: str) -> dict[str, Any]:
    """`Payment`; one whose link has expired unpaid is closed."""
    expired = row["status"] == "PENDING" and row["expires_at"] is not None and row["expires_at"] <= now
    return {
        "paymentId": row["payment_id"],
        "billId": row["bill_id"],
        "billNo": row["bill_no"],
        "channel": row["channel"],
        "amountCents": row["amount_cents"],
        "status": "CLOSED" if expired else row["status"],
        "createdAt": row["created_at"],
        "paidAt": row["paid_at"],
    }


def yuan(cents: int) -> str:
    """`1250` fen → `12.50`."""
    return f"{cents // 100}.{cents % 100:02d}"
