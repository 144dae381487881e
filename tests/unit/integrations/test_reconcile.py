"""A write without an outcome is looked up with the declared read, and never sent again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.tool import ToolResult
from tests.support.outside import DOCUMENT, IDENTITY, TOKEN, outside, run, write_catalogue
from tests.support.raw_upstream import Play, RawUpstream, Received, answer, hang_up, silence

ME = answer({"userId": "u1", "tenantId": "T1"})
SAID = "    operations:\n      makeThing: {reconcile: {operation: listThings, match: {name: name}}}\n"
LATER = "2099-01-01T08:00:00+08:00"
MINE = {"id": 1, "name": "lamp", "fee": 1250, "createTime": LATER}
OTHER = {"id": 2, "name": "desk", "createTime": LATER}


def listed(*rows: Any, total: int | None = None) -> Play:
    return answer({"rows": list(rows), "total": len(rows) if total is None else total, "code": 200, "msg": ""})


async def lose(
    folder: Path,
    *plays: Play,
    more: str = SAID,
    head: str = "",
    document: Any = None,
    within_s: float = 10,
    **sent: Any,
) -> tuple[ToolResult, list[Received]]:
    """A write whose answer never comes, and what was asked after it."""
    async with RawUpstream([hang_up(), *plays]) as upstream:
        catalogue = write_catalogue(folder, upstream.url, more, head, document)
        async with outside(catalogue) as toolset:
            result = await run(toolset, "makeThing", "zh", within_s=within_s, **(sent or {"name": "lamp"}))
    return result, upstream.requests


async def test_a_record_that_is_found_is_told(tmp_path: Path) -> None:
    """The write is done: its record is shown, its amounts shaped, and it was sent once."""
    more = SAID + '      listThings: {money: {"rows[].fee": fen}, labels: {fee: 费用 / Fee}}\n'
    result, requests = await lose(tmp_path, listed(OTHER, MINE), more=more)
    assert result.content == {
        "ok": True,
        "data": {"id": 1, "name": "lamp", "fee": {"value": "12.50", "unit": "元"}, "createTime": LATER},
        "labels": {"fee": "费用"},
        "notes": ["物品系统没有及时确认，但已查到这项操作的记录"],
        "reconciled": "found",
    }
    assert [(r.method, r.header("authorization")) for r in requests] == [
        ("POST", f"Bearer {TOKEN}"),
        ("GET", f"Bearer {TOKEN}"),
    ]


async def test_a_record_that_is_not_there_is_told_with_how_to_check(tmp_path: Path) -> None:
    """Not found is not "not done": the upstream may still be at it. The resident reads where to look."""
    result, requests = await lose(tmp_path, listed(OTHER))
    assert (result.error, result.content["reconciled"]) == ("unknown_outcome", "not_found")
    assert "“查询物品”" in result.content["message"]
    assert "不要重复提交" in result.content["message"]
    assert [r.method for r in requests] == ["POST", "GET"]


@pytest.mark.parametrize(
    "play",
    [answer({}, 500), hang_up(), answer({}, 401), answer(b"{"), listed(MINE, MINE)],
    ids=["500", "hang-up", "401", "broken", "two"],
)
async def test_what_the_read_cannot_tell_stays_unknown(tmp_path: Path, play: Play) -> None:
    """The read fails, or two records fit: nothing is claimed, nothing is sent again."""
    more = SAID + "    retry: {attempts: 1}\n"
    result, requests = await lose(tmp_path, play, more=more)
    assert (result.error, result.content["reconciled"]) == ("unknown_outcome", "unknown")
    assert "“查询物品”" in result.content["message"]
    assert [r.method for r in requests].count("POST") == 1


async def test_without_reconcile_nothing_is_asked(tmp_path: Path) -> None:
    """The sentence alone."""
    result, requests = await lose(tmp_path, listed(MINE), more="")
    assert (result.error, "reconciled" in result.content, len(requests)) == ("unknown_outcome", False, 1)


async def test_a_known_outcome_is_not_looked_up(tmp_path: Path) -> None:
    """A refusal is a refusal."""
    async with (
        RawUpstream([answer({"message": "no"}, 409), listed(MINE)]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, SAID)) as toolset,
    ):
        assert (await run(toolset, "makeThing", name="lamp")).error == "business"
    assert len(upstream.requests) == 1


async def test_later_pages_are_read_too(tmp_path: Path) -> None:
    """The record may stand on the second page."""
    result, requests = await lose(tmp_path, listed(OTHER, total=2), listed(MINE, total=2))
    assert result.content["reconciled"] == "found"
    assert [r.target for r in requests[1:]] == ["/api/things", "/api/things?page=2"]


def _with_owner_and_number() -> Any:
    document = json.loads(json.dumps(DOCUMENT))
    schema = document["paths"]["/things"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"] |= {"number": {"type": "integer"}, "amount": {"type": "number"}, "note": {"type": "string"}}
    return document


async def test_the_read_gets_the_arguments_that_have_its_names(tmp_path: Path) -> None:
    """`match: {id: number}`: the read's own parameter `id` is filled; a 404 then means: not there."""
    more = "    operations:\n      makeThing: {reconcile: {operation: getThing, match: {id: number}}}\n"
    document = _with_owner_and_number()
    result, requests = await lose(tmp_path, answer({}, 404), more=more, document=document, name="x", number=7)
    assert requests[1].target == "/api/things/7"
    assert result.content["reconciled"] == "not_found"
    one = answer({"id": "7", "created_at": LATER})
    result, _ = await lose(tmp_path, one, more=more, document=document, name="x", number=7)
    assert result.content["reconciled"] == "found"


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        ({"amount": "12.50", "number": "7"}, "found"),
        ({"order": [{"amount": 12.5, "number": 7}]}, "found"),
        ({"amount": 12.5, "number": 8}, "not_found"),
        ({"amount": 12.5, "number": None}, "not_found"),
        ({"amount": 12.5, "number": [7]}, "not_found"),
        ({"amount": 12.5}, "not_found"),
    ],
)
async def test_all_matched_fields_must_be_equal(tmp_path: Path, record: Any, outcome: str) -> None:
    """An id as text or number, an amount with or without its zero: the same. A missing field fits nothing."""
    said = "{operation: listThings, match: {amount: amount, number: number}}"
    more = f"    operations:\n      makeThing: {{reconcile: {said}}}\n"
    document = _with_owner_and_number()
    sent: dict[str, Any] = {"name": "x", "amount": 12.5, "number": 7}
    record = {**record, "gmtCreate": 4070908800000}
    record = {"order": [{**record["order"][0], "created": LATER}]} if "order" in record else record
    result, _ = await lose(tmp_path, listed(record), more=more, document=document, **sent)
    assert result.content["reconciled"] == outcome


