"""One WebSocket connection: its writer follows the log and sends, with a send timeout and the protocol's close codes.

The one reader is `chat.py`, the one writer is here: a second concurrent `recv` raises, and `ws.send` blocks for ever
on a client that does not read. Next: `chat.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog
from sanic import Websocket
from sanic.exceptions import ServerError, WebsocketClosed
from websockets.exceptions import ConnectionClosed

from agent.ports import EventLog
from schemas.frames import Frame, encode_frame

log = structlog.get_logger(__name__)


class Connection:
    """Sends what is put with `send`, and the entries of the conversation it was told to `follow`, in their order."""

    def __init__(self, ws: Websocket, entries: EventLog, send_timeout_s: float) -> None:
        self._ws, self._entries, self._send_timeout_s = ws, entries, send_timeout_s
        self._direct: deque[str] = deque()
        self._wake = asyncio.Event()
        self._conversation_id = ""
        self._seq = 0
        self._leave: Callable[[], None] = _nothing
        self._close: tuple[int, str] | None = None
        self._gone = False

    def send(self, frame: Frame) -> None:
        """A frame outside any turn: an answer to this connection alone."""
        self._direct.append(encode_frame(frame))
        self._wake.set()

    def follow(self, conversation_id: str) -> None:
        """From now on send the new entries of this conversation, and of no other.

        What the former conversation's log has by now was meant for this client and is still sent; nothing later is.
        """
        if conversation_id == self._conversation_id or self._gone:
            return
        self._leave()
        self._direct.extend(entry.text for entry in self._entries.after(self._conversation_id, self._seq))
        self._conversation_id, self._seq = conversation_id, self._entries.last_seq(conversation_id)
        self._leave = self._entries.follow(conversation_id, self._wake.set)

    def close(self, code: int, reason: str) -> None:
        """Close once everything put so far is sent."""
        self._close = (code, reason)
        self._wake.set()

    async def write(self) -> None:
        """The writer: runs until the connection is gone or closed by us."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while text := self._next():
                    async with asyncio.timeout(self._send_timeout_s):
                        await self._ws.send(text)
                if self._close is not None and not self._direct:
                    await self._ws.close(*self._close)
                    return
        except TimeoutError:
            log.warning("slow_client_dropped", timeout_s=self._send_timeout_s)
            self._ws.fail_connection(1008, "frames are not being read")
        except (WebsocketClosed, ConnectionClosed, ServerError):
            pass  # the client has gone; the turn goes on without it
        finally:
            self._gone = True
            self._leave()

    def _next(self) -> str | None:
        if self._direct:
            return self._direct.popleft()
        entries = self._entries.after(self._conversation_id, self._seq) if self._conversation_id else ()
        if not entries:
            return None
        if entries[0].seq != self._seq + 1:
            log.warning("log_overrun", conversation_id=self._conversation_id, missed=entries[0].seq - self._seq - 1)
        self._seq = entries[0].seq
        return entries[0].text


def _nothing() -> None:
    """The connection follows nothing yet."""
