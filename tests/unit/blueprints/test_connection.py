"""One connection's writer: order, whose entries, the slow client, the close (protocol, rule 3 and close codes)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from sanic import Websocket
from sanic.exceptions import WebsocketClosed

from blueprints.connection import Connection
from integrations.stores.memory_log import MemoryLog
from schemas.frames import Chunk, Pong


class FakeSocket:
    """What the writer needs of a WebSocket; `gate` lets `send` hang, `gone` makes it fail."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.closed: list[int] = []
        self.failed: list[int] = []
        self.gate: asyncio.Event | None = None
        self.gone = False

    async def send(self, text: str) -> None:
        if self.gone:
            raise WebsocketClosed("gone")
        if self.gate is not None:
            await self.gate.wait()
        self.sent.append(json.loads(text))

    async def close(self, code: int, reason: str) -> None:
        self.closed.append(code)

    def fail_connection(self, code: int, reason: str) -> None:
        self.failed.append(code)

    @property
    def contents(self) -> list[str]:
        return [frame.get("content", frame["type"]) for frame in self.sent]


class Line:
    """A connection with its writer running."""

    def __init__(self, *, send_timeout_s: float = 10, max_entries: int = 1000, bubble_s: float = 0) -> None:
        self.log, self.socket = MemoryLog(max_entries, 10, new_epoch=lambda: "e"), FakeSocket()
        self.connection = Connection(cast(Websocket, self.socket), self.log, send_timeout_s, bubble_s)
        self.writer = asyncio.create_task(self.connection.write())

    def say(self, content: str, conversation_id: str = "c1") -> None:
        self.log.append(conversation_id, "t1", Chunk(content=content, is_final=False))

    def close_bubble(self) -> None:
        self.log.append("c1", "t1", Chunk(content="", is_final=True))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0)

    async def close(self) -> None:
        self.connection.close(1012, "over")
        async with asyncio.timeout(10):
            await self.writer


async def test_entries_are_sent_once_in_their_order() -> None:
    """From `follow` on; what was before is not sent again."""
    line = Line()
    line.say("old")
    line.connection.follow("c1")
    for number in range(5):
        line.say(str(number))
    line.connection.follow("c1")
    await line.close()
    assert line.socket.contents == ["0", "1", "2", "3", "4"]
    assert line.socket.closed == [1012]


async def test_another_conversations_entries_are_not_sent() -> None:
    """Neither those of one that was never followed nor those of the one that was left."""
    line = Line()
    line.connection.follow("c1")
    line.say("foreign", "c2")
    line.say("mine")
    await line.until(lambda: line.socket.contents == ["mine"])
    line.connection.follow("c3")
    line.say("left behind")
    line.say("new", "c3")
    await line.close()
    assert line.socket.contents == ["mine", "new"]


async def test_what_was_logged_before_the_change_of_conversation_is_still_sent() -> None:
    """The end of a turn is not lost because the next query belongs to another conversation."""
    line = Line()
    line.connection.follow("c1")
    line.say("the end")
    line.connection.follow("c2")
    line.say("new", "c2")
    await line.close()
    assert line.socket.contents == ["the end", "new"]


async def test_everything_put_before_a_close_is_sent_first() -> None:
    """Answers to this connection alone and entries of the log."""
    line = Line()
    line.connection.follow("c1")
    line.say("entry")
    line.connection.send(Pong())
    await line.close()
    assert sorted(line.socket.contents) == ["entry", "pong"]


async def test_a_client_that_does_not_read_is_dropped() -> None:
    """After the send timeout; the writer ends and follows nothing any more."""
    line = Line(send_timeout_s=0.01)
    line.socket.gate = asyncio.Event()
    line.connection.send(Pong())
    async with asyncio.timeout(10):
        await line.writer
    assert line.socket.failed == [1008]


async def test_a_writer_that_has_ended_leaves_no_follower_behind() -> None:
    """Nor does a query that was under way when the client left: its conversation could never be forgotten."""
    line = Line()
    line.connection.follow("c1")
    line.socket.gone = True
    line.say("too late")
    async with asyncio.timeout(10):
        await line.writer
    line.connection.follow("c2")
    followed = [key for key, lane in line.log._lanes.items() if lane.followers]
    assert followed == []


async def test_a_client_that_is_too_far_behind_gets_what_is_left() -> None:
    """The log keeps the newest entries; the gap shows in `seq`."""
    line = Line(max_entries=3)
    line.connection.follow("c1")
    for number in range(10):
        line.say(str(number))
    await line.close()
    assert [frame["seq"] for frame in line.socket.sent] == [8, 9, 10]


