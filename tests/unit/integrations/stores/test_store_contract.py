"""What every store promises, in memory and in SQLite alike."""

from __future__ import annotations

import asyncio
import gc
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.memory_stores import MemoryApprovals, MemoryConversations, MemoryTurns
from tests.support.stores import Clocks, approval, said, sqlite_store, turn


@dataclass
class Kept:
    """The three stores of one kind, with the clocks they run by."""

    conversations: Any
    turns: Any
    approvals: Any
    clocks: Clocks


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    """Turns' names count for 100 s."""
    clocks = Clocks()
    if request.param == "memory":
        yield Kept(
            MemoryConversations(lambda: secrets.token_hex(16), 100),
            MemoryTurns(100, 100, clocks.clock),
            MemoryApprovals(1000),
            clocks,
        )
        return
    sqlite = sqlite_store(tmp_path, clocks, dedup_window_s=100)
    await sqlite.start()
    yield Kept(sqlite.conversations, sqlite.turns, sqlite.approvals, clocks)
    await sqlite.close()


async def test_a_created_conversation_is_kept_from_its_first_save_on(store: Kept) -> None:
    """Nobody lists it before."""
    made = store.conversations.create("anna")
    assert await store.conversations.of("anna", 10) == []
    made.messages.append(said("user", "查询账单"))
    await store.conversations.save(made)
    assert made.saved == 1
    assert [(one.id, one.title) for one in await store.conversations.of("anna", 10)] == [(made.id, "查询账单")]


async def test_all_who_open_a_conversation_share_one_object(store: Kept) -> None:
    """Also when two open it at once."""
    made = store.conversations.create("anna")
    await store.conversations.save(made)
    assert await store.conversations.open(made.id, "anna") is made
    name = made.id
    del made
    gc.collect()
    one, other = await asyncio.gather(store.conversations.open(name, "anna"), store.conversations.open(name, "anna"))
    assert one is not None
    assert one is other


async def test_messages_come_back_in_order(store: Kept) -> None:
    """Saved in parts, with calls and results as they were."""
    made = store.conversations.create("anna")
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    messages: list[dict[str, Any]] = [
        said("user", "一"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "二\0'\""},
        said("assistant", "三"),
    ]
    for message in messages:
        made.messages.append(message)
        await store.conversations.save(made)
    await store.conversations.save(made)
    name = made.id
    del made
    gc.collect()
    found = await store.conversations.open(name, "anna")
    assert found.messages == messages
    assert found.saved == 4


async def test_a12_a_foreign_conversation_is_as_unknown_as_none(store: Kept) -> None:
    """A12, A13: neither opened, listed nor deleted, held by its owner or not."""
    made = store.conversations.create("anna")
    made.messages.append(said("user", "geheim"))
    await store.conversations.save(made)
    name = made.id
    for _ in range(2):
        for foreign in ("bert", "", "anna' OR '1'='1", "ANNA", "%"):
            assert await store.conversations.open(name, foreign) is None
            assert not await store.conversations.delete(name, foreign)
            assert await store.conversations.of(foreign, 10) == []
        assert await store.conversations.open("../" + name, "anna") is None
        assert await store.conversations.open("1", "anna") is None
        made = None
        gc.collect()
    assert await store.conversations.open(name, "anna") is not None


async def test_a_conversation_without_an_owner_is_not_kept(store: Kept) -> None:
    """Saving it is nothing; with its connection it is gone."""
    made = store.conversations.create(None)
    made.messages.append(said("user", "x"))
    await store.conversations.save(made)
    assert made.saved == 0
    name = made.id
    del made
    gc.collect()
    assert await store.conversations.open(name, "anna") is None


async def test_a_conversation_that_gains_its_owner_is_kept_whole(store: Kept) -> None:
    """What was said before the login is of the same conversation."""
    made = store.conversations.create(None)
    made.messages += [said("user", "x"), said("assistant", "y")]
    await store.conversations.save(made)
    made.owner = "anna"
    await store.conversations.save(made)
    name = made.id
    del made
    gc.collect()
    found = await store.conversations.open(name, "anna")
    assert found.messages == [said("user", "x"), said("assistant", "y")]


async def test_conversations_are_listed_by_use(store: Kept) -> None:
    """The latest used first, at most as many as were asked for."""
    first, second, third = (store.conversations.create("anna") for _ in range(3))
    for one in (first, second, third, first):
        await store.conversations.save(one)
    assert [one.id for one in await store.conversations.of("anna", 2)] == [first.id, third.id]


async def test_a_deleted_conversation_is_gone(store: Kept) -> None:
    """Once; and nobody opens it again, even while somebody holds it."""
    made = store.conversations.create("anna")
    await store.conversations.save(made)
    assert await store.conversations.delete(made.id, "anna")
    assert not await store.conversations.delete(made.id, "anna")
    assert await store.conversations.open(made.id, "anna") is None
    assert await store.conversations.of("anna", 10) == []


@pytest.mark.parametrize("owner", ["anna", None])
async def test_one_name_of_a_query_is_one_turn_within_the_window(store: Kept, owner: str | None) -> None:
    """Its claimant is given the first turn as it is by then; after the window the name is free."""
    assert await store.turns.claim(turn("t1", owner=owner, client_msg_id="m")) is None
    assert await store.turns.claim(turn("t2", owner=owner, client_msg_id="m")) == turn(
        "t1", owner=owner, client_msg_id="m"
    )
    await store.turns.finish("t1", "completed", "三张账单")
    again = await store.turns.claim(turn("t3", owner=owner, client_msg_id="m"))
    assert (again.id, again.outcome, again.content) == ("t1", "completed", "三张账单")
    store.clocks.now += 101
    assert await store.turns.claim(turn("t4", owner=owner, client_msg_id="m")) is None
    assert (await store.turns.claim(turn("t5", owner=owner, client_msg_id="m"))).id == "t4"


