"""Residents who ask now and then, beside hostile clients that come in waves: memory must stay flat, nobody be lost.

`python -m bench.soak [--residents 1800] [--hostile 200] [--turns 26000]`. All residents connect at once, as after a
restart; then each asks now and then, at most `ASKING` at a time, so that the rate is what the machine can do. Every
hostile client does one of `ATTACKS` and is gone; then the next wave comes.

What Steward keeps in memory is bounded, so it grows until it is full. The settings make the bounds small (8 MB of logs,
a minute for clients that come back, 2,000 tokens of a history), and the warm-up is what fills them: `WARM_TURNS` turns,
which is how many turns of residents without a login are remembered, and `WARM_EACH` for each resident. From then on
memory is sampled every second. It is flat where the line through the samples of the last half rises by at most
`ALLOWED_KIB` in 1,000 turns: a turn that left 200 bytes behind, less than one frame or one message of a history, would
be found.

Exit code 0 where it is flat, no resident has lost his connection or an answer, and the log has no traceback; 1 where
not; 2 where there was too little to judge by.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.idle_connections import resident_kib
from tests.support.rawsocket import CONT, PING, PONG, TEXT, RawSocket, frame, header, raw_socket, raw_tcp
from tests.support.steward import start_steward

WARM_TURNS, WARM_EACH = 10_000, 8
ASKING, LONGEST_PAUSE_S = 100, 20
LEAST_TURNS, LEAST_SAMPLES = 3000, 30
ALLOWED_KIB = 200
QUERY = json.dumps({"query": "你好"}, ensure_ascii=False)
LONG_QUERY = json.dumps({"query": "你好。" + " " * 1800 + "吗"}, ensure_ascii=False)


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

    def __init__(self, port: int, turns: int) -> None:
        self.port, self.turns = port, turns
        self.answered = self.lost = 0
        self.samples: list[tuple[int, int]] = []
        self.ends: Counter[str] = Counter()
        self.connected = asyncio.Event()
        self._waiting = 0
        self._asking = asyncio.Semaphore(ASKING)

    def over(self) -> bool:
        """Enough was answered, or it has gone wrong already."""
        return self.answered >= self.turns or self.lost > 0

    async def resident(self, number: int, residents: int) -> None:
        """Ask now and then, and answer pings, until enough was answered."""
        choice = random.Random(number)
        try:
            async with raw_socket(self.port) as raw:
                self._waiting += 1
                if self._waiting == residents:
                    self.connected.set()
                while not self.over():
                    reading = asyncio.create_task(self._turn(raw))
                    await asyncio.sleep(choice.uniform(0, LONGEST_PAUSE_S))
                    async with self._asking:
                        if self.over():
                            reading.cancel()
                            return
                        await raw.send_text(LONG_QUERY)
                        async with asyncio.timeout(60):
                            await reading
                    self.answered += 1
        except (EOFError, ConnectionError, TimeoutError, AssertionError) as error:
            self.lost += 1
            self.connected.set()
            print(f"resident {number} lost: {error!r}")

    async def _turn(self, raw: RawSocket) -> None:
        """Read, pings included, until a turn has ended well. A wait without any frame is bounded by half a minute."""
        while True:
            opcode, payload = await raw.read_frame()
            if opcode == PING:
                await raw.send(frame(PONG, payload))
                continue
            received = json.loads(payload) if opcode == TEXT else {"type": "error", "opcode": opcode, "said": payload}
            if received["type"] == "error":
                raise AssertionError(received)
            if received.get("status") == "completed":
                return

    async def sample(self, pid: int) -> None:
        """Resident memory every second, beside the number of turns until then."""
        while True:
            self.samples.append((self.answered, resident_kib(pid)))
            await asyncio.sleep(1)

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


async def soak(residents: int, hostile: int, turns: int) -> int:
    """Run it; the exit code."""
    unlimited = ("MAX_CONNECTIONS_PER_ADDRESS", "MAX_CONNECTIONS", "MAX_SILENT_CONNECTIONS")
    environment = {f"STEWARD_{name}": "1000000" for name in unlimited}  # they all come from one address
    environment |= {"STEWARD_RATE_ADDRESS": "1000000/minute", "STEWARD_MESSAGE_TIMEOUT_S": "3"}
    environment |= {"STEWARD_RESUME_WINDOW_S": "60", "STEWARD_LOG_MEGABYTES": "8", "STEWARD_LOG_LEVEL": "ERROR"}
    environment |= {"STEWARD_MAX_HISTORY_TOKENS": "1000"}
    with tempfile.TemporaryDirectory() as folder, start_steward(Path(folder), **environment) as steward:
        state = Soak(steward.port, turns)
        crowd = [asyncio.create_task(state.resident(number, residents)) for number in range(residents)]
        await state.connected.wait()
        sampling = asyncio.create_task(state.sample(steward.process.pid))
        waves, began = 0, time.monotonic()
        while not state.over():
            await state.wave(hostile, waves)
            waves += 1
            now_kib = resident_kib(steward.process.pid)
            minutes = (time.monotonic() - began) / 60
            print(
                f"{minutes:4.1f} min, wave {waves:3}  {now_kib / 1024:6.1f} MiB  answered {state.answered}", flush=True
            )
        sampling.cancel()
        await asyncio.gather(*crowd)
        defects = steward.written().count("Traceback")
    for end, count in sorted(state.ends.items()):
        print(f"{count:6}  {end}")
    print(f"{residents} residents, {state.lost} lost; {state.answered} answers; tracebacks in the log: {defects}")
    slope_kib = growth(state.samples, max(WARM_TURNS, WARM_EACH * residents))
    return 2 if slope_kib is None else int(slope_kib > ALLOWED_KIB or state.lost > 0 or defects > 0)


def growth(samples: list[tuple[int, int]], warm_turns: int) -> float | None:
    """KiB in 1,000 turns: the slope of the line through the last half of what was sampled after the warm-up."""
    warm = [one for one in samples if one[0] >= warm_turns]
    last = [one for one in warm if one[0] >= (warm[0][0] + warm[-1][0]) / 2]
    if len(last) < LEAST_SAMPLES or last[-1][0] - last[0][0] < LEAST_TURNS:
        print(f"too short: {len(last)} samples in the last half after {warm_turns} turns")
        return None
    slope_kib = statistics.linear_regression([one[0] / 1000 for one in last], [one[1] for one in last]).slope
    turns, (first_kib, last_kib) = last[-1][0] - last[0][0], (last[0][1], last[-1][1])
    print(f"after {last[0][0]} turns {first_kib / 1024:.1f} MiB, {turns} turns later {last_kib / 1024:.1f} MiB:")
    verdict = "flat" if slope_kib <= ALLOWED_KIB else "NOT FLAT"
    print(f"{slope_kib:+.0f} KiB in 1,000 turns, {verdict} (allowed {ALLOWED_KIB})")
    return slope_kib


def main() -> None:
    """Print the figures; the exit code says what they mean."""
    parser = argparse.ArgumentParser(description="Residents beside hostile clients: flat memory, nobody lost.")
    parser.add_argument("--residents", type=int, default=1800)
    parser.add_argument("--hostile", type=int, default=200)
    parser.add_argument("--turns", type=int, default=26_000)
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.exit(asyncio.run(soak(given.residents, given.hostile, given.turns)))


if __name__ == "__main__":
    main()
