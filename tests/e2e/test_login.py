"""Logins that do not hold: a plain sentence, no stack trace, no storm; the public questions are still answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.steward import Steward
from tests.support.talk import talk

Start = Callable[..., Any]

PERSONAL = ["查询我的物业费账单", "帮我查一下停车记录", "我的报修单有哪些", "我想报修"]
PUBLIC = ["现在还有空车位吗", "可以报修哪些类型"]


def _bad_token(steward: Steward, kind: str) -> str | None:
    if kind == "expired":
        return steward.login("user123", expires_in_s=1)
    return {"wrong": "not-a-token-of-anybody", "none": None, "empty": ""}[kind]


@pytest.mark.parametrize("kind", ["wrong", "expired", "none", "empty"])
async def test_a_login_that_does_not_hold_is_said_in_a_sentence(steward: Steward, kind: str) -> None:
    """A wrong, expired, absent or empty token: the outcome is login_required, said in words, on each upstream."""
    token = _bad_token(steward, kind)
    if kind == "expired":
        await asyncio.sleep(1.5)
    async with talk(steward.ws, "user123", token) as resident:
        for query in PERSONAL:
            reply = await resident.ask(query)
            assert reply.outcome == "login_required", (query, reply.text)
            assert "登录" in reply.text
            assert "Traceback" not in reply.text
        english = await resident.ask("show my bills")
        assert english.outcome == "login_required"
        assert "log in" in english.text


@pytest.mark.parametrize("kind", ["wrong", "none"])
@pytest.mark.parametrize("query", PUBLIC)
async def test_public_questions_need_no_login(steward: Steward, kind: str, query: str) -> None:
    """Free parking spaces and kinds of repair are answered without a valid token."""
    async with talk(steward.ws, "user123", _bad_token(steward, kind)) as resident:
        reply = await resident.ask(query)
    assert reply.outcome == "success", reply.text
    assert len(reply.text) > 5


async def test_a_refused_token_makes_no_storm(start: Start) -> None:
    """Ten questions with a wrong token cost the upstreams at most a few requests, and none of them is repeated."""
    with start() as steward:
        async with talk(steward.ws, "user123", "not-a-token-of-anybody") as resident:
            for _ in range(10):
                await resident.ask("查询我的物业费账单")
        arrived = steward.control("/demo/requests")
    assert len(arrived) <= 10
    assert {entry["operation"] for entry in arrived} == {"getCurrentResident"}


async def test_a_fresh_token_on_the_same_connection_works(steward: Steward) -> None:
    """After the sentence that a login is needed, the next query with a good token is answered."""
    async with talk(steward.ws, "user123", "not-a-token-of-anybody") as resident:
        assert (await resident.ask("查询我的物业费账单")).outcome == "login_required"
        resident.token = steward.login("user123")
        assert (await resident.ask("查询我的物业费账单")).outcome == "success"
        resident.token = None  # the connection's last one goes on
        assert (await resident.ask("帮我查一下停车记录")).outcome == "success"


async def test_a_token_of_another_resident_than_the_address_is_refused(steward: Steward) -> None:
    """`identity_mismatch` and close code 4501: the path's user must be the token's."""
    async with talk(steward.ws, "user123", steward.login("user456")) as resident:
        reply = await resident.ask("查询我的物业费账单")
        assert reply.terminal["code"] == "identity_mismatch"
        assert "turn_id" not in reply.terminal
        await resident.socket.wait_closed()
        assert resident.socket.close_code == 4501
