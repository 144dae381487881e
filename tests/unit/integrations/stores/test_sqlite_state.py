"""The SQLite stores against the memory stores, step by step, with restarts; and what only a file can be asked."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from integrations.stores.sqlite import SqliteStore
from schemas.conversation import Approval, Conversation
from schemas.deadline import Deadline
from tests.support.memory_stores import MemoryApprovals, MemoryConversations, MemoryTurns
from tests.support.stores import BEGAN, Clocks, approval, said, sqlite_store, turn

OWNERS = st.sampled_from(["anna", "bert"])
# no halves of surrogate pairs: SQLite's text is UTF-8, which cannot hold them
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
PLACES = st.integers(0, 3)


def without_deadline(one: Approval | None) -> Approval | None:
    """Deadlines of an earlier process are rebuilt, so they are compared elsewhere."""
    return one and replace(one, expires=Deadline(0))


class SameAsMemory(RuleBasedStateMachine):
    """Both kinds of stores are told the same; whatever is asked, they answer alike."""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clocks, self.names, self.number = Clocks(), list[str](), 0
        self.talks = MemoryConversations(self.next_name, 10_000)
        self.turns, self.approvals = MemoryTurns(10_000, 86_400, self.clocks.clock), MemoryApprovals(10_000)
        self.held: dict[str, tuple[Conversation, Conversation]] = {}
        self.open()

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.wait(self.sqlite.close())
            self.runner.close()
            self.folder.cleanup()

    def next_name(self) -> str:
        return self.names[-1]

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def open(self) -> None:
        self.sqlite = sqlite_store(Path(self.folder.name), self.clocks)
        self.sqlite.conversations._new_id = self.next_name
        self.wait(self.sqlite.start())

    def place(self, number: int) -> str:
        """One of the latest conversations, or one that never was."""
        return self.names[-1 - number] if number < len(self.names) else f"never-{number}"

    @rule(owner=st.none() | OWNERS)
    def create(self, owner: str | None) -> None:
        self.names.append(f"c{len(self.names)}")
        self.held[self.names[-1]] = (self.talks.create(owner), self.sqlite.conversations.create(owner))

    @rule(place=PLACES, content=TEXTS, role=st.sampled_from(["user", "assistant"]))
    def say(self, place: int, content: str, role: str) -> None:
        for one in self.held.get(self.place(place), ()):
            one.messages.append(said(role, content))

    @rule(place=PLACES, owner=OWNERS)
    def save(self, place: int, owner: str) -> None:
        """With a login in between where there was none."""
        if self.place(place) in self.held:
            ours, theirs = self.held[self.place(place)]
            ours.owner = theirs.owner = ours.owner or owner
            self.wait(self.talks.save(ours))
            self.wait(self.sqlite.conversations.save(theirs))
            assert ours.saved == theirs.saved == len(ours.messages)

    @rule(place=PLACES, owner=OWNERS)
    def open_one(self, place: int, owner: str) -> None:
        ours = self.wait(self.talks.open(self.place(place), owner))
        theirs = self.wait(self.sqlite.conversations.open(self.place(place), owner))
        assert ours == theirs

    @rule(place=PLACES, owner=OWNERS)
    def delete(self, place: int, owner: str) -> None:
        name = self.place(place)
        deleted = self.wait(self.sqlite.conversations.delete(name, owner))
        assert deleted == self.wait(self.talks.delete(name, owner))
        if deleted:  # the memory stores keep its turns and approvals, so it is asked for no more
            del self.held[name]
            self.names.remove(name)
            self.names.insert(0, "deleted")
            assert self.wait(self.sqlite.turns.latest(name)) is None
            assert self.wait(self.sqlite.approvals.latest(name)) is None

    @rule(place=PLACES, owner=OWNERS, name=st.none() | st.sampled_from(["m1", "m2"]), content=TEXTS)
    def claim_and_finish(self, place: int, owner: str, name: str | None, content: str) -> None:
        self.number += 1
        record = turn(f"t{self.number}", self.place(place), owner, name and f"{name}-{self.place(place)}")
        claimed = self.wait(self.sqlite.turns.claim(record))
        assert claimed == self.wait(self.turns.claim(record))
        if self.number % 2:
            for store in (self.turns, self.sqlite.turns):
                self.wait(store.finish(record.id, "completed", content))

    @rule(number=st.integers(0, 3), owner=OWNERS, score=st.sampled_from([1, -1]))
    def rate(self, number: int, owner: str, score: int) -> None:
        name = f"t{self.number - number}"
        if self.wait(self.sqlite.turns.rate(name, owner, score, "x")):
            assert self.wait(self.turns.rate(name, owner, score, "x"))

    @rule(place=PLACES, owner=st.none() | OWNERS)
    def park(self, place: int, owner: str | None) -> None:
        self.number += 1
        parked = approval(f"a{self.number}", self.place(place), owner)
        for store in (self.approvals, self.sqlite.approvals):
            self.wait(store.park(parked))

    @rule(place=PLACES, state=st.sampled_from(["approved", "cancelled", "expired"]), record=st.booleans())
    def settle(self, place: int, state: Any, record: bool) -> None:
        latest = self.wait(self.sqlite.approvals.latest(self.place(place)))
        if latest is not None:
            settled = self.wait(self.sqlite.approvals.settle(latest.id, state))
            assert settled == self.wait(self.approvals.settle(latest.id, state))
            if record and latest.state == "approved":
                for store in (self.approvals, self.sqlite.approvals):
                    self.wait(store.record(latest.id, "failed", "told"))

    @rule()
    def restart(self) -> None:
        """What was not saved is gone, and with it conversations that never were."""
        self.wait(self.sqlite.close())
        held, self.held = self.held, {}
        self.open()
        for name, (ours, _) in held.items():
            del ours.messages[ours.saved :]
            theirs = self.wait(self.sqlite.conversations.open(name, ours.owner or ""))
            if theirs is not None:
                self.held[name] = (ours, theirs)
            else:
                assert ours.saved == 0
                # saved without a message, it is kept and would have been found
                assert name not in {one.id for one in self.wait(self.talks.of(ours.owner or "", 1000))}

    @invariant()
    def alike(self) -> None:
        for name in self.names[-4:]:
            for ask in ("pending", "latest"):
                ours, theirs = (
                    self.wait(getattr(store, ask)(name)) for store in (self.approvals, self.sqlite.approvals)
                )
                assert without_deadline(ours) == without_deadline(theirs)
            ours, theirs = (
                [one.id for one in self.wait(store.unrecorded(name))]
                for store in (self.approvals, self.sqlite.approvals)
            )
            assert ours == theirs
            if name != "deleted":
                assert self.wait(self.turns.latest(name)) == self.wait(self.sqlite.turns.latest(name))
        for owner in ("anna", "bert") if self.names else ():
            mine, its = (self.wait(store.of(owner, 5)) for store in (self.talks, self.sqlite.conversations))
            assert [one.id for one in mine] == [one.id for one in its]
            for one, other in zip(mine, its, strict=True):
                talk = self.held[one.id][0] if one.id in self.held else None
                # in memory a title may be of a message that is not saved yet
                if talk is None or talk.saved == len(talk.messages):
                    assert one.title == other.title
        for ours, theirs in self.held.values():
            assert ours == theirs


SameAsMemory.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
test_the_stores_answer_alike_whatever_happens = SameAsMemory.TestCase


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """One that was started, that loads at most 200 characters and keeps for a day what is unused."""
    made = sqlite_store(tmp_path, max_history_chars=100, history_ttl_s=86_400, dedup_window_s=3600)
    await made.start()
    yield made
    await made.close()


async def test_a_long_history_is_loaded_from_a_users_message_on(store: SqliteStore) -> None:
    """The latest of at most twice the model's share; what is added goes behind what was not loaded."""
    talk = store.conversations.create("anna")
    for number in range(20):
        talk.messages += [said("user", f"q{number}"), said("assistant", f"a{number}")]
    await store.conversations.save(talk)
    name = talk.id
    for number in range(20, 23):
        del talk
        gc.collect()
        found = await store.conversations.open(name, "anna")
        assert found is not None
        assert 0 < len(found.messages) < 12
        assert found.saved == len(found.messages)
        assert found.messages[0]["role"] == "user"
        assert found.messages[-1] == said("assistant", f"a{number - 1}")
        talk = found
        talk.messages += [said("user", f"q{number}"), said("assistant", f"a{number}")]
        await store.conversations.save(talk)
        del found
    rows = await store._file.read("SELECT COUNT(*), MAX(position) FROM messages")
    assert rows == [(46, 45)]


