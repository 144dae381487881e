"""Writes that wait at the same time: one transaction, each with its own result (docs/adr/0023)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from integrations.stores.sqlite_file import SqliteFile
from integrations.stores.sqlite_writer import Statements
from schemas.errors import StoreUnavailable


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteFile]:
    opened = SqliteFile(tmp_path / "steward.db", 5.0, lambda: datetime.now(UTC))
    await opened.start()
    await opened.write(lambda statements: statements.run("CREATE TABLE said (word TEXT UNIQUE)"))
    yield opened
    await opened.close()


async def commits(file: SqliteFile) -> list[str]:
    """What the writer's connection ran from now on that ends a transaction."""
    seen: list[str] = []
    assert file._writer is not None
    await file._writer.set_trace_callback(lambda sql: seen.append(sql) if sql in ("COMMIT", "ROLLBACK") else None)
    return seen


def says(file: SqliteFile, word: str) -> asyncio.Task[list[tuple[object, ...]]]:
    return asyncio.ensure_future(
        file.write(lambda statements: statements.run("INSERT INTO said VALUES (?) RETURNING word", (word,)))
    )


async def test_writes_that_wait_together_are_one_commit_in_their_order(file: SqliteFile) -> None:
    """Each gets its own result."""
    ended = await commits(file)
    tasks = [says(file, f"w{number}") for number in range(20)]
    assert await asyncio.gather(*tasks) == [[(f"w{number}",)] for number in range(20)]
    assert ended == ["COMMIT"]
    kept = await file.read("SELECT word FROM said ORDER BY rowid")
    assert kept == [(f"w{number}",) for number in range(20)]


async def test_one_that_fails_fails_for_itself(file: SqliteFile) -> None:
    """The others are kept, also those behind it."""
    results = await asyncio.gather(*[says(file, word) for word in ("a", "b", "a", "c")], return_exceptions=True)
    assert [isinstance(result, sqlite3.IntegrityError) for result in results] == [False, False, True, False]
    assert await file.read("SELECT word FROM said ORDER BY rowid") == [("a",), ("b",), ("c",)]


async def test_one_that_goes_alone_is_done_before_another_looks(file: SqliteFile) -> None:
    """Its `then` has run when the `first` of the next one does, and it begins after the `then` of those before."""
    happened: list[str] = []

    async def one(name: str, *, alone: bool) -> None:
        await file.write(
            lambda statements: statements.run("SELECT 1"),
            lambda _: happened.append(f"then {name}"),
            first=lambda: happened.append(f"first {name}"),
            alone=alone,
        )

    await asyncio.gather(*(one(name, alone=name == "lone") for name in ("a", "b", "lone", "c", "d")))
    assert happened == [
        *("first a", "first b", "then a", "then b"),
        *("first lone", "then lone"),
        *("first c", "first d", "then c", "then d"),
    ]


async def test_a_write_that_is_asked_for_while_the_last_one_ends_is_done(file: SqliteFile) -> None:
    """At every turn of the event loop after the former one."""
    for turns in range(12):
        former = says(file, f"former{turns}")
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(4):
            await says(file, f"next{turns}")
            await former
    assert await file.read("SELECT count(*) FROM said") == [(24,)]


async def test_nothing_is_written_once_it_is_closed(file: SqliteFile) -> None:
    """The refusal is typed; what waited before is kept."""
    waiting = says(file, "last")
    await asyncio.sleep(0)
    await file.close()
    assert await waiting == [("last",)]
    with pytest.raises(StoreUnavailable):
        await file.write(lambda statements: statements.run("SELECT 1"))


async def test_what_a_write_was_about_is_not_kept_alive(file: SqliteFile) -> None:
    """The connection's thread remembers its last function for as long as it waits."""

    class Thing:
        alive = 0

        def __init__(self) -> None:
            Thing.alive += 1

        def __del__(self) -> None:
            Thing.alive -= 1

    async def about() -> None:
        thing = Thing()

        def work(statements: Statements) -> None:
            statements.run("SELECT ?", (id(thing),))

        await file.write(work)

    await about()
    assert Thing.alive == 0
