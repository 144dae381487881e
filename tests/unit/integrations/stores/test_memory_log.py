"""The log of entries in memory: numbered, the newest kept, followers woken (protocol, rule 3)."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from integrations.stores.memory_log import MemoryLog
from schemas.frames import Chunk
from tests.support.limits import Clock


def chunk(content: str = "x") -> Chunk:
    return Chunk(content=content, is_final=False)


def filled(count: int, max_entries: int = 1000) -> MemoryLog:
    log = MemoryLog(max_entries, 10, new_epoch=lambda: "e")
    for number in range(count):
        log.append("c1", "t1", chunk(str(number)))
    return log


def test_an_entry_is_the_frame_with_its_place() -> None:
    """Conversation, turn and seq are in the text that every connection is sent."""
    entry = MemoryLog(10, 10, new_epoch=lambda: "e").append("c1", "t1", chunk("hello"))
    assert entry.seq == 1
    assert json.loads(entry.text) == {
        "type": "chunk",
        "content": "hello",
        "is_final": False,
        "conversation_id": "c1",
        "turn_id": "t1",
        "seq": 1,
    }


@given(st.lists(st.sampled_from(["c1", "c2"]), max_size=30))
def test_seq_grows_by_one_in_each_conversation(appends: list[str]) -> None:
    """Whatever is appended to others in between."""
    log = MemoryLog(1000, 10, new_epoch=lambda: "e")
    for conversation_id in appends:
        log.append(conversation_id, "t", chunk())
    for conversation_id in ("c1", "c2"):
        count = appends.count(conversation_id)
        assert [entry.seq for entry in log.after(conversation_id, 0)] == list(range(1, count + 1))
        assert log.last_seq(conversation_id) == count


@given(st.integers(0, 30), st.integers(0, 35), st.integers(1, 12))
def test_after_gives_the_kept_entries_later_than_seq(count: int, seq: int, max_entries: int) -> None:
    """In order, without a gap among them up to the newest; at least `max_entries` are kept, and a quarter more at most.
    `reaches` says whether they are all."""
    log = filled(count, max_entries)
    kept = [entry.seq for entry in log.after("c1", 0)]
    assert kept == list(range(count - len(kept) + 1, count + 1))
    assert min(count, max_entries) <= len(kept) <= max_entries * 5 // 4
    assert [entry.seq for entry in log.after("c1", seq)] == [one for one in kept if one > seq]
    assert log.reaches("c1", seq) == (count > 0 and count - len(kept) <= seq <= count)
    assert log.last_seq("c1") == count


def test_an_unknown_conversation_has_no_entries() -> None:
    """And asking for it makes none."""
    log = MemoryLog(10, 10, new_epoch=lambda: "e")
    assert list(log.after("c9", 0)) == []
    assert log.last_seq("c9") == 0


def test_followers_are_woken_after_each_entry_until_they_leave() -> None:
    """Each for its own conversation; two with the same function are two; leaving twice does no harm."""
    log, woken = MemoryLog(10, 10, new_epoch=lambda: "e"), []

    def wake() -> None:
        woken.append(log.last_seq("c1"))

    leave_one, leave_other = log.follow("c1", wake), log.follow("c1", wake)
    log.append("c2", "t", chunk())
    log.append("c1", "t", chunk())
    assert woken == [1, 1]
    leave_one()
    leave_one()
    log.append("c1", "t", chunk())
    assert woken == [1, 1, 2]
    leave_other()
    log.append("c1", "t", chunk())
    assert woken == [1, 1, 2]


def test_a_follower_may_leave_while_it_is_woken() -> None:
    """The others are still woken."""
    log, woken = MemoryLog(10, 10, new_epoch=lambda: "e"), []
    leaves = [log.follow("c1", lambda: leaves[0]()), log.follow("c1", lambda: woken.append(1))]
    log.append("c1", "t", chunk())
    assert woken == [1]


def test_the_longest_unwritten_conversation_goes_first_but_never_a_followed_one() -> None:
    """Somebody still reads there."""
    log = MemoryLog(10, 2, new_epoch=lambda: "e")
    log.append("c1", "t", chunk())
    leave = log.follow("c1", lambda: None)
    log.append("c2", "t", chunk())
    log.append("c3", "t", chunk())
    assert log.last_seq("c2") == 0
    assert log.last_seq("c1") == 1
    leave()
    log.append("c4", "t", chunk())
    assert log.last_seq("c1") == 0
    assert log.last_seq("c3") == 1


def test_more_followed_conversations_than_the_limit_are_all_kept() -> None:
    """The limit is for what nobody reads."""
    log = MemoryLog(10, 2, new_epoch=lambda: "e")
    for number in range(4):
        log.follow(f"c{number}", lambda: None)
        log.append(f"c{number}", "t", chunk())
    assert [log.last_seq(f"c{number}") for number in range(4)] == [1, 1, 1, 1]


def test_all_entries_together_are_bounded_and_the_longest_unwritten_go_first() -> None:
    """A conversation whose entries went goes on with the next number; who missed them is not told that he has all."""
    log = MemoryLog(1000, 10, new_epoch=lambda: "e", max_total_bytes=20_000)
    for number in range(100):
        log.append("quiet", "t", chunk(str(number)))
    log.append("quiet", "t", chunk())
    assert 0 < len(log.after("quiet", 0)) < 101
    for number in range(100):
        log.append(f"c{number % 2}", "t", chunk(str(number)))
    assert list(log.after("quiet", 0)) == []
    assert log.last_seq("quiet") == 101
    assert log.reaches("quiet", 101)
    assert not log.reaches("quiet", 100)
    assert log.append("quiet", "t", chunk()).seq == 102
    assert [entry.seq for entry in log.after("quiet", 0)] == [102]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 3000)), max_size=120))
def test_memory_of_all_entries_stays_within_its_bound(appends: list[tuple[str, int]]) -> None:
    """Whoever writes how much: the bound of all holds but for the conversation that is just written to."""
    log, bound = MemoryLog(1000, 10, new_epoch=lambda: "e", max_bytes=8000, max_total_bytes=20_000), 20_000
    for conversation_id, length in appends:
        log.append(conversation_id, "t", chunk("x" * length))
        kept = [entry for each in "abcde" for entry in log.after(each, 0)]
        assert sum(len(entry.text) for entry in kept) <= bound
        assert log.after(conversation_id, 0)[-1].seq == log.last_seq(conversation_id)


def test_entries_that_are_promised_to_nobody_any_more_go_even_where_somebody_follows() -> None:
    """He has read them long ago: the window began with the last one."""
    clock = Clock()
    log = MemoryLog(1000, 10, new_epoch=lambda: "e", window_s=600, clock=clock)
    log.follow("c1", lambda: None)
    log.append("c1", "t", chunk())
    clock.now += 600
    log.append("c2", "t", chunk())
    assert len(log.after("c1", 0)) == 1
    clock.now += 1
    log.append("c2", "t", chunk())
    assert (len(log.after("c1", 0)), log.last_seq("c1"), log.reaches("c1", 1)) == (0, 1, True)