async def test_what_memory_forgets_stays_in_the_file(store: SqliteStore) -> None:
    """Messages dropped from the front, `saved` lowered with them: later ones take the places behind."""
    talk = store.conversations.create("anna")
    for number in range(4):
        talk.messages += [said("user", f"q{number}"), said("assistant", f"a{number}")]
        await store.conversations.save(talk)
        dropped = len(talk.messages) - 2
        del talk.messages[:dropped]
        talk.saved = max(0, talk.saved - dropped)
    rows = await store._file.read("SELECT body FROM messages ORDER BY position")
    assert [("q" in body or "a" in body, str(n // 2) in body) for n, (body,) in enumerate(rows)] == [(True, True)] * 8


async def test_a_message_with_half_a_surrogate_pair_is_kept_without_it(store: SqliteStore) -> None:
    """UTF-8 cannot hold it; nothing fails."""
    talk = store.conversations.create("anna")
    talk.messages.append(said("user", "x\ud83dy"))
    await store.conversations.save(talk)
    await store.approvals.park(replace(approval(), shown="\udfff", arguments='"\ud83d"'))
    await store.turns.claim(turn(client_msg_id="\ud83d"))
    await store.turns.finish("t1", "completed", "\ud83d")
    name = talk.id
    del talk
    gc.collect()
    found = await store.conversations.open(name, "anna")
    assert found is not None
    assert found.messages == [said("user", "x?y")]


@pytest.mark.parametrize(("jump_s", "left_s"), [(0, 300), (100, 200), (3600, 0), (-3600, 300)])
async def test_f69_an_approval_of_an_earlier_process_expires_within_its_time(
    tmp_path: Path, jump_s: float, left_s: float
) -> None:
    """F69: rebuilt from the wall clock, within bounds, once; from then on only the clock that never jumps counts."""
    clocks = Clocks()
    first = sqlite_store(tmp_path, clocks)
    await first.start()
    parked = approval(expires=Deadline.after(300, clocks.clock), expires_at=BEGAN + timedelta(seconds=300))
    await first.approvals.park(parked)
    clocks.jump_s = 7200
    same = await first.approvals.get("a1")
    assert same is not None
    assert same.expires is parked.expires
    await first.close()
    clocks.jump_s = jump_s
    second = sqlite_store(tmp_path, clocks)
    await second.start()
    rebuilt = await second.approvals.pending("c1")
    assert rebuilt is not None
    assert rebuilt.expires.remaining_s() == pytest.approx(left_s)
    assert rebuilt.expires_at == parked.expires_at
    clocks.jump_s = -7200
    clocks.now += 300
    again = await second.approvals.get("a1")
    assert again is not None
    assert again.expires.passed
    await second.close()


async def test_what_is_unused_for_long_is_forgotten(tmp_path: Path) -> None:
    """With its turns and approvals, used ones and held ones not; names of queries go after their window."""
    clocks = Clocks()
    store = sqlite_store(tmp_path, clocks, history_ttl_s=86_400, dedup_window_s=3600)
    await store.start()
    old, used, held = (store.conversations.create("anna") for _ in range(3))
    for one in (old, used, held):
        one.messages.append(said("user", "x"))
        await store.conversations.save(one)
        await store.turns.claim(turn(f"t-{one.id}", one.id, client_msg_id=f"m-{one.id}"))
        await store.approvals.park(approval(f"a-{one.id}", one.id))
    await store.turns.claim(turn("t-never", "never", client_msg_id="m-never"))
    await store.approvals.park(approval("a-never", "never", None))
    names = old.id, used.id
    await store.sweep()
    assert (await store.turns.claim(turn("t2", used.id, client_msg_id=f"m-{used.id}"))) is not None
    clocks.now += 80_000
    await store.conversations.save(used)
    del old, used, one
    gc.collect()
    await store.sweep()
    assert await store.turns.latest("never") is None
    assert await store.turns.claim(turn("t3", names[1], client_msg_id=f"m-{names[1]}")) is None
    assert await store.approvals.get("a-never") is not None
    clocks.now += 10_000
    await store.sweep()
    assert await store.approvals.get("a-never") is None
    assert await store.conversations.open(names[0], "anna") is None
    assert await store.turns.latest(names[0]) is None
    assert await store.approvals.latest(names[0]) is None
    assert await store.conversations.open(names[1], "anna") is not None
    assert await store.approvals.latest(names[1]) is not None
    assert [one.id for one in await store.conversations.of("anna", 9)] == [names[1], held.id]
    await store.close()
