"""What the terminal client knows of its conversation: what to send, what to show; pure. Next: `chat_view.py`.

Frames come in as texts; out come values to show and frames to send. What it does not know it passes over: the protocol
only grows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from commands.chat_events import (
    BubbleClosed,
    Ended,
    Event,
    Refused,
    Replaced,
    Shown,
    ToolEnded,
    Waits,
    Words,
    Working,
)
from schemas.client_frames import Id, Seq
from schemas.display import Card, Chart, Table
from schemas.frames import ApprovalCard, ApprovalFrame, Chunk, Ready, Snapshot
from schemas.turn import Locale

_YES = frozenset(["确认", "是", "好的", "好", "可以", "yes", "y", "ok", "confirm"])
_NO = frozenset(["取消", "不", "否", "no", "n", "cancel"])
_CLOSED_BY_CHOICE = 1000
_FIRST_FINAL_CLOSE = 4500


@dataclass(frozen=True, slots=True)
class Received:
    """What comes of one frame: `events` to show, `frames` to send, in their order."""

    events: tuple[Event, ...] = ()
    frames: tuple[dict[str, Any], ...] = ()


_NOTHING = Received()


class _Place(msgspec.Struct):
    """Where a frame belongs; what is none of this could not be sent back to the server."""

    conversation_id: Id | None = None
    turn_id: Id | None = None
    seq: Seq | None = None
    epoch: Id | None = None


# Looser than `schemas/frames.py`: a code, a status or a kind that this client does not know must not leave it waiting.
class _StatusData(msgspec.Struct):
    message: str = ""
    duration_ms: int = 0
    outcome: str = "success"


class _Status(msgspec.Struct):
    status: str
    data: _StatusData


class _Error(msgspec.Struct):
    content: str
    code: str
    retryable: bool = False
    turn_id: str | None = None


class _Data(msgspec.Struct):
    kind: str
    payload: Any


_TYPES: dict[str, type[Any]] = {
    "chunk": Chunk,
    "status": _Status,
    "error": _Error,
    "ready": Ready,
    "snapshot": Snapshot,
    "approval": ApprovalFrame,
    "data": _Data,
}
_PAYLOADS: dict[str, type[Table | Card | Chart]] = {"table": Table, "card": Card, "chart": Chart}


class Session:
    """One resident's conversation over any number of connections. `new_id` names his messages."""

    def __init__(self, token: str | None, locale: Locale | None, new_id: Callable[[], str]) -> None:
        self._login, self._locale, self._new_id = token, locale, new_id
        self._conversation_id: str | None = None
        self._epoch: str | None = None
        self._after: int | None = None
        self._seen: set[int] = set()  # of this epoch; what is sent again may be older than the newest
        self._told: dict[str, int] = {}  # turns that a snapshot told, up to which entry
        self._turn_id: str | None = None
        self._answering: str | None = None  # the turn of what is unanswered, once it is known
        self._unanswered: dict[str, Any] | None = None
        self._deciding: ApprovalCard | None = None
        self._cancelling = False
        self._snapshot_due = False
        self.ready = False
        self.approval: ApprovalCard | None = None

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited or under way."""
        return self._turn_id is not None or self._unanswered is not None

    def hello(self) -> dict[str, Any]:
        """The first frame of a connection."""
        self.ready, self._cancelling = False, False
        return _without_none(
            type="hello",
            v=1,
            token=self._login,
            conversation_id=self._conversation_id,
            epoch=self._epoch,
            after=self._after,
            locale=self._locale,
        )

    def say(self, line: str) -> dict[str, Any]:
        """The frame for what the resident typed: a yes or no to what waits for one, else a query. It is sent again
        after a lost connection until it is answered, under the same name, so that it is one turn."""
        word = line.strip().rstrip("。.!！").lower()
        if self.approval is not None and word in _YES | _NO:
            self._deciding, self.approval = self.approval, None
            frame = {"type": "approve", "approval_id": self._deciding.approval_id, "approved": word in _YES}
        else:
            frame = _without_none(query=line, client_msg_id=self._new_id(), locale=self._locale)
        self._unanswered = frame
        return frame

    def cancel(self) -> dict[str, Any] | None:
        """The frame that stops the turn, or None where none is to be stopped or that was said already."""
        if not self.busy or self._cancelling:
            return None
        self._cancelling = True
        return _without_none(type="cancel", turn_id=self._turn_id)

    def received(self, text: str) -> Received:
        """What comes of a frame. Never raises: what is no frame says nothing."""
        try:
            value = json.loads(text)
            kind = _TYPES[value["type"]]
            frame = msgspec.convert(value, kind)
            place = msgspec.convert(value, _Place)
        except (ValueError, KeyError, TypeError, RecursionError, msgspec.ValidationError):
            return _NOTHING
        match frame:
            case Ready():
                return self._ready(frame)
            case Snapshot():
                return self._snapshot(frame)
            case _Error(turn_id=None):
                return self._refused(frame)
        if not self._is_new(place):
            return _NOTHING
        return Received(tuple(self._in_turn(frame, place)))

    def _is_new(self, place: _Place) -> bool:
        """Whether an entry of the log was neither seen nor told yet."""
        if place.conversation_id != self._conversation_id:  # another login began another conversation
            self._forget(place.conversation_id)
        if place.seq is None:
            return True
        if place.seq in self._seen or place.seq <= self._told.get(place.turn_id or "", -1):
            return False
        self._seen.add(place.seq)
        self._after = max(place.seq, self._after or 0)
        return True

    def _forget(self, conversation_id: str | None) -> None:
        self._conversation_id, self._after = conversation_id, None
        self._seen.clear()
        self._told.clear()

    def _ready(self, frame: Ready) -> Received:
        self.ready = True
        if (frame.conversation_id, frame.epoch) != (self._conversation_id, self._epoch):
            self._forget(frame.conversation_id)
            self._epoch = frame.epoch
        self._turn_id, self._snapshot_due = frame.turn_id, not frame.recovered
        if self._after is None:
            self._after = frame.seq
        return Received(tuple(self._waits(frame.approvals)), () if self._snapshot_due else self._again())

    def _again(self) -> tuple[dict[str, Any], ...]:
        return (self._unanswered,) if self._unanswered is not None else ()

    def _snapshot(self, frame: Snapshot) -> Received:
        """The one after `ready` stands for the conversation; any other for what was sent again, whose entries are
        gone."""
        due, self._snapshot_due = self._snapshot_due, False
        self._after = frame.seq
        ended = frame.outcome is not None
        self._turn_id = None if ended else frame.turn_id
        ours = not due or (self._answering is not None and frame.turn_id == self._answering)
        events: list[Event] = []
        if frame.turn_id is not None and (ours or not ended):
            self._told[frame.turn_id] = frame.seq or 0
            events += [Replaced(frame.content)] if frame.content else []
        events += self._waits(frame.approvals)
        if frame.outcome is not None and ours:
            events += [BubbleClosed(), self._end(frame.turn_id, frame.outcome)]
        return Received(tuple(events), self._again() if due else ())

    def _waits(self, cards: list[ApprovalCard]) -> list[Event]:
        """The newest write that waits, if it was not shown yet."""
        known = {card.approval_id for card in (self.approval, self._deciding) if card is not None}
        if not cards or cards[-1].approval_id in known:
            return []
        self.approval = cards[-1]
        return [Waits(cards[-1])]

    def _refused(self, frame: _Error) -> Received:
        if not self.ready and frame.code == "not_found" and self._conversation_id is not None:
            self._epoch = None
            self._forget(None)  # it is gone: a new one
            return Received((), (self.hello(),))
        if self._cancelling:  # there was nothing left to stop
            self._cancelling = False
            return _NOTHING
        if self.ready and self._deciding is not None and (frame.retryable or frame.code == "login_required"):
            self.approval = self._deciding
        if self.ready:  # else it was the hello that was refused, and what is unanswered is still to be sent
            self._deciding = self._unanswered = self._answering = None
        return Received((Refused(frame.code, frame.content, frame.retryable),))

    def _in_turn(self, frame: Any, place: _Place) -> list[Event]:
        self._turn_id = place.turn_id
        if self._unanswered is not None and self._answering is None and _opens(frame):
            self._answering = place.turn_id
        match frame:
            case Chunk(content=content, is_final=final):
                return [*([Words(content)] if content else []), *([BubbleClosed()] if final else [])]
            case _Status(status="completed", data=data):
                return [self._end(place.turn_id, data.outcome)]
            case _Status(status="tool_completed", data=data):
                return [ToolEnded(data.message, data.duration_ms)]
            case _Status(data=data):
                return [Working(data.message)]
            case _Error(content=content, code=code):
                return [self._end(place.turn_id, code, content)]
            case ApprovalFrame():
                shown = ("approval_id", "tool", "summary", "arguments", "expires_at")
                return self._waits([ApprovalCard(**{name: getattr(frame, name) for name in shown})])
            case _Data(kind=kind, payload=payload):
                return _shown(kind, payload)
        return []

    def _end(self, turn_id: str | None, outcome: str, sentence: str = "") -> Ended:
        self._turn_id, self._cancelling = None, False
        if self._answering in (None, turn_id):  # else it was the turn of another tab
            self._answering = self._unanswered = self._deciding = None
        return Ended(outcome, sentence)


def _opens(frame: Any) -> bool:
    return isinstance(frame, _Status) and frame.status == "thinking"


def comes_back(code: int) -> bool:
    """Whether a connection that was closed with `code` is to be opened again."""
    return code != _CLOSED_BY_CHOICE and code < _FIRST_FINAL_CLOSE


def _shown(kind: str, payload: Any) -> list[Event]:
    try:
        return [Shown(msgspec.convert(payload, _PAYLOADS[kind]))]
    except (KeyError, msgspec.ValidationError):
        return []


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
