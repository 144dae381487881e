"""What a turn of Steward costs with ten and a hundred times the history, the tools, the connections.

Each table is CPU per turn by size.
Used by `all.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.idle_connections import connect
from bench.speed.job import Job
from bench.speed.parts import measured
from bench.speed.servers import KINDS, Server, World, server

# Small answers: what grows shall not drown in what does not.
_DELTAS, _CLIENTS = "fake:n=10", 10
# Nothing of a history is left out, and no conversation ends.
_ALL_HISTORY = {"STEWARD_MAX_HISTORY_TOKENS": "1000000", "STEWARD_MAX_TURN_TOKENS": "10000000"}

Costs = dict[int, float]  # CPU milliseconds of a turn by size


def history(world: World, sizes: tuple[int, ...], turns: int) -> Costs:
    """By turns that a conversation has had before."""
    found = {}
    with server(KINDS["steward"], world, _ALL_HISTORY) as steward:
        for size in sizes:
            found[size] = _cost(steward, world, turns=turns, warmup=size)
    return found


def tools(world: World, sizes: tuple[int, ...], turns: int) -> Costs:
    """By operations of the catalogue; beyond `STEWARD_MAX_TOOLS` (40) a model is offered those that the words need."""
    found = {}
    for size in sizes:
        file = catalogue_of(size, world.folder)
        with server(KINDS["steward"], world, {"STEWARD_UPSTREAMS": file}) as one:
            found[size] = _cost(one, world, turns=turns, warmup=2)
    return found


def idle_connections(world: World, sizes: tuple[int, ...], turns: int) -> Costs:
    """By connections that are open beside, and silent."""
    found = {}
    with server(KINDS["steward"], world) as steward:
        for size in sizes:
            beside = [connect(steward.port) for _ in range(size)]
            found[size] = _cost(steward, world, turns=turns, warmup=2)
            for opened in beside:
                opened.close()
    return found


def clients(world: World, sizes: tuple[int, ...], turns: int) -> Costs:
    """By clients that ask at once, all without pause."""
    found = {}
    with server(KINDS["steward"], world) as steward:
        for size in sizes:
            each = max(1, turns * _CLIENTS // size)
            found[size] = _cost(steward, world, turns=each, warmup=2, connections=size)
    return found


@dataclass(frozen=True)
class Table:
    """How it is measured, at which sizes, and how many times as much a turn may cost at ten times the size. What a turn
    carries along may cost ten times as much; what stands beside it nothing, but a quarter for noise."""

    measure: Callable[[World, tuple[int, ...], int], Costs]
    sizes: tuple[int, ...]
    allowed: float


TABLES = {
    "turns of history": Table(history, (3, 30, 300), 10),
    "tools in the catalogue": Table(tools, (4, 40, 400), 10),
    "idle connections beside": Table(idle_connections, (20, 200, 2000), 1.25),
    "clients at once": Table(clients, (5, 50, 500), 1.25),
}


def growth(costs: Costs) -> float:
    """By how much a turn's cost grows at most from one size to the next, ten times as large; not a number for one."""
    ordered = [costs[size] for size in sorted(costs)]
    return max((later / earlier for earlier, later in pairwise(ordered)), default=float("nan"))


def catalogue_of(count: int, folder: Path) -> str:
    """An upstreams file whose document has so many operations: that of the bills, and others like it."""
    document = json.loads(Path(__file__).with_name("bills.json").read_text(encoding="utf-8"))
    for number in range(1, count):
        answer = {"200": {"description": "ok"}}
        parameter = {"name": "page", "in": "query", "schema": {"type": "integer"}, "description": "Page, from 1"}
        operation = {
            "operationId": f"list_register_{number}",
            "summary": f"登记册 {number} / Register {number}",
            "parameters": [parameter],
            "responses": answer,
        }
        document["paths"][f"/registers/{number}"] = {"get": operation}
    place = folder / f"catalogue-{count}"
    place.mkdir()
    (place / "bills.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    (place / "upstreams.yaml").write_bytes(Path(__file__).with_name("upstreams.yaml").read_bytes())
    return str(place / "upstreams.yaml")


def _cost(server: Server, world: World, *, turns: int, warmup: int, connections: int = _CLIENTS) -> float:
    job = Job(
        url=server.url,
        server=server.pid,
        hello=True,
        deltas=_DELTAS,
        connections=connections,
        turns=turns,
        warmup=warmup,
    )
    return measured(server, world, job)["cpu_ms_per_turn"]
