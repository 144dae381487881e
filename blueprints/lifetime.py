"""What a start began is ended once, in reverse, however the process ends: after serving, or because the start failed.

Sanic runs no listener of the end where one of the start raised, and Python waits for threads that nobody ends, such as
those of the store: the process would neither serve nor end. `assembly.py` registers the ends. Next: `shutdown.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack


class Lifetime:
    """`finally_end` is called in the loop, right after what it ends was begun."""

    def __init__(self) -> None:
        self._ends = AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def begun(self) -> bool:
        """Whether anything was begun: the port is taken before that."""
        return self._loop is not None

    def finally_end(self, end: Callable[[], Awaitable[None]]) -> None:
        """`end` will be called, whatever the others raise."""
        self._loop = asyncio.get_running_loop()
        self._ends.push_async_callback(end)

    async def end(self) -> None:
        """End all that was begun; a second call finds nothing. Raises what the ends raised, once all were called."""
        await self._ends.aclose()

    def end_after_failure(self) -> None:
        """Outside of the loop: does `end` where Sanic left it out; after a whole life there is nothing to do."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.run_until_complete(self.end())
            self._loop.close()
