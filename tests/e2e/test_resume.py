"""Resume (rules 3 to 5 of the protocol): a lost connection ends nothing; what was missed comes once, in order."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from tests.support.chat_server import ChatServer, scripted
from tests.support.estate_data import rows
from tests.support.scripted_model import SLOW_PIECES, answer, environment
from tests.support.steward import Steward
from tests.support.talk import talk

Start = Callable[..., Any]


async def vanish(connection: ClientConnection, how: str) -> None:
    """Lose the connection: a close frame, the end of the stream (FIN), or a reset (RST)."""
    if how == "close":
        await connection.close()
        return
    raw: socket.socket = connection.transport.get_extra_info("socket")
    if how == "RST":
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


def places(frames: list[dict[str, Any]]) -> list[int]:
    return [frame["seq"] for frame in frames if "turn_id" in frame and frame["type"] not in ("ready", "snapshot")]


@pytest.mark.parametrize("how", ["FIN", "RST", "close"])
async def test_a_turn_goes_on_without_its_connection_and_the_rest_comes_on_resume(start: Start, how: str) -> None:
    """F47: the client vanishes in the middle of the answer; another connection gets exactly what was missed, then what
    is live. F60: the query sent again is the same turn, for which the model is not asked again."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            token = steward.login("user123")
            async with talk(steward.ws, "user123", token) as resident:
                ready = await resident.hello()
                await resident.send("慢", client_msg_id="mine")
                before = await resident.until(type="chunk")
                await vanish(resident.socket, how)
            async with talk(steward.ws, "user123", token) as resident:
                conversation = {"conversation_id": ready["conversation_id"], "epoch": ready["epoch"]}
                again = await resident.hello(**conversation, after=before[-1]["seq"])
                await resident.send("慢", conversation_id=ready["conversation_id"], client_msg_id="mine")
                after = await resident.until(type="status", status="completed")
            resident.wire.whole()
            asked = len(server.requests)
            log = steward.written()
    assert again["recovered"] is True
    assert again["conversation_id"] == ready["conversation_id"]
    missed = [frame for frame in after if frame["seq"] > before[-1]["seq"]]
    seqs = places(before) + sorted({frame["seq"] for frame in missed})
    assert seqs == list(range(1, len(seqs) + 1))
    assert len({frame["turn_id"] for frame in before[1:] + after}) == 1
    words = {frame["seq"]: frame["content"] for frame in before + after if frame["type"] == "chunk"}
    assert "".join(words[seq] for seq in sorted(words)) == "".join(SLOW_PIECES)
    assert asked == 1
    assert "Traceback" not in log


async def test_a_finished_turn_is_fetched_after_it_has_ended(steward: Steward) -> None:
    """Rule 4: with `after` 0 the whole log comes, and the next answer follows without a gap; a client that asks from
    the last entry gets nothing twice."""
    token = steward.login("user456")
    async with talk(steward.ws, "user456", token) as resident:
        ready = await resident.hello()
        assert (ready["recovered"], ready["seq"], ready["approvals"]) == (True, 0, [])
        first = await resident.ask("查询我的物业费账单")
    known = {"conversation_id": ready["conversation_id"], "epoch": ready["epoch"]}
    async with talk(steward.ws, "user456", token) as resident:
        again = await resident.hello(**known, after=0)
        assert again["seq"] == first.terminal["seq"]
        assert "turn_id" not in again
        assert (await resident.read_turn()).frames == first.frames
        second = await resident.ask("帮我查一下停车记录", conversation_id=ready["conversation_id"])
        assert second.frames[0]["seq"] == first.terminal["seq"] + 1
    async with talk(steward.ws, "user456", token) as resident:
        await resident.hello(**known, after=second.terminal["seq"])
        await resident.send_frame({"type": "ping"})
        assert await resident.receive() == {"type": "pong"}


@pytest.mark.parametrize("known", [{"epoch": "another", "after": 3}, {"after": 3}, {"after": 10**9}, {}])
async def test_a_place_that_the_log_does_not_know_gets_one_snapshot(steward: Steward, known: dict[str, Any]) -> None:
    """Another epoch, none, a number of the future, nothing: `recovered: false`, the last bubble, live from there."""
    token = steward.login("user456")
    async with talk(steward.ws, "user456", token) as resident:
        ready = await resident.hello()
        first = await resident.ask("查询我的物业费账单")
    if known.get("after") == 10**9:
        known = {**known, "epoch": ready["epoch"]}
    async with talk(steward.ws, "user456", token) as resident:
        again = await resident.hello(conversation_id=ready["conversation_id"], **known)
        snapshot = await resident.receive()
        second = await resident.ask("帮我查一下停车记录", conversation_id=ready["conversation_id"])
    assert again["recovered"] is False
    assert again["epoch"] == ready["epoch"]
    assert snapshot["type"] == "snapshot"
    assert (snapshot["content"], snapshot["turn_id"]) == (first.text, first.terminal["turn_id"])
    assert (snapshot["outcome"], snapshot["seq"]) == ("success", first.terminal["seq"])
    assert second.frames[0]["seq"] == snapshot["seq"] + 1


