"""One connection's writer: order, whose entries, the slow client, the close (protocol, rule 3 and close codes)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

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

    def __init__(self, *, send_timeout_s: float = 10, max_entries: int = 1000) -> None:
        self.log, self.socket = MemoryLog(max_entries, 10, new_epoch=lambda: "e"), FakeSocket()
        self.connection = Connection(cast(Websocket, self.socket), self.log, send_timeout_s)
        self.writer = asyncio.create_task(self.connection.write())

    def say(self, content: str, conversation_id: str = "c1") -> None:
        self.log.append(conversation_id, "t1", Chunk(content=content, is_final=False))

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
