"""Schedules of connects, queries, answers, cuts and forgetting against the real intake, connections, runner and log, in
one process; and the judge: what every client received is what the log had.

A schedule is a list of steps, each a word and its arguments (`STEPS`). Stores, tools and model give way to others so
often as the dice say, so that every interleaving can happen; sockets can be cut between any two frames.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from sanic import Websocket
from sanic.exceptions import WebsocketClosed

from agent.recovery import Recovery
from agent.turns import TurnRunner
from blueprints.connection import Connection
from blueprints.gateway import Gateway
from blueprints.intake import Intake
from integrations.stores.memory_log import MemoryLog
from schemas.client_frames import Ping, decode_frame
from schemas.conversation import Conversation, Entry
from schemas.deadline import Deadline
from schemas.errors import FrameRefused
from schemas.frames import AttachmentLimits, Frame, Limits, Pong, Snapshot, error_frame
from schemas.model import ModelEnd, ModelRequest
from schemas.tool import Caller, Identity, PreparedCall, ToolCall, ToolResult
from schemas.turn import TextDelta
from tests.support.fakes import FakeTool, FakeToolset, FakeToolsets, StoppedClock, ids, make_outside, well_formed
from tests.support.frames import Wire
from tests.support.limits import guard
from tests.support.memory_stores import MemoryApprovals, MemoryConversations, MemoryTurns, MemoryUploads

WINDOW_S = 600.0
NOW = datetime(2025, 3, 14, tzinfo=UTC)
Step = tuple[Any, ...]


class Dice:
    """How often whoever waits lets others go first."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - dice of a test

    async def give_way(self, most: int = 4) -> None:
        for _ in range(self._random.randint(0, most)):
            await asyncio.sleep(0)


class SlowStore:
    """A store whose every answer takes a while, before and after its work is done, as one on a disk."""

    def __init__(self, store: Any, dice: Dice) -> None:
        self._store, self._dice = store, dice

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not asyncio.iscoroutinefunction(method):
            return method

        async def slowly(*args: Any) -> Any:
            async def work() -> Any:
                await self._dice.give_way()
                return await method(*args)

            result = await asyncio.shield(asyncio.ensure_future(work()))  # a disk finishes what it began
            await self._dice.give_way()
            return result

        return slowly


