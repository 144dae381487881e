"""The end of the process: no new connections and turns, those under way may end, then everybody is told to come back.

Sanic alone would cancel all turns at once and close every socket with 1000, as if the conversation were over.
`assembly.py` calls `run` where Sanic is about to stop. Next: `agent/turns.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Collection
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class Drainable(Protocol):
    """What runs turns."""

    async def drain(self, timeout_s: float) -> bool:
        """Take no more turns and wait for those under way; False if some still run after `timeout_s`."""

    async def close(self) -> None:
        """End what still runs, each turn with its terminal."""


class Shutdown:
    """`connections` are the open ones, `close_connections` tells each of them 1012. Times in seconds."""

    def __init__(
        self,
        turns: Drainable,
        connections: Collection[object],
        close_connections: Callable[[], None],
        *,
        drain_s: float,
        farewell_s: float = 5.0,
    ) -> None:
        self._turns, self._connections, self._close_connections = turns, connections, close_connections
        self._drain_s, self._farewell_s = drain_s, farewell_s
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        """Nothing new is taken any more."""
        return self._task is not None

    def obey(self, serves: Callable[[], bool], stop: Callable[[], None]) -> None:
        """From now on SIGINT and SIGTERM end the process by `stop`, however early they come: Sanic's own handlers stop
        a loop that is only starting, which is lost, and the process runs for ever. `serves`: whether it has started."""
        loop = asyncio.get_running_loop()

        def ask() -> None:
            if serves():
                stop()
            else:
                loop.call_later(0.05, ask)

        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):  # not the main thread
                loop.add_signal_handler(number, ask)

    async def run(self) -> None:
        """Drain, then close. Sanic calls this once more where the first call met a loop that was just stopping (it does
        so with uvloop): both wait for the same."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        await asyncio.shield(self._task)

    def hurry(self) -> None:
        """Wait no longer for turns: a second signal says so."""
        log.warning("drain_cut_short")
        self._hurry.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):  # not the main thread
                loop.add_signal_handler(number, self.hurry)
        log.info("draining", connections=len(self._connections), at_most_s=self._drain_s)
        drained = await self._drain()
        await self._turns.close()
        log.info("drained", complete=drained)
        self._close_connections()
        until = loop.time() + self._farewell_s
        while self._connections and loop.time() < until:  # noqa: ASYNC110 - nobody says that a set is empty
            await asyncio.sleep(0.02)

    async def _drain(self) -> bool:
        drain = asyncio.create_task(self._turns.drain(self._drain_s))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({drain, hurry}, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not drain.done():
            drain.cancel()
            return False
        return drain.result()
