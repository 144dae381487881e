"""Conversations and parked writes in memory: what the agent's tests stand on, and the model that the SQLite store is
compared with. One event loop, so no locks."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from integrations.stores.memory_turns import MemoryTurns
from schemas.conversation import Approval, ApprovalState, Conversation, ConversationSummary, WriteOutcome
from schemas.upload import Upload

__all__ = ["MemoryApprovals", "MemoryConversations", "MemoryTurns", "MemoryUploads"]


class MemoryConversations:
    """At most `max_conversations` that have an owner; the longest unused goes first. One without an owner lives as long
    as somebody holds it. `new_id` makes ids of at least 128 bit."""

    def __init__(self, new_id: Callable[[], str], max_conversations: int) -> None:
        self._new_id, self._max = new_id, max_conversations
        self._live: WeakValueDictionary[str, Conversation] = WeakValueDictionary()
        self._kept: OrderedDict[str, Conversation] = OrderedDict()
        self._times: dict[str, tuple[datetime, datetime]] = {}

    def create(self, owner: str | None) -> Conversation:
        conversation = Conversation(self._new_id(), owner)
        self._live[conversation.id] = conversation
        return conversation

    async def open(self, conversation_id: str, owner: str) -> Conversation | None:
        conversation = self._live.get(conversation_id)
        return conversation if conversation is not None and conversation.owner == owner else None

    async def save(self, conversation: Conversation) -> None:
        if conversation.owner is None:
            return
        now = datetime.now(UTC)
        self._times[conversation.id] = (self._times.get(conversation.id, (now, now))[0], now)
        self._kept[conversation.id] = conversation
        self._kept.move_to_end(conversation.id)
        conversation.saved = len(conversation.messages)
        while len(self._kept) > self._max:
            gone, _ = self._kept.popitem(last=False)
            self._times.pop(gone, None)

    async def delete(self, conversation_id: str, owner: str) -> bool:
        conversation = self._kept.get(conversation_id)
        if conversation is None or conversation.owner != owner:
            return False
        del self._kept[conversation_id]
        self._live.pop(conversation_id, None)
        self._times.pop(conversation_id, None)
        return True

    async def of(self, owner: str, limit: int) -> Sequence[ConversationSummary]:
        own = [one for one in reversed(self._kept.values()) if one.owner == owner][:limit]
        return [ConversationSummary(one.id, _title(one), *self._times[one.id]) for one in own]


def _title(conversation: Conversation) -> str:
    first = next((m["content"] for m in conversation.messages if m["role"] == "user"), "")
    return str(first)[:80]


class MemoryApprovals:
    """The newest `max_approvals`."""

    def __init__(self, max_approvals: int) -> None:
        self._max = max_approvals
        self._by_id: OrderedDict[str, Approval] = OrderedDict()
        self._latest: dict[str, str] = {}

    async def park(self, approval: Approval) -> None:
        waiting = await self.pending(approval.conversation_id)
        if waiting is not None:
            self._by_id[waiting.id] = dataclasses.replace(waiting, state="superseded")
        self._by_id[approval.id] = approval
        self._latest[approval.conversation_id] = approval.id
        while len(self._by_id) > self._max:
            self._by_id.popitem(last=False)

    async def get(self, approval_id: str) -> Approval | None:
        return self._by_id.get(approval_id)

    async def latest(self, conversation_id: str) -> Approval | None:
        return self._by_id.get(self._latest.get(conversation_id, ""))

    async def pending(self, conversation_id: str) -> Approval | None:
        return self.waiting(conversation_id)

    def waiting(self, conversation_id: str) -> Approval | None:
        latest = self._by_id.get(self._latest.get(conversation_id, ""))
        return latest if latest is not None and latest.state == "pending" else None

    async def settle(self, approval_id: str, state: ApprovalState) -> bool:
        approval = self._by_id.get(approval_id)
        if approval is None or approval.state != "pending":
            return False
        self._by_id[approval_id] = dataclasses.replace(approval, state=state)
        return True

    async def record(self, approval_id: str, outcome: WriteOutcome, told: str) -> None:
        approval = self._by_id.get(approval_id)
        if approval is not None:
            self._by_id[approval_id] = dataclasses.replace(approval, outcome=outcome, told=told)

    async def unrecorded(self, conversation_id: str) -> Sequence[Approval]:
        return [
            one
            for one in self._by_id.values()
            if one.conversation_id == conversation_id and one.state == "approved" and one.outcome is None
        ]


class MemoryUploads:
    """Uploads that never expire. `new_id` makes their ids."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._kept: dict[str, tuple[Upload, bytes]] = {}

    async def add(self, owner: str, filename: str, media_type: str, content: bytes) -> Upload:
        expires_at = datetime.now(UTC) + timedelta(days=1)
        upload = Upload(self._new_id(), owner, filename, media_type, len(content), expires_at)
        self._kept[upload.id] = (upload, content)
        return upload

    async def get(self, upload_id: str, owners: Collection[str]) -> Upload | None:
        found = await self.read(upload_id, owners)
        return found[0] if found else None

    async def read(self, upload_id: str, owners: Collection[str]) -> tuple[Upload, bytes] | None:
        found = self._kept.get(upload_id)
        return found if found is not None and found[0].owner in owners else None

    async def forget(self, owner: str) -> None:
        self._kept = {name: one for name, one in self._kept.items() if one[0].owner != owner}