async def test_a_snapshot_of_a_running_turn_goes_on_live(start: Start) -> None:
    """`ready` names the running turn, the snapshot has its bubble so far, and the rest of it follows."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            token = steward.login("user123")
            async with talk(steward.ws, "user123", token) as first, talk(steward.ws, "user123", token) as tab:
                ready = await first.hello()
                await first.send("慢")
                turn = (await first.until(type="chunk"))[-1]["turn_id"]
                joined = await tab.hello(conversation_id=ready["conversation_id"])
                snapshot = await tab.receive()
                rest = await tab.read_turn()
    assert joined["turn_id"] == snapshot["turn_id"] == turn
    assert snapshot["content"]
    assert "outcome" not in snapshot
    assert snapshot["content"] + rest.text == "".join(SLOW_PIECES)
    assert rest.frames[0]["seq"] == snapshot["seq"] + 1


async def test_foreign_and_unknown_conversations_are_the_same_not_found(steward: Steward) -> None:
    """A12: `hello` and queries with another resident's conversation id, from the beginning of its log. A13: guesses and
    paths. All are answered alike, and nothing of the log comes."""
    async with talk(steward.ws, "user123") as owner:
        ready = await owner.hello()
        await owner.ask("查询我的物业费账单")
        async with talk(steward.ws, "user456", steward.login("user456")) as stranger:
            answers = []
            for guess in (ready["conversation_id"], "1", "../../etc/passwd", "user123", "%2e%2e", "x" * 128):
                answers.append(await stranger.hello(conversation_id=guess, epoch=ready["epoch"], after=0))
                await stranger.send("账单", conversation_id=guess)
                answers.append(await stranger.receive())
            anonymous = await _without_token(steward, ready["conversation_id"])
    assert all(answer == answers[0] for answer in [*answers, *anonymous])
    assert (answers[0]["code"], answers[0]["field"]) == ("not_found", "conversation_id")
    assert "turn_id" not in answers[0]
    assert len(ready["conversation_id"]) >= 22, "128 bit in base64"


async def _without_token(steward: Steward, conversation_id: str) -> list[dict[str, Any]]:
    async with talk(steward.ws, "user123", None) as nobody:
        answers = [await nobody.hello(conversation_id=conversation_id)]
        await nobody.send("账单", conversation_id=conversation_id)
        return [*answers, await nobody.receive()]


async def test_a_conversation_without_an_owner_ends_with_its_connection(steward: Steward) -> None:
    """Rule 7: its id opens nothing afterwards, with a token or without."""
    async with talk(steward.ws, "user123", None) as resident:
        ready = await resident.hello()
        await resident.ask("现在还有空车位吗")
    for token in (None, "your-token-here"):
        async with talk(steward.ws, "user123", token) as resident:
            assert (await resident.hello(conversation_id=ready["conversation_id"]))["code"] == "not_found"
            fresh = await resident.hello()
            assert fresh["conversation_id"] != ready["conversation_id"]


@pytest.mark.parametrize("how", ["FIN", "RST", "close"])
async def test_a_write_runs_to_its_end_without_its_client(start: Start, how: str) -> None:
    """F48: the client vanishes between its yes and the upstream's answer; the order is filed once, its number comes on
    resume, and the approval is used."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            token = steward.login("user123")
            async with talk(steward.ws, "user123", token) as resident:
                ready = await resident.hello()
                shown = await resident.ask("报修 厨房水龙头漏水")
                approval = next(frame for frame in shown.frames if frame["type"] == "approval")
                steward.fault("repair", "slow:1", operation="createRepair", times=1)
                yes = {"type": "approve", "approval_id": approval["approval_id"], "approved": True}
                await resident.send_frame(yes)
                seen = await resident.until(type="status", status="tool_calling")
                await vanish(resident.socket, how)
            async with talk(steward.ws, "user123", token) as resident:
                known = {"conversation_id": ready["conversation_id"], "epoch": ready["epoch"]}
                again = await resident.hello(**known, after=seen[-1]["seq"])
                rest = await resident.read_turn()
                await resident.send_frame(yes)
                used = await resident.receive()
            orders = rows(steward.database, "SELECT no FROM repairs WHERE description = '厨房水龙头漏水'")
    assert again["recovered"] is True
    assert again["turn_id"] == rest.terminal["turn_id"]
    assert rest.outcome == "success"
    assert len(orders) == 1
    assert orders[0]["no"] in rest.text
    assert used["code"] == "approval_used"


