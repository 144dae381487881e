"""A Sanic server with a few plain WebSocket handlers, served by bare Sanic or over `SocketProtocol`; as a process.

`python tests/support/plain_server.py bare|ours` prints its port. `GET /state` says what the server knows of the newest
connection. The times of both are those of the product, shortened.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sanic import HTTPResponse, Request, Sanic, Websocket
from sanic.exceptions import WebsocketClosed
from sanic.response import json as json_response

from blueprints.sanic_protocol import socket_protocol
from blueprints.sanic_websocket import SocketBounds
from tests.support.steward import request_json

ROOT = Path(__file__).resolve().parents[2]
REQUEST_TIMEOUT_S = 1.0


@dataclass
class PlainServer:
    """A running one."""

    port: int
    pid: int

    async def state(self) -> dict[str, Any]:
        state = await asyncio.to_thread(request_json, f"http://127.0.0.1:{self.port}/state")
        assert isinstance(state, dict)
        return state

    async def until(self, **wanted: Any) -> dict[str, Any]:
        """The state, once it has these values; whatever it is after half a minute."""
        for _ in range(300):
            state = await self.state()
            if all(state[name] == value for name, value in wanted.items()):
                break
            await asyncio.sleep(0.1)
        return state


@contextmanager
def plain_server(kind: str) -> Iterator[PlainServer]:
    """Run one in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__)), kind],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield PlainServer(int(process.stdout.readline()), process.pid)
    finally:
        process.kill()
        process.communicate()


@dataclass
class _Newest:
    """The newest connection."""

    messages: list[str] = field(default_factory=list)
    protocol: Any = None
    open: bool = True


def serve(kind: str) -> None:
    """Serve until killed."""
    app: Sanic[Any, Any] = Sanic("plain", configure_logging=False)
    app.config.WEBSOCKET_PING_INTERVAL = app.config.WEBSOCKET_PING_TIMEOUT = 1
    app.config.REQUEST_TIMEOUT = int(REQUEST_TIMEOUT_S)
    app.config.WEBSOCKET_MAX_SIZE = 65536
    newest = _Newest()

    def enter(request: Request) -> _Newest:
        nonlocal newest
        newest = _Newest(protocol=request.transport.get_protocol())
        return newest

    @app.get("/state")
    async def state(_: Request) -> HTTPResponse:
        room = newest.protocol is None or newest.protocol._can_write.is_set()
        return json_response({"messages": newest.messages, "room": room, "open": newest.open})

    @app.get("/block")
    async def block(_: Request) -> HTTPResponse:
        time.sleep(2 * REQUEST_TIMEOUT_S)
        return json_response(None)

    @app.post("/body")
    async def body(request: Request) -> HTTPResponse:
        return json_response(len(request.body))

    @app.websocket("/echo")  # type: ignore[untyped-decorator]
    async def echo(request: Request, ws: Websocket) -> None:
        enter(request)
        while True:
            message = await ws.recv()
            await ws.send(message if isinstance(message, str) else "binary")

    @app.websocket("/note")  # type: ignore[untyped-decorator]
    # reads at once; a message "fill" makes it send more than the client takes
    async def note(request: Request, ws: Websocket) -> None:
        mine = enter(request)
        tasks = []
        try:
            while True:
                message = str(await ws.recv())
                if message == "fill":
                    tasks.append(asyncio.create_task(_fill(ws)))
                else:
                    mine.messages.append(message)
        finally:
            mine.open = False
            for task in tasks:
                task.cancel()

    async def _fill(ws: Websocket) -> None:
        while True:
            await ws.send("x" * 60000)

    @app.websocket("/deaf")  # type: ignore[untyped-decorator]
    # never reads
    async def deaf(request: Request, ws: Websocket) -> None:
        enter(request)
        await asyncio.sleep(3600)

    @app.websocket("/bye")  # type: ignore[untyped-decorator]
    # says goodbye, then waits for the answer
    async def bye(request: Request, ws: Websocket) -> None:
        mine = enter(request)
        try:
            await ws.close(4000, "bye")
            while True:
                await ws.recv()
        except WebsocketClosed:
            pass
        finally:
            mine.open = False

    bounds = SocketBounds(ping_interval_s=1, ping_timeout_s=1, close_timeout_s=1, handshake_timeout_s=REQUEST_TIMEOUT_S)
    protocol = socket_protocol(bounds) if kind == "ours" else None
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    app.after_server_start(lambda _: print(bound.getsockname()[1], flush=True))
    app.run(sock=bound, single_process=True, access_log=False, motd=False, protocol=protocol)


if __name__ == "__main__":
    serve(sys.argv[1])
