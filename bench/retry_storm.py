"""One of three upstreams is wholly down under load; run as `python -m bench.retry_storm`, takes about a minute.

Each upstream gets so many calls a second, whether earlier ones have ended or not, each with a deadline. After a quiet
time as a baseline, one upstream is down in three ways in turn: it answers 503, it refuses connections, it takes them
and never answers. Printed for each: the attempts per call (required: at most 1.1), the attempts that reached the
upstream, how far a call passed its deadline (at most 100 ms), the time from the upstream's recovery to the first call
that succeeded and to the time from which all did (at most 10 s), and what the 95th percentile of both neighbours'
latency became in the meantime (less than 10 % more than in the quiet times before and after).
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
import uvloop

from bench.fake_upstream import Upstream
from integrations.upstream.auth import Outgoing
from integrations.upstream.client import CallFailed, UpstreamClient
from integrations.upstream.config import UpstreamSettings
from integrations.upstream.retry import Repeatability
from schemas.deadline import Deadline

# An upstream's own time for a request; the neighbours' latency is not that of this machine's scheduler alone.
DELAY_MS = 40
DEADLINE_S = 10.0
REPEAT = Repeatability("read", "GET", statuses=frozenset({429, 502, 503, 504}))


@dataclass(frozen=True, slots=True)
class Call:
    began: float
    took: float
    attempts: int
    ok: bool


class Load:
    """So many calls a second to one upstream until it is stopped."""

    def __init__(self, url: str, per_s: float) -> None:
        self._url, self._pause = f"{url}/bills", 1 / per_s
        self.client = UpstreamClient(UpstreamSettings.model_validate({"document": "d", "base_url": url}))
        self.calls: list[Call] = []
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        due = time.perf_counter()
        while True:
            task = asyncio.create_task(self._call())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            due += self._pause
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async def ended(self) -> None:
        await asyncio.gather(*self._running)
        await self.client.close()

    async def _call(self) -> None:
        began = time.perf_counter()
        try:
            outgoing = Outgoing("GET", self._url, (), None)
            answer = await self.client.send(outgoing, REPEAT, Deadline.after(DEADLINE_S), keep=lambda _: False)
            attempts, ok = answer.attempts, answer.status == 200
        except CallFailed as failed:
            attempts, ok = failed.attempts, False
        self.calls.append(Call(began, time.perf_counter() - began, attempts, ok))

    def between(self, start: float, end: float) -> list[Call]:
        """The calls that began then."""
        return [call for call in self.calls if start <= call.began < end]


def p95_ms(calls: Sequence[Call]) -> float:
    took = sorted(call.took for call in calls)
    return took[int(len(took) * 0.95)] * 1000


@dataclass(frozen=True, slots=True)
class Outage:
    """From `start` to `end` the upstream was down, until `watched` its recovery was looked at."""

    mode: str
    start: float
    end: float
    watched: float
    arrived: int


async def _down(mode: str, upstream: Upstream, load: Load, seconds: float) -> Outage:
    before = upstream.turn("ok")
    start = time.perf_counter()
    upstream.turn(mode)
    await asyncio.sleep(seconds)
    arrived = upstream.turn("ok") - before
    end = time.perf_counter()
    # until everything succeeds for a second again, which must be within 10 s
    while time.perf_counter() < end + 12:
        recent = load.between(time.perf_counter() - 1.2, time.perf_counter() - 0.2)
        if recent and all(call.ok for call in recent) and recent[0].began > end:
            break
        await asyncio.sleep(0.1)
    return Outage(mode, start, end, time.perf_counter(), arrived)


def _row(outage: Outage, load: Load, others: Sequence[Load], quiet_p95: float) -> bool:
    """Print a line; True if all of it is as required."""
    start, end = outage.start, outage.end
    during = load.between(start, end)
    amplification = sum(call.attempts for call in during) / len(during)
    late_ms = max(0.0, *((call.took - DEADLINE_S) * 1000 for call in load.calls))
    after = sorted(load.between(end, outage.watched), key=lambda call: call.began)
    first = next((call.began - end for call in after if call.ok), float("inf"))
    failed = [call.began - end for call in after if not call.ok]
    all_ok = max(failed, default=0.0) if after and after[-1].ok else float("inf")
    neighbours = p95_ms([call for other in others for call in other.between(start, end)])
    more = (neighbours / quiet_p95 - 1) * 100
    print(
        f"{outage.mode:<8}{len(during):>7}{amplification:>15.2f}{outage.arrived:>10}{p95_ms(during):>10.0f}{late_ms:>10.0f}"
        f"{first:>9.1f}{all_ok:>9.1f}{neighbours:>12.1f}{more:>+9.1f} %"
    )
    return amplification <= 1.1 and late_ms <= 100 and all_ok <= 10 and more < 10


async def _storm(upstreams: Sequence[Upstream], per_s: float, seconds: float) -> bool:
    loads = [Load(upstream.url, per_s) for upstream in upstreams]
    loading = [asyncio.create_task(load.run()) for load in loads]
    await asyncio.sleep(1)
    quiet: list[tuple[float, float]] = []
    outages = []
    # What hangs must do so for longer than an attempt may take, or nobody would notice.
    for mode, lasts_s in (("503", seconds), ("refuse", seconds), ("hang", seconds + 5)):
        began = time.perf_counter()
        await asyncio.sleep(2)
        quiet.append((began, time.perf_counter()))
        outages.append(await _down(mode, upstreams[0], loads[0], lasts_s))
    for task in loading:
        task.cancel()
    await asyncio.gather(*loading, return_exceptions=True)
    await asyncio.gather(*(load.ended() for load in loads))
    quiet_p95 = p95_ms([call for load in loads[1:] for span in quiet for call in load.between(*span)])
    print(f"{3 * per_s:.0f} calls a second; the neighbours' p95 when all is quiet: {quiet_p95:.1f} ms")
    print("down      calls  attempts/call   arrived    p95 ms   late ms  first s    all s   neighbours    more")
    kept = [_row(outage, loads[0], loads[1:], quiet_p95) for outage in outages]
    return all(kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls-per-s", type=float, default=60, help="of each of the three upstreams")
    parser.add_argument("--seconds", type=float, default=7, help="that the upstream is down; 5 more where it hangs")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with Upstream(DELAY_MS) as one, Upstream(DELAY_MS) as two, Upstream(DELAY_MS) as three:
        kept = uvloop.run(_storm([one, two, three], options.calls_per_s, options.seconds))
    print("all as required" if kept else "NOT as required")
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
