"""Writes to one SQLite file: what waits at the same time is one transaction, in one visit to the connection's thread.

A visit to the thread and a commit cost more than all statements of a turn, so both are shared (docs/adr/0023).
Used by `sqlite_file.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import aiosqlite

from schemas.deadline import Deadline
from schemas.errors import StoreUnavailable

Row = tuple[Any, ...]
T = TypeVar("T")
_MAX_TOGETHER = 64


class Statements:
    """What runs inside one transaction, on the connection's thread. Every statement is fetched to its end, so no cursor
    outlives it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """The rows of one statement; of a change those of its RETURNING."""
        return self._connection.execute(sql, tuple(parameters)).fetchall()

    def run_many(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """One statement, once for each of `parameters`."""
        if parameters:
            self._connection.executemany(sql, parameters).close()


class Connection(aiosqlite.Connection):
    """A connection whose thread runs whole functions."""

    async def visit(self, work: Callable[[Statements], T]) -> T:
        """`work` on the connection's thread, after all that was handed to it before. It runs even where its waiter is
        cancelled."""
        once = [work]  # the thread remembers its last function: it shall not keep alive what that was about

        def run() -> T:
            return once.pop()(Statements(self._conn))

        done: T = await self._execute(run)  # type: ignore[no-untyped-call]
        return done


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    """One write. `first` and `then` run on the event loop, directly before and after its transaction."""

    work: Callable[[Statements], T]
    then: Callable[[T], None]
    first: Callable[[], None]
    alone: bool
    deadline: Deadline
    done: asyncio.Future[T]
    begun: bool = field(default=False)


class Writer:
    """Runs writes in their order. `unavailable` says in the log why the file does not answer, and makes the exception.

    `lock` is held while a transaction runs.
    """

    def __init__(
        self,
        connection: Connection,
        patience_s: float,
        lock: asyncio.Lock,
        unavailable: Callable[[Exception], Exception],
    ) -> None:
        self._connection, self._patience_s, self._lock = connection, patience_s, lock
        self._unavailable = unavailable
        self._jobs: deque[_Job[Any]] = deque()
        self._under_way: list[_Job[Any]] = []
        self._task: asyncio.Task[None] | None = None

    async def write(
        self, work: Callable[[Statements], T], then: Callable[[T], None], first: Callable[[], None], *, alone: bool
    ) -> T:
        """See `SqliteFile.write`."""
        deadline = Deadline.after(self._patience_s)
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_looked_at)  # a failure was logged; nobody may be waiting for it any more
        job = _Job(work, then, first, alone, deadline, done)
        self._jobs.append(job)
        self._go_on()
        await asyncio.wait({done}, timeout=self._patience_s)
        if job.begun and not done.done():
            await asyncio.wait({done}, timeout=self._patience_s)
        if done.done():
            return done.result()
        if not job.begun:
            self._jobs.remove(job)  # it never begins
        raise self._unavailable(TimeoutError())

    async def ended(self) -> None:
        """After all that was asked for."""
        while self._task is not None:
            await asyncio.wait({self._task})
            await asyncio.sleep(0)

    def _go_on(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._work())
            self._task.add_done_callback(self._ended)

    async def _work(self) -> None:
        while self._jobs:
            async with self._lock:
                self._under_way = self._next()
                await self._together(self._under_way)
                self._under_way = []

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task that was cancelled, as at the end of its event loop, leaves jobs behind: theirs is over too."""
        self._task = None
        if task.cancelled() or task.exception() is not None:
            for job in (*self._under_way, *self._jobs):
                job.done.cancel()
            self._jobs.clear()
        self._under_way = []
        if self._jobs:  # asked for after its last look
            self._go_on()

    def _next(self) -> list[_Job[Any]]:
        """The jobs of the next transaction. One that goes `alone` changes, when it is done, what others look at."""
        jobs: list[_Job[Any]] = []
        while self._jobs and len(jobs) < _MAX_TOGETHER and not (jobs and (jobs[0].alone or self._jobs[0].alone)):
            job = self._jobs.popleft()
            job.begun = True
            jobs.append(job)
        return jobs

    async def _together(self, jobs: list[_Job[Any]]) -> None:
        """All in one transaction; where that fails, each in its own, so that it fails for itself alone."""
        if len(jobs) > 1:
            try:
                results = await self._transaction(jobs)
            except Exception:  # noqa: S110 - told by the one whose it is
                pass
            else:
                for job, result in zip(jobs, results, strict=True):
                    _end(job, result)
                return
        for job in jobs:
            try:
                (result,) = await self._transaction([job])
            except (sqlite3.IntegrityError, sqlite3.ProgrammingError) as error:  # a mistake of ours, not the store's
                job.done.set_exception(error)
            except sqlite3.Error as error:
                job.done.set_exception(self._unavailable(error))
            except Exception as error:
                job.done.set_exception(error)
            else:
                _end(job, result)

    async def _transaction(self, jobs: Sequence[_Job[Any]]) -> list[Any]:
        for job in jobs:
            job.first()
        # what is left of the patience after waiting for other tasks is for other processes (F71)
        patience_s = min(job.deadline.remaining_s() for job in jobs)

        def all_of_them(statements: Statements) -> list[Any]:
            try:
                statements.run(f"PRAGMA busy_timeout = {int(patience_s * 1000)}")
                statements.run("BEGIN IMMEDIATE")
                results = [job.work(statements) for job in jobs]
                statements.run("COMMIT")
                return results
            except BaseException:
                # It fails where no transaction is open any more, as after a full disk (F72).
                with contextlib.suppress(sqlite3.OperationalError):
                    statements.run("ROLLBACK")
                raise

        return await self._connection.visit(all_of_them)


def closed() -> StoreUnavailable:
    """What every call gets once the store is closed."""
    return StoreUnavailable("the store is closed")


def _end(job: _Job[Any], result: Any) -> None:
    try:
        job.then(result)
    except Exception as error:
        job.done.set_exception(error)
    else:
        job.done.set_result(result)


def _looked_at(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()
