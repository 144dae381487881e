"""A gateway that a test plays, frame by frame, on a real socket: for clients of the protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.support.frames import Wire, check_frame

LIMITS = {"max_query_chars": 4000, "max_frame_bytes": 65536, "attachments": {"max": 0, "max_bytes": 0, "types": []}}
CARD = {
    "approval_id": "a1",
    "tool": "createRepair",
    "summary": "提交报修单",
    "arguments": [{"label": "标题", "text": "厨房漏水"}],
    "expires_at": "2999-01-01T00:00:00Z",
}
_USAGE = {"input_tokens": 0, "output_tokens": 0, "steps": 1, "tool_calls": 0}

Part = Callable[["Player"], Awaitable[None]]


class Player:
    """One connection as the test plays it. Everything in either direction is checked against docs/asyncapi.yaml."""

    def __init__(self, socket: ServerConnection, seq: int) -> None:
        self.socket, self.seq = socket, seq
        self.wire = Wire()

    async def receive(self) -> dict[str, Any]:
        """The client's next frame; its pings are answered."""
        while True:
            text = await self.socket.recv()
            assert isinstance(text, str)
            self.wire.sent(text)
            frame = check_frame("to_server", text)
            if frame.get("type") != "ping":
                return frame
            await self.send(type="pong")

    async def send(self, **frame: Any) -> None:
        text = json.dumps(frame, ensure_ascii=False)
        self.wire.received(text)
        await self.socket.send(text)

    async def ready(self, *, recovered: bool = True, **more: Any) -> dict[str, Any]:
        """Answer the client's hello, which is returned."""
        hello = await self.receive()
        assert hello["type"] == "hello"
        frame = {
            "conversation_id": "c",
            "seq": self.seq,
            "v": 1,
            "epoch": "e",
            "approvals": [],
            "limits": LIMITS,
            **more,
        }
        await self.send(type="ready", recovered=recovered, **frame)
        return hello

    async def entry(self, type_: str, turn_id: str, **fields: Any) -> None:
        """The next entry of the log."""
        self.seq += 1
        await self.send(type=type_, conversation_id="c", turn_id=turn_id, seq=self.seq, **fields)

    async def thinking(self, turn_id: str, **names: str) -> None:
        await self.entry("status", turn_id, status="thinking", data={"message": "正在思考...", **names})

    async def words(self, turn_id: str, *pieces: str) -> None:
        """A bubble in these pieces, closed."""
        for piece in pieces:
            await self.entry("chunk", turn_id, content=piece, is_final=False)
        await self.entry("chunk", turn_id, content="", is_final=True)

    async def completed(self, turn_id: str, outcome: str = "success") -> None:
        data = {"message": "回答完成", "outcome": outcome, "usage": _USAGE}
        await self.entry("status", turn_id, status="completed", data=data)

    async def until_left(self) -> int:
        """Wait until the client closes; its close code."""
        try:
            unexpected = await self.receive()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else 1006
        raise AssertionError(f"the client sent {unexpected} and should have left")


class PlayedGateway:
    """`async with PlayedGateway(first, second, ...) as gateway:` one part for each connection, in their order. `played`
    waits until all were played and raises what went wrong in one."""

    def __init__(self, *parts: Part) -> None:
        self._parts = list(parts)
        self._seq = 0
        self._over = asyncio.get_running_loop().create_future()
        self._server: Server | None = None

    async def __aenter__(self) -> PlayedGateway:
        self._server = await serve(self._connection, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()
        if self._over.done():
            self._over.exception()  # what was not asked for by `played` is no unread exception

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def played(self) -> None:
        await self._over

    async def _connection(self, socket: ServerConnection) -> None:
        try:
            assert self._parts, f"one connection too many: {socket.request and socket.request.path}"
            player = Player(socket, self._seq)
            await self._parts.pop(0)(player)
            self._seq = player.seq
            if not self._parts and not self._over.done():
                self._over.set_result(None)
        except BaseException as error:
            if not self._over.done():
                self._over.set_exception(error)
            raise
