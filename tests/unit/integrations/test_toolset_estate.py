"""The toolset against the embedded estate's real servers: three dialects, bound parameters, every fault."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from demo.estate import Estate, start_estate
from integrations.catalogue import Catalogue, load_catalogue
from schemas.deadline import Deadline
from schemas.tool import PreparedCall, ToolCall, ToolResult
from tests.support.outside import outside, run

UPSTREAMS = Path(__file__).resolve().parents[3] / "openapi" / "upstreams.yaml"
PORTS = ("STEWARD_BILL_PORT", "STEWARD_PARKING_PORT", "STEWARD_REPAIR_PORT")
ALIAS = "your-token-here"
APPOINTMENT = {"from": "2099-01-02T09:00:00+08:00", "to": "2099-01-02T11:00:00+08:00"}


@pytest.fixture
async def estate(tmp_path: Path) -> AsyncIterator[Estate]:
    running = await start_estate(tmp_path)
    yield running
    await running.stop()


@pytest.fixture
def catalogue(estate: Estate) -> Catalogue:
    return load_catalogue(UPSTREAMS, {name: str(port) for name, port in zip(PORTS, estate.ports, strict=True)})


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "estate.sqlite3") as database:
        return database.execute(sql).fetchall()


def sent(estate: Estate, operation: str) -> list[dict[str, Any]]:
    return [entry for entry in estate.core.requests.entries() if entry["operation"] == operation]


async def repair_order(toolset: Any, room: str) -> ToolResult:
    order = {
        "targetType": "ROOM",
        "roomId": room,
        "typeCode": "WATER",
        "title": "漏水",
        "description": "厨房水龙头漏水",
        "contactName": "张三",
        "contactPhone": "13800138000",
        "appointment": APPOINTMENT,
    }
    return await run(toolset, "createRepair", "zh", key="approval-0001", order=order)


async def test_bills_are_true_to_the_fen(estate: Estate, catalogue: Catalogue, tmp_path: Path) -> None:
    """Every amount shown is the database's; ids beyond 2^53 are text; the tenant came from the identity."""
    async with outside(catalogue, ALIAS) as toolset:
        result = await run(toolset, "listBills", "zh", status="UNPAID", size=20)
    stored = rows(tmp_path, "SELECT bill_id, amount_cents FROM bills WHERE user_id='user123'")
    expected = {str(bill_id): f"{cents // 100}.{cents % 100:02}" for bill_id, cents in stored}
    items = result.content["data"]["items"]
    assert items
    for item in items:
        assert item["amountCents"] == {"value": expected[item["billId"]], "unit": "元"}
    assert {item["status"]["label"] for item in items} == {"未缴"}
    assert result.content["labels"]["amountCents"] == "应缴金额"
    (request,) = sent(estate, "listBills")
    assert request["headers"]["x-community-id"] == "C001"


async def test_parking_records_come_out_of_the_odd_envelope(estate: Estate, catalogue: Catalogue) -> None:
    """Swagger 2.0, X-Access-Token, {code, msg, rows, total}: rows with amounts, labels and zoned times."""
    async with outside(catalogue, ALIAS) as toolset:
        result = await run(toolset, "list_parking_records", "en")
    first = result.content["data"][0]
    assert set(first["payAmount"]) == {"value", "unit"}
    assert first["state"]["label"] in ("Inside", "Paid", "Left", "To be paid later")
    assert first["inTime"].endswith("+08:00")
    assert result.content["shown"] <= result.content["total"]
    (request,) = sent(estate, "listUsingGET_3")
    assert request["headers"]["x-access-token"] == ALIAS
    assert request["headers"]["x-tenant-id"] == "C001"
    assert "authorization" not in request["headers"]
    assert "userId=user123" in request["query"]


