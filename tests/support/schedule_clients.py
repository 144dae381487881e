"""Clients of a `House` as docs/protocol.md tells one to be, on sockets that can be cut at any byte.

Each compares what it gets with what the log ever had. Next: `schedules.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from sanic import Websocket
from sanic.exceptions import WebsocketClosed

from blueprints.connection import Connection
from blueprints.intake import Intake
from schemas.client_frames import Ping, decode_frame
from schemas.errors import FrameRefused
from schemas.frames import Frame, Pong, Snapshot, error_frame
from tests.support.frames import Wire
from tests.support.schedule_house import Dice, House


class Socket:
    """A WebSocket that is cut once `left` more bytes have got through; a frame that they end in is not received."""

    def __init__(self, receive: Callable[[str], None], dice: Dice) -> None:
        self._receive, self._dice = receive, dice
        self.left: int | None = None
        self.code: int | None = None
        self.sending = False

    async def send(self, text: str) -> None:
        self.sending = True
        await self._dice.give_way(2)
        size = len(text.encode())
        if self.code is not None or (self.left is not None and self.left < size):
            self.left = 0 if self.left is not None else None
            raise WebsocketClosed("cut")
        if self.left is not None:
            self.left -= size
        self._receive(text)
        await self._dice.give_way(1)
        self.sending = False

    async def close(self, code: int, reason: str) -> None:
        self.code = code

    def fail_connection(self, code: int, reason: str) -> None:
        self.code = code


@dataclass
class _Place:
    """How far a client has a conversation."""

    epoch: str | None = None
    after: int | None = None


class Client:
    """A client as docs/protocol.md tells one to be. `hello`: it knows the whole protocol; else the tutorial's."""

    def __init__(self, house: House, *, hello: bool) -> None:
        self.house, self.hello = house, hello
        self.conversation_id: str | None = None
        self.places: dict[str, _Place] = {}
        self.names = itertools.count()
        self.last: dict[str, Any] | None = None
        self.approval_id: str | None = None
        self.wrong: list[str] = []
        self.line: _Line | None = None
        self.told: tuple[str, str] | None = None  # the conversation and epoch of a hello that names a place
        self.lost = 0
        self.frames: list[dict[str, Any]] = []
        self.since = 0  # how many of the frames earlier connections had

    def connect(self) -> None:
        if self.line is None:
            self.line, self.since = _Line(self), len(self.frames)
            if self.hello:
                # another one that a query leads to is live from there on, whatever an earlier connection had of it
                place = self.places.get(self.conversation_id or "", _Place())
                self.places = {self.conversation_id: place} if self.conversation_id is not None else {}
                known = {"conversation_id": self.conversation_id, "epoch": place.epoch, "after": place.after}
                told = {name: value for name, value in known.items() if value is not None}
                if self.conversation_id is not None and place.epoch is not None and place.after is not None:
                    self.told = (self.conversation_id, place.epoch)
                self.put({"type": "hello", "v": 1, "token": "anna", **told})

    def put(self, frame: dict[str, Any]) -> None:
        if self.line is not None:
            self.line.put(frame)

    def ask(self, query: str) -> None:
        frame = {"query": query, "token": "anna", "client_msg_id": f"{id(self)}-{next(self.names)}"}
        if self.conversation_id is not None:
            frame["conversation_id"] = self.conversation_id
        self.last = frame
        self.put(frame)

    def received(self, frame: dict[str, Any], text: str) -> None:
        self.frames.append(frame)
        if frame["type"] == "ready":
            self.conversation_id = frame["conversation_id"]
            place = self.places.setdefault(frame["conversation_id"], _Place())
            self.wrong += [f"recovered another epoch than {place}"] * (
                frame["recovered"] and place.epoch not in (None, frame["epoch"])
            )
            if not frame["recovered"] and self.told == (frame["conversation_id"], frame["epoch"]):
                reached = self.house.log.reaches(frame["conversation_id"], place.after or 0)
                self.wrong += [f"told that it is lost, and the log reaches back to {place}"] * reached
            self.told = None
            place.epoch = frame["epoch"]
            if not frame["recovered"]:
                place.after = None
                self.lost += 1
            elif place.after is None:
                place.after = 0
            for card in frame["approvals"]:
                self.approval_id = card["approval_id"]
        elif frame["type"] == "snapshot":
            self._snapshot(frame)
        elif frame.get("field") == "conversation_id" and self.conversation_id is not None:
            self._begin_anew()
        elif "seq" in frame:
            self.conversation_id = self.conversation_id or frame["conversation_id"]
            if frame["type"] == "approval":
                self.approval_id = frame["approval_id"]
            if self.hello:
                self._entry(frame["conversation_id"], frame["seq"], text)

    def _begin_anew(self) -> None:
        """Nothing was ever said in that conversation, or it is gone."""
        self.conversation_id, self.places, self.told = None, {}, None
        if self.hello:
            self.put({"type": "hello", "v": 1, "token": "anna"})

    def _entry(self, conversation_id: str, seq: int, text: str) -> None:
        place = self.places.get(conversation_id)
        if place is None:  # a query of another tab's conversation, or a repeated one, led here: live from now on
            place = self.places[conversation_id] = _Place(None, seq - 1)
        if place.after is None:
            self.wrong.append(f"entry {seq} where a snapshot was due")
        elif seq > place.after + 1:
            self.wrong.append(f"entry {seq} after {place}")
        place.after = max(seq, place.after or 0)
        epoch = place.epoch or self.house.log.epoch(conversation_id)
        ever = self.house.log.ever[(conversation_id, epoch)]
        if ever[seq - 1].text != text:
            self.wrong.append(f"entry {seq} of {conversation_id} is not the log's: {text}")

    def _snapshot(self, frame: dict[str, Any]) -> None:
        place = self.places.setdefault(frame["conversation_id"], _Place(None, frame["seq"]))
        if place.after is not None and frame["seq"] > place.after:
            self.wrong.append(f"a snapshot jumps from {place} to {frame['seq']}")
        place.after = max(place.after or 0, frame["seq"])


