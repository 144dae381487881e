"""So many calls in flight, so many waiting, the next one refused."""

from __future__ import annotations

import asyncio

import pytest

from integrations.upstream.bulkhead import Bulkhead, BulkheadFull


async def test_the_next_one_is_refused_without_waiting() -> None:
    """F32: 2 in flight and 3 wait; the sixth is refused at once, and the waiting ones come in turn."""
    bulkhead, going, came = Bulkhead(2, 3), asyncio.Event(), []

    async def call(number: int) -> None:
        async with bulkhead:
            came.append(number)
            await going.wait()

    tasks = [asyncio.create_task(call(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert (bulkhead.in_flight, bulkhead.waiting) == (2, 3)
    with pytest.raises(BulkheadFull):
        await call(5)
    going.set()
    await asyncio.gather(*tasks)
    assert came == [0, 1, 2, 3, 4]
    assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)


async def test_a_cancelled_call_leaves_its_place() -> None:
    """F33: cancelled in flight or while it waits, in any order, no place is lost."""
    bulkhead = Bulkhead(4, 100)

    async def call() -> None:
        async with bulkhead:
            await asyncio.sleep(3600)

    for turn in range(50):
        tasks = [asyncio.create_task(call()) for _ in range(20)]
        for _ in range(turn % 4):
            await asyncio.sleep(0)
        for task in tasks[:: -1 if turn % 2 else 1]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)
    async with asyncio.timeout(5), bulkhead:
        assert bulkhead.in_flight == 1
