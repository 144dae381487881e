"""The process is killed while a turn runs (F63), and another one starts on the same store: what its clients are told.

There is one process: nobody takes the turn over. What was streamed and not yet in the store is lost with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.chat_server import ChatServer, scripted
from tests.support.estate_data import rows
from tests.support.scripted_model import answer, environment
from tests.support.steward import Steward, warm_steward
from tests.support.talk import Talk, talk


def kill(steward: Steward) -> None:
    steward.process.kill()
    steward.process.wait()


async def resume(resident: Talk, conversation_id: str, place: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`ready` and the snapshot behind it."""
    ready = await resident.hello(conversation_id=conversation_id, epoch=place["epoch"], after=place["seq"])
    assert ready["recovered"] is False
    return ready, (await resident.until(type="snapshot"))[-1]


async def test_a_turn_that_was_killed_is_told_as_interrupted(tmp_path: Path) -> None:
    """F63: a client that comes back is told that it missed something, and that the turn was interrupted; the turn
    before is in the history, and the next one runs."""
    async with ChatServer(scripted(answer)) as model:
        with warm_steward(tmp_path, **environment(model)) as first:
            async with talk(first.ws) as resident:
                ready = await resident.hello()
                assert (await resident.ask("你好")).outcome == "success"
                await resident.send("停")
                shown = (await resident.until(type="chunk"))[-1]
                kill(first)
        with warm_steward(tmp_path, **environment(model)) as second:
            async with talk(second.ws) as resident:
                again, snapshot = await resume(resident, ready["conversation_id"], ready | {"seq": shown["seq"]})
                assert (snapshot["turn_id"], snapshot["outcome"]) == (shown["turn_id"], "turn_interrupted")
                assert again["epoch"] != ready["epoch"]
                assert "turn_id" not in again  # none runs
                assert (await resident.ask("还在吗")).outcome == "success"
            seen = [message["content"] for message in model.requests[-1].messages if message["role"] == "user"]
            assert seen[-1] == "还在吗"
            assert "你好" in seen


async def test_a_write_under_way_in_a_killed_process_is_unknown_and_never_sent_again(tmp_path: Path) -> None:
    """F63: the system had committed it and not yet answered; the next process tells the resident that the outcome is
    not known, takes no second yes to it, and sends nothing."""
    async with ChatServer(scripted(answer)) as model:
        with warm_steward(tmp_path, **environment(model)) as first:
            async with talk(first.ws) as resident:
                ready = await resident.hello()
                parked = await resident.ask("报修 厨房水龙头漏水")
                approval = next(frame for frame in parked.frames if frame["type"] == "approval")
                first.fault("repair", "slow:30", operation="createRepair")
                await resident.send_frame({"type": "approve", "approval_id": approval["approval_id"], "approved": True})
                async with asyncio.timeout(60):
                    while not orders(first):
                        await asyncio.sleep(0.05)
                kill(first)
        with warm_steward(tmp_path, **environment(model)) as second:
            async with talk(second.ws) as resident:
                _, snapshot = await resume(resident, ready["conversation_id"], ready)
                assert snapshot["outcome"] == "turn_interrupted"
                assert "操作可能已经完成，也可能没有" in snapshot["content"]
                await resident.send_frame({"type": "approve", "approval_id": approval["approval_id"], "approved": True})
                assert (await resident.receive())["code"] == "approval_used"
            assert "createRepair" not in {entry["operation"] for entry in second.control("/demo/requests")}
            assert len(orders(second)) == 1


def orders(steward: Steward) -> Sequence[dict[str, Any]]:
    return rows(steward.database, "SELECT no FROM repairs WHERE description = '厨房水龙头漏水'")
