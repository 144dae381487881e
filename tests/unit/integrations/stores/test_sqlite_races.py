"""The SQLite store under cancellation, by two processes at once, and against the memory stores step by step."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.killed_store import ROOT
from tests.support.stores import approval, said, sqlite_store, turn


def test_a18_of_two_processes_that_approve_at_once_exactly_one_does(tmp_path: Path) -> None:
    """A18, A20: 200 approvals, both processes go through all of them; both make progress against each other."""

    async def park() -> None:
        store = sqlite_store(tmp_path)
        await store.start()
        for number in range(200):
            await store.approvals.park(approval(f"a{number}", f"c{number}"))
        await store.close()

    asyncio.run(park())
    command = [sys.executable, "-m", "tests.support.store_child", "settle", str(tmp_path)]
    children = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("".join(f"a{number}\n" for number in range(200)))
        child.stdin.close()
    won: Counter[str] = Counter()
    answers = 0
    for child in children:
        assert child.stdout is not None
        for line in child.stdout:
            name, verdict = line.split()
            answers += 1
            won[name] += verdict == "True"
        child.stdout.close()
        assert child.wait() == 0
    assert answers == 400
    assert set(won.values()) == {1}


@pytest.mark.parametrize("seed", range(5))
async def test_cancelled_callers_leave_whole_transactions(tmp_path: Path, seed: int) -> None:
    """300 calls, most of them cancelled somewhere: nothing half written, nothing out of step, all works afterwards."""
    chance = random.Random(seed)  # noqa: S311
    store = sqlite_store(tmp_path)
    await store.start()
    talks = [store.conversations.create("anna") for _ in range(3)]
    tasks: list[asyncio.Task[object]] = []
    for number in range(100):
        talk = talks[number % 3]
        talk.messages += [said("user", f"{number}"), said("assistant", f"{number}")]
        tasks.append(asyncio.create_task(store.conversations.save(talk)))
        tasks.append(asyncio.create_task(store.approvals.park(approval(f"a{number}", talk.id))))
        tasks.append(asyncio.create_task(store.turns.claim(turn(f"t{number}", talk.id, client_msg_id=f"{number}"))))
        for _ in range(chance.randint(0, 6)):
            await asyncio.sleep(chance.choice([0, 0, 0.001]))
        chance.choice(tasks).cancel()
        tasks[-1 - chance.randint(0, 2)].cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert any(isinstance(one, asyncio.CancelledError) for one in ended)
    assert [one for one in ended if isinstance(one, Exception)] == []
    for talk in talks:
        await store.conversations.save(talk)
        assert talk.saved == len(talk.messages)
    parked = [n for n, one in enumerate(ended[1::3]) if one is None]
    assert all([await store.approvals.get(f"a{number}") for number in parked])
    wanted = {talk.id: list(talk.messages) for talk in talks}
    await store.close()
    with closing(sqlite3.connect(tmp_path / "steward.db")) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        waiting = file.execute("SELECT COUNT(*) FROM approvals WHERE state = 'pending'").fetchone()[0]
        assert waiting <= 3
    again = sqlite_store(tmp_path)
    await again.start()
    for name, messages in wanted.items():
        found = await again.conversations.open(name, "anna")
        assert found is not None
        assert found.messages == messages
    await again.close()


async def test_a_loop_that_ends_in_the_middle_leaves_the_connection_usable(tmp_path: Path) -> None:
    """The store's own tasks cancelled too, as at the end of a process: rolled back, and the next transaction begins."""
    chance = random.Random(1)  # noqa: S311
    store = sqlite_store(tmp_path)
    await store.start()
    for number in range(100):
        caller = asyncio.create_task(store.approvals.park(approval(f"a{number}", f"c{number}")))
        for _ in range(chance.randint(1, 8)):
            await asyncio.sleep(chance.choice([0, 0.0002]))
        assert store._file._writes is not None
        if store._file._writes._task is not None:
            store._file._writes._task.cancel()
        with suppress(asyncio.CancelledError):
            await caller
    await store.approvals.park(approval("last"))
    assert await store.approvals.settle("last", "approved")
    assert not await store.approvals.settle("last", "approved")
    await store.close()


async def test_closing_waits_for_what_was_asked_for(tmp_path: Path) -> None:
    """Writes that were begun before are kept."""
    store = sqlite_store(tmp_path)
    await store.start()
    tasks = [asyncio.create_task(store.approvals.park(approval(f"a{n}", f"c{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*tasks)
    with closing(sqlite3.connect(tmp_path / "steward.db")) as file:
        assert file.execute("SELECT COUNT(*) FROM approvals").fetchone() == (50,)


async def test_two_stores_begin_one_new_file_together(tmp_path: Path) -> None:
    """Both start, on one set of tables."""
    stores = [sqlite_store(tmp_path) for _ in range(4)]
    await asyncio.gather(*(store.start() for store in stores))
    await asyncio.gather(*(store.approvals.park(approval(f"a{n}", f"c{n}")) for n, store in enumerate(stores)))
    assert all([await stores[0].approvals.get(f"a{n}") for n in range(4)])
    for store in stores:
        await store.close()
