"""A resident at a WebSocket: sends queries as the tutorial's client does and reads whole turns.

Every frame that is sent or received is checked against docs/asyncapi.yaml and the rules of a turn (`frames.py`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.support.frames import Wire


@dataclass
class Reply:
    """The frames of one turn."""

    frames: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(frame["content"] for frame in self.frames if frame["type"] == "chunk")

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == "chunk"]

    @property
    def terminal(self) -> dict[str, Any]:
        return self.frames[-1]

    @property
    def outcome(self) -> str:
        last = self.terminal
        return str(last["data"]["outcome"]) if last["type"] == "status" else str(last["code"])

    @property
    def tools(self) -> list[str]:
        return [f["data"]["tool"] for f in self.frames if f["type"] == "status" and f["status"] == "tool_calling"]


class Talk:
    """One connection. `token` is sent with every query, as the tutorial does; None sends none. What is no frame of the
    protocol is sent on `socket` itself."""

    def __init__(self, socket: ClientConnection, token: str | None) -> None:
        self.socket, self.token = socket, token
        self.everything: list[str] = []
        self.wire = Wire()

    async def send(self, query: str, **more: Any) -> None:
        frame = {"query": query, **more}
        if self.token is not None:
            frame.setdefault("token", self.token)
        await self.send_frame(frame)

    async def send_frame(self, frame: dict[str, Any]) -> None:
        """Any frame of the protocol."""
        text = json.dumps(frame, ensure_ascii=False)
        self.wire.sent(text)
        await self.socket.send(text)

    async def receive(self) -> dict[str, Any]:
        message = await self.socket.recv()
        assert isinstance(message, str)
        self.everything.append(message)
        return self.wire.received(message)

    async def ask(self, query: str, **more: Any) -> Reply:
        """Send a query and read its turn to the terminal."""
        await self.send(query, **more)
        return await self.read_turn()

    async def hello(self, **fields: Any) -> dict[str, Any]:
        """Say `hello` (`conversation_id`, `epoch`, `after`); the answer to it."""
        frame = {"type": "hello", "v": 1, **fields}
        if self.token is not None:
            frame.setdefault("token", self.token)
        await self.send_frame(frame)
        return await self.receive()

    async def until(self, **wanted: Any) -> list[dict[str, Any]]:
        """The frames up to the first one with these fields."""
        frames = [await self.receive()]
        while any(frames[-1].get(name) != value for name, value in wanted.items()):
            frames.append(await self.receive())
        return frames

    async def read_turn(self) -> Reply:
        reply = Reply()
        while True:
            frame = await self.receive()
            reply.frames.append(frame)
            if frame["type"] == "error" or frame.get("status") == "completed":
                return reply


@asynccontextmanager
async def talk(base: str, user_id: str = "user123", token: str | None = "your-token-here") -> AsyncIterator[Talk]:
    """Connect to `{base}/ws/chat/{user_id}`."""
    async with connect(f"{base}/ws/chat/{user_id}", proxy=None) as socket:
        yield Talk(socket, token)
