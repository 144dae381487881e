"""One turn as server-sent events: its own entries alone, from where the client has it, to its end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from agent.grammar import Grammar
from blueprints.stream import HEARTBEAT, TurnStream, last_event_id
from integrations.stores.memory_log import MemoryLog
from schemas.errors import FrameRefused
from schemas.frames import Snapshot
from schemas.turn import TextDelta, TurnEnded, TurnFailed, Usage
from tests.support.fakes import ids


def log(max_entries: int = 1000) -> MemoryLog:
    return MemoryLog(max_entries, 100, new_epoch=ids("e"))


def turn(entries: MemoryLog, turn_id: str, *words: str, end: bool = True) -> None:
    grammar = Grammar(entries, "c1", turn_id, "en")
    grammar.open()
    for word in words:
        grammar.write(TextDelta(word))
    if end:
        grammar.write(TurnEnded("success", Usage()))


async def texts(stream: TurnStream, turn_id: str, under_way: bool = False) -> list[str]:
    return [one async for one in stream.events(turn_id, lambda: under_way, 60)]


def seqs(events: list[str]) -> list[int]:
    return [int(event.partition("\n")[0].rpartition(":")[2]) for event in events]


def frames(events: list[str]) -> list[dict[str, Any]]:
    return [json.loads(event.partition("data: ")[2]) for event in events]


async def test_other_turns_of_the_conversation_are_not_sent() -> None:
    """One waited while an earlier one ended: the numbers are those of the log, so that there is a gap."""
    entries = log()
    stream = TurnStream(entries)
    stream.follow("c1")
    turn(entries, "t1", "not for this client")
    turn(entries, "t2", "a", "b")
    turn(entries, "t3", "nor this")
    sent = await texts(stream, "t2")
    assert seqs(sent) == [5, 6, 7, 8, 9]
    assert {frame["turn_id"] for frame in frames(sent)} == {"t2"}
    assert all(event.endswith("\n\n") and event.startswith("id: e1:") for event in sent)


async def test_the_last_event_is_where_it_goes_on() -> None:
    """Exactly what was missed; without one the whole turn; of an ended turn that was seen whole nothing."""
    entries = log()
    turn(entries, "t1", "a", "b")
    for last, expected in ((("e1", 2), [3, 4, 5]), (None, [1, 2, 3, 4, 5]), (("e1", 5), [])):
        stream = TurnStream(entries, last)
        assert stream.replay("c1", "t1")
        assert seqs(await texts(stream, "t1")) == expected


@pytest.mark.parametrize("last", [("another", 2), ("e1", 99)])
async def test_a_place_that_the_log_does_not_have_is_said_so(last: tuple[str, int]) -> None:
    """Another numbering, or a number of the future: the caller shows a snapshot, and only what is new follows it."""
    entries = log()
    turn(entries, "t1", "a", end=False)
    stream = TurnStream(entries, last)
    assert not stream.replay("c1", "t1")
    stream.send(Snapshot(conversation_id="c1", content="a", approvals=[], seq=stream.seq))
    Grammar(entries, "c1", "t1", "en").write(TurnFailed("internal"))
    sent = frames(await texts(stream, "t1"))
    assert [(frame["type"], frame["seq"]) for frame in sent] == [("snapshot", 2), ("error", 3)]


async def test_what_was_told_before_the_turn_is_for_this_client_too() -> None:
    """What an earlier process left unfinished, under a turn of its own; then its own turn to the end."""
    entries = log()
    turn(entries, "old", "earlier")
    before = entries.last_seq("c1")
    turn(entries, "told", "the write was not confirmed")
    stream = TurnStream(entries)
    stream.follow("c1", before)
    stream.follow("c1")
    turn(entries, "t1", "answer")
    sent = frames(await texts(stream, "t1"))
    assert [frame["turn_id"] for frame in sent if frame["type"] == "status" and frame["status"] == "completed"] == [
        "told",
        "t1",
    ]
    assert "earlier" not in str(sent)


async def test_lost_entries_end_it_without_a_terminal() -> None:
    """The client comes back with its last event and is told where it stands; it never sees a gap in its own turn."""
    entries = log(max_entries=4)
    stream = TurnStream(entries)
    stream.follow("c1")
    turn(entries, "t1", *"abcdefgh")
    assert await texts(stream, "t1") == []


async def test_a_silence_is_filled_with_comments_until_there_is_more() -> None:
    """So that proxies keep the connection, and a client that has gone is noticed."""
    entries = log()
    stream = TurnStream(entries)
    stream.follow("c1")
    events = stream.events("t1", lambda: True, 0.001)
    assert [await anext(events) for _ in range(3)] == [HEARTBEAT] * 3
    turn(entries, "t1", "a")
    rest = [one async for one in events]
    assert seqs([one for one in rest if one != HEARTBEAT]) == [1, 2, 3, 4]


async def test_it_waits_for_what_is_still_to_come() -> None:
    """Woken by the log; the stream of a turn that waits is open before the turn begins."""
    entries = log()
    stream = TurnStream(entries)
    stream.follow("c1")
    reading = asyncio.create_task(texts(stream, "t1", under_way=True))
    await asyncio.sleep(0)
    turn(entries, "t1", "a")
    assert len(await asyncio.wait_for(reading, 10)) == 4
    stream.leave()


@pytest.mark.parametrize("value", ["", "e", "e:", ":1", "e:x", "e:-1", "e:1:2", "e 1:2", "é:1", "e:" + "1" * 16])
def test_what_no_stream_has_sent_is_no_last_event_id(value: str) -> None:
    """Epoch and number are of the server's own making."""
    with pytest.raises(FrameRefused) as refused:
        last_event_id(value)
    assert refused.value.field == "Last-Event-ID"


def test_a_last_event_id_is_epoch_and_number() -> None:
    """None where the header is not there."""
    assert last_event_id("q8Zk_-9:17") == ("q8Zk_-9", 17)
    assert last_event_id(None) is None
