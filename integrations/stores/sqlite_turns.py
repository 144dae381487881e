"""Turns in SQLite; those without an owner in memory only. Next: `sqlite_approvals.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from integrations.stores.memory_turns import MemoryTurns
from integrations.stores.sqlite_file import SqliteFile, stamp, text
from integrations.stores.sqlite_writer import Row, Statements
from schemas.conversation import TurnRecord

_COLUMNS = "id, conversation_id, owner, client_msg_id, started_at, outcome, content"


class SqliteTurns:
    """A client's name for a query counts for `window_s`, by the wall clock: the window outlives the process."""

    def __init__(self, file: SqliteFile, ownerless: MemoryTurns, window_s: float, wall: Callable[[], datetime]) -> None:
        self._file, self._ownerless, self._window, self._wall = file, ownerless, timedelta(seconds=window_s), wall
        self._running_ownerless: set[str] = set()

    async def claim(self, turn: TurnRecord) -> TurnRecord | None:
        if turn.owner is None:
            earlier = await self._ownerless.claim(turn)
            if earlier is None:
                self._running_ownerless.add(turn.id)
            return earlier
        return await self._file.write(lambda statements: self._claim(statements, turn))

    def _claim(self, statements: Statements, turn: TurnRecord) -> TurnRecord | None:
        now = self._wall()
        if turn.client_msg_id is not None:
            rows = statements.run(
                f"SELECT {_COLUMNS} FROM turns WHERE owner = ? AND client_msg_id = ? AND claimed_at >= ? "  # noqa: S608
                "ORDER BY number DESC LIMIT 1",
                (text(turn.owner or ""), text(turn.client_msg_id), stamp(now - self._window)),
            )
            if rows:
                return _record(rows[0])
        statements.run(
            f"INSERT INTO turns ({_COLUMNS}, claimed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                turn.id,
                turn.conversation_id,
                text(turn.owner or ""),
                None if turn.client_msg_id is None else text(turn.client_msg_id),
                stamp(turn.started_at),
                turn.outcome,
                text(turn.content),
                stamp(now),
            ),
        )
        return None

    async def finish(self, turn_id: str, outcome: str, content: str) -> None:
        if turn_id in self._running_ownerless:
            self._running_ownerless.discard(turn_id)
            await self._ownerless.finish(turn_id, outcome, content)
            return
        values = (outcome, text(content), text(turn_id))
        await self._file.write(
            lambda statements: statements.run("UPDATE turns SET outcome = ?, content = ? WHERE id = ?", values)
        )

    async def latest(self, conversation_id: str) -> TurnRecord | None:
        # a conversation that has gained its owner has none without one after that
        rows = await self._file.read(
            f"SELECT {_COLUMNS} FROM turns WHERE conversation_id = ? ORDER BY number DESC LIMIT 1",  # noqa: S608
            (text(conversation_id),),
        )
        return _record(rows[0]) if rows else await self._ownerless.latest(conversation_id)

    async def rate(self, turn_id: str, owner: str | None, score: int, comment: str) -> bool:
        if owner is None:
            return await self._ownerless.rate(turn_id, None, score, comment)
        values = (score, text(comment), text(turn_id), text(owner))
        rated = await self._file.write(
            lambda statements: statements.run(
                "UPDATE turns SET score = ?, comment = ? WHERE id = ? AND owner = ? RETURNING id", values
            )
        )
        return bool(rated)

    def forget_names(self, statements: Statements) -> int:
        """Within a transaction: clients' names that no longer count, and such turns whose conversation was never kept;
        how many."""
        before = (stamp(self._wall() - self._window),)
        gone = statements.run(
            "DELETE FROM turns WHERE claimed_at < ? AND conversation_id NOT IN (SELECT id FROM conversations) "
            "RETURNING id",
            before,
        )
        unnamed = statements.run(
            "UPDATE turns SET client_msg_id = NULL WHERE claimed_at < ? AND client_msg_id IS NOT NULL RETURNING id",
            before,
        )
        return len(gone) + len(unnamed)


def _record(row: Row) -> TurnRecord:
    name, conversation_id, owner, client_msg_id, started_at, outcome, content = row
    return TurnRecord(name, conversation_id, owner, client_msg_id, datetime.fromisoformat(started_at), outcome, content)
