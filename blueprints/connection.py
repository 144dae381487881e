"""One WebSocket connection: its writer follows the log and sends, with a send timeout and the protocol's close codes.

The one reader is `chat.py`, the one writer is here: a second concurrent `recv` raises, and `ws.send` blocks for ever
on a client that does not read. Next: `chat.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog
from sanic import Websocket
from sanic.exceptions import ServerError, WebsocketClosed
from websockets.exceptions import ConnectionClosed

from agent.ports import EventLog
from schemas.conversation import Entry
from schemas.frames import Frame, encode_frame

log = structlog.get_logger(__name__)

# Answers to a client's own frames that it has not read yet; one who asks on without reading is dropped.
_MAX_DIRECT = 256
_MAX_PLACES = 64  # conversations that one connection has been to; one left longer ago is as one never followed
_RESUME_CLOSE = 4409  # of the range that says: reconnect
# How the two kinds of chunks look as sent; quotes within a text are escaped, so no content can look like it.
_CHUNK, _CLOSES = '"type":"chunk"', '"is_final":true'


class Connection:
    """Sends what is put with `send`, and the entries of the conversation it was told to `follow`, in their order.

    `whole`: the client has sent `hello` and gets every type of frame; until then only those it must know, and a bubble
    of its stays open for `bubble_s` at least, in which the tutorial's React component draws it: one that is closed
    before that makes the component fail (docs/tutorial.md).
    """

    def __init__(self, ws: Websocket, entries: EventLog, send_timeout_s: float, bubble_s: float) -> None:
        self._ws, self._entries, self._send_timeout_s, self._bubble_s = ws, entries, send_timeout_s, bubble_s
        self._bubble_since: float | None = None
        self._direct: deque[str] = deque()
        self._wake = asyncio.Event()
        self._conversation_id = ""
        self._seq = 0
        self._places: dict[str, tuple[str, int]] = {}  # epoch and last entry of conversations that were left
        self._leave: Callable[[], None] = _nothing
        self._close: tuple[int, str] | None = None
        self._gone = False
        self.whole = False

    @property
    def seq(self) -> int:
        """The last entry of the followed conversation that was sent or is being sent."""
        return self._seq

    def send(self, frame: Frame) -> None:
        """A frame outside any turn: an answer to this connection alone."""
        if len(self._direct) >= _MAX_DIRECT and self._close is None:
            self._direct.clear()
            self.close(1008, "answers are not being read")
        self._put(encode_frame(frame))

    def follow(self, conversation_id: str, after: int | None = None) -> None:
        """From now on send the entries of this conversation later than `after` (its new ones where that is None), and
        of no other.

        What the former conversation's log has by now was meant for this client and is still sent; nothing later is,
        until a client with `hello` comes back to it: from there on, for it may not see a gap.
        With `after` a conversation that is followed already starts again from there.
        """
        if self._gone or (conversation_id == self._conversation_id and after is None):
            return
        self._leave()
        if conversation_id != self._conversation_id and self._conversation_id:
            for entry in self._entries.after(self._conversation_id, self._seq):
                self._put_entry(entry)
            left = self._entries.epoch(self._conversation_id), self._entries.last_seq(self._conversation_id)
            self._places[self._conversation_id] = left
            if len(self._places) > _MAX_PLACES:
                del self._places[next(iter(self._places))]
        if after is None:
            after = self._entries.last_seq(conversation_id)
            if self.whole and conversation_id in self._places:
                epoch, after = self._places[conversation_id]
                if epoch != self._entries.epoch(conversation_id):
                    self._lose_place()
                    return
        self._conversation_id, self._seq = conversation_id, after
        self._leave = self._entries.follow(conversation_id, self._wake.set)
        self._wake.set()

    def replay(self, conversation_id: str, turn_id: str) -> bool:
        """Follow the conversation and send once more what was sent already of this turn; where nothing of the
        conversation was, all from the turn's beginning on. False where the log does not surely have that beginning,
        which may be before the first entry that is kept."""
        entries = self._entries.after(conversation_id, 0)
        kept = [entry for entry in entries if entry.turn_id == turn_id]
        begins = bool(kept) and (kept[0] is not entries[0] or kept[0].seq == 1)
        known = conversation_id == self._conversation_id or (self.whole and conversation_id in self._places)
        self.follow(conversation_id, kept[0].seq - 1 if begins and not known else None)
        if not begins:
            return False
        for entry in kept:
            if entry.seq <= self._seq:
                self._put_entry(entry)
        return True

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
                while batch := self._next():
                    for text in batch:
                        if not self.whole and _CHUNK in text:
                            await self._keep_open(text)
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

    async def _keep_open(self, chunk: str) -> None:
        """Waits before the chunk that closes a bubble until that has been open for `bubble_s`."""
        now = asyncio.get_running_loop().time()
        if _CLOSES not in chunk:
            self._bubble_since = now if self._bubble_since is None else self._bubble_since
        elif self._bubble_since is not None:
            await asyncio.sleep(self._bubble_since + self._bubble_s - now)
            self._bubble_since = None

    def _next(self) -> Sequence[str]:
        """What is to be sent now: answers first, then entries as far as the log has them."""
        if self._direct:
            batch = list(self._direct)
            self._direct.clear()
            return batch
        entries = self._entries.after(self._conversation_id, self._seq) if self._conversation_id else ()
        if not entries:
            return ()
        if entries[0].seq != self._seq + 1:
            log.warning("log_overrun", conversation_id=self._conversation_id, missed=entries[0].seq - self._seq - 1)
            if self.whole:
                self._lose_place()
                return ()
        self._seq = entries[-1].seq
        return [entry.text for entry in entries if self.whole or entry.known] or self._next()

    def _lose_place(self) -> None:
        """Entries were missed by a client that may not see a gap: it gets no other, comes back and is told so."""
        self._leave()
        self._gone, self._conversation_id = True, ""
        self.close(_RESUME_CLOSE, "resume: entries were missed")

    def _put_entry(self, entry: Entry) -> None:
        if self.whole or entry.known:
            self._put(entry.text)

    def _put(self, text: str) -> None:
        self._direct.append(text)
        self._wake.set()


def _nothing() -> None:
    """The connection follows nothing yet."""