async def test_a_client_with_hello_that_is_too_far_behind_gets_none_of_what_is_left() -> None:
    """It may not see a gap: closed with 4409, it comes back and is told; and nothing later is sent before the close."""
    line = Line(max_entries=3)
    line.connection.whole = True
    line.connection.follow("c1")
    line.say("first")
    await line.until(lambda: line.socket.contents == ["first"])
    for number in range(10):
        line.say(str(number))
    async with asyncio.timeout(10):
        await line.writer
    assert line.socket.contents == ["first"]
    assert line.socket.closed == [4409]
    assert line.connection.seq == 1, "what it has is what it was sent"
    line.connection.follow("c2")
    assert [key for key, lane in line.log._lanes.items() if lane.followers] == []


@pytest.mark.parametrize("whole", [True, False])
async def test_who_comes_back_to_a_conversation_goes_on_where_he_left_it(whole: bool) -> None:
    """Rule 3: with `hello` without a gap; the tutorial's client is sent what is new."""
    line = Line()
    line.connection.whole = whole
    line.connection.follow("c1")
    line.say("one")
    line.connection.follow("c2")
    line.say("two")
    line.say("three", "c2")
    line.connection.follow("c1")
    line.say("four")
    await line.close()
    assert line.socket.contents == (["one", "three", "two", "four"] if whole else ["one", "three", "four"])


async def test_a_resume_elsewhere_still_sends_what_was_logged_before_it() -> None:
    """`follow` with a place in another conversation leaves nothing of the former one unsent."""
    line = Line()
    line.say("old", "c2")
    line.connection.follow("c1")
    line.say("the end")
    line.connection.follow("c2", 0)
    await line.close()
    assert line.socket.contents == ["the end", "old"]


async def test_who_comes_back_to_a_log_that_was_lost_is_sent_away_to_resume() -> None:
    """Another numbering has begun: closed with 4409, and nothing of it is sent as if it followed."""
    line = Line()
    line.connection.whole = True
    line.connection.follow("c1")
    line.say("one")
    line.connection.follow("c2")
    del line.log._lanes["c1"]
    line.log._new_epoch = lambda: "another"
    line.say("other")
    line.connection.follow("c1")
    line.say("more")
    async with asyncio.timeout(10):
        await line.writer
    assert line.socket.contents == ["one"]
    assert line.socket.closed == [4409]


@pytest.mark.parametrize(("kept", "whole"), [(10, True), (3, False), (2, False)])
def test_a_turn_whose_beginning_may_be_gone_is_not_sent_again(kept: int, whole: bool) -> None:
    """Entries 3 to 5 are the turn's; of the log the newest so many are kept."""
    log = MemoryLog(1000, 10, new_epoch=lambda: "e")
    for number in range(5):
        log.append("c1", "t0" if number < 2 else "t1", Chunk(content=str(number), is_final=False))
    lane = log._lanes["c1"]
    gone = max(0, 5 - kept)
    del lane.entries[:gone]
    lane.first += gone
    connection = Connection(cast(Websocket, FakeSocket()), log, 10, 0)
    connection.follow("c1")
    assert connection.replay("c1", "t1") is whole


async def test_a_turn_of_another_conversation_comes_with_all_that_followed_it() -> None:
    """A repeated query led there: from the turn's beginning without a gap, what is live included."""
    line = Line()
    line.connection.whole = True
    line.connection.follow("c1")
    for turn_id, content in (("t0", "before"), ("t1", "the turn"), ("t2", "running")):
        line.log.append("c2", turn_id, Chunk(content=content, is_final=False))
    assert line.connection.replay("c2", "t1")
    line.say("live", "c2")
    await line.close()
    assert line.socket.contents == ["the turn", "running", "live"]


async def test_a_bubble_stays_open_until_a_client_of_the_tutorial_can_have_drawn_it() -> None:
    """Its React component reads the bubble when it draws; a bubble that was closed by then is null to it. What comes
    before the closing chunk is not held back."""
    line = Line(bubble_s=3600)
    line.connection.follow("c1")
    line.say("one")
    line.say('"is_final":true')
    line.close_bubble()
    await line.until(lambda: len(line.socket.sent) == 2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert line.socket.contents == ["one", '"is_final":true']
    line.writer.cancel()


async def test_a_bubble_is_closed_once_its_time_is_over_and_the_next_has_its_own() -> None:
    """Nothing is lost by the wait."""
    line = Line(bubble_s=0.01)
    line.connection.follow("c1")
    for content in ("one", "two"):
        line.say(content)
        line.close_bubble()
    await line.until(lambda: len(line.socket.sent) == 4)
    assert line.socket.contents == ["one", "", "two", ""]
    assert [frame["is_final"] for frame in line.socket.sent] == [False, True, False, True]
    await line.close()


async def test_a_client_with_hello_gets_the_closing_chunk_at_once() -> None:
    """It knows the protocol."""
    line = Line(bubble_s=3600)
    line.connection.whole = True
    line.connection.follow("c1")
    line.say("one")
    line.close_bubble()
    await line.until(lambda: len(line.socket.sent) == 2)
    await line.close()
