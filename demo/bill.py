"""The bill upstream: clean REST with an error object, Bearer tokens and a community header; `openapi/bill.yaml`.

Next: `bill_payments.py` (payments and invoices), `bill_answers.py` (how a bill and an error look)."""

import re
from typing import Any

from sanic import HTTPResponse, Sanic

from demo.bill_answers import STATUSES, BillDialect, as_bill, as_lines, due_cents, refuse, status_sql
from demo.bill_arguments import choice_of, community_checked, whole_number
from demo.bill_payments import create_payment, get_invoice, list_payments
from demo.bill_store import find_bill
from demo.core import Call, Core, Handler, Upstream, json_answer

FEE_TYPES = ("PROPERTY", "WATER", "ELECTRIC", "PARKING_MONTHLY")
PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
LARGEST_PAGE = 50


def install(app: Sanic[Any, Any], core: Core) -> None:
    """Adds the operations of `openapi/bill.yaml`."""
    upstream = Upstream(app, core, name="bill", base_path="/bill-api/v1", dialect=BillDialect())
    in_community: dict[str, tuple[str, str, Handler]] = {
        "listBills": ("GET", "/bills", list_bills),
        "getArrearsSummary": ("GET", "/bills/summary", get_arrears_summary),
        "getBill": ("GET", "/bills/<billId:str>", get_bill),
        "listPayments": ("GET", "/payments", list_payments),
        "createPayment": ("POST", "/bills/<billId:str>/payments", create_payment),
        "getInvoicePdf": ("GET", "/bills/<billId:str>/invoice", get_invoice),
    }
    for operation, (method, path, handler) in in_community.items():
        upstream.add(operation, method, path, community_checked(handler))
    upstream.add("getCurrentResident", "GET", "/me", get_current_resident)


async def list_bills(call: Call) -> HTTPResponse:
    """`{items: [Bill], page: {page, size, total}}`, newest period first."""
    conditions, values = ["user_id = ?"], [call.resident.user_id]
    fee_type = choice_of(call, "feeType", FEE_TYPES)
    if fee_type is not None:
        conditions.append("fee_type = ?")
        values.append(fee_type)
    status = choice_of(call, "status", STATUSES)
    if status is not None:
        conditions.append(f"{status_sql(call)} = ?")
        values.append(status)
    first, last = _period(call, "periodFrom"), _period(call, "periodTo")
    if first is not None and last is not None and first > last:
        raise refuse(call.request, 400, "INVALID_PERIOD", "periodFrom lies after periodTo")
    for period, comparison in ((first, ">="), (last, "<=")):
        if period is not None:
            conditions.append(f"period {comparison} ?")
            values.append(period)
    page = whole_number(call, "page", default=1, smallest=1, largest=1_000_000)
    size = whole_number(call, "size", default=10, smallest=1, largest=LARGEST_PAGE)
    where = " AND ".join(conditions)
    counted = call.database.row(f"SELECT count(*) AS total FROM bills WHERE {where}", *values)
    rows = call.database.rows(
        f"SELECT * FROM bills WHERE {where} ORDER BY period DESC, bill_id DESC LIMIT ? OFFSET ?",
        *values,
        size,
        (page - 1) * size,
    )
    total = counted["total"] if counted is not None else 0
    items = [as_bill(row, call.now.date()) for row in rows]
    return json_answer({"items": items, "page": {"page": page, "size": size, "total": total}})


async def get_arrears_summary(call: Call) -> HTTPResponse:
    """`{totalCents, count, oldestPeriod}` of all bills that are not fully paid, late fees included."""
    rows = call.database.rows("SELECT * FROM bills WHERE user_id = ? ORDER BY period", call.resident.user_id)
    owed = [(row["period"], due_cents(row)) for row in rows if due_cents(row) > 0]
    summary = {
        "totalCents": sum(cents for _, cents in owed),
        "count": len(owed),
        "oldestPeriod": owed[0][0] if owed else None,
    }
    return json_answer(summary)


async def get_bill(call: Call) -> HTTPResponse:
    """A bill with its lines; 404 BILL_NOT_FOUND also for somebody else's."""
    row = find_bill(call)
    return json_answer({**as_bill(row, call.now.date()), "lines": as_lines(row)})


async def get_current_resident(call: Call) -> HTTPResponse:
    """Who the token is: `{userId, name, communityId, rooms: [{roomId, roomName}]}`."""
    resident = call.resident
    rooms = [{"roomId": room.room_id, "roomName": room.room_name} for room in resident.rooms]
    return json_answer(
        {
            "userId": resident.user_id,
            "name": resident.name,
            "communityId": resident.community_id,
            "rooms": rooms,
        }
    )


def _period(call: Call, name: str) -> str | None:
    value: str | None = call.request.args.get(name)
    if value is not None and not PERIOD.fullmatch(value):
        raise refuse(call.request, 400, "INVALID_PERIOD", f"{name} must be a month as yyyy-MM")
    return value
