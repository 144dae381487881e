"""Frames against docs/asyncapi.yaml: one frame strictly, and a connection's frames by the rules of a turn."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jsonschema_rs
import yaml

ASYNCAPI = Path(__file__).resolve().parents[2] / "docs" / "asyncapi.yaml"
Direction = Literal["to_server", "to_client"]

TO_SERVER = ("query", "hello", "approve", "cancel", "feedback", "ping")
TO_CLIENT = ("chunk", "status", "error", "ready", "snapshot", "approval", "data", "pong")
# What a connection that has not sent `hello` may be sent.
TUTORIAL = ("chunk", "status", "error", "pong")


class BadFrame(AssertionError):
    """A frame that the protocol does not know, or not here."""


@cache
def document() -> dict[str, Any]:
    """docs/asyncapi.yaml."""
    found = yaml.safe_load(ASYNCAPI.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def check_frame(direction: Direction, text: str) -> dict[str, Any]:
    """The frame in `text`, valid in every field and without a field that the document does not have. Raises
    `BadFrame`."""
    frame = json.loads(text, object_pairs_hook=_once)
    if not isinstance(frame, dict):
        raise BadFrame(f"no object: {text[:200]}")
    known = TO_SERVER if direction == "to_server" else TO_CLIENT
    kind = frame.get("type", "query" if direction == "to_server" else None)
    if kind not in known:
        raise BadFrame(f"a frame of type {kind!r} {direction}: {text[:200]}")
    errors = [f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in _validator(kind).iter_errors(frame)]
    if errors:
        raise BadFrame(f"{'; '.join(errors)} in {text[:500]}")
    return frame


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise BadFrame(f"a member twice: {[name for name, _ in pairs]}")
    return dict(pairs)


@cache
def _validator(kind: str) -> jsonschema_rs.Draft7Validator:
    schemas = {name: closed(schema) for name, schema in document()["components"]["schemas"].items()}
    root = {"allOf": [{"$ref": f"#/components/schemas/{kind}"}], "components": {"schemas": schemas}}
    return jsonschema_rs.Draft7Validator(root)


def closed(schema: Any) -> Any:
    """The schema without room for members that it does not name. Conditions (`allOf`) only add to that."""
    if not isinstance(schema, dict):
        return schema
    shut = dict(schema)
    if "properties" in schema:
        shut["properties"] = {name: closed(member) for name, member in schema["properties"].items()}
        shut.setdefault("additionalProperties", False)
    for name in ("items", "additionalProperties"):
        if name in shut:
            shut[name] = closed(shut[name])
    if "anyOf" in schema:
        shut["anyOf"] = [closed(member) for member in schema["anyOf"]]
    return shut


@dataclass
class _Turn:
    """One turn as a connection has seen it. `late`: from some point in its middle on."""

    late: bool
    bubble: str = ""
    opened: bool = False
    final: bool = False
    ended: bool = False
    calling: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)


@dataclass
class _Conversation:
    """What one connection knows of a conversation: the last `seq`, the turn that runs, and whether the next turn's
    beginning may be missed."""

    seq: int | None = None
    running: str = ""
    joined: bool = True
    turns: dict[str, _Turn] = field(default_factory=dict)


class Wire:
    """The frames of one connection, each checked by itself and against those before it (rules 1 to 4). `received` and
    `sent` raise `BadFrame`."""

    def __init__(self) -> None:
        self._conversations: dict[str, _Conversation] = {}
        self._hello: dict[str, Any] | None = None
        self._snapshot_due = ""
        self._shown = ""
        self._named = False
        self._seen: dict[tuple[str, int], str] = {}

    def sent(self, text: str) -> None:
        """A frame of the client's."""
        frame = check_frame("to_server", text)
        if frame.get("type") == "hello":
            self._hello = frame
        self._named = self._named or bool(frame.get("client_msg_id"))

    def received(self, text: str) -> dict[str, Any]:
        """A frame of the server's."""
        frame = check_frame("to_client", text)
        kind = frame["type"]
        self._require(kind in TUTORIAL or self._hello is not None, f"a `{kind}` without hello")
        if kind == "ready":
            self._ready(frame)
        elif kind == "snapshot":
            self._snapshot(frame)
        elif "turn_id" in frame:
            self._require(self._snapshot_due != frame["conversation_id"], "a frame of a turn in place of the snapshot")
            if "seq" not in frame:
                self._require(self._named and self._hello is None, "an entry without its place")
            elif not self._again(frame, text):
                self._entry(frame)
        return frame

    def _again(self, frame: dict[str, Any], text: str) -> bool:
        """Whether this entry comes once more, which it may after a named query: then it is what it was."""
        known = self._conversations.get(frame["conversation_id"])
        place = (frame["conversation_id"], frame["seq"])
        again = self._named and known is not None and known.seq is not None and frame["seq"] <= known.seq
        if again:
            self._require(self._seen.get(place, text) == text, f"entry {frame['seq']} is not what it was")
        else:
            self._seen[place] = text
        return again

    def whole(self) -> None:
        """Every turn that began has ended."""
        running = [conversation.running for conversation in self._conversations.values() if conversation.running]
        self._require(not running, f"turns without a terminal: {running}")

    @staticmethod
    def _require(condition: bool, broken: str) -> None:
        if not condition:
            raise BadFrame(broken)

    def _ready(self, frame: dict[str, Any]) -> None:
        hello = self._hello or {}
        known = self._conversations.setdefault(frame["conversation_id"], _Conversation())
        if not frame["recovered"]:
            known.turns.clear()
            known.running, known.joined = "", True
            self._snapshot_due = frame["conversation_id"]
        elif hello.get("after") is not None:
            known.seq, known.joined = hello["after"], True
        else:
            known.seq, known.joined = None, True

    def _snapshot(self, frame: dict[str, Any]) -> None:
        # besides the one after `ready` there is that of a query sent again whose entries are gone
        known = self._conversations.setdefault(frame["conversation_id"], _Conversation())
        if self._snapshot_due == frame["conversation_id"]:
            self._snapshot_due = ""
            known.seq = frame["seq"]

    def _entry(self, frame: dict[str, Any]) -> None:
        known = self._conversations.setdefault(frame["conversation_id"], _Conversation())
        seq, turn_id = frame["seq"], frame["turn_id"]
        if self._hello is None and self._shown not in ("", frame["conversation_id"]):
            known.running, known.joined = "", True  # it came back: live from here, whatever was missed meanwhile
        self._shown = frame["conversation_id"]
        if known.seq is not None:
            gapless = self._hello is not None
            self._require(seq == known.seq + 1 if gapless else seq > known.seq, f"seq {seq} after {known.seq}")
        known.seq = seq
        turn = known.turns.get(turn_id)
        if turn is None:
            begins = frame["type"] == "status" and frame["status"] == "thinking"
            # the tutorial's client that repeats a named query reads that turn first, then what is live by now
            joined = known.joined or (self._named and self._hello is None)
            self._require(begins or joined, f"turn {turn_id} does not begin with `thinking`")
            self._require(not known.running, f"turn {turn_id} begins while {known.running} runs")
            turn = known.turns[turn_id] = _Turn(late=not begins)
            known.running = turn_id
            known.joined = False
            if begins:
                return
        self._require(not turn.ended, f"a frame after the terminal of {turn_id}")
        self._in_turn(turn, frame)
        if turn.ended:
            known.running = ""

    def _in_turn(self, turn: _Turn, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "chunk":
                self._chunk(turn, frame)
            case "status":
                self._status(turn, frame)
            case "data":
                call = frame["tool_call_id"]
                self._require(turn.late or call in turn.calling | turn.called, f"data of an unknown call {call}")
            case "error":
                self._end(turn)

    def _chunk(self, turn: _Turn, frame: dict[str, Any]) -> None:
        self._require(not turn.final, "a chunk after the final one")
        turn.bubble += frame["content"]
        if frame["is_final"]:
            self._require(turn.late or bool(turn.opened and turn.bubble), "a bubble opened to be closed empty")
            turn.final = True
        turn.opened = True

    def _status(self, turn: _Turn, frame: dict[str, Any]) -> None:
        data = frame["data"]
        match frame["status"]:
            case "thinking":
                raise BadFrame("`thinking` twice")
            case "tool_calling":
                self._require(data["tool_call_id"] not in turn.calling | turn.called, "a call began twice")
                turn.calling.add(data["tool_call_id"])
            case "tool_completed":
                call = data["tool_call_id"]
                self._require(turn.late or call in turn.calling, f"call {call} ended and is not under way")
                turn.calling.discard(call)
                turn.called.add(call)
            case "completed":
                self._end(turn)

    def _end(self, turn: _Turn) -> None:
        self._require(not turn.opened or turn.final, "the terminal came with the bubble open")
        turn.ended = True
