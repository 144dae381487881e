"""A path below which everything is served, for a host that is shared with other services.

Requests lose it before they are routed: no route knows of it, and a proxy that takes it off itself changes nothing.
The pages name all that they load relative to themselves.
"""

from __future__ import annotations

from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.response import redirect


def request_class(base_path: str) -> type[Request]:
    """The class of requests of a service below `base_path`, which is empty or `/name` or deeper, without a slash at its
    end."""
    prefix = base_path.encode() + b"/"

    class Based(Request):
        def __init__(self, url_bytes: bytes, *more: Any, **named: Any) -> None:
            if url_bytes.startswith(prefix):
                url_bytes = url_bytes[len(prefix) - 1 :]
            super().__init__(url_bytes, *more, **named)

    return Based if base_path else Request


def add_entrance(app: Sanic[Any, Any], base_path: str) -> None:
    """Without the slash at its end the pages' relative addresses would lead beside it: such a visitor is sent on."""

    async def enter(request: Request) -> HTTPResponse:
        return redirect(f"{request.path.rpartition('/')[2]}/", status=308)

    if base_path:
        app.add_route(enter, base_path, methods=["GET", "HEAD"], name="entrance", strict_slashes=True)
