"""Uploads in SQLite: their owner's alone, for their time, bounded in number and bytes, erased when they go."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from integrations.stores.sqlite import SqliteStore
from integrations.stores.sqlite_schema import MIGRATIONS
from integrations.stores.sqlite_uploads import UploadBounds
from schemas.errors import UploadsFull
from tests.support.stores import Clocks, sqlite_store

BOUNDS = UploadBounds(ttl_s=100, max_per_owner=2, max_bytes=50)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
async def store(tmp_path: Path, clocks: Clocks) -> AsyncIterator[SqliteStore]:
    made = sqlite_store(tmp_path, clocks, uploads=BOUNDS)
    await made.start()
    yield made
    await made.close()


async def test_an_upload_comes_back_to_its_owner_byte_by_byte(store: SqliteStore) -> None:
    """Under any of the names that the owner has; to nobody else, and to nobody without a name."""
    kept = await store.uploads.add("anna", "tap.jpg", "image/jpeg", b"\xff\xd8\x00\x01")
    assert await store.uploads.get(kept.id, ["digest", "anna"]) == kept
    assert await store.uploads.read(kept.id, ["anna"]) == (kept, b"\xff\xd8\x00\x01")
    for owners in (["bert"], []):
        assert await store.uploads.get(kept.id, owners) is None
        assert await store.uploads.read(kept.id, owners) is None
    assert await store.uploads.get("never", ["anna"]) is None
    assert (kept.filename, kept.type, kept.size) == ("tap.jpg", "image/jpeg", 4)


async def test_it_is_gone_when_its_time_is_over(store: SqliteStore, clocks: Clocks, tmp_path: Path) -> None:
    """At once for whoever asks, and from the file with the next sweep."""
    kept = await store.uploads.add("anna", "a", "image/png", b"very-private-photo")
    clocks.now += 99
    assert await store.uploads.get(kept.id, ["anna"]) is not None
    clocks.now += 1
    assert await store.uploads.get(kept.id, ["anna"]) is None
    await store.sweep()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"very-private-photo" not in files


async def test_an_owner_and_all_owners_have_a_limit(store: SqliteStore, clocks: Clocks) -> None:
    """One more is refused with the time until there is room, and taken after it."""
    await store.uploads.add("anna", "a", "image/png", bytes(10))
    clocks.now += 40
    await store.uploads.add("anna", "b", "image/png", bytes(10))
    with pytest.raises(UploadsFull) as full:
        await store.uploads.add("anna", "c", "image/png", bytes(1))
    assert full.value.retry_after_s == 60
    await store.uploads.add("bert", "d", "image/png", bytes(30))
    with pytest.raises(UploadsFull):
        await store.uploads.add("carl", "e", "image/png", bytes(1))
    clocks.now += 60
    assert (await store.uploads.add("anna", "c", "image/png", bytes(1))).size == 1


async def test_an_owner_is_forgotten_whole(store: SqliteStore, tmp_path: Path) -> None:
    """His bytes are nowhere in the file any more; another owner's stay."""
    gone = await store.uploads.add("anna", "a", "image/png", b"very-private-photo")
    stays = await store.uploads.add("bert", "b", "image/png", b"x")
    await store.uploads.forget("anna")
    assert await store.uploads.get(gone.id, ["anna"]) is None
    assert await store.uploads.get(stays.id, ["bert"]) == stays
    assert b"very-private-photo" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


async def test_a_file_of_the_version_before_uploads_goes_on(tmp_path: Path) -> None:
    """What it holds stays, and it takes uploads from now on."""
    with closing(sqlite3.connect(tmp_path / "steward.db")) as old:
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        old.execute("INSERT INTO conversations VALUES ('c1', 'anna', 't', '2025-01-01', '2025-01-01', 1)")
        old.execute("PRAGMA user_version = 1")
        old.commit()
    store = sqlite_store(tmp_path)
    await store.start()
    assert [one.id for one in await store.conversations.of("anna", 10)] == ["c1"]
    assert (await store.uploads.add("anna", "a", "image/png", b"x")).size == 1
    await store.close()
