"""Rules 1, 3, 4, 5, 6 and 8 of the protocol under any order of events: entries once and in order, writes once."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.schedules import random_steps, run


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