class RecordingLog(MemoryLog):
    """Remembers every entry that ever was, by conversation and numbering."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.ever: dict[tuple[str, str], list[Entry]] = {}
        self.in_order: dict[str, list[dict[str, Any]]] = {}

    def append(self, conversation_id: str, turn_id: str, frame: Frame) -> Entry:
        entry = super().append(conversation_id, turn_id, frame)
        self.ever.setdefault((conversation_id, self.epoch(conversation_id)), []).append(entry)
        self.in_order.setdefault(conversation_id, []).append(json.loads(entry.text))
        return entry


class Parrot:
    """`order ...` asks for a write, `look ...` for a read, anything else is repeated in pieces, the last one when the
    gate is open."""

    def __init__(self, dice: Dice) -> None:
        self._dice, self._numbers = dice, itertools.count()
        self.gate = asyncio.Event()
        self.gate.set()
        self.histories: list[Sequence[Any]] = []

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ToolCall | ModelEnd]:
        self.histories.append(request.messages)
        last = request.messages[-1]
        word = str(last["content"]).split()[0]
        await self._dice.give_way()
        if last["role"] == "user" and request.tools and word in ("order", "look"):
            if word == "look":
                yield TextDelta("Let me look. ")
            await self._dice.give_way()
            yield ToolCall(f"call{next(self._numbers)}", word, "{}")
        else:
            for piece in ("You ", "said ", "that, ", "and ", "I ", "heard ", "it."):
                if piece == "it.":
                    await self.gate.wait()
                yield TextDelta(piece)
                await self._dice.give_way(2)
        yield ModelEnd("stop", input_tokens=1, output_tokens=1)

    async def close(self) -> None:
        """Nothing to close."""


class Socket:
    """A WebSocket that is cut once `left` more frames have got through."""

    def __init__(self, receive: Callable[[str], None], dice: Dice) -> None:
        self._receive, self._dice = receive, dice
        self.left: int | None = None
        self.code: int | None = None
        self.sending = False

    async def send(self, text: str) -> None:
        self.sending = True
        await self._dice.give_way(2)
        if self.left == 0 or self.code is not None:
            raise WebsocketClosed("cut")
        if self.left is not None:
            self.left -= 1
        self._receive(text)
        await self._dice.give_way(1)
        self.sending = False

    async def close(self, code: int, reason: str) -> None:
        self.code = code

    def fail_connection(self, code: int, reason: str) -> None:
        self.code = code


class House:
    """One gateway; `anna` has every client of a schedule."""

    def __init__(self, seed: int, max_entries: int) -> None:
        self.dice, self.clock = Dice(seed), StoppedClock()
        self.log = RecordingLog(max_entries, 1000, new_epoch=ids("e"), window_s=WINDOW_S, clock=self.clock)
        self.model = Parrot(self.dice)
        self.approvals, self.records = MemoryApprovals(1000), MemoryTurns(1000, 86400)
        self.toolset = FakeToolset(
            {"order": FakeTool(effect="write", result=self._answer), "look": FakeTool(result=self._answer)},
            Caller("verified", "anna", Identity("anna", None, {})),
        )
        self.conversations = _Keeping(ids("c"), 1000)
        outside = make_outside(
            self.model,
            log=self.log,
            conversations=SlowStore(self.conversations, self.dice),
            turns=SlowStore(self.records, self.dice),
            approvals=SlowStore(self.approvals, self.dice),
        )
        self.turns = TurnRunner(outside)
        self.gateway = Gateway(
            toolsets=FakeToolsets(anna=_Slow(self.toolset, self.dice)),
            conversations=outside.conversations,
            approvals=outside.approvals,
            turn_store=outside.turns,
            uploads=MemoryUploads(ids("u")),
            entries=self.log,
            turns=self.turns,
            recovery=Recovery(outside),
            guard=guard(subject="1000000/second"),
            limits=Limits(4000, 65536, AttachmentLimits(0, 0, [])),
            locale="en",
        )

    async def _answer(self, prepared: PreparedCall) -> ToolResult:
        await self.dice.give_way(12)
        return ToolResult({"ok": True, "data": {"n": 1}})

    def forget(self) -> None:
        """Its window is over for every conversation that nobody follows."""
        self.clock.now += WINDOW_S + 1
        self.log.epoch(f"another{self.clock.now}")

    def expire(self) -> None:
        """What waits for a yes has waited too long."""
        for key, approval in list(self.approvals._by_id.items()):
            if approval.state == "pending":
                self.approvals._by_id[key] = replace(approval, expires=Deadline.after(-1))


class _Keeping(MemoryConversations):
    """Holds what it made: when the collector comes is no part of a schedule."""

    def create(self, owner: str | None) -> Conversation:
        conversation = super().create(owner)
        self._kept[conversation.id] = conversation
        self._times[conversation.id] = (NOW, NOW)
        return conversation


class _Slow(FakeToolset):
    """The same tools; asking who it is takes a while."""

    def __init__(self, toolset: FakeToolset, dice: Dice) -> None:
        super().__init__(toolset.tools, toolset.who, sent=toolset.sent)
        self._dice = dice

    async def caller(self, deadline: Deadline) -> Caller:
        await self._dice.give_way()
        return self.who


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
        self.lost = 0
        self.frames: list[dict[str, Any]] = []

    def connect(self) -> None:
        if self.line is None:
            self.line = _Line(self)
            if self.hello:
                # another one that a query leads to is live from there on, whatever an earlier connection had of it
                place = self.places.get(self.conversation_id or "", _Place())
                self.places = {self.conversation_id: place} if self.conversation_id is not None else {}
                known = {"conversation_id": self.conversation_id, "epoch": place.epoch, "after": place.after}
                told = {name: value for name, value in known.items() if value is not None}
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
        elif "seq" in frame:
            self.conversation_id = self.conversation_id or frame["conversation_id"]
            if frame["type"] == "approval":
                self.approval_id = frame["approval_id"]
            if self.hello:
                self._entry(frame["conversation_id"], frame["seq"], text)

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


_QUERIES = ("hello there", "order it", "order more", "look here", "yes", "yes", "no")


def random_steps(seed: int) -> list[Step]:
    """A schedule by chance, the same one for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - dice of a test
    steps: list[Step] = [("connect", 0)]
    for _ in range(dice.randint(3, 50)):
        one = dice.randint(0, 2)
        choices: list[Step] = [
            ("tick", dice.randint(1, 60)),
            ("tick", dice.randint(1, 200)),
            *[("connect", one)] * 2,
            ("join", one, dice.randint(0, 2)),
            *[("ask", one, dice.choice(_QUERIES))] * 3,
            ("again", one),
            *[("approve", one, dice.random() < 0.7)] * 2,
            ("cancel", one),
            ("cut", one, dice.choice((None, 0, 1, 2, 3, 5))),
            ("forget",),
            ("expire",),
        ]
        steps.append(dice.choice(choices))
    return steps


async def run(steps: Sequence[Step], seed: int, *, max_entries: int = 1000) -> tuple[list[str], House, list[Client]]:
    """Play the schedule to its end, let everything end and everybody come back once more; what was wrong."""
    house = House(seed, max_entries)
    clients = [Client(house, hello=True), Client(house, hello=True), Client(house, hello=False)]
    wrong: list[str] = []
    try:
        async with asyncio.timeout(20):
            for word, *arguments in steps:
                await _step(house, clients, word, arguments)
            await settle(house, clients)
            for client in clients:
                await _lose(client, None)
                client.connect()
            await settle(house, clients)
    except TimeoutError:
        wrong.append(f"it never ends: {house.turns._lanes}")
    for client in clients:
        if client.line is not None:
            await client.line.end()
    await house.turns.close()
    return wrong + judge(house, clients), house, clients


