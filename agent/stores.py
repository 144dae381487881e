"""What is remembered beyond a turn, as Protocols: conversations, turns, parked writes, uploads.

`integrations/stores` has them. Every method that may touch a disk is asynchronous and raises `StoreUnavailable` where
the store does not answer (locked beyond its patience, full, gone). Next: `ports.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from schemas.conversation import (
    Approval,
    ApprovalState,
    Conversation,
    ConversationSummary,
    TurnRecord,
    WriteOutcome,
)
from schemas.upload import Upload


class ConversationStore(Protocol):
    """Histories. One without an owner is never written: it ends with its connection."""

    def create(self, owner: str | None) -> Conversation:
        """A new, empty one under an id of at least 128 random bits. Kept from its first `save` on."""
        ...

    async def open(self, conversation_id: str, owner: str) -> Conversation | None:
        """The owner's conversation of this id; None for an unknown and for a foreign one alike (the owner is part of
        the query, A12). All who use one at a time get the same object, so that they share one history."""
        ...

    async def save(self, conversation: Conversation) -> None:
        """Keep the messages from `conversation.saved` on, in one step, and its owner. Nothing without an owner."""
        ...

    async def delete(self, conversation_id: str, owner: str) -> bool:
        """Forget the conversation with its turns and approvals; False where it is not the owner's."""
        ...

    async def of(self, owner: str, limit: int) -> Sequence[ConversationSummary]:
        """The owner's conversations, the latest used first."""
        ...


class TurnStore(Protocol):
    """Turns: one client message is one turn; and what came of a turn once the log has forgotten it. Turns without an
    owner are kept in memory only."""

    async def claim(self, turn: TurnRecord) -> TurnRecord | None:
        """Keep a turn that begins. If its owner (its conversation, where it has no owner) has one with the same
        `client_msg_id` within the window, keep nothing and return that one. One atomic step."""
        ...

    async def finish(self, turn_id: str, outcome: str, content: str) -> None:
        """The turn has ended. Of one that was never claimed nothing is kept."""
        ...

    async def latest(self, conversation_id: str) -> TurnRecord | None:
        """The turn of this conversation that began last."""
        ...

    async def rate(self, turn_id: str, owner: str | None, score: int, comment: str) -> bool:
        """Keep what the resident thinks of a turn, 1 or -1, instead of what he thought before; False where it is not
        the owner's."""
        ...


class ApprovalStore(Protocol):
    """Parked writes. Every change of state is one atomic step from `pending`, durable before the method returns."""

    async def park(self, approval: Approval) -> None:
        """Keep it; an older one that is still pending in its conversation becomes `superseded`."""
        ...

    async def get(self, approval_id: str) -> Approval | None:
        """The approval of this id, whatever its state and whosever it is: the caller compares the owner."""
        ...

    async def pending(self, conversation_id: str) -> Approval | None:
        """The one that waits in this conversation, expired or not."""
        ...

    async def latest(self, conversation_id: str) -> Approval | None:
        """The one that was parked last in this conversation, whatever its state."""
        ...

    async def settle(self, approval_id: str, state: ApprovalState) -> bool:
        """Move it from `pending` to `state`; False if it is not pending any more (or was never there)."""
        ...

    async def record(self, approval_id: str, outcome: WriteOutcome, told: str) -> None:
        """What came of an approved write, and the sentence that the resident was told."""
        ...

    async def unrecorded(self, conversation_id: str) -> Sequence[Approval]:
        """Approved ones without an outcome: their writes are on the way, or were when a process ended."""
        ...


class UploadStore(Protocol):
    """Files that residents uploaded, for a while. The bytes are read where they are sent, never here."""

    async def add(self, owner: str, filename: str, media_type: str, content: bytes) -> Upload:
        """Keep one. Raises `UploadsFull`."""
        ...

    async def get(self, upload_id: str, owners: Collection[str]) -> Upload | None:
        """The one of this id; None for an unknown, a foreign and an expired one alike."""
        ...

    async def forget(self, owner: str) -> None:
        """All of an owner."""
        ...
