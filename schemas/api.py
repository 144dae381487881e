"""What HTTP takes and answers besides the frames, as data.

`blueprints/api.py` moves it, `blueprints/own_document.py` describes it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.client_frames import Id
from schemas.frames import ApprovalCard, Limits
from schemas.tool import Effect
from schemas.turn import Locale


class ApprovalAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The resident's yes or no to the parked write that the address names."""

    approved: bool
    locale: Locale | None = None


class TurnAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The turn that a request became."""

    conversation_id: str
    turn_id: str


class ConversationLine(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation of a subject; times are RFC 3339 in UTC, `title` is the beginning of its first query."""

    conversation_id: str
    title: str
    created_at: str
    updated_at: str


class ConversationList(msgspec.Struct, frozen=True, kw_only=True):
    """A subject's conversations, the latest used first."""

    conversations: list[ConversationLine]


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that a query named."""

    upload_id: str
    filename: str
    type: str
    size: int


class HistoryMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one side said."""

    role: Literal["user", "assistant"]
    content: str
    attachments: list[Attachment] = []


class ConversationHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The latest part of a conversation. `turn_id` is the running turn's; `epoch` and `seq` name the newest entry of
    its log, from which a `hello` goes on; `approvals` are the writes that wait for a yes."""

    conversation_id: str
    messages: list[HistoryMessage]
    turn_id: str | None
    epoch: str
    seq: int
    approvals: list[ApprovalCard]


class UploadAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken in. `type` is what its bytes say, `size` is in bytes, `expires_at` is RFC 3339 in UTC."""

    upload_id: Id
    filename: str
    type: str
    size: int
    expires_at: str


class CatalogueTool(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the assistant can do. `public`: it answers without a login too; `examples` are questions that
    lead to it."""

    name: str
    title: str
    description: str
    effect: Effect
    public: bool
    examples: list[str]


class CatalogueUpstream(msgspec.Struct, frozen=True, kw_only=True):
    """One system of the estate and what the assistant can do in it."""

    name: str
    title: str
    tools: list[CatalogueTool]


class CatalogueAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the assistant can do, and what a client should refuse by itself."""

    upstreams: list[CatalogueUpstream]
    limits: Limits
