"""Uploads in SQLite, content and all: kept for a while, read by their owner alone, bounded in number and bytes.

Used by `blueprints/uploads.py` to take one in and by `integrations/attachments.py` to send it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.stores.sqlite_file import SqliteFile, stamp, text
from integrations.stores.sqlite_writer import Row, Statements
from schemas.errors import UploadsFull
from schemas.upload import Upload

_COLUMNS = "id, owner, filename, type, size, expires_at"


@dataclass(frozen=True, slots=True)
class UploadBounds:
    """How long an upload is kept, how many an owner may have at a time, how many bytes all of them together."""

    ttl_s: float = 86_400.0
    max_per_owner: int = 30
    max_bytes: int = 1 << 30


class SqliteUploads:
    """`new_id` makes ids of at least 128 bit, `wall` is UTC."""

    def __init__(
        self, file: SqliteFile, new_id: Callable[[], str], bounds: UploadBounds, wall: Callable[[], datetime]
    ) -> None:
        self._file, self._new_id, self._bounds, self._wall = file, new_id, bounds, wall

    async def add(self, owner: str, filename: str, media_type: str, content: bytes) -> Upload:
        """Keep it. Raises `UploadsFull` where the owner has too many, or all owners too much."""
        now = self._wall()
        expires_at = now + timedelta(seconds=self._bounds.ttl_s)
        upload = Upload(self._new_id(), owner, text(filename), media_type, len(content), expires_at)

        def work(statements: Statements) -> None:
            self.forget_expired(statements)
            self._make_sure_of_room(statements, upload, now)
            statements.run(
                f"INSERT INTO uploads ({_COLUMNS}, content) VALUES (?,?,?,?,?,?,?)",  # noqa: S608
                (upload.id, text(owner), upload.filename, media_type, upload.size, stamp(expires_at), content),
            )

        await self._file.write(work)
        return upload

    def _make_sure_of_room(self, statements: Statements, upload: Upload, now: datetime) -> None:
        ((own, first),) = statements.run(
            "SELECT count(*), min(expires_at) FROM uploads WHERE owner = ?", (text(upload.owner),)
        )
        if own >= self._bounds.max_per_owner:
            raise UploadsFull(_until(first, now))
        ((taken, first),) = statements.run("SELECT coalesce(sum(size), 0), min(expires_at) FROM uploads")
        if taken + upload.size > self._bounds.max_bytes:
            raise UploadsFull(_until(first, now))

    async def get(self, upload_id: str, owners: Collection[str]) -> Upload | None:
        """The upload of this id if one of `owners` has it and it is kept still; None for an unknown and for a foreign
        one alike."""
        rows = await self._file.read(*self._own(_COLUMNS, upload_id, owners))
        return _upload(rows[0]) if rows else None

    async def read(self, upload_id: str, owners: Collection[str]) -> tuple[Upload, bytes] | None:
        """The same with its bytes."""
        rows = await self._file.read(*self._own(f"{_COLUMNS}, content", upload_id, owners))
        return (_upload(rows[0][:-1]), rows[0][-1]) if rows else None

    async def forget(self, owner: str) -> None:
        """All uploads of an owner."""
        gone = await self._file.write(
            lambda statements: statements.run("DELETE FROM uploads WHERE owner = ? RETURNING id", (text(owner),))
        )
        if gone:
            await self._file.shorten()

    def forget_expired(self, statements: Statements) -> int:
        """Within a transaction: what is kept no longer; how many."""
        gone = statements.run("DELETE FROM uploads WHERE expires_at <= ? RETURNING id", (stamp(self._wall()),))
        return len(gone)

    def _own(self, columns: str, upload_id: str, owners: Collection[str]) -> tuple[str, tuple[str, ...]]:
        marks = ", ".join("?" * len(owners))
        sql = f"SELECT {columns} FROM uploads WHERE id = ? AND owner IN ({marks}) AND expires_at > ?"  # noqa: S608
        return sql, (text(upload_id), *map(text, owners), stamp(self._wall()))


def _upload(row: Row) -> Upload:
    name, owner, filename, media_type, size, expires_at = row
    return Upload(name, owner, filename, media_type, size, datetime.fromisoformat(expires_at))


def _until(first: str | None, now: datetime) -> float:
    """Seconds until the first of them expires."""
    return max(0.0, (datetime.fromisoformat(first) - now).total_seconds()) if first else 0.0
