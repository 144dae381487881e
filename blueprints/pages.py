"""The page to try it with, at `/` and where the tutorial says it is."""

from __future__ import annotations

from pathlib import Path

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import file

# The page is one file with its own script and style; it may open sockets and nothing else.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src ws: wss:; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def pages_blueprint(page: Path) -> Blueprint:
    """Serves one self-contained page."""
    blueprint = Blueprint("pages")

    @blueprint.get("/", name="home")
    @blueprint.get("/test/websocket_test.html", name="tutorial")
    async def show(_: Request) -> HTTPResponse:
        return await file(page, mime_type="text/html; charset=utf-8", headers=dict(_HEADERS))

    return blueprint