async def test_an_argument_that_was_not_sent_matches_nothing(tmp_path: Path) -> None:
    """Without the value there is nothing to look for: unknown, and the read is not even asked."""
    more = "    operations:\n      makeThing: {reconcile: {operation: listThings, match: {note: note}}}\n"
    result, requests = await lose(tmp_path, listed(MINE), more=more, document=_with_owner_and_number(), name="x")
    assert (result.content["reconciled"], len(requests)) == ("unknown", 1)


async def test_a_record_of_somebody_else_is_not_the_write(tmp_path: Path) -> None:
    """A56: where records have owners, only the resident's own count."""
    theirs, mine = {**MINE, "userId": "u2"}, {**MINE, "userId": "u1"}
    for rows, outcome in (([theirs], "not_found"), ([theirs, mine], "found")):
        async with RawUpstream([ME, hang_up(), listed(*rows)]) as upstream:
            catalogue = write_catalogue(tmp_path, upstream.url, "    owner: userId\n" + SAID, IDENTITY)
            async with outside(catalogue) as toolset:
                result = await run(toolset, "makeThing", name="lamp")
        assert result.content["reconciled"] == outcome


async def test_the_read_may_be_dropped_from_the_tools_and_gets_what_is_bound(tmp_path: Path) -> None:
    """The gateway asks it all the same, with the tenant's header."""
    more = "    drop: [listThings]\n    bind: {header.X-Tenant-Id: identity.tenant}\n" + SAID
    async with RawUpstream([ME, hang_up(), listed(MINE)]) as upstream:
        catalogue = write_catalogue(tmp_path, upstream.url, more, IDENTITY)
        async with outside(catalogue) as toolset:
            assert "listThings" not in {spec.name for spec in toolset.specs()}
            assert (await run(toolset, "makeThing", name="lamp")).content["reconciled"] == "found"
    assert upstream.requests[2].header("x-tenant-id") == "T1"


