"""Payments and invoices of the bill upstream; `bill.py` registers them, `invoice.py` draws the PDF."""

import base64
import binascii
import hashlib
import json
import secrets
from datetime import timedelta
from sqlite3 import Row
from typing import Any

from sanic import HTTPResponse

from demo.bill_answers import as_payment, due_cents, refuse
from demo.bill_arguments import day, whole_number
from demo.bill_store import find_bill
from demo.clock import iso
from demo.core import Call, json_answer
from demo.database import Value
from demo.invoice import draw_invoice

CHANNELS = ("WECHAT", "ALIPAY")
LARGEST_PAGE = 50
LINK_LIFETIME = timedelta(minutes=15)
SHORTEST_KEY, LONGEST_KEY = 8, 128


async def list_payments(call: Call) -> HTTPResponse:
    """`{items: [Payment], nextCursor}`, newest first."""
    first, last = day(call, "from"), day(call, "to")
    if first is not None and last is not None and first > last:
        raise refuse(call.request, 400, "INVALID_ARGUMENT", "from lies after to")
    limit = whole_number(call, "limit", default=10, smallest=1, largest=LARGEST_PAGE)
    conditions: list[str] = ["payments.user_id = ?"]
    values: list[Value] = [call.resident.user_id]
    if first is not None:
        conditions.append("payments.created_at >= ?")
        values.append(f"{first.isoformat()}T00:00:00+08:00")
    if last is not None:
        conditions.append("payments.created_at < ?")
        values.append(f"{(last + timedelta(days=1)).isoformat()}T00:00:00+08:00")
    cursor = call.request.args.get("cursor")
    if cursor is not None:
        conditions.append("(payments.created_at, payment_id) < (?, ?)")
        values.extend(_read_cursor(call, cursor))
    rows = call.database.rows(
        f"SELECT payments.*, bills.bill_no FROM payments JOIN bills USING (bill_id) WHERE {' AND '.join(conditions)} "
        "ORDER BY payments.created_at DESC, payment_id DESC LIMIT ?",
        *values,
        limit + 1,
    )
    shown = rows[:limit]
    more = _make_cursor(shown[-1]) if len(rows) > limit else None
    return json_answer({"items": [as_payment(row, iso(call.now)) for row in shown], "nextCursor": more})


async def create_payment(call: Call) -> HTTPResponse:
    """201 `{paymentId, payUrl, expiresAt}`; the link never really pays. The same key and body give the same answer."""
    key = call.request.headers.get("idempotency-key", "")
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        problem = f"header Idempotency-Key of {SHORTEST_KEY} to {LONGEST_KEY} characters is required"
        raise refuse(call.request, 400, "INVALID_ARGUMENT", problem)
    body = _payment_body(call)
    bill = find_bill(call)
    digest = _digest(bill["bill_id"], body)
    with call.database.transaction():
        known = call.database.row(
            "SELECT * FROM payments WHERE user_id = ? AND idempotency_key = ?", call.resident.user_id, key
        )
        if known is None:
            _check_amount(call, bill, body["amountCents"])
            known = _add_payment(call, bill, body, key, digest)
        elif known["request_sha256"] != digest:
            problem = "该 Idempotency-Key 已用于另一个请求"
            raise refuse(call.request, 409, "IDEMPOTENCY_CONFLICT", problem)
    answer = {"paymentId": known["payment_id"], "payUrl": known["pay_url"], "expiresAt": known["expires_at"]}
    return json_answer(answer, 201)


async def get_invoice(call: Call) -> HTTPResponse:
    """The invoice of a paid bill as PDF; 404 INVOICE_NOT_FOUND before it is paid."""
    bill = find_bill(call)
    if due_cents(bill) > 0:
        raise refuse(call.request, 404, "INVOICE_NOT_FOUND", "账单尚未缴清，暂无发票")
    document = draw_invoice(bill, call.resident)
    headers = {"Content-Disposition": f'attachment; filename="invoice-{bill["bill_no"]}.pdf"'}
    return HTTPResponse(document, content_type="application/pdf", headers=headers)


def _payment_body(call: Call) -> dict[str, Any]:
    """`{channel, amountCents}` and nothing else."""
    try:
        body = json.loads(call.request.body)
    except ValueError:
        raise refuse(call.request, 400, "INVALID_ARGUMENT", "the body must be JSON") from None
    if not isinstance(body, dict) or set(body) != {"channel", "amountCents"}:
        raise refuse(call.request, 400, "INVALID_ARGUMENT", "the body must be {channel, amountCents}")
    if body["channel"] not in CHANNELS:
        raise refuse(call.request, 400, "INVALID_ARGUMENT", f"channel must be one of {', '.join(CHANNELS)}")
    if type(body["amountCents"]) is not int or body["amountCents"] < 1:
        raise refuse(call.request, 400, "INVALID_ARGUMENT", "amountCents must be a positive whole number")
    return body


def _check_amount(call: Call, bill: Row, cents: int) -> None:
    expected = due_cents(bill)
    if expected <= 0:
        raise refuse(call.request, 409, "ALREADY_PAID", "账单已缴清，无需再缴")
    if cents != expected:
        details = {"expectedCents": expected}
        raise refuse(call.request, 422, "AMOUNT_MISMATCH", "支付金额与应缴金额不符", details)


def _add_payment(call: Call, bill: Row, body: dict[str, Any], key: str, digest: str) -> Row:
    payment_id = f"PAY{call.now:%Y%m%d}{secrets.randbelow(10**10):010d}"
    call.database.insert(
        "payments",
        payment_id=payment_id,
        bill_id=bill["bill_id"],
        user_id=call.resident.user_id,
        channel=body["channel"],
        amount_cents=body["amountCents"],
        status="PENDING",
        pay_url=f"https://pay.example/{body['channel'].lower()}/{payment_id}",
        created_at=iso(call.now),
        expires_at=iso(call.now + LINK_LIFETIME),
        idempotency_key=key,
        request_sha256=digest,
    )
    row = call.database.row("SELECT * FROM payments WHERE payment_id = ?", payment_id)
    if row is None:
        raise RuntimeError(f"payment {payment_id} was just added and is gone")
    return row


def _digest(bill_id: int, body: dict[str, Any]) -> str:
    """Of what the request means, not of its bytes: the order of keys does not matter."""
    return hashlib.sha256(json.dumps([bill_id, body], sort_keys=True).encode()).hexdigest()


def _make_cursor(row: Row) -> str:
    return base64.urlsafe_b64encode(f"{row['created_at']}|{row['payment_id']}".encode()).decode()


def _read_cursor(call: Call, cursor: str) -> tuple[str, str]:
    try:
        created_at, bar, payment_id = base64.urlsafe_b64decode(cursor).decode().partition("|")
    except (binascii.Error, ValueError):
        bar = ""
    if not bar:
        raise refuse(call.request, 400, "INVALID_ARGUMENT", "cursor must be the nextCursor of the page before")
    return created_at, payment_id
