"""Cancel (F52): an answer stops at once with its sockets closed, a write that was sent runs to its recorded end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.chat_server import ChatServer, scripted
from tests.support.estate_data import rows
from tests.support.fakes import well_formed
from tests.support.scripted_model import answer, environment
from tests.support.steward import Steward
from tests.support.talk import talk

Start = Callable[..., Any]
CANCEL = {"type": "cancel"}


def connected(port: int) -> int:
    """How many connections to this local port are established, seen from their other end."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    ends = [line.split()[2:4] for line in lines]
    return sum(remote == f"0100007F:{port:04X}" and state == "01" for remote, state in ends)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_cancel_ends_an_answer_and_closes_the_models_socket(start: Start) -> None:
    """The bubble is closed, the outcome is `cancelled`, the provider sees its client leave; the next query is answered
    on a history that every provider takes. What came so far stays in it."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            async with talk(steward.ws) as resident:
                await resident.send("停")
                before = await resident.until(type="chunk")
                assert server.open_connections == 1
                await resident.send_frame(CANCEL)
                rest = await resident.read_turn()
                async with asyncio.timeout(20):
                    await server.drained()
                after = await resident.ask("你好")
    assert rest.outcome == "cancelled"
    assert [frame["is_final"] for frame in rest.chunks] == [True]
    assert rest.terminal["turn_id"] == before[-1]["turn_id"]
    assert after.outcome == "success"
    messages = server.requests[-1].messages
    assert well_formed(messages)
    assert [m["content"] for m in messages[1:]] == ["停", "请稍等", "你好"]


async def test_cancel_ends_a_read_and_closes_the_upstreams_socket(start: Start) -> None:
    """A read that hangs is given up: no connection to its upstream stays, and its call has a result in the history."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            async with talk(steward.ws) as resident:
                await resident.ask("账单")
                steward.fault("bill", "slow:30", operation="listBills", times=1)
                idle = connected(steward.estate_ports[0])
                await resident.send("账单")
                await resident.until(type="status", status="tool_calling")
                await until(lambda: _arrived(steward, "listBills") == 2)
                busy = connected(steward.estate_ports[0])
                await resident.send_frame(CANCEL)
                rest = await resident.read_turn()
                await until(lambda: connected(steward.estate_ports[0]) < busy)
                after = await resident.ask("你好")
    assert busy >= max(idle, 1)
    assert rest.outcome == "cancelled"
    assert rest.chunks == [], "nothing was said, so no bubble"
    assert after.outcome == "success"
    assert well_formed(server.requests[-1].messages)


def _arrived(steward: Steward, operation: str) -> int:
    return sum(entry["operation"] == operation for entry in steward.control("/demo/requests"))


async def test_cancel_during_a_write_waits_for_its_end_and_tells_it(start: Start) -> None:
    """What was sent is never abandoned: the order is filed once, the resident reads so, the approval is used."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            async with talk(steward.ws) as resident:
                await resident.hello()
                shown = await resident.ask("报修 厨房水龙头漏水")
                approval_id = next(f["approval_id"] for f in shown.frames if f["type"] == "approval")
                steward.fault("repair", "slow:1", operation="createRepair", times=1)
                yes = {"type": "approve", "approval_id": approval_id, "approved": True}
                await resident.send_frame(yes)
                await resident.until(type="status", status="tool_calling")
                await until(lambda: _arrived(steward, "createRepair") == 1)
                await resident.send_frame(CANCEL)
                await resident.send_frame(CANCEL)
                rest = await resident.read_turn()
                await resident.send_frame(yes)
                used = await resident.receive()
                after = await resident.ask("你好")
            orders = rows(steward.database, "SELECT no FROM repairs WHERE description = '厨房水龙头漏水'")
    assert len(orders) == 1
    assert rest.outcome == "success"
    assert "已提交成功" in rest.text
    assert used["code"] == "approval_used"
    assert "已提交成功" in used["content"]
    assert after.outcome == "success"
    assert well_formed(server.requests[-1].messages)


async def test_cancel_names_a_turn_or_means_the_running_one(start: Start) -> None:
    """An unknown turn is `not_found` and the running one goes on; the waiting one can be named, runs nothing and still
    has its terminal; with nothing under way there is nothing to cancel."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            async with talk(steward.ws) as resident:
                await resident.send_frame(CANCEL)
                nothing = await resident.receive()
                await resident.send("停")
                running = (await resident.until(type="chunk"))[-1]["turn_id"]
                await resident.send_frame({"type": "cancel", "turn_id": "no-such-turn"})
                unknown = await resident.receive()
                await resident.send("你好")
                await resident.send_frame({"type": "cancel", "turn_id": running})
                first, second = await resident.read_turn(), await resident.read_turn()
                await resident.send("停")
                await resident.until(type="chunk")
                await resident.send("这个不要回答")
                await resident.send_frame(CANCEL)
                third, fourth = await resident.read_turn(), await resident.read_turn()
    assert (nothing["code"], unknown["code"]) == ("not_found", "not_found")
    assert "turn_id" not in nothing
    assert "turn_id" not in unknown
    assert (first.outcome, first.terminal["turn_id"]) == ("cancelled", running)
    assert second.outcome == "success"
    assert (third.outcome, fourth.outcome) == ("cancelled", "success")


async def test_a_turn_of_another_conversation_cannot_be_cancelled(start: Start) -> None:
    """Its id is `not_found` for a stranger and for another conversation of the same resident; it goes on."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            async with talk(steward.ws) as owner:
                await owner.send("慢")
                turn_id = (await owner.until(type="chunk"))[-1]["turn_id"]
                for user in ("user456", "user123"):
                    async with talk(steward.ws, user, steward.login(user)) as other:
                        await other.hello()
                        await other.send_frame({"type": "cancel", "turn_id": turn_id})
                        assert (await other.receive())["code"] == "not_found"
                assert (await owner.read_turn()).outcome == "success"


async def test_either_tab_may_cancel_and_both_see_it(start: Start) -> None:
    """Rule 8: the same terminal in both."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            token = steward.login("user123")
            async with talk(steward.ws, "user123", token) as one, talk(steward.ws, "user123", token) as two:
                ready = await one.hello()
                await two.hello(conversation_id=ready["conversation_id"])
                await one.send("停")
                await asyncio.gather(one.until(type="chunk"), two.until(type="chunk"))
                await two.send_frame(CANCEL)
                first, second = await one.read_turn(), await two.read_turn()
    assert first.frames == second.frames
    assert first.outcome == "cancelled"
