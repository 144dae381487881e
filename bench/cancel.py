"""How long a `cancel` takes, from the frame to the turn's terminal: `python -m bench.cancel [--runs 200] [--crowd 20]`.

While the model streams, while it is silent, while a read hangs at its upstream; and until the provider has seen its
client leave. `--crowd` residents are answered without end meanwhile. The provider is played in this process, Steward
and the estate are processes of their own. Exit code 1 where a p99 is 500 ms or more.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.support.chat_server import ChatServer, Recorded, Reply, event, scripted
from tests.support.scripted_model import answer, environment
from tests.support.steward import Steward, start_steward
from tests.support.talk import Talk, talk

ALLOWED_MS = 500
STREAMED = Reply([piece for _ in range(3000) for piece in (event({"content": "字"}), 0.01)], end="hang")
SILENT = Reply([], end="hang")
Begin = Callable[[Talk], Awaitable[None]]


def model(request: Recorded) -> Reply:
    """What the provider answers; the situations ask for theirs."""
    return {"stream": STREAMED, "silence": SILENT}.get(request.query) or answer(request)


class Situations:
    """How each of the moments comes about in which a cancel is sent."""

    def __init__(self, steward: Steward, provider: ChatServer) -> None:
        self._steward, self._provider = steward, provider

    async def streaming(self, resident: Talk) -> None:
        await resident.send("stream")
        for _ in range(3):
            await resident.until(type="chunk")

    async def silent(self, resident: Talk) -> None:
        before = len(self._asked("silence"))
        await resident.send("silence")
        while len(self._asked("silence")) == before:  # noqa: ASYNC110 - the provider tells nobody
            await asyncio.sleep(0.002)

    async def reading(self, resident: Talk) -> None:
        self._steward.fault("bill", "slow:30", operation="listBills", times=1)
        await resident.send("账单")
        await resident.until(type="status", status="tool_calling")
        await asyncio.sleep(0.05)  # the request is on its way

    def _asked(self, query: str) -> list[Recorded]:
        return [request for request in self._provider.requests if request.query == query]


@asynccontextmanager
async def crowd(steward: Steward, count: int) -> AsyncIterator[None]:
    """So many residents who are being answered."""
    async with AsyncExitStack() as stack:
        residents = [await stack.enter_async_context(talk(steward.ws, token=None)) for _ in range(count)]

        async def listen(resident: Talk) -> None:
            while True:
                await resident.ask("stream")

        async with asyncio.TaskGroup() as tasks:
            listening = [tasks.create_task(listen(resident)) for resident in residents]
            yield
            for task in listening:
                task.cancel()


async def measure(
    resident: Talk, begin: Begin, runs: int, provider: ChatServer | None = None
) -> tuple[list[float], list[float]]:
    """Milliseconds to the terminal, and until the provider, where it is the one who is stopped, has a client less."""
    told, left = [], []
    for _ in range(runs):
        await begin(resident)
        during = provider.open_connections if provider else 0
        began = time.perf_counter()
        await resident.send_frame({"type": "cancel"})
        ended = await resident.read_turn()
        told.append((time.perf_counter() - began) * 1000)
        if ended.outcome != "cancelled":
            raise RuntimeError(f"the turn ended with {ended.outcome}")
        if provider is not None:
            while provider.open_connections >= during:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)
            left.append((time.perf_counter() - began) * 1000)
    return told, left


def print_line(name: str, values: list[float]) -> float:
    """Print one line of figures; the p99."""
    ordered = sorted(values)
    p50, p99 = (ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] for percent in (50, 99))
    print(f"{name:39} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   max {ordered[-1]:6.1f} ms")
    return p99


async def run(runs: int, others: int) -> int:
    """Print the figures; 1 where one is too slow."""
    slowest = 0.0
    rates = dict.fromkeys(("STEWARD_RATE_CONNECTION", "STEWARD_RATE_ADDRESS"), "1000000/second")
    async with ChatServer(scripted(model)) as provider:
        settings = environment(provider, STEWARD_TURN_TIMEOUT_S="3600", STEWARD_RATE_SUBJECT="1000000/second", **rates)
        with tempfile.TemporaryDirectory() as folder, start_steward(Path(folder), **settings) as steward:
            situations = Situations(steward, provider)
            async with crowd(steward, others), talk(steward.ws) as resident:
                print(f"{runs} cancels each, beside {others} residents who are being answered")
                for name, begin, stopped in (
                    ("the model streams", situations.streaming, provider),
                    ("the model is silent", situations.silent, provider),
                    ("a read hangs at its upstream", situations.reading, None),
                ):
                    told, left = await measure(resident, begin, runs, stopped)
                    slowest = max(slowest, print_line(name, told))
                    if left:
                        slowest = max(slowest, print_line("  until the provider's socket is closed", left))
    return 1 if slowest >= ALLOWED_MS else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=200, help="cancels in each situation")
    parser.add_argument("--crowd", type=int, default=20, help="residents who are being answered meanwhile")
    options = parser.parse_args()
    return asyncio.run(run(options.runs, options.crowd))


if __name__ == "__main__":
    sys.exit(main())
