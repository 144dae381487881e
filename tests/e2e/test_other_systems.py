"""Three other systems by configuration alone: each configuration is the one that docs/upstreams.md shows, whole.

RuoYi, JeecgBoot and java110's MicroCommunity as small servers on real sockets, Steward in a process of its own.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.steward import ROOT, Steward, warm_steward
from tests.support.systems import java110, jeecg, ruoyi
from tests.support.systems.server import System
from tests.support.talk import Talk, talk
from tests.support.upstreams_page import configurations

SYSTEMS = ROOT / "tests" / "support" / "systems"


@dataclass
class Estate:
    """A running Steward and the one system behind it."""

    steward: Steward
    system: System


def _serve(folder: Path, section: str, name: str, system: System) -> Iterator[Estate]:
    (folder / "upstreams.yaml").write_text(configurations()[section], encoding="utf-8")
    (folder / "java110.key").write_text(java110.KEY + "\n", encoding="utf-8")
    shutil.copy(SYSTEMS / f"{name}.json", folder)
    with system.running():
        environment = {"STEWARD_UPSTREAMS": str(folder / "upstreams.yaml"), f"{name.upper()}_PORT": str(system.port)}
        with warm_steward(folder, **environment) as steward:
            yield Estate(steward, system)


@pytest.fixture(scope="module")
def of_ruoyi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    yield from _serve(tmp_path_factory.mktemp("ruoyi"), "RuoYi", "ruoyi", ruoyi.RuoYi())


@pytest.fixture(scope="module")
def of_jeecg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    yield from _serve(tmp_path_factory.mktemp("jeecg"), "JeecgBoot", "jeecg", jeecg.Jeecg())


@pytest.fixture(scope="module")
def of_java110(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    yield from _serve(tmp_path_factory.mktemp("java110"), "java110 MicroCommunity", "java110", java110.Java110())


async def _tell(resident: Talk, *words: str) -> str:
    """Say one thing after the other until a write is shown; that text."""
    for word in words:
        reply = await resident.ask(word)
        if reply.outcome == "approval":
            return reply.text
        assert reply.outcome == "success", reply.text
    raise AssertionError(f"never came to an approval: {reply.text}")


ZHANG, WANG = "ruoyi-token-of-zhang", "jeecg-token-of-wang"


async def test_ruoyi_lists_with_amounts_labels_and_pages(of_ruoyi: Estate) -> None:
    """{code, rows, total}: the resident's own twelve fees, ten on the first page, the others on the next."""
    async with talk(of_ruoyi.steward.ws, "101", ZHANG) as resident:
        first = await resident.ask("我的物业费")
        assert (first.outcome, first.tools) == ("success", ["list_fees"])
        assert "12月物业费" in first.text
        assert "140.50" in first.text
        assert "未缴" in first.text
        assert re.search(r"12月1日|2026-12-01", first.text)
        assert not re.search(r"(?<!\d)1月物业费", first.text)
        second = await resident.ask("下一页")
        assert re.search(r"(?<!\d)1月物业费", second.text), second.text
        assert "129.50" in second.text
    asked = [one for one in of_ruoyi.system.asked if one.path.endswith("/fee/list")]
    assert {one.query["userId"] for one in asked} == {"101"}
    assert asked[-1].query["pageNum"] == "2"
    assert {one.headers["authorization"] for one in asked} == {f"Bearer {ZHANG}"}


async def test_ruoyi_is_written_after_a_yes_and_refuses_in_its_own_words(of_ruoyi: Estate) -> None:
    """A complaint is shown, filed once after the yes; the same once more is refused with the system's sentence."""
    words = ("我要投诉", "楼道太吵", "楼上每天半夜装修")
    async with talk(of_ruoyi.steward.ws, "101", ZHANG) as resident:
        shown = await _tell(resident, *words)
        assert "物业费系统" in shown
        assert "楼上每天半夜装修" in shown
        assert of_ruoyi.system.writes() == []
        assert (await resident.ask("确认")).outcome == "success"
        assert [one.body["content"] for one in of_ruoyi.system.writes()] == ["楼上每天半夜装修"]
        await _tell(resident, *words)
        refused = await resident.ask("确认")
        assert "您有一条相同的投诉正在处理，请勿重复提交" in refused.text


async def test_ruoyi_tells_an_expired_login_in_a_200(of_ruoyi: Estate) -> None:
    """HTTP 200 with code 401 is a login that is needed; the upstream's own words stay outside."""
    async with talk(of_ruoyi.steward.ws, "101", "ruoyi-token-that-expired") as stranger:
        refused = await stranger.ask("我的物业费")
    assert refused.outcome == "login_required"
    assert "物业费系统" in refused.text
    assert "认证失败" not in refused.text


async def test_ruoyi_s_mixed_up_cache_shows_nothing_of_others(of_ruoyi: Estate) -> None:
    """A56: where a cache in front of it answers with another resident's rows, `owner` keeps them out."""
    assert isinstance(of_ruoyi.system, ruoyi.RuoYi)
    of_ruoyi.system.mixed_up = True
    try:
        async with talk(of_ruoyi.steward.ws, "102", "ruoyi-token-of-li") as resident:
            reply = await resident.ask("我的物业费")
            reply = await resident.ask("下一页") if "99.90" not in reply.text else reply
    finally:
        of_ruoyi.system.mixed_up = False
    assert set(re.findall(r"\d+\.\d\d", reply.text)) == {"99.90"}, reply.text
    assert "record_withheld" in of_ruoyi.steward.written()


