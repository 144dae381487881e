"""What the agent needs from outside, as Protocols; `integrations` implements them and `assembly.py` joins the two.

What is remembered beyond a turn is in `stores.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Protocol

from schemas.conversation import Entry
from schemas.deadline import Deadline
from schemas.frames import Frame
from schemas.model import Message, ModelEnd, ModelRequest
from schemas.tool import Caller, PreparedCall, ToolCall, ToolResult, ToolSpec
from schemas.turn import Locale, TextDelta

__all__ = ["Caller", "Message", "ModelEnd", "ModelRequest"]


class Model(Protocol):
    """A chat model. Text as it arrives; a tool call only when its arguments are complete; `ModelEnd` last.

    Raises `ModelUnavailable`, or `ModelInterrupted` if text was already yielded.
    """

    def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ToolCall | ModelEnd]: ...

    async def close(self) -> None: ...


class Toolset(Protocol):
    """The tools of one caller: catalogue + credential. Holds the credential; the agent never sees it.

    Two toolsets are equal if they stand for the same credential.
    """

    def specs(self) -> Sequence[ToolSpec]:
        """Every tool."""
        ...

    def find(self, words: Sequence[str], limit: int) -> Sequence[ToolSpec]:
        """The tools that `words` (the latest first) need, best first; none where no tool has any of them."""
        ...

    def overview(self, limit: int) -> Sequence[ToolSpec]:
        """Tools that show what there is, for words that find nothing."""
        ...

    async def caller(self, deadline: Deadline) -> Caller:
        """Who this is; cached, at most one upstream call at a time. Never raises for an upstream that is down."""
        ...

    async def prepare(self, call: ToolCall, locale: Locale, deadline: Deadline) -> PreparedCall | ToolResult:
        """Check a model's call and build its request; a refusal comes back as the tool's result. Sends nothing but,
        where a bound parameter needs it, the identity operation."""
        ...

    async def call(
        self, prepared: PreparedCall, locale: Locale, deadline: Deadline, idempotency_key: str | None = None
    ) -> ToolResult:
        """Send what was prepared. Every failure is a result, with a sentence that names the system. The key (an
        approval's id) is used where the operation declares one."""
        ...

    async def look_up(self, prepared: PreparedCall, locale: Locale, deadline: Deadline, sent: datetime) -> ToolResult:
        """What a declared read says of a write that was sent earlier, not before `sent`, and whose outcome is unknown.
        Sends reads only; without such a read, or where it cannot tell, the outcome stays unknown."""
        ...


class Toolsets(Protocol):
    """Makes the toolset of a caller. `None` is a caller without a token."""

    def for_token(self, token: str | None) -> Toolset:
        """Raises `ValueError` with a sentence for a token that cannot be one (too long, control characters)."""
        ...


class EventLog(Protocol):
    """The frames of a conversation's turns, in order; the only buffer between a turn and its connections."""

    def append(self, conversation_id: str, turn_id: str, frame: Frame) -> Entry:
        """Number the frame, keep it, wake the followers."""
        ...

    def after(self, conversation_id: str, seq: int) -> Sequence[Entry]:
        """The kept entries later than `seq`."""
        ...

    def last_seq(self, conversation_id: str) -> int:
        """The number of the newest entry, 0 where there is none."""
        ...

    def epoch(self, conversation_id: str) -> str:
        """Names this numbering of the conversation's entries; another one begins where the log was lost."""
        ...

    def clear(self, conversation_id: str) -> None:
        """Forget the entries of this conversation; its numbering goes on."""
        ...

    def reaches(self, conversation_id: str, seq: int) -> bool:
        """Whether every entry later than `seq` is kept, and `seq` is no number of the future."""
        ...

    def follow(self, conversation_id: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after each new entry, until the returned function is called."""
        ...
