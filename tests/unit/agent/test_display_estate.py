"""What clients can show of the embedded estate's real results: every operation that reads, through the real toolset."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.display import MAX_BYTES, Shown, display
from demo.estate import start_estate
from integrations.catalogue import load_catalogue
from integrations.toolset import CatalogueToolset
from schemas.display import Card, Table
from schemas.jsontext import to_json
from schemas.tool import ToolResult
from tests.support.outside import outside, run

UPSTREAMS = Path(__file__).resolve().parents[3] / "openapi" / "upstreams.yaml"
PORTS = ("STEWARD_BILL_PORT", "STEWARD_PARKING_PORT", "STEWARD_REPAIR_PORT")
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
async def toolset(tmp_path: Path) -> AsyncIterator[CatalogueToolset]:
    estate = await start_estate(tmp_path)
    catalogue = load_catalogue(UPSTREAMS, {name: str(port) for name, port in zip(PORTS, estate.ports, strict=True)})
    async with outside(catalogue, "your-token-here") as caller:
        yield caller
    await estate.stop()


async def result(toolset: CatalogueToolset, tool: str, **arguments: Any) -> ToolResult:
    found = await run(toolset, tool, "zh", **arguments)
    assert found.ok, found.content
    return found


def shown(found: ToolResult) -> Shown | None:
    return display(found, "查询", "zh", ZONE)


async def test_every_operation_that_reads_gives_something_to_show(toolset: CatalogueToolset) -> None:
    """Lists are tables, single records cards; a file is nothing to show. Every field that is shown has its label."""
    bill = (await result(toolset, "listBills")).content["data"]["items"][0]
    record = (await result(toolset, "list_parking_records")).content["data"][0]
    order = (await result(toolset, "listRepairs")).content["data"]["data"][0]
    arguments: dict[str, dict[str, Any]] = {
        "getBill": {"billId": bill["billId"]},
        "getInvoicePdf": {"billId": bill["billId"]},
        "query_parking_fee": {"data": {"carNumber": record["carNumber"]}},
        "get_parking_record": {"recordId": record["recordId"]},
        "getRepair": {"repairId": order["repairId"]},
        "listRepairEvents": {"repairId": order["repairId"]},
    }
    kinds = {}
    for spec in toolset.specs():
        if spec.effect == "write":
            continue
        found = await result(toolset, spec.name, **arguments.get(spec.name, {}))
        made = shown(found)
        kinds[spec.name] = made[0] if made else None
        if made is None:
            continue
        payload = made[1]
        assert isinstance(payload, Table | Card)
        assert len(to_json(payload).encode()) <= MAX_BYTES
        labels = [one.label for one in (payload.columns if isinstance(payload, Table) else payload.fields)]
        assert all(any("\u4e00" <= character <= "\u9fff" for character in label) for label in labels), labels
    assert kinds == {
        "listBills": "table",
        "getArrearsSummary": "card",
        "getBill": "card",
        "getInvoicePdf": None,
        "listPayments": "table",
        "getCurrentResident": "card",
        "list_cars": "table",
        "query_parking_fee": "card",
        "list_parking_records": "table",
        "get_parking_statistics": "card",
        "get_parking_record": "card",
        "get_free_spaces": "card",
        "listRepairTypes": "table",
        "listRepairs": "table",
        "getRepair": "card",
        "listRepairEvents": "table",
    }


async def test_a_page_of_bills_is_a_table_that_says_how_many_there_are(toolset: CatalogueToolset) -> None:
    """Rows in the upstream's order, amounts and codes as the result has them, times to the minute."""
    found = await result(toolset, "listBills", size=5)
    items, made = found.content["data"]["items"], shown(found)
    assert made is not None
    table = made[1]
    assert isinstance(table, Table)
    assert (table.shown, table.total) == (5, found.content["total"])
    assert table.total is not None
    assert table.total > 5
    kinds = {column.key: (column.label, column.kind) for column in table.columns}
    assert kinds["amountCents"] == ("应缴金额", "money")
    assert kinds["status"] == ("状态", "enum")
    assert kinds["period"] == ("账期", "date")
    for row, item in zip(table.rows, items, strict=True):
        assert row["amountCents"].text == f"{item['amountCents']['value']} 元"
        assert row["status"].text == item["status"]["label"]
        assert row["createdAt"].text == item["createdAt"][:16].replace("T", " ")
        assert row["billId"].value == item["billId"]


async def test_a_page_by_cursor_does_not_claim_to_be_all(toolset: CatalogueToolset) -> None:
    """The upstream tells no total and names a next page."""
    made = shown(await result(toolset, "listPayments"))
    assert made is not None
    assert isinstance(made[1], Table)
    assert made[1].total is None
