"""The load client, a process of its own on the other core: reads a `Job` as JSON, does it, prints a `Told` as JSON.

`python -m bench.speed.load < job.json`, in the environment of bench/requirements-speed.txt. Started by `lab.py`.
"""

from __future__ import annotations

import asyncio
import sys
import time

import msgspec
import uvloop

from bench.fake_deltas import Shape
from bench.idle_connections import resident_kib
from bench.speed.client import Client, Seen
from bench.speed.figures import percentile
from bench.speed.job import Job, Told
from bench.speed.usage import cpu_s

_AT_ONCE = 64  # handshakes
_FAULTS = 5  # that are told


async def _connect_all(job: Job, shape: Shape) -> list[Client]:
    few = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> Client:
        async with few:
            return await Client.connect(job, shape, number)

    return list(await asyncio.gather(*map(one, range(job.connections))))


async def _warm(job: Job, number: int, client: Client) -> None:
    await asyncio.sleep(job.stagger_s * number / job.connections)
    for _ in range(job.warmup):
        await client.turn()


async def _resident(job: Job, shape: Shape, number: int, client: Client, until: float) -> None:
    """One connection's turns until it is enough; after each session the client comes back."""
    await asyncio.sleep(job.stagger_s * number / job.connections)
    turns = 0
    while turns < job.turns if job.turns else time.perf_counter() < until:
        if job.session and turns and turns % job.session == 0:
            client.close()
            seen, client = client.seen, await Client.connect(job, shape, number)
            client.seen = seen
        if not await client.turn():
            break
        turns += 1
    client.close()


async def _turns(job: Job, shape: Shape) -> Told:
    clients = await _connect_all(job, shape)
    await asyncio.gather(*(_warm(job, n, client) for n, client in enumerate(clients)))
    seen = Seen()
    for client in clients:
        seen.faults += client.seen.faults  # what was wrong in the warm-up was wrong too
        client.seen = seen
    before, began = cpu_s(job.server), time.perf_counter()
    residents = (_resident(job, shape, n, one, began + job.seconds) for n, one in enumerate(clients))
    await asyncio.gather(*residents)
    return _told(seen, cpu_s(job.server) - before, time.perf_counter() - began)


async def _active(job: Job, shape: Shape) -> Told:
    """Every connection asks; by how much each connection, and then each turn, makes the server grow."""
    before = resident_kib(job.server)
    clients = await _connect_all(job, shape)
    connected = resident_kib(job.server)
    answers = [client.ask() for client in clients]
    await asyncio.sleep(job.hold_s)
    ended = sum(answer.done() for answer in answers)
    asking = resident_kib(job.server)
    told = _told(Seen(), 0, job.hold_s)
    told.figures = {
        "kib_per_connection": (connected - before) / job.connections,
        "kib_per_active_turn": (asking - connected) / job.connections,
    }
    if ended:
        told.faults.append(f"{ended} turns had ended when memory was read")
    for client in clients:
        client.close()
    return told


def _told(seen: Seen, cpu: float, seconds: float) -> Told:
    turns, counts = len(seen.turn), seen.counts
    figures = {
        "first_p50_ms": percentile(seen.first, 50) * 1e3,
        "first_p99_ms": percentile(seen.first, 99) * 1e3,
        "turn_p50_ms": percentile(seen.turn, 50) * 1e3,
        "turn_p99_ms": percentile(seen.turn, 99) * 1e3,
        "gap_p99_ms": percentile(seen.gap, 99) * 1e3,
        "late_p50_ms": percentile(seen.late_us, 50) / 1e3,
        "late_p99_ms": percentile(seen.late_us, 99) / 1e3,
        "deltas": float(len(seen.late_us)),
        "frames_per_turn": counts["frames"] / max(1, turns),
        "chunks_per_turn": counts["chunks"] / max(1, turns),
    }
    return Told(
        turns=turns,
        seconds=seconds,
        cpu_s=cpu,
        figures={name: value for name, value in figures.items() if value == value},  # without those that are none
        lost=counts["lost"],
        repeated=counts["repeated"],
        reordered=counts["reordered"],
        garbled=counts["garbled"],
        failed=counts["failed"],
        faults=seen.faults[:_FAULTS],
    )


def main() -> None:
    """Do the job."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    shape = Shape.of(job.deltas)
    told = uvloop.run(_active(job, shape) if job.active else _turns(job, shape))
    sys.stdout.buffer.write(msgspec.json.encode(told))


if __name__ == "__main__":
    main()
