"""Feedback on a turn: kept with it for its owner, refused for anybody else; nothing is answered to who may give it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from tests.support.steward import Steward
from tests.support.talk import talk

Start = Callable[..., Any]


def kept(steward: Steward, turn_id: str) -> tuple[int | None, str]:
    """Score and comment of a turn as the file has them."""
    with closing(sqlite3.connect(f"file:{steward.data_dir / 'steward.sqlite3'}?mode=ro", uri=True)) as connection:
        found: tuple[int | None, str] = connection.execute(
            "SELECT score, comment FROM turns WHERE id = ?", (turn_id,)
        ).fetchone()
    return found


async def test_feedback_is_kept_with_the_turn_and_only_its_owner_gives_it(start: Start) -> None:
    """The owner's is taken in silence, from another connection too, and the later one counts; a stranger's, one of
    nobody and one to an unknown turn are the same `not_found`; a score that is none is a `bad_request`."""
    with start() as steward:
        async with talk(steward.ws) as owner:
            turn_id = (await owner.ask("你好")).terminal["turn_id"]
            await owner.send_frame({"type": "feedback", "turn_id": turn_id, "score": -1, "comment": "太短"})
            await owner.send_frame({"type": "ping"})
            assert await owner.receive() == {"type": "pong"}
            await owner.send_frame({"type": "feedback", "turn_id": "no-such-turn", "score": 1})
            answers = [await owner.receive()]
            assert kept(steward, turn_id) == (-1, "太短")
        for user, token in (("user456", steward.login("user456")), ("user123", None)):
            async with talk(steward.ws, user, token) as stranger:
                await stranger.ask("你好")
                await stranger.send_frame({"type": "feedback", "turn_id": turn_id, "score": 1})
                answers.append(await stranger.receive())
        async with talk(steward.ws) as owner:
            await owner.hello()
            await owner.send_frame({"type": "feedback", "turn_id": turn_id, "score": 1})
            await owner.socket.send(f'{{"type": "feedback", "turn_id": "{turn_id}", "score": 0}}')
            wrong = await owner.receive()
            await owner.ask("你好")
        assert kept(steward, turn_id) == (1, "")
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0]["code"], answers[0]["field"]) == ("not_found", "turn_id")
    assert "turn_id" not in answers[0]
    assert (wrong["code"], wrong["field"]) == ("bad_request", "score")
