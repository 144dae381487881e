"""How an upstream reads a token and says that something is wrong; `core.py` and `breakage.py` use it."""

from typing import Protocol

from sanic import HTTPResponse, Request


class Dialect(Protocol):
    """What differs between the upstreams outside their operations."""

    def token(self, request: Request) -> str | None:
        """The token, from where this upstream expects it."""

    def unauthenticated(self, request: Request) -> HTTPResponse:
        """No token, an expired one or garbage."""

    def failure(self, request: Request, status: int, message: str) -> HTTPResponse:
        """Any other refusal that is not an operation's own: 404, 405, 413, 429, 500, 503."""

    def unknown_code(self, request: Request) -> HTTPResponse:
        """A code that no document names."""
