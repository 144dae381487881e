"""Connections as Sanic should serve them: works around the defects of Sanic 25.12.1 that are named here, no others.

| of bare Sanic 25.12.1 (`server/websockets`, `server/protocols`) | here |
|---|---|
| each read is dealt with in a task: with a full write buffer later messages overtake earlier ones | at once, in order |
| invalid UTF-8 is lost with the task that decodes it, the connection stays open | close 1007 |
| the second unread message stops all reading, pongs included: a healthy client is closed with 1011 | it reads on |
| pings are answered without end into a buffer that nobody reads | 10 control frames/s, 20 at once, then 1008 |
| no bound on the fragments of a message, nor on the time they take | 64 and 10 s, then 1008 |
| `send` and keepalive share a lock: a client that does not read is never found dead | no lock |
| a peer that never answers `close` stays | it is cut off after a while |
| the wait for a request starts again with every byte | one deadline from its first byte |
| what a client sends in one piece with its upgrade is lost | it is the WebSocket's first bytes |

`tests/e2e/test_sanic_defects.py` shows each of them on bare Sanic: it fails once Sanic has mended it.
Next: `sanic_websocket.py`, the WebSocket.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from sanic import Request
from sanic.exceptions import RequestTimeout, SanicException
from sanic.http import Stage
from sanic.log import websockets_logger
from sanic.server.protocols.websocket_protocol import WebSocketProtocol
from sanic.server.websockets.impl import WebsocketImplProtocol
from websockets.protocol import State
from websockets.server import ServerProtocol

from blueprints.sanic_websocket import Socket, SocketBounds


class SocketProtocol(WebSocketProtocol):
    """Sanic's protocol of one TCP connection, with `Socket` for its WebSocket and one deadline for each request's head.

    Connections that have not completed a request yet are counted by peer; `socket_protocol` sets the bounds.
    """

    bounds = SocketBounds()
    unfinished: Counter[str]
    unfinished_per_peer: Callable[[str], float]
    refuses: Callable[[int], bool]

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._peer = ""
        self._deadline: asyncio.TimerHandle | None = None
        self.request_handler = self._handle

    def connection_made(self, transport: Any) -> None:
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        super().connection_made(transport)  # type: ignore[no-untyped-call]
        self._begin()
        ours = type(self)
        number = transport.get_extra_info("socket").fileno()
        if self.unfinished[self._peer] > ours.unfinished_per_peer(self._peer) or ours.refuses(number):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        between = self.http is not None and self.http.stage is Stage.IDLE
        if self.websocket is None and self._deadline is None and between:
            self._begin()
        super().data_received(data)  # type: ignore[no-untyped-call]

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def _begin(self) -> None:
        self.unfinished[self._peer] += 1
        self._deadline = self.loop.call_later(self.bounds.handshake_timeout_s, self._late)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            self.unfinished[self._peer] -= 1
            if not self.unfinished[self._peer]:
                del self.unfinished[self._peer]

    def _handle(self, request: Request) -> Any:
        """The head is complete. No coroutine of its own: one would stay as long as the WebSocket does."""
        self._end()
        return self.app.handle_request(request)

    def _late(self) -> None:
        """The time is over: what is no whole request by now is answered 408, if it has begun, and closed."""
        self._end()
        if self._task is not None and self.http is not None:
            self.http.exception = RequestTimeout("Request Timeout")
            self._task.cancel()

    async def websocket_handshake(self, request: Request, subprotocols: Any = None) -> WebsocketImplProtocol:
        """Sanic's own, but for the class of its WebSocket. No extension is offered: nothing is ever decompressed."""
        ws_proto = ServerProtocol(max_size=self.bounds.max_message_bytes, state=State.OPEN, logger=websockets_logger)
        response = ws_proto.accept(self.sanic_request_to_ws_request(request))
        if response.status_code != 101:
            raise SanicException(response.body.decode(errors="replace"), response.status_code)
        await self.send(response.serialize())  # type: ignore[no-untyped-call]
        self.websocket = Socket(ws_proto, self, self.bounds)
        early = bytes(self.recv_buffer)
        self.recv_buffer.clear()
        if early:
            self.websocket.data_received(early)
        return self.websocket


def socket_protocol(
    bounds: SocketBounds,
    *,
    unfinished_per_peer: Callable[[str], float] = lambda _: math.inf,
    refuses: Callable[[int], bool] = lambda _: False,
) -> type[SocketProtocol]:
    """The class that Sanic is given. `unfinished_per_peer` says how many connections without a complete request a peer
    of that address may have; `refuses` whether a connection with this file descriptor is closed at once."""
    given = {
        "bounds": bounds,
        "unfinished": Counter(),
        "unfinished_per_peer": staticmethod(unfinished_per_peer),
        "refuses": staticmethod(refuses),
    }
    return type("BoundSocketProtocol", (SocketProtocol,), given)
