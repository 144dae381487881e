"""Two tabs of one resident on one conversation (F53): the same entries, one turn at a time, one write for two yeses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.support.chat_server import ChatServer, scripted
from tests.support.scripted_model import answer, environment
from tests.support.talk import Talk, talk

Start = Callable[..., Any]
RUNS = 200


async def test_both_tabs_see_the_same_entries_one_turn_at_a_time(start: Start) -> None:
    """F53, F51: each asks while the other's turn runs; a third query is `busy` for its sender alone, `ping` is answered
    meanwhile; the tutorial's client beside them sees the frames that it knows."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            token = steward.login("user123")
            async with (
                talk(steward.ws, "user123", token) as one,
                talk(steward.ws, "user123", token) as two,
                talk(steward.ws, "user123", token) as plain,
            ):
                named = {"conversation_id": (await one.hello())["conversation_id"]}
                await two.hello(**named)
                await plain.ask("你好", **named)
                first = [await one.read_turn(), await two.read_turn()]
                await one.send("慢")
                await one.until(type="chunk")
                await two.send("账单", **named)
                await two.send_frame({"type": "ping"})
                pong = await two.until(type="pong")
                await one.send("再来一个")
                busy = await one.until(code="busy")
                turns = {tab: [await tab.read_turn(), await tab.read_turn()] for tab in (one, two, plain)}
    assert first[0].frames == first[1].frames
    assert pong[-1] == {"type": "pong"}
    assert "turn_id" not in busy[-1]
    slow, bills = turns[one]
    assert bills.frames == turns[two][1].frames
    assert [frame for frame in bills.frames if frame["type"] not in ("data", "approval")] == turns[plain][1].frames
    assert slow.terminal == turns[two][0].terminal == turns[plain][0].terminal
    assert turns[two][1].frames[0]["seq"] == slow.terminal["seq"] + 1, "one turn after the other"
    assert "data" in {frame["type"] for frame in bills.frames}


@pytest.mark.parametrize("by", ["approve", "确认"])
async def test_two_yeses_in_the_same_moment_are_one_write(start: Start, by: str) -> None:
    """A18: in each of the runs both tabs confirm what was shown at once: one request arrives, both read what
    came of it, and the second is told that it was decided already, with the same result."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server), STEWARD_RATE_CONNECTION="100000/minute") as steward:
            token = steward.login("user123")
            async with talk(steward.ws, "user123", token) as one, talk(steward.ws, "user123", token) as two:
                named = {"conversation_id": (await one.hello())["conversation_id"]}
                await two.hello(**named)
                for number in range(RUNS):
                    steward.control("/demo/requests", method="DELETE")
                    shown = await one.ask(f"报修 漏水{number}")
                    await two.read_turn()
                    approval_id = next(frame["approval_id"] for frame in shown.frames if frame["type"] == "approval")
                    await asyncio.gather(*(_confirm(tab, by, approval_id, named) for tab in (one, two)))
                    seen = await _until_both_are_answered((one, two))
                    arrived = [entry["operation"] for entry in steward.control("/demo/requests")]
                    assert arrived.count("createRepair") == 1, f"run {number}"
                    _judge(seen, by)


async def _confirm(tab: Talk, by: str, approval_id: str, named: dict[str, Any]) -> None:
    if by == "approve":
        await tab.send_frame({"type": "approve", "approval_id": approval_id, "approved": True})
    else:
        await tab.send("确认", **named)


async def _until_both_are_answered(tabs: Sequence[Talk]) -> list[list[dict[str, Any]]]:
    """The frames of each tab up to the answer to both yeses: two turns that both see, or one, and a refusal of
    the later frame that its sender alone sees."""
    seen: list[list[dict[str, Any]]] = [[] for _ in tabs]

    async def read(tab: Talk, frames: list[dict[str, Any]]) -> None:
        while True:
            frames.append(await tab.receive())

    def answered() -> bool:
        turns = [{frame["turn_id"] for frame in frames if _ends_a_turn(frame)} for frames in seen]
        refusals = sum(frame["type"] == "error" and "turn_id" not in frame for frames in seen for frame in frames)
        return turns[0] == turns[1] and len(turns[0]) + refusals == 2

    readers = [asyncio.create_task(read(tab, frames)) for tab, frames in zip(tabs, seen, strict=True)]
    try:
        async with asyncio.timeout(30):
            while not answered():
                await asyncio.sleep(0.005)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return seen


def _ends_a_turn(frame: dict[str, Any]) -> bool:
    return "turn_id" in frame and (frame["type"] == "error" or frame.get("status") == "completed")


def _judge(seen: list[list[dict[str, Any]]], by: str) -> None:
    """One turn wrote; the other answer says that it was decided already, and what came of it."""
    frames = [frame for tab in seen for frame in tab]
    writers = {frame["turn_id"] for frame in frames if frame.get("status") == "tool_calling"}
    assert len(writers) == 1
    wrote = "".join(f["content"] for f in frames if f["type"] == "chunk" and f["turn_id"] in writers)
    second = [frame for frame in frames if frame.get("turn_id") not in writers and frame.get("content")]
    assert {frame["type"] for frame in second} == {"error" if by == "approve" else "chunk"}
    assert by != "approve" or {frame["code"] for frame in second} == {"approval_used"}
    found = re.search(r"已经处理过：(.+)", second[0]["content"], re.DOTALL)
    assert found is not None, second
    assert "已提交成功" in found[1] or found[1].split("：")[-1].strip() in wrote, (found[1], wrote)
