"""Signals that come early (the drain itself is shown over a real process in `tests/e2e/test_shutdown.py`)."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from blueprints.shutdown import Shutdown


class NoTurns:
    """A runner in which nothing runs."""

    async def drain(self, timeout_s: float) -> bool:
        return True

    async def close(self) -> None:
        """Nothing to end."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_that_comes_while_it_starts_is_kept_until_it_serves(number: signal.Signals) -> None:
    """The loop is not stopped under the start, and the signal is not lost."""
    shutdown = Shutdown(NoTurns(), (), lambda: None, drain_s=0)
    asked, stopped = asyncio.Event(), asyncio.Event()
    serving = False

    def serves() -> bool:
        asked.set()
        return serving

    shutdown.obey(serves, stopped.set)
    loop = asyncio.get_running_loop()
    try:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(30):
            await asked.wait()
            assert not stopped.is_set()
            serving = True
            await stopped.wait()
    finally:
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(one)
