"""What is remembered beyond a turn and a process: conversations, turns, parked writes, uploads in one SQLite file.

Lifecycle and retention are here. Next: `sqlite_file.py`, then the four stores.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import structlog

from integrations.stores.memory_turns import MemoryTurns
from integrations.stores.sqlite_approvals import SqliteApprovals
from integrations.stores.sqlite_conversations import SqliteConversations
from integrations.stores.sqlite_file import SqliteFile
from integrations.stores.sqlite_turns import SqliteTurns
from integrations.stores.sqlite_uploads import SqliteUploads, UploadBounds
from integrations.stores.sqlite_writer import Statements
from schemas.errors import StoreUnavailable

log = structlog.get_logger(__name__)


class SqliteStore:
    """`new_id` makes ids of at least 128 bit; `max_history_chars` is what a model is shown, twice that is loaded.

    Times in seconds: `dedup_window_s` a client's name for a query counts, `history_ttl_s` an unused conversation is
    kept, `approval_ttl_s` an approval waits at most, `patience_s` a call waits for the file. `clock` never jumps,
    `wall` is UTC. At most `max_turns` turns without an owner are kept, in memory.
    """

    def __init__(
        self,
        path: Path,
        *,
        new_id: Callable[[], str],
        max_history_chars: int,
        dedup_window_s: float,
        history_ttl_s: float,
        approval_ttl_s: float,
        patience_s: float = 5.0,
        max_turns: int = 10_000,
        uploads: UploadBounds = UploadBounds(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._file = SqliteFile(path, patience_s, wall)
        self._history_ttl, self._wall = timedelta(seconds=history_ttl_s), wall
        ownerless = MemoryTurns(max_turns, dedup_window_s, clock)
        self.conversations = SqliteConversations(self._file, new_id, 2 * max_history_chars, wall)
        self.turns = SqliteTurns(self._file, ownerless, dedup_window_s, wall)
        self.approvals = SqliteApprovals(self._file, approval_ttl_s, clock, wall)
        self.uploads = SqliteUploads(self._file, new_id, uploads, wall)

    async def start(self) -> None:
        """Before anything else. Raises `StoreUnavailable` where the file cannot be used."""
        await self._file.start()

    async def close(self) -> None:
        """After what was asked for is written."""
        await self._file.close()

    @property
    def answers(self) -> bool:
        """Whether the last read or write succeeded."""
        return self._file.answers

    async def sweep(self) -> None:
        """Forget what is kept no longer: to be called now and then. Raises `StoreUnavailable`."""

        held: list[str] = []

        def first() -> None:
            held[:] = self.conversations.held()

        def work(statements: Statements) -> tuple[int, int, int, int]:
            before = self._wall() - self._history_ttl
            return (
                self.conversations.forget_unused(statements, before, held),
                self.turns.forget_names(statements),
                self.approvals.forget_unused(statements, before),
                self.uploads.forget_expired(statements),
            )

        gone = await self._file.write(work, first=first, alone=True)
        swept = dict(zip(("conversations", "turns", "approvals", "uploads"), gone, strict=True))
        if any(swept.values()):
            await self._file.shorten()
            log.info("store_swept", **swept)

    async def sweep_now_and_then(self, pause_s: float) -> NoReturn:
        """Sweep for ever, with a pause between; one that fails is made up for by the next."""
        while True:
            try:
                await self.sweep()
            except StoreUnavailable as error:
                log.error("store_not_swept", reason=error.reason)
            await asyncio.sleep(pause_s)
