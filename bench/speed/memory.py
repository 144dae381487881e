"""Memory of connections: that of idle ones over their number, and that of turns that are under way."""

from __future__ import annotations

import socket
import time

from bench.fake_deltas import Shape
from bench.idle_connections import WARM, connect, resident_kib
from bench.speed.figures import Figures
from bench.speed.job import Job
from bench.speed.lab import LabError, cores, load
from bench.speed.servers import Server

_SETTLES_S = 1.5
# Answers that outlast the moment when memory is read.
_ACTIVE, _TURNS, _LOOK_AFTER_S = "fake:n=400,ms=60", 200, 4.0


def idle(server: Server, counts: tuple[int, ...]) -> dict[int, float]:
    """KiB of resident memory for each of so many idle connections, by their number. A first crowd has come and gone."""
    for opened in [connect(server.port) for _ in range(WARM)]:
        opened.close()
    time.sleep(_SETTLES_S)
    before, found = resident_kib(server.pid), {}
    crowd: list[socket.socket] = []
    for count in sorted(counts):
        crowd += [connect(server.port) for _ in range(count - len(crowd))]
        time.sleep(_SETTLES_S)
        found[count] = (resident_kib(server.pid) - before) / count
    for opened in crowd:
        opened.close()
    time.sleep(_SETTLES_S)
    return found


def active(server: Server) -> Figures:
    """KiB of each of 200 turns that stream, and of its connection, after a few turns have come and gone. Where as many
    had come before, the process would not grow: what was freed is used again."""
    job = Job(url=server.url, server=server.pid, hello=server.kind.hello, deltas="fake:n=20", connections=20, turns=5)
    warmed = load(job, cores()[1])
    if not warmed.whole:
        raise LabError(f"{server.kind.name}: {warmed}")
    time.sleep(_SETTLES_S)
    assert Shape.of(_ACTIVE).count * Shape.of(_ACTIVE).interval_s > _LOOK_AFTER_S
    job = Job(
        url=server.url,
        server=server.pid,
        hello=server.kind.hello,
        deltas=_ACTIVE,
        connections=_TURNS,
        active=True,
        hold_s=_LOOK_AFTER_S,
    )
    told = load(job, cores()[1])
    if not told.whole:
        raise LabError(f"{server.kind.name}: {told}")
    return told.figures
