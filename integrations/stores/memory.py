"""Conversations and parked writes in memory: they live as long as the process. One event loop, so no locks."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable

from schemas.conversation import Approval, ApprovalState, Conversation


class MemoryConversations:
    """At most `max_conversations`; the longest unused goes first. `new_id` makes ids of at least 128 bit."""

    def __init__(self, new_id: Callable[[], str], max_conversations: int) -> None:
        self._new_id, self._max = new_id, max_conversations
        self._by_id: OrderedDict[str, Conversation] = OrderedDict()

    def create(self, owner: str | None) -> Conversation:
        conversation = Conversation(self._new_id(), owner)
        self._by_id[conversation.id] = conversation
        while len(self._by_id) > self._max:
            self._by_id.popitem(last=False)
        return conversation

    def get(self, conversation_id: str) -> Conversation | None:
        conversation = self._by_id.get(conversation_id)
        if conversation is not None:
            self._by_id.move_to_end(conversation_id)
        return conversation


class MemoryApprovals:
    """The last approval of each conversation; at most `max_conversations` of them."""

    def __init__(self, max_conversations: int) -> None:
        self._max = max_conversations
        self._by_conversation: OrderedDict[str, Approval] = OrderedDict()

    def park(self, approval: Approval) -> None:
        self._by_conversation.pop(approval.conversation_id, None)
        self._by_conversation[approval.conversation_id] = approval
        while len(self._by_conversation) > self._max:
            self._by_conversation.popitem(last=False)

    def pending(self, conversation_id: str, owner: str | None) -> Approval | None:
        approval = self._by_conversation.get(conversation_id)
        if approval is None or approval.state != "pending" or approval.owner != owner:
            return None
        return approval

    def settle(self, approval: Approval, state: ApprovalState) -> bool:
        current = self._by_conversation.get(approval.conversation_id)
        if current is None or current.id != approval.id or current.state != "pending":
            return False
        self._by_conversation[approval.conversation_id] = dataclasses.replace(current, state=state)
        return True
