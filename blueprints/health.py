"""`/livez` and `/readyz`: whether the process runs, and whether it can answer a resident."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json


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
