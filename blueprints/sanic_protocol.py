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
| the wait for a request's head, and for its body, starts again with every byte | one deadline for each of them |
| the system keeps megabytes for a client that does not read | it keeps 128 KiB |
| what a client sends in one piece with its upgrade is lost | it is the WebSocket's first bytes |

`tests/e2e/test_sanic_defects.py` shows each of them on bare Sanic: it fails once Sanic has mended it.
Next: `sanic_websocket.py`, the WebSocket.
"""

from __future__ import annotations

import asyncio
import math
import socket
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

# What the system keeps of what a client has not read yet. Linux doubles it: 128 KiB, of which half is payload, and by
# default up to 4 MB for each connection. A chat needs 64 KiB in a round trip at the very most.
_SEND_BUFFER_BYTES = 65536

# A body that says its length, a photo, may take longer by that; where it is read, its limits are told with a sentence.
_SLOWEST_BYTES_PER_S, _LARGEST_BODY_BYTES = 65536, 8 << 20

# The last part of a deadline: after a blocked loop, or in a crowd, what the client has sent in time may wait unread.
_LAST_CHANCE_S = 1.0


class SocketProtocol(WebSocketProtocol):
    """Sanic's protocol of one TCP connection, with `Socket` for its WebSocket, one deadline for each request's head and
    one for its body.

    Connections whose request's head is not complete yet are counted by peer; `socket_protocol` sets the bounds.
    """

    bounds = SocketBounds()
    unfinished: Counter[str]
    unfinished_per_peer: Callable[[str], float]
    refuses: Callable[[int], bool]

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._peer = ""
        self._deadline: asyncio.TimerHandle | None = None
        self._in_body = False
        self.request_handler = self._handle

    def connection_made(self, transport: Any) -> None:
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        super().connection_made(transport)  # type: ignore[no-untyped-call]
        self._begin()
        ours = type(self)
        taken = transport.get_extra_info("socket")
        if self.unfinished[self._peer] > ours.unfinished_per_peer(self._peer) or ours.refuses(taken.fileno()):
            transport.abort()
        else:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        between = self.http is not None and self.http.stage is Stage.IDLE
        if self.websocket is None and between and (self._deadline is None or self._in_body):
            self._end()
            self._begin()
        super().data_received(data)  # type: ignore[no-untyped-call]

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def _begin(self, *, in_body: bool = False) -> None:
        self._in_body = in_body
        if not in_body:
            self.unfinished[self._peer] += 1
        patience_s = max(0, self.bounds.handshake_timeout_s - _LAST_CHANCE_S)
        if in_body and self.http is not None:
            patience_s += min(self.http.request_bytes, _LARGEST_BODY_BYTES) / _SLOWEST_BYTES_PER_S
        self._deadline = self.loop.call_later(patience_s, self._nearly_late)

    def _nearly_late(self) -> None:
        self._deadline = self.loop.call_later(min(_LAST_CHANCE_S, self.bounds.handshake_timeout_s), self._late)

    def _late(self) -> None:
        """The time is over: what is no whole request by now is answered 408, if it has begun, and closed."""
        if self._in_body and not self._awaits_body:  # it is whole, and its handler may take as long as a turn does
            self._end()
            return
        if self._data_received.is_set():  # not yet looked at
            self._nearly_late()
            return
        self._end()
        if self._task is not None and self.http is not None:
            self.http.exception = RequestTimeout("Request Timeout")
            self._task.cancel()

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            if not self._in_body:
                self.unfinished[self._peer] -= 1
                if not self.unfinished[self._peer]:
                    del self.unfinished[self._peer]

    def _handle(self, request: Request) -> Any:
        """The head is complete. No coroutine of its own for a WebSocket: it would stay as long as that does."""
        self._end()
        return self._handle_with_body(request) if self._awaits_body else self.app.handle_request(request)

    async def _handle_with_body(self, request: Request) -> None:
        """Sanic reads the body before the handler runs; where the address has none, after its refusal."""
        self._begin(in_body=True)
        try:
            await self.app.handle_request(request)
        finally:
            if not self._awaits_body:
                self._end()

    @property
    def _awaits_body(self) -> bool:
        return self.http is not None and bool(self.http.request_body)

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