async def test_a_repair_order_exists_once_it_was_sent_and_not_before(
    estate: Estate, catalogue: Catalogue, tmp_path: Path
) -> None:
    """`prepare` writes nothing; `call` makes one order, whose number and location the result names."""
    count = "SELECT count(*) FROM repairs"
    before = rows(tmp_path, count)[0][0]
    async with outside(catalogue, ALIAS) as toolset:
        caller = await toolset.caller(Deadline.after(5))
        assert caller.identity is not None
        room = caller.identity.facts["rooms"][0]["roomId"]
        call = ToolCall("1", "createRepair", json.dumps({"order": {"targetType": "ROOM"}}))
        assert isinstance(await toolset.prepare(call, "zh", Deadline.after(5)), ToolResult)
        assert rows(tmp_path, count)[0][0] == before
        result = await repair_order(toolset, room)
    assert result.ok, result.content
    assert result.content["data"]["no"].startswith("BX")
    assert result.content["headers"]["Location"]
    assert rows(tmp_path, count)[0][0] == before + 1


async def test_what_a_resident_confirms_names_everything(estate: Estate, catalogue: Catalogue) -> None:
    """The lines of an approval come from document and arguments, in the resident's language."""
    order: dict[str, Any] = {"targetType": "PUBLIC", "location": "3栋电梯厅", "typeCode": "ELECTRIC", "title": "灯不亮"}
    order |= {"description": "灯不亮", "contactName": "张三", "contactPhone": "13800138000", "appointment": None}
    call = ToolCall("1", "createRepair", json.dumps({"order": order}))
    async with outside(catalogue, ALIAS) as toolset:
        prepared = await toolset.prepare(call, "zh", Deadline.after(5))
    assert isinstance(prepared, PreparedCall)
    assert (prepared.effect, prepared.upstream, prepared.summary) == ("write", "报修系统", "提交报修单")
    shown = {line.label: line.text for line in prepared.arguments}
    assert shown["标题"] == "灯不亮"
    assert shown["联系人"] == "张三"


async def test_a_wrong_token_calls_the_identity_once_and_nothing_else(estate: Estate, catalogue: Catalogue) -> None:
    """No retry storm, and the two public questions are still answered."""
    async with outside(catalogue, "wrong-token-123") as toolset:
        for tool in ("listBills", "list_parking_records", "listRepairs", "listBills"):
            assert (await run(toolset, tool)).error == "login_required"
        assert (await run(toolset, "get_free_spaces")).content["data"]["free"] >= 0
        assert (await run(toolset, "listRepairTypes")).ok
    operations = [entry["operation"] for entry in estate.core.requests.entries()]
    assert sorted(operations) == ["freeUsingGET", "getCurrentResident", "listRepairTypes"]
    assert "wrong-token-123" not in json.dumps([sent(estate, "freeUsingGET"), sent(estate, "listRepairTypes")])


@pytest.mark.parametrize(
    ("fault", "bill", "parking"),
    [
        ("expired-token", "login_required", "login_required"),
        ("login-302", "login_required", "login_required"),
        ("http-500-text", "unavailable", "business"),
        ("html-502", "unavailable", "unavailable"),
        ("503", "unavailable", "unavailable"),
        ("malformed-json", "bad_upstream_response", "bad_upstream_response"),
        ("unknown-code", "business", "bad_upstream_response"),
        ("gzip-bomb", "too_large", "too_large"),
        ("endless", "too_large", "too_large"),
        ("drop-before", "unavailable", "unavailable"),
        ("429:30", "rate_limited", "rate_limited"),
        ("gbk", "ok", "ok"),
        ("bom", "ok", "ok"),
        ("empty", "ok", "bad_upstream_response"),
        ("big-page", "ok", "ok"),
    ],
)
async def test_every_fault_of_a_read_has_its_typed_result(
    estate: Estate, catalogue: Catalogue, fault: str, bill: str, parking: str
) -> None:
    """Never an exception, never raw text, never more than three requests."""
    async with outside(catalogue, ALIAS) as toolset:
        await toolset.caller(Deadline.after(5))
        for upstream, operation, tool, expected in (
            ("bill", "listBills", "listBills", bill),
            ("parking", "listUsingGET_3", "list_parking_records", parking),
        ):
            estate.core.faults.clear()
            estate.core.faults.add(upstream, operation, fault, None)
            result = await run(toolset, tool, "zh")
            assert (result.error or "ok") == expected, result.content
            assert "<html" not in json.dumps(result.content, default=str)
            assert 1 <= len(sent(estate, operation)) <= 3
            if fault == "big-page":
                assert (result.content["shown"] <= 20, result.content["total"]) == (True, 2000)


