"""The bill upstream over HTTP: every operation of `openapi/bill.yaml`, its errors, and that its answers fit."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import yaml

from tests.unit.demo.running import Running

DOCUMENT = yaml.safe_load((Path(__file__).parents[3] / "openapi" / "bill.yaml").read_text(encoding="utf-8"))


def _nulls(value: Any) -> Any:
    """OpenAPI 3.0's `nullable` as JSON Schema says it."""
    if isinstance(value, list):
        return [_nulls(member) for member in value]
    if not isinstance(value, dict):
        return value
    made = {key: _nulls(member) for key, member in value.items() if key not in ("nullable", "example")}
    if value.get("nullable"):
        made["type"] = [value["type"], "null"]
    return made


COMPONENTS = _nulls(DOCUMENT["components"])


def _fits(schema: str, value: Any) -> None:
    """Asserts that the value is valid against a schema of the document and has no field that the document lacks."""
    validator = jsonschema_rs.Draft4Validator({"$ref": f"#/components/schemas/{schema}", "components": COMPONENTS})
    assert [error.message for error in validator.iter_errors(value)] == []


def _refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    _fits("Error", response.json())
    error: dict[str, Any] = response.json()["error"]
    return error


async def _all_bills(running: Running, user_id: str = "user123") -> list[dict[str, Any]]:
    response = await running.client("bill", user_id).get("/bills?size=50")
    items: list[dict[str, Any]] = response.json()["items"]
    return items


OPERATIONS = [
    (operation["operationId"], method.upper(), path)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method in ("get", "post")
]


@pytest.mark.parametrize(("operation", "method", "path"), OPERATIONS)
async def test_every_operation_of_the_document_is_there(
    running: Running, operation: str, method: str, path: str
) -> None:
    """Each is logged under its operationId and answers 401 with a challenge to nobody."""
    concrete = re.sub(r"\{\w+\}", "2624710177366999063", path)
    response = await running.client("bill", user_id=None).request(method, concrete)
    _refused(response, 401, "UNAUTHORIZED")
    assert response.headers["www-authenticate"].startswith("Bearer ")
    assert (await running.requests())[0]["operation"] == operation


@pytest.mark.parametrize(
    ("operation", "method", "path"), [entry for entry in OPERATIONS if entry[0] != "getCurrentResident"]
)
async def test_every_operation_but_one_wants_the_community(
    running: Running, operation: str, method: str, path: str
) -> None:
    """Without `X-Community-Id` 400, with another community's 403 COMMUNITY_MISMATCH."""
    concrete = re.sub(r"\{\w+\}", "2624710177366999063", path)
    client = running.client("bill")
    _refused(await client.request(method, concrete, headers={"X-Community-Id": "C002"}), 403, "COMMUNITY_MISMATCH")
    del client.headers["X-Community-Id"]
    error = _refused(await client.request(method, concrete), 400, "INVALID_ARGUMENT")
    assert "X-Community-Id" in error["message"], operation


async def test_who_the_token_is(running: Running) -> None:
    """`getCurrentResident` needs no community; user789 has three rooms."""
    client = running.client("bill", "user789")
    del client.headers["X-Community-Id"]
    me = (await client.get("/me")).json()
    _fits("Resident", me)
    assert (me["userId"], me["communityId"], len(me["rooms"])) == ("user789", "C001", 3)


async def test_bills_are_those_of_the_database_and_of_nobody_else(running: Running) -> None:
    """Each resident sees all of his bills, to the fen, and no other's, whatever the query says."""
    seen: dict[str, set[int]] = {}
    for user_id in ("user123", "user456", "user789"):
        bills: list[dict[str, Any]] = []
        for page in range(1, 5):
            answer = (await running.client("bill", user_id).get(f"/bills?size=50&page={page}&userId=user123")).json()
            bills += answer["items"]
        rows = running.core.database.rows("SELECT * FROM bills WHERE user_id = ?", user_id)
        assert answer["page"] == {"page": 4, "size": 50, "total": len(rows)}
        assert {(bill["billId"], bill["amountCents"], bill["paidCents"]) for bill in bills} == {
            (row["bill_id"], row["amount_cents"], row["paid_cents"]) for row in rows
        }
        seen[user_id] = {bill["billId"] for bill in bills}
        for bill in bills:
            _fits("Bill", bill)
    assert not seen["user123"] & seen["user789"]
    assert not seen["user123"] & seen["user456"]


