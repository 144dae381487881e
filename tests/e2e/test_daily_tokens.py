"""The tokens of a day (A25): whoever has used them up reads so, and the provider is asked nothing more for him."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.chat_server import ChatServer, scripted
from tests.support.estate_data import rows
from tests.support.scripted_model import answer, environment
from tests.support.talk import Reply, talk

Start = Callable[..., Any]


async def test_a_resident_whose_day_is_used_up_reads_so_and_others_are_answered(start: Start) -> None:
    """One question (which asks a model with all its tools) leaves some of the day, the next one uses it up: after it
    comes `limit` in a sentence, on another connection too. What waits for a yes is still run, without the model;
    another resident asks on."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server), STEWARD_MAX_TOKENS_PER_DAY="10000") as steward:
            token = steward.login("user123")
            async with talk(steward.ws, "user123", token) as resident:
                first = await resident.ask("你好")
                shown = await resident.ask("报修 厨房水龙头漏水")
                third = await resident.ask("你好")
            asked = len(server.requests)
            named = {"conversation_id": third.terminal["conversation_id"]}
            async with talk(steward.ws, "user123", token) as resident:
                again = await resident.hello(**named)
                await resident.until(type="snapshot")
                fourth = await resident.ask("你好", **named)
                waiting = again["approvals"][0]["approval_id"]
                await resident.send_frame({"type": "approve", "approval_id": waiting, "approved": True})
                written = await resident.read_turn()
            assert len(server.requests) == asked
            async with talk(steward.ws, "user456", steward.login("user456")) as other:
                theirs = await other.ask("你好")
            orders = rows(steward.database, "SELECT no FROM repairs WHERE description = '厨房水龙头漏水'")
    assert tokens(first) < 10000 <= tokens(first) + tokens(shown)
    assert (first.outcome, shown.outcome) == ("success", "approval")
    assert [third.outcome, fourth.outcome] == ["limit", "limit"]
    assert "今天的使用量已达上限" in third.text
    assert (written.outcome, written.tools) == ("success", ["createRepair"])
    assert len(orders) == 1
    assert theirs.outcome == "success"


def tokens(reply: Reply) -> int:
    usage = reply.terminal["data"]["usage"]
    return int(usage["input_tokens"] + usage["output_tokens"])