@pytest.mark.parametrize(
    ("fault", "error", "orders"),
    [
        ("drop-before", "unknown_outcome", 0),
        ("drop-after-commit", "unknown_outcome", 1),
        ("drop-at:5", "unknown_outcome", 1),
        ("malformed-json", "unknown_outcome", 1),
        ("html-502", "unknown_outcome", 0),
        ("503", "unavailable", 0),
        ("expired-token", "login_required", 0),
    ],
)
async def test_no_fault_writes_twice(
    estate: Estate, catalogue: Catalogue, tmp_path: Path, fault: str, error: str, orders: int
) -> None:
    """A write without a key is sent exactly once, whatever happens to its answer, and an unknown outcome is said.

    This upstream says success inside its envelope: a 200 whose envelope did not arrive proves nothing.
    """
    async with outside(catalogue, ALIAS) as toolset:
        await toolset.caller(Deadline.after(5))
        estate.core.faults.add("parking", "bindUsingPOST", fault, None)
        result = await run(toolset, "bind_car", "zh", carNumber="粤B88888", carType="1003")
    cars = rows(tmp_path, "SELECT count(*) FROM cars WHERE car_number='粤B88888'")[0][0]
    assert result.error == error, result.content
    assert cars == orders
    assert len(sent(estate, "bindUsingPOST")) == 1


async def test_a_key_makes_a_repeated_write_one_write(estate: Estate, catalogue: Catalogue, tmp_path: Path) -> None:
    """Committed, then cut off: it is sent again with the same key, and one order exists."""
    count = "SELECT count(*) FROM repairs"
    before = rows(tmp_path, count)[0][0]
    estate.core.faults.add("repair", "createRepair", "drop-after-commit", 1)
    async with outside(catalogue, ALIAS) as toolset:
        caller = await toolset.caller(Deadline.after(5))
        assert caller.identity is not None
        result = await repair_order(toolset, caller.identity.facts["rooms"][0]["roomId"])
    assert result.ok, result.content
    assert rows(tmp_path, count)[0][0] == before + 1
    assert [entry["headers"]["idempotency-key"] for entry in sent(estate, "createRepair")] == ["approval-0001"] * 2


async def test_one_system_down_leaves_the_others(estate: Estate, catalogue: Catalogue) -> None:
    """F31: the one that is down is named; the identity that was known still serves the others."""
    async with outside(catalogue, ALIAS) as toolset:
        await toolset.caller(Deadline.after(5))
        estate.core.faults.add("bill", None, "down", None)
        result = await run(toolset, "listBills", "zh")
        assert (result.error, "物业缴费系统" in result.content["message"]) == ("unavailable", True)
        assert (await run(toolset, "list_parking_records")).ok
        assert (await run(toolset, "listRepairs")).ok


async def test_two_residents_see_their_own(estate: Estate, catalogue: Catalogue) -> None:
    """Same process, same clients, other token: other community, other bills."""
    tokens = [estate.core.tokens.issue(user) for user in ("user123", "user456")]
    seen = []
    for token in tokens:
        async with outside(catalogue, token) as toolset:
            result = await run(toolset, "listBills", size=20)
            seen.append({item["billId"] for item in result.content["data"]["items"]})
    assert seen[0]
    assert seen[1]
    assert not seen[0] & seen[1]
    communities = {entry["headers"]["x-community-id"] for entry in sent(estate, "listBills")}
    assert len(communities) == 2