async def test_jeecg_lists_with_amounts_labels_and_pages(of_jeecg: Estate) -> None:
    """{success, result: {records, total}}: fen become 元, times are told, the next page continues."""
    async with talk(of_jeecg.steward.ws, "wang", WANG) as resident:
        first = await resident.ask("我的报修记录")
        assert (first.outcome, first.tools) == ("success", ["list_repairs"])
        assert "第23次报修" in first.text
        assert "35.73" in first.text
        assert "已完成" in first.text
        assert re.search(r"10月23日|2026-10-23", first.text)
        second = await resident.ask("下一页")
        assert "第13次报修" in second.text
        assert "第23次报修" not in second.text
    asked = [one for one in of_jeecg.system.asked if one.path == "/jeecg-boot/estate/repair/list"]
    assert {(one.headers["x-access-token"], one.headers["x-tenant-id"]) for one in asked} == {(WANG, "1001")}
    assert asked[-1].query["pageNo"] == "2"


async def test_jeecg_is_written_after_a_yes_and_refuses_in_its_own_words(of_jeecg: Estate) -> None:
    """A repair order is filed once; {success: false} with a message is the system's own refusal."""
    words = ("我要报修", "厨房水管漏水", "13812345678")
    async with talk(of_jeecg.steward.ws, "wang", WANG) as resident:
        shown = await _tell(resident, *words)
        assert "厨房水管漏水" in shown
        assert "13812345678" in shown
        before = len(of_jeecg.system.writes())
        assert (await resident.ask("确认")).outcome == "success"
        assert len(of_jeecg.system.writes()) == before + 1
        await _tell(resident, *words)
        assert "该报修正在处理中，请勿重复提交" in (await resident.ask("确认")).text


async def test_jeecg_s_lost_answer_is_looked_up_and_not_sent_again(of_jeecg: Estate) -> None:
    """The write is done and the connection ends: the record is found in the list and told; one POST arrived."""
    assert isinstance(of_jeecg.system, jeecg.Jeecg)
    of_jeecg.system.silent = True
    before = len(of_jeecg.system.writes())
    try:
        async with talk(of_jeecg.steward.ws, "wang", WANG) as resident:
            await _tell(resident, "我要报修", "阳台门关不上", "13987654321")
            told = await resident.ask("确认")
    finally:
        of_jeecg.system.silent = False
    assert told.outcome == "success"
    assert "已查到这项操作的记录" in told.text
    assert len(of_jeecg.system.writes()) == before + 1


async def test_jeecg_tells_an_expired_login(of_jeecg: Estate) -> None:
    """HTTP 401 and code 401 in the envelope."""
    async with talk(of_jeecg.steward.ws, "wang", "jeecg-token-that-expired") as stranger:
        refused = await stranger.ask("我的报修记录")
    assert refused.outcome == "login_required"
    assert "报修系统" in refused.text


async def test_java110_lists_with_amounts_labels_and_pages(of_java110: Estate) -> None:
    """{fees, total, records} without an envelope: `records` is the number of pages and is not taken for the total."""
    token = java110.token("702024000001")
    async with talk(of_java110.steward.ws, "702024000001", token) as resident:
        first = await resident.ask("我的小区费用")
        assert (first.outcome, first.tools) == ("success", ["list_community_fees"])
        assert "301.20" in first.text
        assert "共 13 条" in first.text
        assert "收费结束" in first.text
        assert re.search(r"2月28日|2026-02-28", first.text)
        second = await resident.ask("下一页")
        assert "311.20" in second.text
    asked = [one for one in of_java110.system.asked if one.path.endswith("listFee")]
    assert {one.query["communityId"] for one in asked} == {java110.COMMUNITY}
    assert {(one.headers["user-id"], one.headers["app-id"]) for one in asked} == {("702024000001", "8000418004")}
    assert [one.query["page"] for one in asked] == ["1", "2"]


async def test_java110_is_written_after_a_yes_and_refuses_in_plain_text(of_java110: Estate) -> None:
    """A payment is sent once; HTTP 500 with a plain sentence is for the resident, and is not tried again."""
    async with talk(of_java110.steward.ws, "702024000001", java110.token("702024000001")) as resident:
        shown = await _tell(resident, "缴纳小区费用", "9020240000000005", "3")
        assert "9020240000000005" in shown
        assert of_java110.system.writes() == []
        assert (await resident.ask("确认")).outcome == "success"
        paid = {"feeId": "9020240000000005", "cycles": 3, "communityId": java110.COMMUNITY}
        assert [one.body for one in of_java110.system.writes()] == [paid]
        await _tell(resident, "缴纳小区费用", "9020240000000001", "1")
        assert "收费已经结束，不能再缴费" in (await resident.ask("确认")).text
    assert len(of_java110.system.writes()) == 2


@pytest.mark.parametrize(
    "token", [java110.token("702024000001", expires=1_000_000_000), "no-jwt-at-all", java110.token("7") + "x"]
)
async def test_java110_s_tokens_are_verified_here(of_java110: Estate, token: str) -> None:
    """Expired, forged or no JWT: a login is needed, and the system is not even asked."""
    before = len(of_java110.system.asked)
    async with talk(of_java110.steward.ws, "702024000001", token) as stranger:
        refused = await stranger.ask("我的小区费用")
    assert refused.outcome == "login_required"
    assert "小区收费系统" in refused.text
    assert len(of_java110.system.asked) == before
