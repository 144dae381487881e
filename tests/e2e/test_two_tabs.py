"""Two tabs of one resident on one conversation (F53): the same entries, one turn at a time, one write for two yeses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.chat_server import ChatServer, scripted
from tests.support.scripted_model import answer, environment
from tests.support.talk import Reply, Talk, talk

Start = Callable[..., Any]
RUNS = 100


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
    """A18: in each of the runs both tabs confirm what was shown at once: one request for an order arrives, both tabs read
    what came of it, and the second is told that it was decided already, with the same result."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
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
                    ends = await _ends(one, two)
                    arrived = [entry["operation"] for entry in steward.control("/demo/requests")]
                    assert arrived.count("createRepair") == 1, f"run {number}"
                    _told_the_same(ends)


async def _confirm(tab: Talk, by: str, approval_id: str, named: dict[str, Any]) -> None:
    if by == "approve":
        await tab.send_frame({"type": "approve", "approval_id": approval_id, "approved": True})
    else:
        await tab.send("确认", **named)


async def _ends(one: Talk, two: Talk) -> list[list[Reply]]:
    """What each tab reads: two turns; or one turn, and for the later one the refusal of its frame."""
    found = [[await one.read_turn(), await one.read_turn()], [await two.read_turn()]]
    if not any("turn_id" not in reply.terminal for reply in found[0]):
        found[1].append(await two.read_turn())
    return found


def _told_the_same(ends: list[list[Reply]]) -> None:
    everything = "".join(reply.text + str(reply.terminal.get("content", "")) for reply in ends[0] + ends[1])
    assert "已经" in everything, everything