async def test_bills_are_filtered_and_paged(running: Running) -> None:
    """Status, fee type and period narrow the list; pages do not overlap; the newest period comes first."""
    client = running.client("bill")
    everything = await _all_bills(running)
    assert [bill["period"] for bill in everything] == sorted((bill["period"] for bill in everything), reverse=True)
    for status in ("UNPAID", "PARTIAL", "PAID", "OVERDUE"):
        found = (await client.get("/bills", params={"status": status, "size": 50})).json()["items"]
        assert found == [bill for bill in everything if bill["status"] == status] != []
    query = {"feeType": "WATER", "periodFrom": "2026-03", "periodTo": "2026-05"}
    water = (await client.get("/bills", params=query)).json()
    assert [(bill["feeType"], bill["period"]) for bill in water["items"]] == [
        ("WATER", "2026-05"),
        ("WATER", "2026-04"),
        ("WATER", "2026-03"),
    ]
    pages = [(await client.get(f"/bills?page={page}")).json() for page in (1, 2)]
    assert pages[0]["page"] == {"page": 1, "size": 10, "total": len(everything)}
    assert pages[0]["items"] + pages[1]["items"] == everything[:20]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("periodFrom=2026-13", "INVALID_PERIOD"),
        ("periodTo=2026-1", "INVALID_PERIOD"),
        ("periodFrom=2026-05&periodTo=2026-04", "INVALID_PERIOD"),
        ("status=paid", "INVALID_ARGUMENT"),
        ("feeType=GAS", "INVALID_ARGUMENT"),
        ("page=0", "INVALID_ARGUMENT"),
        ("size=51", "INVALID_ARGUMENT"),
        ("size=ten", "INVALID_ARGUMENT"),
        ("page=99999999999999999999", "INVALID_ARGUMENT"),
    ],
)
async def test_wrong_queries_are_400(running: Running, query: str, code: str) -> None:
    """Each mistake in the query of `listBills` has its code."""
    _refused(await running.client("bill").get(f"/bills?{query}"), 400, code)


async def test_the_summary_adds_up_what_is_owed(running: Running) -> None:
    """Total, count and oldest period are those of the open bills, late fees included; null when nothing is owed."""
    open_bills = [bill for bill in await _all_bills(running) if bill["status"] != "PAID"]
    client = running.client("bill")
    summary = (await client.get("/bills/summary")).json()
    _fits("ArrearsSummary", summary)
    owed = sum(bill["amountCents"] - bill["paidCents"] + int(bill["lateFee"].replace(".", "")) for bill in open_bills)
    oldest = min(bill["period"] for bill in open_bills)
    assert summary == {"totalCents": owed, "count": len(open_bills), "oldestPeriod": oldest}
    running.core.database.run("UPDATE bills SET paid_cents = amount_cents + late_fee_cents")
    assert (await client.get("/bills/summary")).json() == {"totalCents": 0, "count": 0, "oldestPeriod": None}


async def test_a_bill_becomes_overdue_as_time_passes(running: Running) -> None:
    """The status follows the clock: an unpaid bill of this month is overdue after its due date."""
    bill = next(bill for bill in await _all_bills(running) if bill["status"] == "UNPAID")
    running.clock.at += timedelta(days=60)
    detail = (await running.client("bill").get(f"/bills/{bill['billId']}")).json()
    assert detail["status"] == "OVERDUE"


async def test_a_bill_with_its_lines(running: Running) -> None:
    """`getBill` is the listed bill and its lines, which add up."""
    for bill in (await _all_bills(running))[:4]:
        detail = (await running.client("bill").get(f"/bills/{bill['billId']}")).json()
        _fits("BillDetail", detail)
        lines = detail.pop("lines")
        assert detail == bill
        assert sum(line["amountCents"] for line in lines) == bill["amountCents"]


