"""A small HTTP server that plays one legacy system of a test: real sockets, its own dialect, a list of what arrived."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request. `query` has the last value of each name, `body` is JSON or None; header names are lower-case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Told:
    """One answer; `None` as its body with status 0 closes the connection without one."""

    body: bytes
    status: int = 200
    content_type: str = "application/json;charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)


def as_json(value: Any, status: int = 200) -> Told:
    return Told(json.dumps(value, ensure_ascii=False).encode(), status)


def as_text(text: str, status: int = 200) -> Told:
    return Told(text.encode(), status, "text/plain;charset=UTF-8")


HANG_UP = Told(b"", 0)


class System:
    """One legacy system. Subclasses answer; `asked` is what arrived, in order."""

    port: int = 0

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def answer(self, asked: Asked) -> Told:
        raise NotImplementedError

    def writes(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method != "GET"]

    @contextmanager
    def running(self) -> Iterator[System]:
        """Serve on a free port until the end of the block."""
        with ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._take)) as server:
            server.daemon_threads = True
            self.port = int(server.server_address[1])
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def _take(self, asked: Asked) -> Told:
        self.asked.append(asked)
        return self.answer(asked)


def _handler(take: Callable[[Asked], Told]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Hands every request to `take`, whatever its method."""

        def _any(self) -> None:
            parts = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = take(Asked(self.command, parts.path, query, headers, json.loads(data) if data else None))
            if told.status == 0:
                self.close_connection = True
                return
            self.send_response(told.status)
            self.send_header("Content-Type", told.content_type)
            self.send_header("Content-Length", str(len(told.body)))
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body)

        do_GET = do_POST = _any  # noqa: N815 - the names that http.server calls

        def log_message(self, *args: Any) -> None:
            """Nothing: the tests look at `asked`."""

    return Handler
