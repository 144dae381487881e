"""Upstreams that are down, slow or answer rubbish: the resident reads which system does not answer, the others work."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.estate_data import rows
from tests.support.steward import ROOT, Steward, request_json, warm_steward
from tests.support.talk import talk


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steward]:
    """A Steward whose estate these tests may break."""
    with warm_steward(tmp_path_factory.mktemp("broken")) as running:
        yield running


@pytest.mark.parametrize("fault", ["down", "html-502", "malformed-json", "503", "http-500-text", "drop-before"])
async def test_a_broken_upstream_is_named_and_the_others_work(broken: Steward, fault: str) -> None:
    """The parking system fails in each way: its own title is in the sentence; bills and repairs are still answered."""
    async with talk(broken.ws) as resident:
        await resident.ask("查询我的物业费账单")
        broken.fault("parking", fault, operation="listUsingGET_3")
        reply = await resident.ask("帮我查一下停车记录")
        broken.control("/demo/faults", method="DELETE")
        assert reply.terminal["type"] == "status"
        assert "停车" in reply.text
        assert "Traceback" not in reply.text
        assert "<html" not in reply.text.lower()
        assert (await resident.ask("查询我的物业费账单")).outcome == "success"
        assert (await resident.ask("我的报修单有哪些")).outcome == "success"


QUERIES = {"bill": "查询我的物业费账单", "parking": "帮我查一下停车记录", "repair": "我的报修单有哪些"}
TITLES = {"bill": "物业缴费系统", "parking": "停车系统", "repair": "报修系统"}


@pytest.mark.parametrize("upstream", list(QUERIES))
async def test_whichever_upstream_is_down_the_other_two_work(broken: Steward, upstream: str) -> None:
    """All operations of one upstream are down, the identity's own included: its title is said, the others answer."""
    async with talk(broken.ws) as resident:
        assert (await resident.ask("你好")).outcome == "success"
        broken.fault(upstream, "down")
        try:
            replies = {name: await resident.ask(query) for name, query in QUERIES.items()}
        finally:
            broken.control("/demo/faults", method="DELETE")
    assert f"{TITLES[upstream]}暂时没有响应" in replies[upstream].text
    for name, reply in replies.items():
        if name != upstream:
            assert reply.outcome == "success"
            assert "暂时没有响应" not in reply.text


async def test_a_write_whose_answer_is_lost_is_not_sent_twice(broken: Steward) -> None:
    """drop-after-commit on the repair order: exactly one order exists, and the resident reads a sentence about it."""
    before = {row["no"] for row in rows(broken.database, "SELECT no FROM repairs")}
    async with talk(broken.ws) as resident:
        for words in ["我想报修", "厨房水龙头漏水", "明天上午"]:
            reply = await resident.ask(words)
        assert reply.outcome == "approval", reply.text
        broken.fault("repair", "drop-after-commit", operation="createRepair", times=1)
        reply = await resident.ask("确认")
    broken.control("/demo/faults", method="DELETE")
    new = {row["no"] for row in rows(broken.database, "SELECT no FROM repairs")} - before
    assert len(new) == 1
    assert reply.text


async def test_the_estate_restarts_in_mid_conversation(tmp_path: Path) -> None:
    """The estate ends and comes back between two turns: the conversation goes on, the order is in the same file."""
    with warm_steward(tmp_path, STEWARD_UPSTREAMS=str(_copy_of_upstreams(tmp_path))) as gateway:
        first = _estate(gateway)
        token = gateway.login("user123")
        async with talk(gateway.ws, "user123", token) as resident:
            await resident.ask("查询我的物业费账单")
            await resident.ask("我想报修")
            _end(first)
            down = await resident.ask("帮我查一下停车记录")
            assert "停车" in down.text
            second = _estate(gateway)
            try:
                for words in ["算了", "我想报修", "厨房水龙头漏水", "明天上午"]:
                    reply = await resident.ask(words)
                assert reply.outcome == "approval", reply.text
                done = await resident.ask("确认")
                numbers = [row["no"] for row in rows(gateway.database, "SELECT no FROM repairs")]
                assert any(number in done.text for number in numbers), done.text
            finally:
                _end(second)


def _copy_of_upstreams(folder: Path) -> Path:
    """The shipped upstreams file and documents as somebody's own: the embedded estate is not started for it."""
    copied = folder / "openapi"
    copied.mkdir()
    for file in (ROOT / "openapi").iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    return copied / "upstreams.yaml"


def _estate(gateway: Steward) -> subprocess.Popen[str]:
    """`python app.py demo` on the ports that the gateway calls."""
    environment = os.environ | {
        "STEWARD_DEMO_PORT": str(gateway.estate_ports[0]),
        "STEWARD_DATA_DIR": str(gateway.data_dir),
    }
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "demo"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("estate ready")
    return process


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    assert process.wait(20) == 0
    assert process.stdout is not None
    process.stdout.close()


async def test_with_another_upstreams_file_no_estate_runs(tmp_path: Path) -> None:
    """`STEWARD_UPSTREAMS` with another file: nothing listens on the estate's ports, the gateway does."""
    with warm_steward(tmp_path, STEWARD_UPSTREAMS=str(_copy_of_upstreams(tmp_path))) as gateway:
        assert request_json(f"{gateway.http}/livez") == {"live": True}
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", gateway.estate_ports[0])