async def test_somebody_elses_bill_does_not_exist(running: Running) -> None:
    """404 BILL_NOT_FOUND for a neighbour's bill, as for none; 400 for what is no int64."""
    neighbours = (await _all_bills(running, "user789"))[0]["billId"]
    client = running.client("bill")
    for path in ("", "/invoice"):
        _refused(await client.get(f"/bills/{neighbours}{path}"), 404, "BILL_NOT_FOUND")
        _refused(await client.get(f"/bills/1{path}"), 404, "BILL_NOT_FOUND")
        _refused(await client.get(f"/bills/99999999999999999999{path}"), 400, "INVALID_ARGUMENT")
        _refused(await client.get(f"/bills/abc{path}"), 400, "INVALID_ARGUMENT")
    payment = {"channel": "ALIPAY", "amountCents": 1}
    answer = await client.post(f"/bills/{neighbours}/payments", json=payment, headers={"Idempotency-Key": "key-00001"})
    _refused(answer, 404, "BILL_NOT_FOUND")


async def test_payments_are_paged_by_cursor(running: Running) -> None:
    """Following `nextCursor` to null shows each payment once, newest first, within the days asked for."""
    client = running.client("bill")
    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query: dict[str, str | int] = {"limit": 7, "from": "2026-02-01", "to": "2026-06-30"}
        if cursor is not None:
            query["cursor"] = cursor
        page = (await client.get("/payments", params=query)).json()
        seen += page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            break
        assert len(page["items"]) == 7
    rows = running.core.database.rows(
        "SELECT payment_id FROM payments WHERE user_id = 'user123' AND substr(created_at, 1, 10) BETWEEN ? AND ? "
        "ORDER BY created_at DESC, payment_id DESC",
        "2026-02-01",
        "2026-06-30",
    )
    assert [payment["paymentId"] for payment in seen] == [row["payment_id"] for row in rows]
    assert len(seen) > 14
    for payment in seen:
        _fits("Payment", payment)


@pytest.mark.parametrize(
    "query", ["from=2026-02-30", "to=20260101", "from=2026-03-01&to=2026-02-01", "cursor=%21", "cursor=YWJj", "limit=0"]
)
async def test_wrong_payment_queries_are_400(running: Running, query: str) -> None:
    """Days, cursors and limits that are none."""
    _refused(await running.client("bill").get(f"/payments?{query}"), 400, "INVALID_ARGUMENT")


async def _pay(running: Running, bill_id: int, cents: int, key: str, channel: str = "WECHAT") -> httpx.Response:
    return await running.client("bill").post(
        f"/bills/{bill_id}/payments",
        json={"channel": channel, "amountCents": cents},
        headers={"Idempotency-Key": key},
    )


async def test_a_payment_is_created_once_per_key(running: Running) -> None:
    """The same key and body get the same payment, another body 409; another resident's key is another key."""
    bill = next(bill for bill in await _all_bills(running) if bill["status"] == "UNPAID")
    first = await _pay(running, bill["billId"], bill["amountCents"], "key-00001")
    assert first.status_code == 201
    _fits("PaymentCreated", first.json())
    assert first.json()["expiresAt"] == "2026-11-22T09:45:00+08:00"
    again = await _pay(running, bill["billId"], bill["amountCents"], "key-00001")
    assert (again.status_code, again.json()) == (201, first.json())
    other = await _pay(running, bill["billId"], bill["amountCents"], "key-00001", "ALIPAY")
    _refused(other, 409, "IDEMPOTENCY_CONFLICT")
    listed = (await running.client("bill").get("/payments?limit=1")).json()["items"][0]
    assert (listed["paymentId"], listed["status"], listed["paidAt"]) == (first.json()["paymentId"], "PENDING", None)
    # It never really pays; a link that has expired is closed.
    running.clock.at += timedelta(minutes=16)
    assert (await running.client("bill").get("/payments?limit=1")).json()["items"][0]["status"] == "CLOSED"
    assert next(b for b in await _all_bills(running) if b["billId"] == bill["billId"])["status"] == "UNPAID"


