"""Rules 1, 3, 4, 5, 6 and 8 of the protocol under any order of events: entries once and in order, writes once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.support.schedule_clients import Client
from tests.support.schedule_house import House
from tests.support.schedule_judge import judge
from tests.support.schedules import random_steps, run, settle


@pytest.mark.parametrize("max_entries", [1000, 20, 5])
@pytest.mark.parametrize("part", range(3))
async def test_any_schedule_keeps_the_rules(part: int, max_entries: int) -> None:
    """Three clients connect, ask, answer, cancel, repeat, are cut at any frame and come back; stores are slow, the
    log is trimmed and forgotten (F47, F48, F53, F60, A18, A20).

    Every client with `hello` has the log's entries once and in order, or is told that it cannot and gets one snapshot
    that is true; every turn lies in one piece, has one terminal and closes its bubble once; every write that was
    approved is sent once and recorded, or recorded as not sent; no history has a call without its result.
    """
    happened: Counter[str] = Counter()
    for seed in range(part * 250, (part + 1) * 250):
        wrong, house, clients = await run(random_steps(seed), seed, max_entries=max_entries)
        assert wrong == [], f"seed {seed}"
        happened["writes"] += len(house.toolset.sent)
        happened["lost"] += sum(client.lost for client in clients)
        for frame in (frame for frames in house.log.in_order.values() for frame in frames):
            happened[frame.get("code") or frame.get("data", {}).get("outcome", "")] += 1
    # the dice did their work
    assert happened["writes"] > 20
    assert happened["lost"] > 20
    assert {"success", "approval", "cancelled"} <= set(happened)


async def talking(house: House, max_entries: int) -> Client:
    """A client whose named query runs and has said more than the log keeps."""
    client = Client(house, hello=True)
    client.connect()
    client.ask("hello there")
    house.model.gate.clear()
    async with asyncio.timeout(10):
        while len(house.log.in_order.get("c1", ())) <= max_entries:
            await asyncio.sleep(0)
    return client


@pytest.mark.parametrize("still_runs", [True, False])
@pytest.mark.parametrize("hello", [True, False])
async def test_a_named_query_whose_turn_the_log_has_not_whole_is_shown_as_it_stands(
    hello: bool, still_runs: bool
) -> None:
    """Rule 5, F60: a snapshot of the bubble so far where the client knows one, else a chunk of it; the rest."""
    house = House(5, max_entries=3)
    client = await talking(house, 5)
    tab = Client(house, hello=hello)
    tab.connect()
    if not still_runs:
        house.model.gate.set()
    assert client.last is not None
    tab.put(client.last)
    assert tab.line is not None
    for _ in range(500):
        await asyncio.sleep(0)
    assert not tab.line.busy
    if still_runs:
        assert tab.frames[-1]["content"] == "You said that, and I heard "
    house.model.gate.set()
    await settle(house, [client, tab])
    bubble = "".join(frame["content"] for frame in tab.frames if frame["type"] in ("chunk", "snapshot"))
    assert bubble == "You said that, and I heard it."
    assert {"snapshot" if hello else "chunk"} <= {frame["type"] for frame in tab.frames}
    assert client.wrong + tab.wrong + judge(house, [client, tab]) == []
    assert len({frame["turn_id"] for frame in house.log.in_order["c1"]}) == 1
    for one in (client, tab):
        assert one.line is not None
        await one.line.end()
    await house.turns.close()
