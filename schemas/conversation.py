"""What a store keeps: conversations, parked writes, entries of the log. Data; `agent/` gives it its rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from schemas.deadline import Deadline
from schemas.model import Message


@dataclass(slots=True)
class Conversation:
    """`id` is made by the server; `owner` is the subject it belongs to, or None while it belongs to its connection."""

    id: str
    owner: str | None = None
    messages: list[Message] = field(default_factory=list)


ApprovalState = Literal["pending", "approved", "cancelled", "expired", "superseded"]


@dataclass(frozen=True, slots=True)
class Approval:
    """A write that waits for its owner's yes; bound to conversation, tool, arguments and the built request's digest.

    `id` names it to clients and is the idempotency key upstream; `arguments` is the JSON text that was checked; `shown`
    is what the resident read.
    """

    id: str
    conversation_id: str
    owner: str | None
    tool: str
    arguments: str
    digest: str
    shown: str
    expires: Deadline
    state: ApprovalState = "pending"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a conversation's log: `seq` grows by one, `text` is the frame as every connection is sent it."""

    seq: int
    text: str
