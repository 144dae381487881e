"""The frames that the server sends, as data; `blueprints/connection.py` moves them. Text frames of JSON, UTF-8.

A client that knows only the tutorial's frames (`KNOWN`) gets no others; one that has sent `hello` gets all.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.display import Card, Chart, Table
from schemas.errors import RETRYABLE, Code
from schemas.jsontext import to_json
from schemas.turn import Outcome


class _Out(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type"):
    """What frames of a turn carry besides their own fields; a frame outside a turn has none of it."""

    conversation_id: str | None = None
    turn_id: str | None = None
    seq: int | None = None


class Chunk(_Out, tag="chunk"):
    """A piece of the bubble. Exactly one with `is_final` closes it."""

    content: str
    is_final: bool


class StatusData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`client_msg_id` or `approval_id` with `thinking`: the query or the answer that this turn is of. `tool...` with
    the tool statuses, `outcome` and `usage` with `completed`."""

    message: str
    client_msg_id: str | None = None
    approval_id: str | None = None
    tool: str | None = None
    tool_call_id: str | None = None
    duration_ms: int | None = None
    outcome: Outcome | None = None
    usage: dict[str, int] | None = None


class Status(_Out, tag="status"):
    """What the assistant is doing."""

    status: Literal["thinking", "tool_calling", "tool_completed", "completed"]
    data: StatusData


class ErrorFrame(_Out, tag="error"):
    """What could not become an answer. With `turn_id` it ends that turn; without, it refuses one client frame."""

    content: str
    code: Code
    retryable: bool
    retry_after_ms: int | None = None
    field: str | None = None


class Pong(_Out, tag="pong"):
    """The answer to `ping`."""


class Argument(msgspec.Struct, frozen=True):
    """One argument of a parked write, for display."""

    label: str
    text: str


class ApprovalCard(msgspec.Struct, frozen=True, kw_only=True):
    """A parked write as a client shows it. `expires_at` is RFC 3339 in UTC."""

    approval_id: str
    tool: str
    summary: str
    arguments: list[Argument]
    expires_at: str


class ApprovalFrame(_Out, tag="approval"):
    """A write was parked and waits for the resident's yes: the fields of `ApprovalCard`."""

    approval_id: str
    tool: str
    summary: str
    arguments: list[Argument]
    expires_at: str


class Data(_Out, tag="data"):
    """What a tool returned, to be shown rather than spelled."""

    tool_call_id: str
    kind: Literal["table", "card", "chart"]
    payload: Table | Card | Chart


class AttachmentLimits(msgspec.Struct, frozen=True):
    """How many uploads a query may name, how large each may be, and of which media types."""

    max: int
    max_bytes: int
    types: list[str]


class Limits(msgspec.Struct, frozen=True):
    """What a client should refuse by itself."""

    max_query_chars: int
    max_frame_bytes: int
    attachments: AttachmentLimits


class Ready(_Out, tag="ready"):
    """The answer to `hello`. `turn_id` is the running turn's; `seq` the newest entry of the log. `recovered`: what
    follows begins exactly after the client's `after`; if not, one `snapshot` follows."""

    v: int
    epoch: str
    recovered: bool
    approvals: list[ApprovalCard]
    limits: Limits


class Snapshot(_Out, tag="snapshot"):
    """Where a conversation stands for a client that cannot get the entries themselves: the bubble of the running turn
    so far, or of the last one, which ended with `outcome` (an error's code where it failed)."""

    content: str
    approvals: list[ApprovalCard]
    outcome: str | None = None


Frame = Chunk | Status | ErrorFrame | Pong | ApprovalFrame | Data | Ready | Snapshot

KNOWN = (Chunk, Status, ErrorFrame, Pong)


def encode_frame(frame: Frame) -> str:
    """The frame as the text of one WebSocket message."""
    return to_json(frame)


def error_frame(code: Code, content: str, *, field: str | None = None, retry_after_ms: int | None = None) -> ErrorFrame:
    """An error frame whose `retryable` is that of its code."""
    return ErrorFrame(
        content=content, code=code, retryable=code in RETRYABLE, field=field, retry_after_ms=retry_after_ms
    )
