"""Turns without an owner: what is kept of them in memory, and within which bounds."""

from __future__ import annotations

from datetime import UTC, datetime

from integrations.stores.memory_turns import MemoryTurns
from schemas.conversation import TurnRecord


def turn(name: str, conversation_id: str = "c", client_msg_id: str | None = None) -> TurnRecord:
    return TurnRecord(name, conversation_id, None, client_msg_id, datetime(2026, 1, 1, tzinfo=UTC))


async def ended(turns: MemoryTurns, record: TurnRecord, content: str) -> None:
    assert await turns.claim(record) is None
    await turns.finish(record.id, "success", content)


async def test_what_nobody_can_ask_for_is_not_kept() -> None:
    """The bubble of a turn that is neither its conversation's latest nor has a client's name goes; the turn itself can
    still be rated."""
    turns = MemoryTurns(10, 100)
    await ended(turns, turn("one", client_msg_id="m1"), "first")
    await ended(turns, turn("two"), "second")
    await ended(turns, turn("three"), "third")
    latest = await turns.latest("c")
    assert latest is not None
    assert (latest.id, latest.content) == ("three", "third")
    again = await turns.claim(turn("four", client_msg_id="m1"))
    assert again is not None
    assert (again.id, again.content) == ("one", "first")
    assert await turns.rate("two", None, 1, "")
    assert turns._by_id["two"].content == ""


async def test_a_turn_that_ends_after_the_next_has_begun_keeps_no_bubble() -> None:
    """It is not the latest any more when it ends."""
    turns = MemoryTurns(10, 100)
    await turns.claim(turn("one"))
    await turns.claim(turn("two"))
    await turns.finish("one", "success", "late")
    assert turns._by_id["one"].content == ""
    assert turns._by_id["one"].outcome == "success"


async def test_all_bubbles_together_are_bounded() -> None:
    """The oldest turns go with what stood in them; the newest is always there."""
    turns = MemoryTurns(1000, 100, max_chars=1000)
    for number in range(20):
        await ended(turns, turn(f"t{number}", f"c{number}", f"m{number}"), "x" * 300)
    assert list(turns._by_id) == ["t17", "t18", "t19"]
    assert await turns.latest("c16") is None
    await ended(turns, turn("huge", "c"), "x" * 5000)
    assert list(turns._by_id) == ["huge"]
    await ended(turns, turn("next", "d"), "x")
    assert list(turns._by_id) == ["next"]
