"""The log of what arrived at the three upstreams: `core.py` writes it, `controls.py` shows and empties it."""

import hashlib
from collections import deque
from typing import Any

from sanic import Request

from demo.clock import Clock

KEPT = 10_000


class RequestLog:
    """The last 10,000 requests, oldest first; `/demo/*` is not among them. Shared by the three ports."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def add(self, upstream: str, operation: str | None, request: Request) -> None:
        """Keeps one request, whatever is answered to it; `operation` is None where no operation has that path."""
        self._entries.append(
            {
                "upstream": upstream,
                "operation": operation,
                "method": request.method,
                "path": request.path,
                "query": request.query_string,
                "headers": {name: ", ".join(request.headers.getall(name)) for name in request.headers},
                "body_sha256": hashlib.sha256(request.body or b"").hexdigest(),
                "at": self._clock().isoformat(timespec="milliseconds"),
            }
        )

    def entries(self) -> list[dict[str, Any]]:
        """`[{upstream, operation, method, path, query, headers, body_sha256, at}]`."""
        return list(self._entries)

    def clear(self) -> None:
        """Forgets everything that arrived until now."""
        self._entries.clear()
