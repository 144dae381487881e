"""Residents who ask now and then, beside hostile clients that come in waves: memory must stay flat, nobody be lost.

`python -m bench.soak [--residents 1800] [--hostile 200] [--seconds 120]`. Every hostile client does one of `ATTACKS`
and is gone; then the next wave comes. Printed: resident memory after each wave, what became of the attacks, how many
questions were answered. Exit code 1 where a resident lost his connection or answer, or memory grew, after everybody
had been answered once, by more than is allowed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.idle_connections import resident_kib
from tests.support.rawsocket import CONT, PING, TEXT, RawSocket, frame, header, raw_socket, raw_tcp
from tests.support.steward import start_steward

ALLOWED_GROWTH_KIB = 8192
QUERY = json.dumps({"query": "你好"}, ensure_ascii=False)


async def ping_flood(port: int) -> object:
    async with raw_socket(port, receive_buffer=4096) as raw:
        for _ in range(20):
            await raw.send(*[frame(PING, b"x" * 125)] * 500)
        return await raw.close_code()


async def message_flood(port: int) -> object:
    async with raw_socket(port) as raw:
        await raw.send(*[frame(TEXT, QUERY.encode())] * 100)
        return await raw.close_code()


async def huge_header(port: int) -> object:
    return await sent(port, header(TEXT, 1 << 62))


async def endless_fragments(port: int) -> object:
    return await sent(port, frame(TEXT, fin=False), *[frame(CONT, fin=False)] * 100)


async def unfinished_message(port: int) -> object:
    return await sent(port, frame(TEXT, b"x" * 60000, fin=False))


async def bad_utf8(port: int) -> object:
    return await sent(port, frame(TEXT, b"\xff" * 1000))


async def garbage(port: int) -> object:
    return await sent(port, os.urandom(4096))


async def deep_json(port: int) -> object:
    async with raw_socket(port) as raw:
        await raw.send_text("[" * 60000)
        return json.loads(await raw.read_message())["code"]


async def half_handshake(port: int) -> object:
    async with raw_tcp(port) as raw:
        await raw.send(b"GET /ws/chat/u HTTP/1.1\r\nX: ")
        return (await raw.read_all())[9:12].decode()


async def gone_in_the_middle(port: int) -> object:
    async with raw_socket(port) as raw:
        await raw.send_text(QUERY)
        await raw.read_message()
        return "left"


async def sent(port: int, *data: bytes) -> object:
    async with raw_socket(port) as raw:
        await raw.send(*data)
        return await raw.close_code()


ATTACKS: tuple[Callable[[int], Awaitable[object]], ...] = (
    ping_flood,
    message_flood,
    huge_header,
    endless_fragments,
    unfinished_message,
    bad_utf8,
    garbage,
    deep_json,
    half_handshake,
    gone_in_the_middle,
)


class Soak:
    """What has happened so far."""

    def __init__(self, port: int, until: float) -> None:
        self.port, self.until = port, until
        self.answered = self.lost = 0
        self.ends: Counter[str] = Counter()
        self.connected = asyncio.Event()
        self._waiting = 0

    async def resident(self, number: int, residents: int) -> None:
        """Ask every minute or so, and answer pings, until the time is over."""
        choice = random.Random(number)
        try:
            async with raw_socket(self.port) as raw:
                self._waiting += 1
                if self._waiting == residents:
                    self.connected.set()
                longest = 15  # of the first pause: what a resident costs should be there before memory is compared
                while time.monotonic() < self.until:
                    reading = asyncio.create_task(self._turn(raw))
                    await asyncio.sleep(choice.uniform(0, longest))
                    longest = 60
                    await raw.send_text(QUERY)
                    async with asyncio.timeout(60):
                        await reading
                    self.answered += 1
        except (EOFError, ConnectionError, TimeoutError, AssertionError) as error:
            self.lost += 1
            self.connected.set()
            print(f"resident {number} lost: {error!r}")

    async def _turn(self, raw: RawSocket) -> None:
        """Read, pings included, until a turn has ended well. A wait without frames is bounded by half a minute."""
        while True:
            received = json.loads(await raw.read_message())
            if received["type"] == "error":
                raise AssertionError(received)
            if received.get("status") == "completed":
                return

    async def wave(self, count: int, offset: int) -> None:
        """One hostile crowd, from its first connection to its last end."""

        async def one(number: int) -> None:
            attack = ATTACKS[(offset + number) % len(ATTACKS)]
            try:
                end = await attack(self.port)
            except (ConnectionError, EOFError, TimeoutError) as error:
                end = type(error).__name__
            self.ends[f"{attack.__name__}: {end}"] += 1

        await asyncio.gather(*(one(number) for number in range(count)))


async def soak(residents: int, hostile: int, seconds: float) -> bool:
    """Run it; whether all is well."""
    unlimited = ("MAX_CONNECTIONS_PER_ADDRESS", "MAX_CONNECTIONS", "MAX_SILENT_CONNECTIONS")
    environment = {f"STEWARD_{name}": "1000000" for name in unlimited}  # they all come from one address
    environment |= {"STEWARD_MESSAGE_TIMEOUT_S": "3", "STEWARD_LOG_ENTRIES": "100", "STEWARD_LOG_LEVEL": "ERROR"}
    environment["STEWARD_MAX_CONVERSATIONS"] = str(residents + hostile)  # more are kept by default, and cost memory
    with tempfile.TemporaryDirectory() as folder, start_steward(Path(folder), **environment) as steward:
        state = Soak(steward.port, time.monotonic() + seconds)
        crowd = [asyncio.create_task(state.resident(number, residents)) for number in range(residents)]
        await state.connected.wait()
        memory: list[int] = []
        waves = 0
        while time.monotonic() < state.until:
            await state.wave(hostile, waves)
            waves += 1
            now_kib = resident_kib(steward.process.pid)
            if state.answered >= residents:
                memory.append(now_kib)
            print(f"wave {waves:3}  {now_kib:7} KiB  answered {state.answered}", flush=True)
        await asyncio.gather(*crowd)
        defects = steward.written().count("Traceback")
    for end, count in sorted(state.ends.items()):
        print(f"{count:6}  {end}")
    if len(memory) < 2:
        raise SystemExit("too short: not everybody was answered before the last wave")
    grown = memory[-1] - memory[0]
    print(f"{len(memory)} waves after everybody was answered: growth {grown} KiB (allowed {ALLOWED_GROWTH_KIB}),")
    print(f"questions answered {state.answered},")
    print(f"residents lost {state.lost}, tracebacks in the log {defects}")
    return grown <= ALLOWED_GROWTH_KIB and not state.lost and not defects


def main() -> None:
    """Print the figures; exit code 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description="Residents beside hostile clients: flat memory, nobody lost.")
    parser.add_argument("--residents", type=int, default=1800)
    parser.add_argument("--hostile", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120)
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.exit(not asyncio.run(soak(given.residents, given.hostile, given.seconds)))


if __name__ == "__main__":
    main()
