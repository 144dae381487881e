"""What is required of Steward's speed, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.speed.compare import added_ms, ratio
from bench.speed.figures import median
from bench.speed.results import Results
from bench.speed.scaling import TABLES, growth

IDLE = 2000


@dataclass(frozen=True)
class Goal:
    """`value` is not a number where it was not measured; `at_least`: it may not be below `bound`, else not above."""

    what: str
    value: float
    bound: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """None where it was not measured."""
        if self.value != self.value:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def goals(results: Results) -> Iterator[Goal]:
    """All of them, in the order of the table."""
    rounds, rate = results.rounds, "turns_per_cpu_s"
    for part, bound in (("burst", 10), ("paced", 5)):
        value = ratio(rounds, part, "steward", "hand", rate)
        yield Goal(f"turns per CPU-second, {part}, beside the hand-written server", value, bound, "×", at_least=True)
    limit = 100 * ratio(rounds, "paced", "steward", "raw", rate)
    yield Goal("turns per CPU-second, paced, of the raw limit", limit, 25, "%", at_least=True)
    added = added_ms(rounds, "steward") / added_ms(rounds, "hand")
    yield Goal("time added to the first chunk, of the hand-written server's", added, 1 / 8, "×")
    memory = results.idle_kib("steward", IDLE) / results.idle_kib("raw", IDLE)
    yield Goal(f"memory of one of {IDLE:,} idle connections, beside raw Sanic's", memory, 1.1, "×")
    active = results.active.get("steward", {}).get("kib_per_active_turn", float("nan"))
    yield Goal("memory of a turn that streams", active, 60, "KiB")
    late = results.streams.get("steward", {}).get("late_p99_ms", float("nan"))
    yield Goal("200 streams of 33 deltas a second: delay added to a delta, p99", late, 15, "ms")
    for name, table in TABLES.items():
        value = growth(results.scaling.get(name, {}))
        yield Goal(f"CPU of a turn at ten times the {name}", value, table.allowed, "×")
    ready = median([one.ready_s for one in results.starts.get("gateway", [])])
    yield Goal("from the start until ready, catalogue of three documents", ready, 1.5, "s")
    embedded = max((one["cpu_ms_per_turn"] for one in results.embedded.values()), default=float("nan"))
    yield Goal("a turn on the embedded model, the dearest of three", embedded, 30, "ms of CPU")
