"""The bulkhead of one upstream: so many calls in flight, so many waiting, the next one is refused at once."""

from __future__ import annotations

import asyncio

from schemas.errors import StewardError


class BulkheadFull(StewardError):
    """As many wait as may; the call was refused without waiting."""


class Bulkhead:
    """`async with bulkhead:` holds one of `in_flight` places. Raises `BulkheadFull` where `waiting` calls wait."""

    __slots__ = ("_in_flight", "_limit", "_places", "_waiting", "_waiting_limit")

    def __init__(self, in_flight: int, waiting: int) -> None:
        self._limit, self._waiting_limit = in_flight, waiting
        self._places = asyncio.Semaphore(in_flight)
        self._in_flight = self._waiting = 0

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def waiting(self) -> int:
        return self._waiting

    async def __aenter__(self) -> None:
        if self._places.locked():
            if self._waiting >= self._waiting_limit:
                raise BulkheadFull("too many calls wait for this upstream")
            self._waiting += 1
            try:
                await self._places.acquire()
            finally:
                self._waiting -= 1
        else:
            await self._places.acquire()
        self._in_flight += 1

    async def __aexit__(self, *error: object) -> None:
        self._in_flight -= 1
        self._places.release()
