"""Bad input: an error frame with a stable code and a sentence, and the connection goes on (too large: close 1009)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.steward import Steward
from tests.support.talk import talk

Start = Callable[..., Any]

BAD = [
    pytest.param("not json", "bad_request", None, id="not-json"),
    pytest.param("[1]", "bad_request", None, id="array"),
    pytest.param("7", "bad_request", None, id="number"),
    pytest.param("{}", "bad_request", "query", id="missing"),
    pytest.param('{"query": null}', "bad_request", "query", id="null"),
    pytest.param('{"query": 5}', "bad_request", "query", id="wrong-kind"),
    pytest.param('{"query": "  \\n"}', "bad_request", "query", id="blank"),
    pytest.param('{"query": "a", "token": 5}', "bad_request", "token", id="token-kind"),
    pytest.param('{"query": "a", "token": "x y"}', "bad_request", "token", id="token-space"),
    pytest.param('{"query": "a", "token": "' + "x" * 9000 + '"}', "bad_request", "token", id="token-long"),
    pytest.param('{"query": "a", "locale": "fr"}', "bad_request", "locale", id="locale"),
    pytest.param('{"query": "a", "conversation_id": "nobodys"}', "not_found", "conversation_id", id="conversation"),
    pytest.param("NaN", "bad_request", None, id="nan"),
    pytest.param("[" * 30000, "bad_request", None, id="deep"),
    pytest.param('{"query": "' + "啊" * 4001 + '"}', "too_large", "query", id="long-query"),
    pytest.param('{"type": "dance"}', "unsupported", "type", id="unknown-type"),
    pytest.param(b"\x00\x01", "unsupported", None, id="binary"),
]


@pytest.mark.parametrize(("message", "code", "field"), BAD)
async def test_bad_input_is_refused_and_the_connection_goes_on(
    steward: Steward, message: str | bytes, code: str, field: str | None
) -> None:
    """F54, F57: the refusal names code and field and has no turn_id; the next query on the connection is answered."""
    async with talk(steward.ws) as resident:
        await resident.socket.send(message)
        refusal = await resident.receive()
        assert refusal["type"] == "error"
        assert refusal["code"] == code
        assert refusal.get("field") == field
        assert refusal["content"]
        assert refusal["retryable"] is False
        assert "turn_id" not in refusal
        assert (await resident.ask("你好")).outcome == "success"


@pytest.mark.parametrize("filler", ["x", "啊"])
async def test_the_limit_of_a_frame_counts_bytes(start: Start, filler: str) -> None:
    """F58: 65,536 bytes are a frame, of which the query is too long for its own limit; one byte more closes with 1009.
    Three bytes of UTF-8 are three. F55: 1009 has a reason, and the log no traceback."""
    with start() as steward:
        for more, closes in ((-1, False), (0, False), (1, True)):
            room = 65536 + more - len('{"query": ""}')
            query = filler * (room // len(filler.encode()))
            message = '{"query": "' + query + "x" * (room - len(query.encode())) + '"}'
            assert len(message.encode()) == 65536 + more
            async with talk(steward.ws) as resident:
                await resident.socket.send(message)
                if closes:
                    await resident.socket.wait_closed()
                    assert (resident.socket.close_code, bool(resident.socket.close_reason)) == (1009, True)
                else:
                    refusal = await resident.receive()
                    assert (refusal["code"], refusal["field"]) == ("too_large", "query")
                    assert (await resident.ask("你好")).outcome == "success"
        assert "Traceback" not in steward.written()


async def test_a_frame_above_the_limit_closes_with_1009(steward: Steward) -> None:
    """F55: 64 KiB is the largest frame; one more byte ends the connection, and the server goes on."""
    async with talk(steward.ws) as resident:
        await resident.socket.send("x" * 65537)
        with pytest.raises(ConnectionClosed):
            await resident.receive()
        await resident.socket.wait_closed()
        assert resident.socket.close_code == 1009
    async with talk(steward.ws) as resident:
        assert (await resident.ask("你好")).outcome == "success"


async def test_one_more_query_waits_and_a_further_one_is_busy(start: Start) -> None:
    """While a turn runs one query waits for its turn; those beyond are refused as busy, and both turns end."""
    with start(STEWARD_TYPING_PAUSE_S="0.03") as steward:
        async with talk(steward.ws) as resident:
            for _ in range(4):
                await resident.send("查询我的物业费账单")
            frames: list[dict[str, Any]] = []
            while sum(frame.get("status") == "completed" for frame in frames) < 2:
                frames.append(await resident.receive())
    busy = [frame for frame in frames if frame.get("code") == "busy"]
    assert len(busy) == 2
    assert all(frame["retryable"] for frame in busy)
    turns = [frame["turn_id"] for frame in frames if "turn_id" in frame]
    assert turns == sorted(turns, key=turns.index), "turns do not interleave"


async def test_ping_is_answered(steward: Steward) -> None:
    """`ping` gets `pong` at any time."""
    async with talk(steward.ws) as resident:
        await resident.socket.send('{"type": "ping"}')
        assert await resident.receive() == {"type": "pong"}
