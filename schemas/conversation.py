"""What a store keeps: conversations, turns, parked writes, entries of the log. Data; `agent/` gives it its rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from schemas.deadline import Deadline
from schemas.model import Message
from schemas.tool import LabelledText


@dataclass(slots=True, weakref_slot=True)
class Conversation:
    """`id` is made by the server; `owner` is the subject it belongs to, or None while it belongs to its connection.

    `saved` says how many of `messages` a store has by now; it is the store's own. `recovered`: what an earlier process
    left of it was told, or turns of this one have begun.
    """

    id: str
    owner: str | None = None
    messages: list[Message] = field(default_factory=list)
    saved: int = 0
    recovered: bool = False


ApprovalState = Literal["pending", "approved", "cancelled", "expired", "superseded"]
WriteOutcome = Literal["succeeded", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Approval:
    """A write that waits for its owner's yes; bound to conversation, tool, arguments and the built request's digest.

    `id` names it to clients and is the idempotency key upstream; `arguments` is the JSON text that was checked; `shown`
    is what the resident read, `summary` and `lines` its parts; `upstream` names the system for people. `expires` counts
    in time that never jumps, `expires_at` (UTC) is for people and for the process after this one. `outcome` and `told`
    are what came of an approved one, once that is known.
    """

    id: str
    conversation_id: str
    owner: str | None
    tool: str
    arguments: str
    digest: str
    upstream: str
    summary: str
    lines: tuple[LabelledText, ...]
    shown: str
    expires: Deadline
    expires_at: datetime
    state: ApprovalState = "pending"
    outcome: WriteOutcome | None = None
    told: str = ""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """What is remembered of a turn. `client_msg_id` is its client's own name for the query, unique for its owner within
    a window. `outcome` is that of its terminal (an error code where it failed), empty while it runs; `content` what
    stood in its bubble at the end. `started_at` is UTC."""

    id: str
    conversation_id: str
    owner: str | None
    client_msg_id: str | None
    started_at: datetime
    outcome: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """One line of a subject's history; times in UTC, `title` the beginning of its first query."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a conversation's log: `seq` grows by one, `text` is the frame as every connection is sent it.

    `ends`: it is the terminal of its turn. `known`: a client that knows only the tutorial's frames knows this one.
    `turn_id` is the turn that it is of.
    """

    seq: int
    text: str
    turn_id: str = ""
    known: bool = True
    ends: bool = False