async def _step(house: House, clients: Sequence[Client], word: str, arguments: Sequence[Any]) -> None:
    if word == "tick":
        for _ in range(arguments[0]):
            await asyncio.sleep(0)
        return
    if word in ("forget", "expire"):
        house.forget() if word == "forget" else house.expire()
        return
    client = clients[arguments[0]]
    match word:
        case "connect":
            await _lose(client, None, only_if_over=True)
            client.connect()
        case "join":  # the conversation of another tab
            client.conversation_id = clients[arguments[1]].conversation_id or client.conversation_id
            if client.hello:
                await _lose(client, None)
            client.connect()
        case "ask":
            client.ask(arguments[1])
        case "again" if client.last is not None:
            client.put(client.last)
        case "approve" if client.approval_id is not None:
            frame = {"type": "approve", "approval_id": client.approval_id, "approved": arguments[1], "token": "anna"}
            client.put(frame)
        case "cancel":
            client.put({"type": "cancel"})
        case "cut":
            await _lose(client, arguments[1])


async def _lose(client: Client, more: int | None, *, only_if_over: bool = False) -> None:
    """The connection is lost: at once, or when `more` frames have got through."""
    line = client.line
    if line is None or (only_if_over and line.socket.code is None and not line.writer.done()):
        return
    if more is not None:
        line.socket.left = more
        return
    await line.end()
    client.line = None


async def settle(house: House, clients: Sequence[Client]) -> None:
    """Until nothing happens any more."""
    quiet = 0
    while quiet < 20:
        await asyncio.sleep(0)
        busy = bool(house.turns._lanes) or any(client.line is not None and client.line.busy for client in clients)
        quiet = 0 if busy else quiet + 1


def judge(house: House, clients: Sequence[Client]) -> list[str]:
    """What is not as the protocol says."""
    wrong = [f"client {number}: {one}" for number, client in enumerate(clients) for one in client.wrong]
    for conversation_id, frames in house.log.in_order.items():
        wrong += _turns(conversation_id, frames)
    for number, client in enumerate(clients):
        if client.hello and client.conversation_id is not None and client.line is not None:
            place, last = client.places.get(client.conversation_id), house.log.last_seq(client.conversation_id)
            if (place is None or place.after != last) and client.line.socket.code is None:
                wrong.append(f"client {number}: has {place}, the log {last}")
    ended = {turn.id for turn in house.records._by_id.values() if turn.outcome}
    logged = {frame["turn_id"] for frames in house.log.in_order.values() for frame in frames}
    if not ended == logged == set(house.records._by_id):
        wrong.append(f"claimed {set(house.records._by_id)}, in the log {logged}, ended {ended}")
    keys = Counter(key for name, _, key in house.toolset.sent if name == "order")
    wrong += [f"write {key} was sent {count} times" for key, count in keys.items() if count > 1]
    outcomes = {one.id: one.outcome for one in house.approvals._by_id.values() if one.state == "approved"}
    if outcomes != {one: "succeeded" if one in keys else "failed" for one in outcomes} or not set(keys) <= set(
        outcomes
    ):
        wrong.append(f"approved and recorded {outcomes}, sent {set(keys)}")
    wrong += [f"a history no provider takes: {h}" for h in house.model.histories if not well_formed(h)]
    return wrong


def _turns(conversation_id: str, frames: Sequence[dict[str, Any]]) -> list[str]:
    """Each turn in one piece, by the grammar of rule 1."""
    wrong = []
    pieces = [(turn, list(group)) for turn, group in itertools.groupby(frames, key=lambda frame: frame["turn_id"])]
    for turn, count in Counter(turn for turn, _ in pieces).items():
        if count > 1:
            wrong.append(f"{conversation_id}: turn {turn} lies in {count} pieces")
    for turn, own in pieces:
        ends = [frame["type"] == "error" or frame.get("status") == "completed" for frame in own]
        finals = [frame["is_final"] for frame in own if frame["type"] == "chunk"]
        if own[0].get("status") != "thinking" or ends != [False] * (len(own) - 1) + [True]:
            wrong.append(f"{conversation_id}: turn {turn} is {[f.get('status', f['type']) for f in own]}")
        if finals and finals != [False] * (len(finals) - 1) + [True]:
            wrong.append(f"{conversation_id}: the bubble of {turn} is {finals}")
        if len(finals) == 1:
            wrong.append(f"{conversation_id}: turn {turn} has an empty bubble")
    return wrong
