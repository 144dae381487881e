"""The measured situations: what is asked of a server, and the figures that come of it. Used by `run.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.fake_deltas import Shape
from bench.speed.direct import direct_late
from bench.speed.figures import Figures
from bench.speed.job import Job
from bench.speed.lab import LabError, cores, load
from bench.speed.servers import Server, World

DELTAS, FIRST = 100, "fake:n=20,ms=5"
STREAM, STREAMS, STAGGER_S = f"fake:n={DELTAS},ms=30,size=24,stamp=1", 200, 3.0


@dataclass(frozen=True)
class Scale:
    """How long the parts take: the full measure, or a short one. After `session` turns a client comes back on a new
    connection, and so with a new conversation; 0 is never."""

    burst_s: float
    paced_turns: int
    first_turns: int
    session: int = 5


FULL, SHORT = Scale(4, 3, 60), Scale(1.5, 1, 10)


def measured(server: Server, world: World, job: Job) -> Figures:
    """Do the job. Raises `LabError` where anything was wrong with what the clients got, or where the server did not ask
    the model twice and the upstream once, with the resident's token, for each turn."""
    before = world.asked()
    told = load(job, cores()[1])
    if not told.whole:
        raise LabError(f"{server.kind.name}: {told}")
    if server.kind.works:
        turns = told.turns + job.warmup * job.connections
        asked = tuple(after - earlier for after, earlier in zip(world.asked(), before, strict=True))
        if asked != (2 * turns, turns, turns):
            raise LabError(f"{server.kind.name}: {turns} turns asked (model, upstream, with a token) {asked} times")
    return {
        "turns_per_cpu_s": told.turns / told.cpu_s if told.cpu_s else float("nan"),
        "cpu_ms_per_turn": told.cpu_s / told.turns * 1e3,
        "cpu_us_per_delta": told.cpu_s / told.turns / Shape.of(job.deltas).count * 1e6,
        "cpu_percent": told.cpu_s / told.seconds * 100,
        "turns_per_s": told.turns / told.seconds,
        **told.figures,
    }


def burst(server: Server, world: World, scale: Scale) -> Figures:
    """20 clients that ask without pause; the whole answer arrives at once."""
    job = _job(server, scale, deltas=f"fake:n={DELTAS}", connections=20, seconds=scale.burst_s, warmup=2)
    return measured(server, world, job)


def paced(server: Server, world: World, scale: Scale) -> Figures:
    """40 clients, 50 deltas a second each, stamped."""
    stamp = ",stamp=1" if server.kind.works else ""
    deltas = f"fake:n={DELTAS},ms=20,size=24{stamp}"
    if not server.kind.works:  # it does not wait between frames
        job = _job(server, scale, deltas=deltas, connections=40, seconds=scale.burst_s)
    else:
        job = _job(server, scale, deltas=deltas, connections=40, turns=scale.paced_turns, stagger_s=1)
    return measured(server, world, job)


def first(server: Server, world: World, scale: Scale) -> Figures:
    """One client alone: the time to its first chunk."""
    if not server.kind.works:
        return {}
    job = _job(server, scale, deltas=FIRST, turns=scale.first_turns, warmup=5)
    return measured(server, world, job)


def streams(server: Server, world: World, scale: Scale) -> Figures:
    """200 clients, 33 deltas a second each, stamped: 6,600 deltas a second."""
    job = _job(server, scale, deltas=STREAM, connections=STREAMS, turns=scale.paced_turns, stagger_s=STAGGER_S)
    return measured(server, world, job)


def direct_streams(world: World, scale: Scale) -> Figures:
    """The same without a gateway."""
    return direct_late(world, STREAM, STREAMS, scale.paced_turns, STAGGER_S)


PARTS: dict[str, Callable[[Server, World, Scale], Figures]] = {"burst": burst, "paced": paced, "first": first}


def _job(
    server: Server,
    scale: Scale,
    *,
    deltas: str,
    connections: int = 1,
    turns: int = 0,
    seconds: float = 0,
    warmup: int = 1,
    stagger_s: float = 0,
) -> Job:
    return Job(
        url=server.url,
        server=server.pid,
        hello=server.kind.hello,
        deltas=deltas,
        connections=connections,
        turns=turns,
        seconds=seconds,
        warmup=warmup,
        stagger_s=stagger_s,
        session=scale.session,
    )
