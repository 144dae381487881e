"""Conversations and parked writes in memory: what is forgotten first, and that an approval leaves `pending` once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.stores.memory import MemoryApprovals, MemoryConversations
from schemas.conversation import Approval
from schemas.deadline import Deadline
from tests.support.fakes import ids


def approval(name: str = "a1", conversation_id: str = "c1", owner: str | None = "anna") -> Approval:
    return Approval(name, conversation_id, owner, "order", "{}", "digest", "shown", Deadline.after(300))


def test_a_conversation_is_found_by_its_id_alone() -> None:
    """It is the same object, with its owner."""
    store = MemoryConversations(ids("c"), 10)
    made = store.create("anna")
    assert store.get(made.id) is made
    assert (made.id, made.owner, made.messages) == ("c1", "anna", [])
    assert store.get("c2") is None
    assert store.get("") is None


def test_two_conversations_share_nothing() -> None:
    """Neither id nor messages."""
    store = MemoryConversations(ids("c"), 10)
    one, other = store.create("anna"), store.create("anna")
    one.messages.append({"role": "user", "content": "x"})
    assert one.id != other.id
    assert other.messages == []


def test_the_longest_unused_conversation_goes_first() -> None:
    """Being asked for counts as use."""
    store = MemoryConversations(ids("c"), 2)
    store.create("anna")
    store.create("anna")
    store.get("c1")
    store.create("anna")
    assert store.get("c2") is None
    assert store.get("c1")
    assert store.get("c3")


def test_an_approval_waits_for_its_owner_in_its_conversation() -> None:
    """For nobody else and nowhere else; expired or not."""
    store = MemoryApprovals(10)
    parked = approval()
    store.park(parked)
    assert store.pending("c1", "anna") == parked
    assert store.pending("c1", "bert") is None
    assert store.pending("c1", None) is None
    assert store.pending("c2", "anna") is None


@pytest.mark.parametrize("state", ["approved", "cancelled", "expired", "superseded"])
def test_an_approval_leaves_pending_once(state: Any) -> None:
    """The first step wins, every later one is told so; nothing waits any more."""
    store = MemoryApprovals(10)
    parked = approval()
    store.park(parked)
    assert store.settle(parked, state)
    assert not store.settle(parked, "approved")
    assert store.pending("c1", "anna") is None


def test_a_newer_approval_takes_the_place_of_the_older() -> None:
    """The older one can no longer be settled, least of all approved."""
    store = MemoryApprovals(10)
    older, newer = approval("a1"), approval("a2")
    store.park(older)
    store.park(newer)
    assert not store.settle(older, "approved")
    assert store.pending("c1", "anna") == newer


def test_an_unknown_approval_cannot_be_settled() -> None:
    """Made up, or forgotten."""
    assert not MemoryApprovals(10).settle(approval(), "approved")


@given(st.lists(st.tuples(st.sampled_from(["park", "settle"]), st.integers(1, 3), st.integers(1, 3)), max_size=20))
def test_whatever_happens_an_approval_is_approved_at_most_once(steps: list[tuple[str, int, int]]) -> None:
    """Any order of parking and approving in three conversations."""
    store, approved, parked = MemoryApprovals(3), [], set()
    for number, (what, conversation, name) in enumerate(steps):
        if what == "park":
            made = approval(f"{number}", f"c{conversation}")
            store.park(made)
            parked.add(made)
        else:
            waiting = sorted((a for a in parked if a.conversation_id == f"c{conversation}"), key=lambda a: int(a.id))
            for candidate in waiting[-name:]:
                if store.settle(candidate, "approved"):
                    approved.append(candidate.id)
    assert len(approved) == len(set(approved))


def test_the_number_of_kept_approvals_is_bounded() -> None:
    """The oldest goes."""
    store = MemoryApprovals(2)
    for number in range(3):
        store.park(approval(f"a{number}", f"c{number}"))
    assert store.pending("c0", "anna") is None
    assert store.pending("c2", "anna")