class _Checked(Connection):
    """Compares a snapshot, in the moment in which it is made, with all that the log ever had of its turn."""

    client: Client

    def send(self, frame: Frame) -> None:
        if isinstance(frame, Snapshot):
            entries = self.client.house.log.in_order.get(frame.conversation_id or "", [])
            said = "".join(f["content"] for f in entries if f["turn_id"] == frame.turn_id and f["type"] == "chunk")
            if frame.content != said:
                self.client.wrong.append(f"the snapshot is {frame}, the log has {said!r}")
        super().send(frame)


class _Line:
    """One connection of a client: intake, writer and a socket."""

    def __init__(self, client: Client) -> None:
        self.client, house = client, client.house
        self.wire = Wire()
        self.socket = Socket(self._receive, house.dice)
        self.connection = _Checked(cast(Websocket, self.socket), house.log, 10, 0)
        self.connection.client = client
        self.intake = Intake(house.gateway, self.connection, "anna")
        self.writer = asyncio.create_task(self.connection.write())

    def put(self, frame: dict[str, Any]) -> None:
        """As `blueprints/chat.py` does."""
        text = json.dumps(frame)
        self.wire.sent(text)
        try:
            decoded = decode_frame(text, max_query_chars=4000)
            if isinstance(decoded, Ping):
                self.connection.send(Pong())
            else:
                self.intake.put(decoded)
        except FrameRefused as refused:
            self.connection.send(error_frame(refused.code, refused.key, field=refused.field))

    def _receive(self, text: str) -> None:
        try:
            frame = self.wire.received(text)
        except AssertionError as error:
            self.client.wrong.append(f"{error}: {text}")
            frame = json.loads(text)
        self.client.received(frame, text)

    @property
    def busy(self) -> bool:
        """Whether frames of the client's or the server's are under way."""
        working = self.intake._worker is not None and not self.intake._worker.done()
        return working or (not self.writer.done() and (self.socket.sending or self.connection._wake.is_set()))

    async def end(self) -> None:
        self.intake.close()
        self.writer.cancel()
        await asyncio.gather(self.writer, return_exceptions=True)
