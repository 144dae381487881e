"""The SQLite store: turns a second, how long a settle takes, kills during commits: `python -m bench.store`.

Exit code 1 if a kill damaged the file or lost what had been acknowledged (F74).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from commands.logs import set_up_logging
from integrations.stores.sqlite import SqliteStore
from tests.support.killed_store import kill_often
from tests.support.stores import approval, said, sqlite_store, turn


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=1_000, help="turns of one run")
    parser.add_argument("--settles", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; the system's folder for temporary files")
    options = parser.parse_args()
    set_up_logging("ERROR")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(f"fdatasync of a page in place, alone: p50 {_percentile(_fsyncs(Path(folder)), 50):.2f} ms")
        asyncio.run(_measure(Path(folder) / "speed", options.turns, options.settles))
        killed = kill_often(Path(folder) / "kills", options.kills, seed=1)
    print(f"kills during commits: {killed.kills}, acknowledged steps {killed.acknowledged:,}, lost {len(killed.wrong)}")
    for line in killed.wrong[:20]:
        print(f"  {line}")
    return 1 if killed.wrong else 0


def _fsyncs(folder: Path) -> list[float]:
    """Milliseconds of a page overwritten and flushed as SQLite flushes its log once that has its size: the floor of a
    commit. A growing file with `fsync` takes several times as long, for its metadata."""
    took = []
    with (folder / "fsync").open("w+b", buffering=0) as file:
        file.write(b"x" * 4096 * 200)
        os.fsync(file.fileno())
        for number in range(200):
            os.pwrite(file.fileno(), b"y" * 4096, number * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return took


async def _measure(folder: Path, turns: int, settles: int) -> None:
    store = sqlite_store(folder)
    await store.start()
    try:
        for at_once in (1, 50):
            cpu, began = time.process_time(), time.perf_counter()
            await _turns(store, turns, at_once)
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
            print(
                f"claim + save + finish, {at_once:2} at once: {turns / took:.0f}/s, CPU {cpu / turns * 1e6:.0f} µs each"
            )
        took_ms = []
        for number in range(settles):
            await store.approvals.park(approval(f"a{number}", f"c{number}"))
            began = time.perf_counter()
            await store.approvals.settle(f"a{number}", "approved")
            took_ms.append((time.perf_counter() - began) * 1000)
        print(f"settle: p50 {_percentile(took_ms, 50):.2f} ms, p99 {_percentile(took_ms, 99):.2f} ms")
    finally:
        await store.close()


async def _turns(store: SqliteStore, count: int, at_once: int) -> None:
    async def talk(number: int) -> None:
        conversation = store.conversations.create(f"owner-{number}")
        for one in range(count // at_once):
            name = f"{at_once}-{number}-{one}"
            await store.turns.claim(turn(name, conversation.id, conversation.owner, name))
            conversation.messages += [
                said("user", "查询我的物业费账单"),
                said("assistant", "三张账单，共 1,280.50 元。" * 10),
            ]
            await store.conversations.save(conversation)
            await store.turns.finish(name, "completed", "三张账单，共 1,280.50 元。" * 10)

    await asyncio.gather(*(talk(number) for number in range(at_once)))


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


if __name__ == "__main__":
    sys.exit(main())
