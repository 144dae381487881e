"""The figures of a run as a page of Markdown. Pure; written by `all.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.speed.compare import added_ms, middle, ratio, spread_of
from bench.speed.figures import median
from bench.speed.goals import goals
from bench.speed.results import Results
from bench.speed.scaling import growth

NAMES = {
    "direct": "no gateway: a bare client reads the model",
    "steward": "Steward",
    "tutorial": "Steward, clients without `hello`",
    "hand": "hand-written (Sanic, openai, httpx)",
    "agents": "FastAPI, openai-agents",
    "pydantic": "FastAPI, pydantic-ai",
    "raw": "raw limit (frames alone)",
}
STARTS = {
    "gateway": "the gateway, a provider's model",
    "delivered": "`python app.py` with the embedded estate",
}
QUIET = 0.05  # share of the cores that other work may have


def report(results: Results, image: str) -> str:
    """The page; `image` is the plot's place beside it."""
    parts = (
        _head(results, image),
        _goals(results),
        _servers(results),
        _first(results),
        _streams(results),
        _memory(results),
        _scaling(results),
        _startup(results),
        _embedded(results),
        _profiles(results),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A Markdown table; the first column is text, the others are numbers."""
    titles = list(head)
    yield f"| {' | '.join(titles)} |"
    yield f"|---|{'---:|' * (len(titles) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def number(value: float, form: str = ",.1f", unit: str = "") -> str:
    """With its unit; a dash where it was not measured."""
    return f"{value:{form}} {unit}".strip() if value == value else "–"


def milliseconds(value: float) -> str:
    return number(value, ".2f", "ms")


def _head(results: Results, image: str) -> Iterator[str]:
    machine = results.machine
    libraries = ", ".join(f"{name} {version}" for name, version in machine.libraries.items())
    rounds = len(results.rounds.get("busy", {}).get("", []))
    yield "# Speed"
    yield ""
    yield f"<!-- written by `{results.command}`, not edited; bench/README.md says what each figure means -->"
    yield ""
    yield f"![Time to the first chunk, CPU of a delta, memory of connections]({image})"
    yield ""
    yield f"`{results.command}`: {machine.cores} cores of {machine.processor}, Linux {machine.kernel}, Python "
    yield f"{machine.python}, {libraries}. Medians of {rounds} interleaved rounds. Before the rounds other work had "
    yield f"{results.busy:.0%} of the cores" + (
        "." if results.busy <= QUIET else ": **too much to publish these figures.**"
    )
    for sentence in results.missing:
        yield f"\n**Not measured:** {sentence}"


def _goals(results: Results) -> Iterator[str]:
    yield "## What is required\n"
    said = {True: "yes", False: "**no**", None: "–"}
    yield from table(
        ("", "measured", "required", "met"),
        (
            (
                goal.what,
                number(goal.value, ".2f", goal.unit),
                f"{'≥' if goal.at_least else '≤'} {goal.bound:g} {goal.unit}",
                said[goal.met],
            )
            for goal in goals(results)
        ),
    )


def _servers(results: Results) -> Iterator[str]:
    yield "## Servers side by side"
    for part, title in (("burst", "the answer arrives at once"), ("paced", "50 deltas a second")):
        yield f"\n{part.capitalize()}: {title}.\n"
        found = results.rounds.get(part, {})
        yield from table(
            ("", "turns per CPU-second", "spread", "× hand-written", "CPU of a turn", "CPU of a delta", "late p99"),
            (
                (
                    NAMES[name],
                    number(middle(results.rounds, part, name, "turns_per_cpu_s")),
                    number(spread_of(results.rounds, part, name, "turns_per_cpu_s"), ".0%"),
                    number(ratio(results.rounds, part, name, "hand", "turns_per_cpu_s"), ".2f"),
                    milliseconds(middle(results.rounds, part, name, "cpu_ms_per_turn")),
                    number(middle(results.rounds, part, name, "cpu_us_per_delta"), unit="µs"),
                    milliseconds(middle(results.rounds, part, name, "late_p99_ms")),
                )
                for name in found
            ),
        )


def _first(results: Results) -> Iterator[str]:
    floor = middle(results.rounds, "first", "direct", "first_p50_ms")
    yield f"First: one client alone; the same requests without a gateway take {milliseconds(floor)}.\n"
    yield from table(
        ("", "first chunk p50", "p99", "added to the direct one"),
        (
            (
                NAMES[name],
                milliseconds(middle(results.rounds, "first", name, "first_p50_ms")),
                milliseconds(middle(results.rounds, "first", name, "first_p99_ms")),
                milliseconds(added_ms(results.rounds, name)),
            )
            for name, rounds in results.rounds.get("first", {}).items()
            if name != "direct" and any(rounds)
        ),
    )


def _streams(results: Results) -> Iterator[str]:
    yield "200 streams of 33 deltas a second each; every delta came once, in order.\n"
    yield from table(
        ("", "deltas", "late p50", "late p99", "CPU"),
        (
            (
                NAMES[name],
                number(one["deltas"], ",.0f"),
                milliseconds(one["late_p50_ms"]),
                milliseconds(one["late_p99_ms"]),
                number(one.get("cpu_percent", float("nan")), ".0f", "%"),
            )
            for name, one in results.streams.items()
        ),
    )


def _memory(results: Results) -> Iterator[str]:
    counts = sorted({count for rounds in results.memory.values() for one in rounds for count in one})
    yield "## Memory\n"
    yield "KiB of a silent connection, by their number; of one that has greeted, and of a turn that streams on it.\n"
    yield from table(
        ("", *(f"{count:,} idle" for count in counts), "greeted", "streaming turn"),
        (
            (
                NAMES[name],
                *(number(results.idle_kib(name, count)) for count in counts),
                number(results.active.get(name, {}).get("kib_per_connection", float("nan"))),
                number(results.active.get(name, {}).get("kib_per_active_turn", float("nan"))),
            )
            for name in results.memory
        ),
    )


def _scaling(results: Results) -> Iterator[str]:
    yield "## What grows\n"
    yield "CPU of a turn of ten deltas.\n"
    rows = []
    for name, costs in results.scaling.items():
        cells = [f"{size:,}: {milliseconds(cost)}" for size, cost in sorted(costs.items())]
        rows.append((name, *cells, *["–"] * (3 - len(cells)), number(growth(costs), ".2f", "×")))
    yield from table(("", "", "10 ×", "100 ×", "most of one step"), rows)


def _startup(results: Results) -> Iterator[str]:
    yield "## Start\n"
    yield from table(
        ("until `/readyz` is 200", "time", "CPU of the gateway"),
        (
            (
                {"gateway": "gateway with a provider's model", "delivered": "`python app.py` with the embedded estate"}[
                    name
                ],
                number(median([one.ready_s for one in starts]), ".2f", "s"),
                number(median([one.cpu_s for one in starts]), ".2f", "s"),
            )
            for name, starts in results.starts.items()
        ),
    )
    took = number(results.imports_ms, ",.0f", "ms")
    yield f"\nImports take {took} under `-X importtime`, which is slower than without:\n"
    yield from table(
        ("package", "modules", "own time"),
        ((f"`{one.name}`", f"{one.modules}", f"{one.own_ms:.1f} ms") for one in results.imports),
    )


def _embedded(results: Results) -> Iterator[str]:
    yield "## The embedded model\n"
    yield from table(
        ("question", "CPU of the gateway", "first chunk p50", "chunks"),
        (
            (
                question,
                number(one["cpu_ms_per_turn"], unit="ms"),
                number(one["first_p50_ms"], unit="ms"),
                number(one["chunks_per_turn"], ".0f"),
            )
            for question, one in results.embedded.items()
        ),
    )


def _profiles(results: Results) -> Iterator[str]:
    yield "## Profile by function"
    for part, rows in results.profiles.items():
        yield f"\n{part.capitalize()}, share of the samples that hold Python's lock.\n"
        yield from table(
            ("function", "itself", "with what it calls"),
            ((f"`{row.function}`", f"{row.itself:.1%}", f"{row.within:.1%}") for row in rows),
        )