async def test_nothing_is_asked_when_the_deadline_is_over(tmp_path: Path) -> None:
    """The look-up lives in what the write has left."""
    async with RawUpstream([silence()]) as upstream, outside(write_catalogue(tmp_path, upstream.url, SAID)) as toolset:
        result = await run(toolset, "makeThing", within_s=0.5, name="lamp")
    assert (result.error, result.content["reconciled"]) == ("unknown_outcome", "unknown")
    assert [r.method for r in upstream.requests] == ["POST"]


@pytest.mark.parametrize(
    ("when", "outcome"),
    [
        ({}, "unknown"),
        ({"createTime": None}, "unknown"),
        ({"createTime": "tomorrow"}, "unknown"),
        ({"createTime": "2099-01-01"}, "unknown"),
        ({"remark": LATER}, "unknown"),
        ({"createTime": "2020-01-01 08:00:00"}, "not_found"),
        ({"gmt_create": 1577836800}, "not_found"),
        ({"gmtCreate": "1577836800000"}, "not_found"),
        ({"createTime": timedelta(minutes=-30)}, "not_found"),
        ({"createTime": timedelta(seconds=-60)}, "unknown"),
        ({"createTime": timedelta(minutes=30)}, "found"),
        ({"createTime": "2099-01-01 08:00:00"}, "found"),
    ],
)
async def test_an_older_record_that_looks_the_same_is_not_the_write(
    tmp_path: Path, when: dict[str, Any], outcome: str
) -> None:
    """The same repair was ordered last year: that record is no proof of the new one; without a time of its own, or
    within what two clocks differ, it is not known."""
    now = datetime.now(UTC)
    when = {name: (now + said).isoformat() if isinstance(said, timedelta) else said for name, said in when.items()}
    result, requests = await lose(tmp_path, listed({"id": 1, "name": "lamp", **when}))
    assert result.content["reconciled"] == outcome
    assert [r.method for r in requests] == ["POST", "GET"]


async def test_an_older_record_beside_the_new_one_does_not_hide_it(tmp_path: Path) -> None:
    """Two records fit, one of them from before: the other one is the write."""
    older = {"id": 9, "name": "lamp", "createTime": "2020-01-01 08:00:00"}
    result, _ = await lose(tmp_path, listed(older, MINE))
    assert (result.content["reconciled"], result.content["data"]["id"]) == ("found", 1)


async def test_the_time_of_a_record_can_be_named(tmp_path: Path) -> None:
    """`reconcile.created`: a field with any name, in the upstream's own format and zone."""
    said = "{reconcile: {operation: listThings, match: {name: name}, created: log.begun}}"
    more = f"    dates: {{format: dd/MM/yyyy HH:mm:ss}}\n    operations:\n      makeThing: {said}\n"
    for begun, outcome in (("01/01/2099 08:00:00", "found"), ("01/01/2020 08:00:00", "not_found"), ("soon", "unknown")):
        row = {"id": 1, "name": "lamp", "createTime": LATER, "log": {"begun": begun}}
        result, _ = await lose(tmp_path, listed(row), more=more)
        assert result.content["reconciled"] == outcome
