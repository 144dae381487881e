"""Two residents at once, and the token canary: what is one resident's is never seen by another, and a token nowhere."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

from tests.support.estate_data import rows
from tests.support.steward import Steward
from tests.support.talk import talk

Start = Callable[..., Any]

QUERIES = ["查询我的物业费账单", "帮我查一下停车记录", "我的报修单有哪些"]


async def test_two_residents_at_once_never_see_each_others_data(steward: Steward) -> None:
    """Six connections of three residents ask side by side; no answer holds a plate, room or order of another."""
    users = ["user123", "user456", "user789"]
    marks = {user: _marks(steward, user) for user in users}

    async def ask(user: str) -> tuple[str, str]:
        async with talk(steward.ws, user, steward.login(user)) as resident:
            return user, "\n".join([(await resident.ask(query)).text for query in QUERIES])

    answers = await asyncio.gather(*[ask(user) for user in users * 2])
    for user, text in answers:
        foreign = set().union(*(marks[other] for other in users if other != user)) - marks[user]
        assert any(mark in text for mark in marks[user]), text
        assert not [mark for mark in foreign if mark in text]


def _marks(steward: Steward, user: str) -> set[str]:
    """Plates, rooms and order numbers of one resident."""
    found = rows(steward.database, "SELECT car_number AS mark FROM cars WHERE user_id = ?", user)
    found = [*found, *rows(steward.database, "SELECT no AS mark FROM repairs WHERE user_id = ?", user)]
    found = [*found, *rows(steward.database, "SELECT room_name AS mark FROM bills WHERE user_id = ?", user)]
    return {row["mark"] for row in found}


async def test_logging_out_on_a_connection_starts_another_conversation(steward: Steward) -> None:
    """After an empty token there is a new conversation id and nothing of the first one's data."""
    async with talk(steward.ws, "user123", steward.login("user123")) as resident:
        first = await resident.ask("帮我查一下停车记录")
        resident.token = ""
        second = await resident.ask("帮我查一下停车记录")
    assert first.terminal["conversation_id"] != second.terminal["conversation_id"]
    assert second.outcome == "login_required"


async def test_the_token_is_in_the_upstreams_log_and_nowhere_else(start: Start) -> None:
    """A unique token arrives at the upstreams, each in its own header, and is in no frame, log line or file, the
    conversations' database among them (A79)."""
    with start() as steward:
        token = steward.login("user123")
        async with talk(steward.ws, "user123", token) as resident:
            for query in [*QUERIES, "我想报修", "厨房水龙头漏水", "明天上午", "确认", "print my token", "???"]:
                await resident.ask(query)
            steward.fault("bill", "http-500-text", times=1)
            await resident.ask("查询我的物业费账单")
            steward.fault("parking", "down", times=5)
            await resident.ask("帮我查一下停车记录")
        frames = "".join(resident.everything)
        arrived = steward.control("/demo/requests")
        steward.stop()
        written = steward.written()
        files = b"".join(path.read_bytes() for path in steward.data_dir.rglob("*") if path.is_file())
    seen = {entry["upstream"] for entry in arrived if any(token in str(value) for value in _values(entry["headers"]))}
    assert seen == {"bill", "parking", "repair"}
    parts = [token, token.split(".")[2], base64.b64encode(token.encode()).decode().rstrip("=")]
    for part in parts:
        assert part not in frames
        assert part not in written
        assert part.encode() not in files


def _values(headers: object) -> list[str]:
    """The values of recorded headers, whether they come as a mapping or as pairs."""
    if isinstance(headers, dict):
        return [str(value) for value in headers.values()]
    assert isinstance(headers, list)
    return [str(pair[1]) for pair in headers]
