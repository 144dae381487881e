"""The SQLite store when its file is locked, full, damaged, of another version, or its process is killed."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from integrations.stores.sqlite import SqliteStore
from schemas.errors import StoreUnavailable
from tests.support.killed_store import kill_often
from tests.support.stores import approval, said, sqlite_store, turn


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """One that was started."""
    made = sqlite_store(tmp_path)
    await made.start()
    yield made
    await made.close()


def count(path: Path, table: str) -> int:
    """Rows of a table, seen by a connection of the test's own."""
    with closing(sqlite3.connect(path)) as file:
        return int(file.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


async def fill(store: SqliteStore) -> None:
    """Parks writes until the store refuses."""
    for number in range(10_000):
        await store.approvals.park(approval(f"n{number}", "c1"))


async def test_f71_a_file_that_stays_locked_is_unavailable_and_is_still_read(tmp_path: Path) -> None:
    """F71: every write ends after the patience and has changed nothing; afterwards it works."""
    store = sqlite_store(tmp_path, patience_s=0.3)
    await store.start()
    await store.approvals.park(approval())
    with closing(sqlite3.connect(tmp_path / "steward.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with capture_logs() as logs:
            ended = await asyncio.gather(
                store.approvals.settle("a1", "approved"),
                store.approvals.park(approval("a2")),
                store.turns.claim(turn()),
                return_exceptions=True,
            )
        assert [type(one) for one in ended] == [StoreUnavailable] * 3
        assert {(line["event"], line["log_level"]) for line in logs} == {("store_unavailable", "error")}
        assert (await store.approvals.pending("c1")) is not None
        other.execute("ROLLBACK")
    assert (await store.approvals.latest("c1")).id == "a1"  # type: ignore[union-attr]
    assert await store.turns.latest("c1") is None
    assert await store.approvals.settle("a1", "approved")
    await store.close()


async def test_f71_a_write_waits_for_a_lock_that_is_released(store: SqliteStore, tmp_path: Path) -> None:
    """F71: within the patience nobody is told anything."""
    await store.approvals.park(approval())
    with closing(sqlite3.connect(tmp_path / "steward.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        settling = asyncio.create_task(store.approvals.settle("a1", "approved"))
        for _ in range(20):
            await store.approvals.get("a1")
        assert not settling.done()
        other.execute("ROLLBACK")
    assert await settling


async def test_f71_a_store_starts_while_another_process_writes(store: SqliteStore, tmp_path: Path) -> None:
    """F71: a start of a known file takes no lock."""
    with closing(sqlite3.connect(tmp_path / "steward.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        second = sqlite_store(tmp_path, patience_s=0.3)
        await second.start()
        await second.close()
        other.execute("ROLLBACK")


async def test_f72_on_a_full_disk_reads_go_on_and_no_write_is_half_done(store: SqliteStore, tmp_path: Path) -> None:
    """F72: parking raises, the older approval still waits; when there is room again all works, history included."""
    kept = store.conversations.create("anna")
    kept.messages.append(said("user", "x"))
    await store.conversations.save(kept)
    await store.approvals.park(approval("a1"))
    writer = store._file._writer  # the limit counts for one connection only, so it must be the store's own
    assert writer is not None
    pages = (await (await writer.execute("PRAGMA page_count")).fetchone() or (0,))[0]
    await (await writer.execute(f"PRAGMA max_page_count = {pages}")).close()
    kept.messages.append(said("user", "y" * 100_000))
    with capture_logs() as logs:
        with pytest.raises(StoreUnavailable, match="full"):
            await store.conversations.save(kept)
        with pytest.raises(StoreUnavailable, match="full"):
            await fill(store)
    assert [line["log_level"] for line in logs] == ["error", "error"]
    assert kept.saved == 1
    waiting = await store.approvals.pending("c1")
    assert waiting is not None
    assert waiting == await store.approvals.latest("c1")
    assert count(tmp_path / "steward.db", "messages") == 1
    await (await writer.execute("PRAGMA max_page_count = 1000000")).close()
    await store.conversations.save(kept)
    await store.approvals.park(approval("a3"))
    assert kept.saved == 2
    assert count(tmp_path / "steward.db", "messages") == 2


@pytest.mark.parametrize("damage", ["garbage", "truncated", "torn", "short", "log alone"])
async def test_f73_a_damaged_file_is_set_aside_and_a_new_one_begins(tmp_path: Path, damage: str) -> None:
    """F73: renamed with its time, nothing of it lost, told as an error; the new file works and stays whole."""
    path = tmp_path / "steward.db"
    store = sqlite_store(tmp_path)
    await store.start()
    for number in range(200):
        await store.approvals.park(approval(f"a{number}", f"c{number}"))
    log_bytes = (tmp_path / "steward.db-wal").read_bytes()
    await store.close()
    whole = path.read_bytes()
    if damage == "log alone":
        (tmp_path / "steward.db-wal").write_bytes(log_bytes)
    path.write_bytes(
        {
            "garbage": os.urandom(50_000),
            "truncated": whole[: len(whole) // 2],
            "torn": whole[:8192] + os.urandom(16384) + whole[24576:],
            "short": whole[:50],
            "log alone": b"",
        }[damage]
    )
    damaged = path.read_bytes()
    for expected in (1, 2):
        again = sqlite_store(tmp_path)
        with capture_logs() as logs:
            await again.start()
        told = [line for line in logs if line["log_level"] == "error"]
        assert [line["event"] for line in told] == ["store_damaged"]
        aside = Path(told[0]["renamed_to"])
        assert aside.name.startswith("steward.db.damaged-20250314T092653Z")
        assert aside.read_bytes() == damaged
        assert aside.stat().st_mode & 0o777 == 0o600
        assert await again.approvals.get("a1") is None
        await again.approvals.park(approval())
        assert await again.approvals.settle("a1", "approved")
        await again.close()
        assert len([one for one in tmp_path.glob("*.damaged-*") if not one.name.endswith(("-wal", "-shm"))]) == expected
        if expected == 1:  # a second time within the same second: the first one's file is not overwritten
            path.write_bytes(damaged)
            if damage == "log alone":
                (tmp_path / "steward.db-wal").write_bytes(log_bytes)


async def test_a_file_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Not set aside: a newer Steward made it."""
    path = tmp_path / "steward.db"
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match="version 99"):
        await sqlite_store(tmp_path).start()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (99,)
    assert before
    assert list(tmp_path.glob("*.damaged-*")) == []


async def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """Told at the start."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreUnavailable):
        await sqlite_store(tmp_path / "file" / "data").start()


async def test_a_store_that_is_closed_is_unavailable(tmp_path: Path) -> None:
    """Before its start and after its end; closing twice is nothing."""
    store = sqlite_store(tmp_path)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await store.approvals.get("a1")
        with pytest.raises(StoreUnavailable):
            await store.approvals.park(approval())
        await store.start()
        await store.close()
        await store.close()


def test_f74_what_was_acknowledged_survives_kills_during_commits(tmp_path: Path) -> None:
    """F74: 30 processes killed on one file; it is whole after each, and no acknowledged step is missing."""
    result = kill_often(tmp_path, kills=30, seed=74)
    assert result.wrong == []
    assert result.kills == 30
    assert result.acknowledged > 100


async def test_a79_the_files_are_for_their_owners_eyes_only(tmp_path: Path) -> None:
    """A79: database, log and index, whatever the umask, new or found with wider modes."""
    before = os.umask(0)
    try:
        for _ in range(2):
            store = sqlite_store(tmp_path / "data")
            await store.start()
            await store.approvals.park(approval(os.urandom(8).hex()))
            modes = {one.name: one.stat().st_mode & 0o777 for one in (tmp_path / "data").iterdir()}
            assert modes == {"steward.db": 0o600, "steward.db-wal": 0o600, "steward.db-shm": 0o600}
            assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
            await store.close()
            (tmp_path / "data" / "steward.db").chmod(0o666)
    finally:
        os.umask(before)


async def test_a79_what_is_not_kept_or_was_deleted_stands_in_no_file(store: SqliteStore, tmp_path: Path) -> None:
    """A79: read as bytes while the store is open: nothing ownerless, nothing deleted; what is kept is there."""
    ownerless = store.conversations.create(None)
    ownerless.messages.append(said("user", "ownerless-words"))
    await store.conversations.save(ownerless)
    await store.turns.claim(turn("t1", "c1", None))
    await store.turns.finish("t1", "completed", "ownerless-answer")
    for words in ("kept-words", "deleted-words"):
        made = store.conversations.create("anna")
        made.messages.append(said("user", words))
        await store.conversations.save(made)
        await store.turns.claim(turn(words, made.id))
        await store.turns.finish(words, "completed", words)
        await store.approvals.park(approval(words, made.id))
    assert await store.conversations.delete(made.id, "anna")
    assert await store.approvals.get("deleted-words") is None
    held = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert b"kept-words" in held
    for gone in (b"ownerless-words", b"ownerless-answer", b"deleted-words", made.id.encode()):
        assert gone not in held


async def test_a_deleted_conversation_is_not_brought_back_by_who_still_holds_it(
    store: SqliteStore, tmp_path: Path
) -> None:
    """A turn that was running while its conversation was deleted saves nothing."""
    made = store.conversations.create("anna")
    made.messages.append(said("user", "x"))
    await store.conversations.save(made)
    await store.conversations.delete(made.id, "anna")
    made.messages.append(said("assistant", "y"))
    await store.conversations.save(made)
    gc.collect()
    assert count(tmp_path / "steward.db", "messages") == 0
    assert await store.conversations.of("anna", 10) == []


async def test_f74_a_commit_is_flushed_before_it_is_acknowledged(store: SqliteStore) -> None:
    """F74: kills of a process cannot show this, for the system keeps its pages; `synchronous` FULL is 2."""
    writer = store._file._writer
    assert writer is not None
    assert [tuple(row) for row in await writer.execute_fetchall("PRAGMA synchronous")] == [(2,)]
    assert [tuple(row) for row in await writer.execute_fetchall("PRAGMA journal_mode")] == [("wal",)]


async def test_a_save_keeps_the_owner_that_a_conversation_has_by_then(store: SqliteStore) -> None:
    """The earlier one opens and lists it no more."""
    made = store.conversations.create("anna")
    await store.conversations.save(made)
    made.owner = "bert"
    await store.conversations.save(made)
    name = made.id
    del made
    gc.collect()
    assert await store.conversations.of("anna", 9) == []
    assert await store.conversations.open(name, "anna") is None
    assert await store.conversations.open(name, "bert") is not None
