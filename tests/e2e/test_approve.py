"""Approvals by their id (rule 6): only their owner's, once, in time, with the token of now; A17, A19, A20, A14, A15."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.support.chat_server import ChatServer, scripted
from tests.support.estate_data import rows
from tests.support.scripted_model import answer, environment
from tests.support.steward import Steward, free_ports
from tests.support.talk import Talk, talk

Start = Callable[..., Any]


@asynccontextmanager
async def house(start: Start, **settings: str) -> AsyncIterator[Steward]:
    """A Steward with the scripted model."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server, **settings)) as steward:
            yield steward


async def park(resident: Talk, what: str = "厨房水龙头漏水") -> dict[str, Any]:
    """Ask for an order; the `approval` entry of what is shown."""
    shown = await resident.ask(f"报修 {what}")
    assert shown.outcome == "approval"
    found = [frame for frame in shown.frames if frame["type"] == "approval"]
    assert len(found) == 1
    assert all(line["text"] in shown.text for line in found[0]["arguments"])
    return found[0]


def yes(approval: dict[str, Any], approved: bool = True, **more: Any) -> dict[str, Any]:
    return {"type": "approve", "approval_id": approval["approval_id"], "approved": approved, **more}


def filed(steward: Steward) -> int:
    """Requests for a repair order that arrived."""
    return sum(entry["operation"] == "createRepair" for entry in steward.control("/demo/requests"))


async def test_a_yes_by_its_id_runs_the_request_once(start: Start) -> None:
    """A new turn that both writes and tells; the same frame again is `approval_used` and says what came of it."""
    async with house(start) as steward, talk(steward.ws) as resident:
        await resident.hello()
        approval = await park(resident)
        assert filed(steward) == 0
        await resident.send_frame(yes(approval))
        done = await resident.read_turn()
        await resident.send_frame(yes(approval, approved=False))
        used = await resident.receive()
        orders = rows(steward.database, "SELECT no FROM repairs WHERE description = '厨房水龙头漏水'")
        again = await resident.hello()
        assert filed(steward) == 1
    assert done.outcome == "success"
    assert done.terminal["turn_id"] != approval["turn_id"]
    assert done.tools == ["createRepair"]
    assert orders[0]["no"] in done.text
    assert used["code"] == "approval_used"
    assert used["field"] == "approval_id"
    assert "turn_id" not in used
    assert "成功" in used["content"]
    assert again["approvals"] == []


async def test_a_no_by_its_id_drops_the_write(start: Start) -> None:
    """A20: a yes after the no is told that it was cancelled; nothing is sent."""
    async with house(start) as steward, talk(steward.ws) as resident:
        await resident.hello()
        approval = await park(resident)
        await resident.send_frame(yes(approval, approved=False))
        dropped = await resident.read_turn()
        await resident.send_frame(yes(approval))
        used = await resident.receive()
        assert filed(steward) == 0
    assert dropped.outcome == "success"
    assert "取消" in dropped.text
    assert used["code"] == "approval_used"
    assert "取消" in used["content"]


async def test_forged_approvals_are_not_found(start: Start) -> None:
    """A17: a guessed id; another resident's, whose conversation is not within reach; and without a token. The write
    stays parked for its owner, from another conversation of his too."""
    async with house(start) as steward, talk(steward.ws) as owner:
        await owner.hello()
        approval = await park(owner)
        assert len(approval["approval_id"]) >= 22, "128 bit in base64"
        answers = []
        for user, token in (("user456", steward.login("user456")), ("user789", steward.login("user789")), ("x", None)):
            async with talk(steward.ws, user, token) as stranger:
                if token is not None:
                    await stranger.hello()
                await stranger.send_frame(yes(approval))
                answers.append(await stranger.receive())
        await owner.send_frame(yes({"approval_id": "A" * 22}))
        answers.append(await owner.receive())
        assert filed(steward) == 0
        async with talk(steward.ws, "user123", steward.login("user123")) as tab:
            await tab.hello()
            await tab.ask("你好")
            await tab.send_frame(yes(approval))
            done = await tab.read_turn()
        assert filed(steward) == 1
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0]["code"], answers[0]["field"]) == ("not_found", "approval_id")
    assert done.outcome == "success"
    assert done.terminal["conversation_id"] == approval["conversation_id"]


