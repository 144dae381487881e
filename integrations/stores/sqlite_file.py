"""One SQLite file: how it is made, checked, mended, written in whole transactions by one connection, read by another.

Next: `sqlite_conversations.py`, `sqlite_turns.py`, `sqlite_approvals.py`, whose statements run here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog

from integrations.stores.sqlite_schema import MIGRATIONS
from schemas.deadline import Deadline
from schemas.errors import StoreUnavailable

log = structlog.get_logger(__name__)

Row = tuple[Any, ...]
T = TypeVar("T")
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SUFFIXES = ("", "-wal", "-shm")


class _DamagedFile(Exception):
    """The file is no database, or one whose pages contradict each other."""


class Statements:
    """What runs inside one transaction. Every statement is fetched to its end, so no cursor outlives it."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def run(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """The rows of one statement; of a change those of its RETURNING."""
        return list(await self._connection.execute_fetchall(sql, tuple(parameters)))  # type: ignore[arg-type]

    async def run_many(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """One statement, once for each of `parameters`."""
        if parameters:
            cursor = await self._connection.executemany(sql, parameters)
            await cursor.close()


class SqliteFile:
    """`patience_s` is how long one call waits until it may write; a transaction that has begun is given as long again.

    Every method raises `StoreUnavailable` where the file does not answer, and logs it as an error.
    """

    def __init__(self, path: Path, patience_s: float, wall: Callable[[], datetime]) -> None:
        self._path, self._patience_s, self._wall = path, patience_s, wall
        self._lock = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()
        self._writer: aiosqlite.Connection | None = None
        self._reader: aiosqlite.Connection | None = None
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
            await _migrate(self._writer)
            self._reader = await _connect(self._path, self._patience_s)
            await self._reader.execute_fetchall("PRAGMA query_only = ON")
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
        while self._running:
            await asyncio.wait(set(self._running))
        async with self._lock:
            await self._close_both()

    async def _close_both(self) -> None:
        # the reader first: the last one to close folds the write-ahead log into the file
        reader, writer, self._reader, self._writer = self._reader, self._writer, None, None
        for connection in (reader, writer):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    await connection.close()

    async def read(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """The rows of one statement: one statement sees one state of the file, so it needs no transaction."""
        if self._reader is None:
            raise StoreUnavailable("the store is closed")
        try:
            async with asyncio.timeout(self._patience_s):
                rows = await Statements(self._reader).run(sql, parameters)
                self.answers = True
                return rows
        except (sqlite3.DatabaseError, TimeoutError) as error:
            raise self._unavailable(error) from error

    async def write(
        self, work: Callable[[Statements], Awaitable[T]], then: Callable[[T], None] = lambda result: None
    ) -> T:
        """`work` in one transaction; durable, and `then` done with its result, before this returns.

        It runs in a task of its own: whoever waits may be cancelled at any moment, the transaction is whole all the
        same. One that could not begin within the patience never begins.
        """
        task = asyncio.create_task(self._transaction(work, then))
        self._running.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=2 * self._patience_s)
        if not done:
            raise self._unavailable(TimeoutError())
        return task.result()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # it was logged; nobody may be waiting for it any more

    async def _transaction(self, work: Callable[[Statements], Awaitable[T]], then: Callable[[T], None]) -> T:
        deadline = Deadline.after(self._patience_s)
        try:
            async with asyncio.timeout(self._patience_s):
                await self._lock.acquire()
        except TimeoutError as error:
            raise self._unavailable(error) from error
        try:
            if self._writer is None:
                raise StoreUnavailable("the store is closed")
            result = await self._commit(self._writer, work, deadline)
            then(result)
            self.answers = True
            return result
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # a mistake of ours, not the store's
        except sqlite3.Error as error:
            raise self._unavailable(error) from error
        finally:
            self._lock.release()

    async def _commit(
        self, connection: aiosqlite.Connection, work: Callable[[Statements], Awaitable[T]], deadline: Deadline
    ) -> T:
        statements = Statements(connection)
        try:
            # what is left of the patience after waiting for other tasks is for other processes (F71)
            await statements.run(f"PRAGMA busy_timeout = {int(deadline.remaining_s() * 1000)}")
            await statements.run("BEGIN IMMEDIATE")
            result = await work(statements)
            await statements.run("COMMIT")
            return result
        except BaseException:
            # Whatever was handed to the connection's thread runs there in order, even if its waiter was cancelled: this
            # runs last. It fails where no transaction is open any more, as after a full disk (F72).
            with contextlib.suppress(sqlite3.OperationalError):
                await statements.run("ROLLBACK")
            raise

    async def shorten(self) -> None:
        """Fold the write-ahead log into the file and empty it, so that what was deleted is nowhere; not while another
        process reads."""
        async with self._lock:
            if self._writer is not None:
                with contextlib.suppress(sqlite3.OperationalError):
                    await Statements(self._writer).run("PRAGMA busy_timeout = 0")
                    await Statements(self._writer).run("PRAGMA wal_checkpoint(TRUNCATE)")

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        reason = "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        self.answers = False
        log.error("store_unavailable", file=str(self._path), reason=reason)
        return StoreUnavailable(reason)


async def _connect(path: Path, patience_s: float) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None, timeout=patience_s)
    try:
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON", "trusted_schema = OFF"):
            await connection.execute_fetchall(f"PRAGMA {pragma}")
    except BaseException:
        await connection.close()
        raise
    return connection


async def _migrate(connection: aiosqlite.Connection) -> None:
    statements = Statements(connection)
    if await _version(statements) == len(MIGRATIONS):
        return  # so that a start needs no lock
    await statements.run("BEGIN IMMEDIATE")
    try:
        version = await _version(statements)  # another process may have been first
        if version > len(MIGRATIONS):
            raise StoreUnavailable(f"the file is of version {version}, this Steward knows {len(MIGRATIONS)}")
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                await statements.run(statement)
        await statements.run(f"PRAGMA user_version = {len(MIGRATIONS)}")
        await statements.run("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.OperationalError):
            await statements.run("ROLLBACK")
        raise


async def _version(statements: Statements) -> int:
    return int((await statements.run("PRAGMA user_version"))[0][0])


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
