"""One SQLite file: how it is made, checked, mended, written in whole transactions by one connection, read by another.

Next: `sqlite_conversations.py`, `sqlite_turns.py`, `sqlite_approvals.py`, whose statements run here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog

from integrations.stores.sqlite_schema import MIGRATIONS
from integrations.stores.sqlite_writer import Connection, Row, Statements, Writer, closed
from schemas.deadline import Deadline
from schemas.errors import StoreUnavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SUFFIXES = ("", "-wal", "-shm")
_CURSOR_ROWS = 64


class _DamagedFile(Exception):
    """The file is no database, or one whose pages contradict each other."""


class SqliteFile:
    """`patience_s` is how long one call waits until it may write; a transaction that has begun is given as long again.

    Every method raises `StoreUnavailable` where the file does not answer, and logs it as an error.
    """

    def __init__(self, path: Path, patience_s: float, wall: Callable[[], datetime]) -> None:
        self._path, self._patience_s, self._wall = path, patience_s, wall
        self._lock = asyncio.Lock()
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._writes: Writer | None = None
        self.answers = False  # whether the last thing asked of it succeeded

    async def start(self) -> None:
        """Open the file, make it where it is missing. A damaged one is renamed aside and a new one takes its place
        (F73): loudly, for what it held is missed until somebody mends it."""
        try:
            try:
                await self._open()
            except _DamagedFile as damage:
                await self._close_both()
                aside = _set_aside(self._path, self._wall())
                log.error("store_damaged", file=str(self._path), renamed_to=str(aside), reason=str(damage))
                await self._open()
            self.answers = True
        except BaseException as error:
            await self._close_both()
            if isinstance(error, (sqlite3.Error, OSError, _DamagedFile)):
                raise self._unavailable(error) from error
            raise

    async def _open(self) -> None:
        if _make(self._path):
            log.info("store_created", file=str(self._path))
        try:
            self._writer = await _connect(self._path, self._patience_s)
            found = await self._writer.execute_fetchall("PRAGMA quick_check(1)")
            if [tuple(row) for row in found] != [("ok",)]:
                raise _DamagedFile(str([tuple(row) for row in found]))
            await self._write_ahead(self._writer)
            await self._writer.visit(_migrate)
            self._reader = await _connect(self._path, self._patience_s)
            await self._reader.execute_fetchall("PRAGMA query_only = ON")
            self._writes = Writer(self._writer, self._patience_s, self._lock, self._unavailable)
        except sqlite3.DatabaseError as error:
            if _code(error) in _DAMAGED:
                raise _DamagedFile(str(error)) from error
            raise

    async def _write_ahead(self, connection: aiosqlite.Connection) -> None:
        # of two processes that begin a new file together one is told at once that it is locked, whatever its patience
        deadline = Deadline.after(self._patience_s)
        while True:
            try:
                await connection.execute_fetchall("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or deadline.passed:
                    raise
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        """After the transactions that were asked for. The write-ahead log becomes part of the file."""
        writes, self._writes = self._writes, None
        if writes is not None:
            await writes.ended()
        async with self._lock:
            await self._close_both()

    async def _close_both(self) -> None:
        # the reader first: the last one to close folds the write-ahead log into the file
        reader, writer, self._reader, self._writer = self._reader, self._writer, None, None
        self._writes = None
        for connection in (reader, writer):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    await connection.close()

    async def read(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """The rows of one statement: one statement sees one state of the file, so it needs no transaction."""
        if self._reader is None:
            raise closed()
        try:
            async with asyncio.timeout(self._patience_s):
                rows = await self._reader.visit(lambda statements: statements.run(sql, parameters))
                self.answers = True
                return rows
        except (sqlite3.DatabaseError, TimeoutError) as error:
            raise self._unavailable(error) from error

    async def write(
        self,
        work: Callable[[Statements], T],
        then: Callable[[T], None] = lambda result: None,
        *,
        first: Callable[[], None] = lambda: None,
        alone: bool = False,
    ) -> T:
        """`work` in one transaction, on the connection's thread; durable, and `then` done with its result, before this
        returns. `first` and `then` run on the event loop, directly before and after.

        Whoever waits may be cancelled at any moment, the transaction is whole all the same. One that could not begin
        within the patience never begins. Writes that wait together share a transaction and may be run a second time
        without the others where it fails, so `work` changes nothing but the file. `alone`: `then` changes what the
        `first` or `work` of another looks at.
        """
        if self._writes is None:
            raise closed()
        result = await self._writes.write(work, then, first, alone=alone)
        self.answers = True
        return result

    async def shorten(self) -> None:
        """Fold the write-ahead log into the file and empty it, so that what was deleted is nowhere; not while another
        process reads."""
        async with self._lock:
            if self._writer is not None:
                with contextlib.suppress(sqlite3.OperationalError):
                    await self._writer.execute_fetchall("PRAGMA busy_timeout = 0")
                    await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        reason = "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        self.answers = False
        log.error("store_unavailable", file=str(self._path), reason=reason)
        return StoreUnavailable(reason)


async def _connect(path: Path, patience_s: float) -> Connection:
    connection = Connection(lambda: sqlite3.connect(path, isolation_level=None, timeout=patience_s), _CURSOR_ROWS)
    await connection
    try:
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON", "trusted_schema = OFF"):
            await connection.execute_fetchall(f"PRAGMA {pragma}")
    except BaseException:
        await connection.close()
        raise
    return connection


def _migrate(statements: Statements) -> None:
    if _version(statements) == len(MIGRATIONS):
        return  # so that a start needs no lock
    statements.run("BEGIN IMMEDIATE")
    try:
        version = _version(statements)  # another process may have been first
        if version > len(MIGRATIONS):
            raise StoreUnavailable(f"the file is of version {version}, this Steward knows {len(MIGRATIONS)}")
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                statements.run(statement)
        statements.run(f"PRAGMA user_version = {len(MIGRATIONS)}")
        statements.run("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.OperationalError):
            statements.run("ROLLBACK")
        raise


def _version(statements: Statements) -> int:
    return int(statements.run("PRAGMA user_version")[0][0])


def _make(path: Path) -> bool:
    """Make the file and its companions for the owner's eyes only, before SQLite would; True if it is new (A79).

    Files that exist are never opened here: closing them would drop the locks that this process has on them.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _size(path) == 0 and _size(path.with_name(path.name + "-wal")) > 0:
        raise _DamagedFile("the file is empty or gone, its write-ahead log is not")  # SQLite would delete the log
    new = False
    for suffix in _SUFFIXES:
        one = path.with_name(path.name + suffix)
        try:
            os.close(os.open(one, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            new = new or not suffix
        except FileExistsError:
            one.chmod(0o600)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return new


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _set_aside(path: Path, now: datetime) -> Path:
    """Rename the file and its companions; nothing that was set aside earlier is overwritten."""
    stem = f"{path.name}.damaged-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    aside, number = path.with_name(stem), 1
    while any(aside.with_name(aside.name + suffix).exists() for suffix in _SUFFIXES):
        number += 1
        aside = path.with_name(f"{stem}-{number}")
    for suffix in _SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def stamp(when: datetime) -> str:
    """UTC with microseconds, always: compares as text."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def text(value: str) -> str:
    """The text as UTF-8 can hold it: halves of surrogate pairs become question marks."""
    return value.encode("utf-8", "replace").decode("utf-8")