async def test_another_residents_token_on_the_connection_reaches_nothing_of_the_first(start: Start) -> None:
    """A14: where the path names the resident, a second one's token in an `approve`, a query or a `hello` ends the
    connection with 4501 and changes nothing; the first comes back and finds his write."""
    async with house(start) as steward:
        async with talk(steward.ws) as resident:
            ready = await resident.hello()
            approval = await park(resident)
        named = {"conversation_id": ready["conversation_id"]}
        other = steward.login("user456")
        for frame in (
            yes(approval, token=other),
            {"query": "确认", "token": other, **named},
            {"type": "hello", "v": 1, "token": other, "epoch": ready["epoch"], "after": 0, **named},
        ):
            async with talk(steward.ws) as resident:
                again = await resident.hello(**named)
                await resident.until(type="snapshot")
                await resident.send_frame(frame)
                assert (await resident.receive())["code"] == "identity_mismatch"
                await resident.socket.wait_closed()
                assert resident.socket.close_code == 4501
                assert again["approvals"][0]["approval_id"] == approval["approval_id"]
        assert filed(steward) == 0


async def test_a_yes_that_comes_too_late_is_approval_expired(start: Start) -> None:
    """A17: after its time it is told so with its code, by words in words; nothing is sent and `ready` shows none."""
    async with house(start, STEWARD_APPROVAL_TTL_S="0.5") as steward, talk(steward.ws) as resident:
        await resident.hello()
        approval = await park(resident)
        await asyncio.sleep(0.6)
        await resident.send_frame(yes(approval))
        expired = await resident.receive()
        assert (await resident.hello())["approvals"] == []
        await park(resident)
        await asyncio.sleep(0.6)
        words = await resident.ask("确认")
        assert filed(steward) == 0
    assert (expired["code"], expired["retryable"]) == ("approval_expired", False)
    assert "turn_id" not in expired
    assert words.outcome == "success"
    assert words.tools == []


async def test_a_newer_write_takes_the_place_of_an_older_one(start: Start) -> None:
    """The older one's id is used and says so; the newer one runs."""
    async with house(start) as steward, talk(steward.ws) as resident:
        await resident.hello()
        old, new = await park(resident), await park(resident, "卫生间漏水")
        await resident.send_frame(yes(old))
        used = await resident.receive()
        assert filed(steward) == 0
        await resident.send_frame(yes(new))
        assert (await resident.read_turn()).outcome == "success"
        assert filed(steward) == 1
    assert used["code"] == "approval_used"


async def test_a_yes_sent_in_one_breath_with_its_query_is_no_yes(start: Start) -> None:
    """A19: on one connection, and from another tab in the same moment: what was not shown cannot be confirmed. It is
    shown once more, and the next yes runs it."""
    async with house(start) as steward:
        token = steward.login("user123")
        async with talk(steward.ws, "user123", token) as one, talk(steward.ws, "user123", token) as two:
            ready = await one.hello()
            await two.hello(conversation_id=ready["conversation_id"])
            await one.send("报修 厨房水龙头漏水")
            await one.send("确认")
            shown, again = await one.read_turn(), await one.read_turn()
            assert (shown.outcome, again.outcome) == ("approval", "approval")
            await two.read_turn()
            await two.read_turn()
            assert filed(steward) == 0
            for number in range(10):
                await asyncio.gather(
                    one.send(f"报修 漏水{number}"), two.send("确认", conversation_id=ready["conversation_id"])
                )
                ends = [(await one.read_turn()).outcome for _ in range(2)]
                assert [(await two.read_turn()).outcome for _ in range(2)] == ends
                assert "approval" in ends
            # where 确认 came first it was a yes to what had been shown before: one order at most for each
            first = filed(steward)
            await one.ask("确认")
            assert filed(steward) <= first + 1


