"""`/livez` and `/readyz`: whether the process runs, and whether it can answer a resident."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json

from schemas.observer import ModelState


class UpstreamState(Protocol):
    """What is going on at one upstream."""

    @property
    def breaker(self) -> str: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def waiting(self) -> int: ...


def readiness(
    *,
    obstacles: Sequence[str],
    tools: Mapping[str, int],
    upstreams: Mapping[str, UpstreamState],
    failures: Collection[str],
    model: str,
    model_state: ModelState,
    store_answers: bool,
) -> dict[str, Any]:
    """What `/readyz` says. `obstacles` keep the process from answering anybody; `degraded` names what does not work
    while the rest does: it is for alarms, and no reason to send residents elsewhere, where it would be the same.

    `tools` counts them by upstream; `failures` are the upstreams whose document did not load.
    """
    told: dict[str, dict[str, Any]] = {
        name: {"tools": tools.get(name, 0), "breaker": one.breaker, "in_flight": one.in_flight, "waiting": one.waiting}
        for name, one in upstreams.items()
    }
    told |= {name: {"tools": 0, "document": "does not load"} for name in failures}
    degraded = [f"upstream:{name}" for name, one in told.items() if one.get("breaker") != "closed"]
    if model_state == "failing":
        degraded.append("model")
    if not store_answers:
        degraded.append("store")
    return {
        "ready": any(tools.values()) and not obstacles,
        "obstacles": list(obstacles),
        "degraded": degraded,
        "model": {"name": model, "state": model_state},
        "store": {"answers": store_answers},
        "upstreams": told,
    }


def health_blueprint(readiness: Callable[[], Mapping[str, Any]]) -> Blueprint:
    """`readiness` returns `{"ready": bool, ...}`; 503 where it is not."""
    blueprint = Blueprint("health")

    @blueprint.get("/livez")
    async def livez(_: Request) -> HTTPResponse:
        return json({"live": True})

    @blueprint.get("/readyz")
    async def readyz(_: Request) -> HTTPResponse:
        state = readiness()
        return json(dict(state), status=200 if state["ready"] else 503)

    return blueprint