async def test_amounts_must_be_what_is_due(running: Running) -> None:
    """422 AMOUNT_MISMATCH tells what is expected, late fee and part payments reckoned; a paid bill is 409."""
    bills = await _all_bills(running)
    overdue = next(bill for bill in bills if bill["status"] == "OVERDUE")
    partial = next(bill for bill in bills if bill["status"] == "PARTIAL")
    for number, bill in enumerate((overdue, partial)):
        error = _refused(await _pay(running, bill["billId"], 1, f"key-0000{number}"), 422, "AMOUNT_MISMATCH")
        due = bill["amountCents"] - bill["paidCents"] + int(bill["lateFee"].replace(".", ""))
        assert error["details"] == {"expectedCents": due}
        assert (await _pay(running, bill["billId"], due, f"key-0000{number}")).status_code == 201
    paid = next(bill for bill in bills if bill["status"] == "PAID")
    _refused(await _pay(running, paid["billId"], paid["amountCents"], "key-00009"), 409, "ALREADY_PAID")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"abc",
        b"[]",
        b"{}",
        b"\xff",
        b'{"channel":"CASH","amountCents":5}',
        b'{"channel":"WECHAT","amountCents":"5"}',
        b'{"channel":"WECHAT","amountCents":true}',
        b'{"channel":"WECHAT","amountCents":5,"x":1}',
    ],
)
async def test_wrong_payments_are_400(running: Running, body: bytes) -> None:
    """A body that the document does not allow, and a key that is missing."""
    bill = next(bill for bill in await _all_bills(running) if bill["status"] == "UNPAID")
    path = f"/bills/{bill['billId']}/payments"
    headers = {"Content-Type": "application/json", "Idempotency-Key": "key-00001"}
    client = running.client("bill")
    _refused(await client.post(path, content=body, headers=headers), 400, "INVALID_ARGUMENT")
    good = {"channel": "WECHAT", "amountCents": bill["amountCents"]}
    _refused(await client.post(path, json=good), 400, "INVALID_ARGUMENT")


async def test_an_invoice_is_a_pdf(running: Running) -> None:
    """A paid bill has a PDF with a right cross-reference table, the room and the amount; others have none."""
    bills = await _all_bills(running)
    paid = next(bill for bill in bills if bill["status"] == "PAID")
    response = await running.client("bill").get(f"/bills/{paid['billId']}/invoice")
    assert response.headers["content-type"] == "application/pdf"
    document = response.content
    assert document.startswith(b"%PDF-1.4")
    start = int(document.rsplit(b"startxref\n", 1)[1].split()[0])
    offsets = [int(line[:10]) for line in document[start:].split(b"\n")[3:] if line.endswith(b" n ")]
    assert [document[at : at + 7] for at in offsets] == [b"%d 0 obj" % number for number in range(1, len(offsets) + 1)]
    texts = [bytes.fromhex(found.decode()).decode("utf-16-be") for found in re.findall(rb"<([0-9A-F]+)> Tj", document)]
    assert any(paid["roomName"] in text for text in texts)
    yuan = f"{paid['paidCents'] // 100}.{paid['paidCents'] % 100:02d}"
    assert any(f"实收: {yuan} 元" == text for text in texts)
    unpaid = next(bill for bill in bills if bill["status"] == "UNPAID")
    missing = await running.client("bill").get(f"/bills/{unpaid['billId']}/invoice")
    _refused(missing, 404, "INVOICE_NOT_FOUND")


async def test_unknown_paths_and_methods_speak_the_same_dialect(running: Running) -> None:
    """404 and 405 are error objects too; a request id is given back."""
    client = running.client("bill")
    answer = await client.get("/nothing", headers={"X-Request-Id": "r-17"})
    assert _refused(answer, 404, "NOT_FOUND")["requestId"] == "r-17"
    _refused(await client.delete("/bills"), 405, "METHOD_NOT_ALLOWED")


async def test_a_crash_is_told_without_its_reason(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that fails answers 500 INTERNAL_ERROR; the reason is in the log, not in the answer."""
    running.core.database.run("ALTER TABLE bills RENAME TO gone")
    response = await running.client("bill").get("/bills")
    _refused(response, 500, "INTERNAL_ERROR")
    assert "table" not in response.text
    assert "no such table: bills" in caplog.text