async def test_a_named_query_is_one_turn_in_both_tabs_at_once(start: Start) -> None:
    """F60: sent on two connections in the same moment, and again when it is over."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            token = steward.login("user123")
            async with talk(steward.ws, "user123", token) as one, talk(steward.ws, "user123", token) as two:
                conversation_id = (await one.hello())["conversation_id"]
                await two.hello(conversation_id=conversation_id)
                named = {"conversation_id": conversation_id, "client_msg_id": "m1"}
                await asyncio.gather(one.send("你好", **named), two.send("你好", **named))
                first, second = await asyncio.gather(one.read_turn(), two.read_turn())
                later = await one.ask("你好", **named)
    assert first.terminal == second.terminal == later.terminal
    assert later.text == "您说的是：你好"
    assert len(server.requests) == 1


async def test_after_the_resume_window_a_client_is_told_so_and_gets_a_snapshot(start: Start) -> None:
    """Rule 4: within the window all of it comes again; beyond it `recovered: false` under another epoch, one snapshot
    of the last bubble, and what is live goes on from its `seq`."""
    with start(STEWARD_RESUME_WINDOW_S="0.5") as steward:
        async with talk(steward.ws) as resident:
            ready = await resident.hello()
            known = {"conversation_id": ready["conversation_id"], "epoch": ready["epoch"]}
            first = await resident.ask("查询我的物业费账单")
            async with talk(steward.ws) as tab:
                within = await tab.hello(**known, after=0)
                assert (await tab.read_turn()).frames == first.frames
        await asyncio.sleep(0.6)
        async with talk(steward.ws, "user456", steward.login("user456")) as other:
            await other.hello()  # the log forgets when it makes room
        async with talk(steward.ws) as resident:
            beyond = await resident.hello(**known, after=first.frames[2]["seq"])
            snapshot = await resident.receive()
            second = await resident.ask("你好")
    assert (within["recovered"], within["epoch"]) == (True, ready["epoch"])
    assert (beyond["recovered"], beyond["conversation_id"]) == (False, ready["conversation_id"])
    assert beyond["epoch"] != ready["epoch"]
    assert (snapshot["type"], snapshot["seq"]) == ("snapshot", beyond["seq"])
    assert (snapshot["turn_id"], snapshot["outcome"]) == (first.terminal["turn_id"], "success")
    assert snapshot["content"] == first.text
    assert second.frames[0]["seq"] == snapshot["seq"] + 1


async def test_a_restart_is_told_with_another_epoch_and_shows_nothing_twice(start: Start) -> None:
    """Rules 3 and 4, F62: 1012, then `recovered: false`, another epoch and one snapshot of the turn that the end of
    the process interrupted; a finished turn's words do not come again, what is live goes on from the snapshot."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server), STEWARD_DRAIN_S="0") as steward:
            token = steward.login("user123")
            async with talk(steward.ws, "user123", token) as resident:
                ready = await resident.hello()
                done = await resident.ask("你好")
                await resident.send("停")
                cut = await resident.until(type="chunk")
                assert await asyncio.to_thread(steward.stop) == 0
                cut += await resident.until(type="error")
                await resident.socket.wait_closed()
                assert resident.socket.close_code == 1012
        with start(**environment(server)) as steward:
            async with talk(steward.ws, "user123", token) as resident:
                known = {"conversation_id": ready["conversation_id"], "epoch": ready["epoch"]}
                again = await resident.hello(**known, after=cut[-1]["seq"])
                snapshot = await resident.receive()
                later = await resident.ask("你好")
                resident.wire.whole()
    assert cut[-1]["code"] == "turn_interrupted"
    assert (again["recovered"], again["conversation_id"]) == (False, ready["conversation_id"])
    assert again["epoch"] != ready["epoch"]
    assert "turn_id" not in again
    assert (snapshot["turn_id"], snapshot["outcome"]) == (cut[-1]["turn_id"], "turn_interrupted")
    assert snapshot["content"] == "请稍等"
    assert later.frames[0]["seq"] == snapshot["seq"] + 1
    earlier = {frame["turn_id"] for frame in done.frames + cut if "turn_id" in frame}
    assert {frame["turn_id"] for frame in later.frames}.isdisjoint(earlier)
    assert later.outcome == "success"