async def test_a_name_of_a_query_is_its_owners_alone(store: Kept) -> None:
    """Another owner's, and with nobody logged in another conversation's, is another turn; no name is no name."""
    assert await store.turns.claim(turn("t1", "c1", "anna", "m")) is None
    assert await store.turns.claim(turn("t2", "c1", "bert", "m")) is None
    assert await store.turns.claim(turn("t3", "c3", None, "m")) is None
    assert await store.turns.claim(turn("t4", "c4", None, "m")) is None
    assert await store.turns.claim(turn("t5", "c1", "anna", None)) is None
    assert await store.turns.claim(turn("t6", "c1", "anna", None)) is None
    assert (await store.turns.claim(turn("t7", "c7", "anna", "m"))).id == "t1"


async def test_of_two_claims_at_once_one_wins(store: Kept) -> None:
    """One atomic step."""
    found = await asyncio.gather(*(store.turns.claim(turn(f"t{n}", client_msg_id="m")) for n in range(20)))
    assert found.count(None) == 1
    assert len({one.id for one in found if one is not None}) == 1


@pytest.mark.parametrize("owner", ["anna", None])
async def test_the_latest_turn_is_the_one_that_began_last(store: Kept, owner: str | None) -> None:
    """Whatever ended when."""
    assert await store.turns.latest("c1") is None
    for name in ("t1", "t2"):
        await store.turns.claim(turn(name, owner=owner))
    await store.turns.claim(turn("t3", "c2", owner))
    await store.turns.finish("t1", "completed", "x")
    assert await store.turns.latest("c1") == turn("t2", owner=owner)


async def test_of_a_turn_that_was_never_claimed_nothing_is_kept(store: Kept) -> None:
    """It is not there afterwards."""
    await store.turns.finish("t9", "completed", "x")
    assert await store.turns.latest("c1") is None


@pytest.mark.parametrize("owner", ["anna", None])
async def test_a_turn_is_rated_by_its_owner_alone(store: Kept, owner: str | None) -> None:
    """Again too; unknown and foreign alike are refused."""
    await store.turns.claim(turn("t1", owner=owner))
    assert await store.turns.rate("t1", owner, 1, "")
    assert await store.turns.rate("t1", owner, -1, "不对")
    assert not await store.turns.rate("t1", "bert", 1, "")
    assert not await store.turns.rate("t2", owner, 1, "")


@pytest.mark.parametrize("owner", ["anna", None])
async def test_a_parked_write_comes_back_as_it_was(store: Kept, owner: str | None) -> None:
    """A17, A19: by its exact id; those without an owner too."""
    parked = approval(owner=owner)
    await store.approvals.park(parked)
    assert await store.approvals.get("a1") == parked
    assert await store.approvals.pending("c1") == parked
    assert await store.approvals.latest("c1") == parked
    for unknown in ("a2", "A1", "a%", ""):
        assert await store.approvals.get(unknown) is None
    assert await store.approvals.pending("c2") is None


@pytest.mark.parametrize("state", ["approved", "cancelled", "expired", "superseded"])
async def test_a17_an_approval_leaves_pending_once(store: Kept, state: Any) -> None:
    """A17: the first step wins, every later one is told so; the loser can read which state won."""
    parked = approval()
    await store.approvals.park(parked)
    assert await store.approvals.settle("a1", state)
    for later in ("approved", "cancelled", "expired", "superseded"):
        assert not await store.approvals.settle("a1", later)
    assert await store.approvals.pending("c1") is None
    assert await store.approvals.get("a1") == replace(parked, state=state)
    assert not await store.approvals.settle("made up", "approved")


async def test_a_newer_approval_takes_the_place_of_the_older(store: Kept) -> None:
    """The older one can no longer be settled, least of all approved; another conversation's is untouched."""
    await store.approvals.park(approval("a0", "c0"))
    await store.approvals.park(approval("a1"))
    newer = approval("a2")
    await store.approvals.park(newer)
    assert not await store.approvals.settle("a1", "approved")
    assert (await store.approvals.get("a1")).state == "superseded"
    assert await store.approvals.pending("c1") == newer
    assert (await store.approvals.pending("c0")).id == "a0"


async def test_an_approved_write_is_unrecorded_until_its_outcome_is_known(store: Kept) -> None:
    """In the order of parking, of this conversation."""
    for name in ("a1", "a2", "a3"):
        await store.approvals.park(approval(name))
        await store.approvals.settle(name, "cancelled" if name == "a2" else "approved")
    assert [one.id for one in await store.approvals.unrecorded("c1")] == ["a1", "a3"]
    await store.approvals.record("a1", "succeeded", "报修单 R1")
    assert [one.id for one in await store.approvals.unrecorded("c1")] == ["a3"]
    assert await store.approvals.unrecorded("c2") == []
    recorded = await store.approvals.get("a1")
    assert (recorded.state, recorded.outcome, recorded.told) == ("approved", "succeeded", "报修单 R1")
    assert (await store.approvals.latest("c1")).id == "a3"


@pytest.mark.parametrize("other", ["approved", "cancelled"])
async def test_a18_a20_of_two_who_settle_at_once_exactly_one_does(store: Kept, other: Any) -> None:
    """A18, A20: 200 runs; the state that is kept is the winner's."""
    for number in range(200):
        name = f"a{number}"
        await store.approvals.park(approval(name))
        won = await asyncio.gather(
            store.approvals.settle(name, "approved"), store.approvals.settle(name, other), return_exceptions=True
        )
        assert sorted(map(str, won)) == ["False", "True"]
        assert (await store.approvals.get(name)).state == ("approved" if won[0] is True else other)