@pytest.mark.parametrize("frame", ["hello", "approve"])
async def test_a_refused_token_is_told_at_once(start: Start, frame: str) -> None:
    """`login_required` for `hello` and `approve`, as an answer to the frame; the write stays parked."""
    async with house(start) as steward, talk(steward.ws) as resident:
        ready = await resident.hello()
        approval = await park(resident)
        if frame == "hello":
            refused = await resident.hello(token="nobodys-token", conversation_id=ready["conversation_id"])
        else:
            await resident.send_frame(yes(approval, token="nobodys-token"))
            refused = await resident.receive()
        again = await resident.hello(conversation_id=ready["conversation_id"])
        assert filed(steward) == 0
    assert (refused["code"], refused["field"]) == ("login_required", "token")
    assert [card["approval_id"] for card in again["approvals"]] == [approval["approval_id"]]


async def test_a_token_that_ends_during_the_connection_wants_a_login_and_no_storm(start: Start) -> None:
    """A15: the upstream's word counts, in a sentence with `login_required`; the write stays parked, and with a fresh
    token both go on."""
    async with house(start) as steward, talk(steward.ws, "user123", None) as resident:
        resident.token = steward.login("user123")
        await resident.hello()
        approval = await park(resident)
        steward.fault("bill", "expired-token", operation="listBills", times=1)
        before = len(steward.control("/demo/requests"))
        refused = await resident.ask("账单")
        assert len(steward.control("/demo/requests")) - before <= 3
        resident.token = steward.login("user123")
        assert (await resident.ask("账单")).outcome == "success"
        steward.fault("repair", "expired-token", operation="createRepair", times=1)
        await resident.send_frame(yes(approval))
        parked_again = await resident.read_turn()
        fresh = next(frame for frame in parked_again.frames if frame["type"] == "approval")
        await resident.send_frame(yes(fresh, token=steward.login("user123")))
        done = await resident.read_turn()
        orders = rows(steward.database, "SELECT no FROM repairs WHERE description = '厨房水龙头漏水'")
    assert refused.outcome == "login_required"
    assert "登录" in refused.text
    assert parked_again.outcome == "login_required"
    assert fresh["approval_id"] != approval["approval_id"]
    assert done.outcome == "success"
    assert len(orders) == 1


async def test_a_yes_to_what_is_no_longer_the_same_request_is_told_in_both_tabs(start: Start) -> None:
    """Rule 6: after a restart at which the upstream has another address the built request differs from the one that
    was shown. `approve` opens a turn that ends with `approval_changed`, seen in the second tab too; nothing is sent,
    and the approval is used."""
    async with ChatServer(scripted(answer)) as server:
        with start(**environment(server)) as steward:
            token = steward.login("user123")
            async with talk(steward.ws, "user123", token) as one:
                ready = await one.hello()
                approval = await park(one)
            first_port = steward.estate_ports[0]
        moved = free_ports(3)
        assert moved != first_port
        with start(**environment(server), STEWARD_DEMO_PORT=str(moved)) as steward:
            steward = replace(steward, estate_ports=(moved, moved + 1, moved + 2))
            async with talk(steward.ws, "user123", token) as one, talk(steward.ws, "user123", token) as two:
                for tab in (one, two):
                    again = await tab.hello(conversation_id=ready["conversation_id"])
                    await tab.until(type="snapshot")
                    assert [card["approval_id"] for card in again["approvals"]] == [approval["approval_id"]]
                await one.send_frame(yes(approval))
                first, second = await one.read_turn(), await two.read_turn()
                await two.send_frame(yes(approval))
                used = await two.receive()
            assert filed(steward) == 0
    assert first.frames == second.frames
    assert first.terminal["type"] == "error"
    assert (first.outcome, first.terminal["retryable"]) == ("approval_changed", False)
    assert first.terminal["turn_id"] != approval["turn_id"]
    assert used["code"] == "approval_used"
