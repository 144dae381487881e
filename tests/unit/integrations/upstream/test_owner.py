"""A record of somebody else is withheld where upstreams.yaml names its owner, and the operator is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from integrations.upstream.fields import MISSING
from integrations.upstream.owner import own_records
from schemas.jsontext import to_json
from tests.support.outside import IDENTITY, outside, run, write_catalogue
from tests.support.raw_upstream import RawUpstream, answer

ME = answer({"userId": 42, "tenantId": "T1", "name": "张三"})
OWNER = "    owner: userId\n"


@pytest.mark.parametrize(
    ("value", "owner", "kept", "withheld"),
    [
        ([{"userId": 42}, {"userId": "43"}], "userId", [{"userId": 42}], 1),
        ({"rows": [{"o": {"id": "42"}}, {"o": {"id": 1}}]}, "rows[].o.id", {"rows": [{"o": {"id": "42"}}]}, 1),
        ({"rows": [{"id": 1, "userId": 42}]}, "rows[].userId", {"rows": [{"id": 1, "userId": 42}]}, 0),
        ([{"userId": None}, {"userId": True}, {"userId": [42]}, {"userId": {"a": 42}}], "userId", [], 4),
        ({"total": 3}, "userId", {"total": 3}, 0),
        ({"userId": "42", "lines": [{"userId": "7"}]}, "userId", {"userId": "42", "lines": []}, 1),
        ({"userId": "42", "by": [{"userId": "7"}]}, "rows[].userId", {"userId": "42", "by": [{"userId": "7"}]}, 0),
    ],
)
def test_a_record_is_the_nearest_element_round_its_owner(value: Any, owner: str, kept: Any, withheld: int) -> None:
    """A56: rows of others go, one's own stay, as number or text; null, truth values and objects are nobody's."""
    assert own_records(value, owner, "42", "") == (kept, withheld)


@pytest.mark.parametrize("value", [{"userId": 7}, {"bill": {"userId": "7"}}])
def test_an_answer_about_somebody_else_is_withheld_whole(value: Any) -> None:
    """A56: where no list stands round the record, nothing of it is left."""
    assert own_records(value, "userId", "42", "") == (MISSING, 1)


@given(st.lists(st.one_of(st.integers(), st.text(), st.none(), st.booleans()), max_size=20), st.text(min_size=1))
def test_no_record_of_another_is_ever_left(owners: list[Any], subject: str) -> None:
    """Whatever the ids are, every record that is left has the subject as its owner, and the rest is counted."""
    rows = [{"n": number, "userId": owner} for number, owner in enumerate(owners)]
    kept, withheld = own_records({"rows": rows}, "userId", subject, "")
    assert all(str(row["userId"]) == subject for row in kept["rows"])
    assert len(kept["rows"]) + withheld == len(rows)
    assert own_records({"rows": rows}, "userId", None, "")[0] == {"rows": []}


async def test_rows_of_others_are_left_out_counted_and_logged_without_content(tmp_path: Path) -> None:
    """A56: the note says how many, the total is the resident's own, the log has no word of the record."""
    rows = [{"userId": 42, "n": 1}, {"userId": 43, "n": "SECRET"}, {"userId": 42, "n": 3}]
    body = {"code": 200, "msg": "", "rows": rows, "total": 9}
    async with (
        RawUpstream([ME, answer(body)]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, OWNER, IDENTITY)) as toolset,
    ):
        with capture_logs() as logs:
            result = await run(toolset, "listThings", "zh")
    assert [row["n"] for row in result.content["data"]] == [1, 3]
    assert (result.content["shown"], result.content["total"]) == (2, 8)
    assert "1 条不属于您的记录未显示" in result.content["notes"]
    assert result.content["next"] == {"page": 2}
    (event,) = [log for log in logs if log["event"] == "record_withheld"]
    assert (event["upstream"], event["operation"], event["count"]) == ("things", "listThings", 1)
    assert "SECRET" not in str(logs) + str(result.content)


async def test_another_resident_s_record_is_refused(tmp_path: Path) -> None:
    """A56: one record of somebody else is no answer; in the details of an error it is left out as well."""
    async with (
        RawUpstream([ME, answer({"userId": 7, "n": "SECRET"})]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, OWNER, IDENTITY)) as toolset,
    ):
        result = await run(toolset, "getThing", "zh", id="7")
    assert (result.error, result.content["message"]) == ("forbidden", "物品系统返回了不属于您的记录，已不予显示")
    refusal = answer({"detail": "已存在", "existing": {"userId": 7, "n": "SECRET"}}, 409)
    async with (
        RawUpstream([ME, refusal]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, OWNER, IDENTITY)) as toolset,
    ):
        result = await run(toolset, "makeThing", "zh", name="x")
    assert (result.error, "details" in result.content) == ("business", False)


async def test_a_write_that_was_done_stays_done(tmp_path: Path) -> None:
    """The answer to a committed write is withheld, not the fact."""
    async with (
        RawUpstream([ME, answer({"userId": 7, "n": "SECRET"}, 201)]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, OWNER, IDENTITY)) as toolset,
    ):
        result = await run(toolset, "makeThing", "zh", name="x")
    assert result.content == {"ok": True, "notes": ["1 条不属于您的记录未显示"]}


async def test_nobody_unknown_gets_records_that_have_owners(tmp_path: Path) -> None:
    """Where the identity's system is away, nothing is asked; a public answer keeps what has no owner."""
    more = OWNER + "    retry: {attempts: 1}\n"
    async with (
        RawUpstream([answer({}, 503)]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more, IDENTITY)) as toolset,
    ):
        assert (await run(toolset, "getThing", id="7")).error == "unavailable"
    assert {received.target for received in upstream.requests} == {"/api/me"}
    async with (
        RawUpstream([answer([{"kind": "A"}, {"kind": "B", "userId": 42}])]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, OWNER, IDENTITY), None) as toolset,
    ):
        assert (await run(toolset, "listKinds")).content["data"] == [{"kind": "A"}]


async def test_a_page_cut_among_withheld_rows_has_no_next(tmp_path: Path) -> None:
    """Where it cannot be told which rows were shown, no arguments are made up."""
    rows = [{"userId": 42 if number % 2 else 7, "n": number} for number in range(60)]
    async with (
        RawUpstream([ME, answer({"rows": rows, "total": 90, "code": 200})]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, OWNER, IDENTITY)) as toolset,
    ):
        content = (await run(toolset, "listThings")).content
    assert (content["shown"], content["total"], "next" in content) == (20, 60, False)
    assert json.loads(to_json(content["data"]))[-1]["n"] == 39
