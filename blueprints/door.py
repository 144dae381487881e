"""How an HTTP request comes in: the limits of address and connection, its language, its token; errors become answers.

A request is a connection of one frame: it takes a seat like a WebSocket and leaves it when it is answered. Next:
`api.py`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from sanic import HTTPResponse, Request
from sanic.exceptions import SanicException
from structlog.contextvars import bind_contextvars, clear_contextvars

from agent.ports import Toolset
from blueprints.address import Addresses
from blueprints.bodies import discard
from blueprints.callers import caller_of, toolset_of
from blueprints.gateway import Gateway
from blueprints.http_errors import defect, error_response, language, refusal
from blueprints.limits import TooManyConnections
from schemas.errors import FrameRefused, StoreUnavailable
from schemas.messages import text
from schemas.tool import Caller
from schemas.turn import Locale

log = structlog.get_logger(__name__)

_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_TOO_MANY_RETRY_MS = 5000


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that has come in, and the language of its answer."""

    gateway: Gateway
    request: Request
    locale: Locale

    def toolset(self) -> Toolset:
        """That of the request's `Authorization: Bearer` (RFC 6750, 2.1). Raises `FrameRefused`."""
        said = self.request.headers.getall("authorization", [])
        if not said:
            return toolset_of(self.gateway, None)
        found = _BEARER.fullmatch(said[0]) if len(said) == 1 else None
        if found is None:
            raise FrameRefused("bad_request", "frame.bad_token", field="Authorization")
        return toolset_of(self.gateway, found[1], field="Authorization")

    async def owner(self) -> Caller:
        """Who asks, if he is somebody: what is his own is found by his name. Raises `FrameRefused`."""
        caller = await caller_of(self.gateway, self.toolset(), None)
        if caller.owner is None:
            raise FrameRefused("login_required", "frame.login_required", field="Authorization")
        return caller


Answers = Callable[..., Awaitable[HTTPResponse | None]]


class Door:
    """`@door` before a handler `(visit, **path) -> answer` makes it one of Sanic's. None: it has answered by itself."""

    def __init__(self, gateway: Gateway, addresses: Addresses) -> None:
        self._gateway, self._addresses = gateway, addresses

    def __call__(self, handler: Answers) -> Callable[..., Awaitable[HTTPResponse | None]]:
        async def handle(request: Request, **path: Any) -> HTTPResponse | None:
            clear_contextvars()
            bind_contextvars(connection=str(request.id)[:8])
            visit = Visit(self._gateway, request, language(request, self._gateway.locale))
            address = self._addresses.client(request.ip, request.headers.getall(self._addresses.header, []))
            try:
                seat = self._gateway.guard.enter(address)
            except TooManyConnections:
                log.info("too_many_connections")
                sentence = text("admission.scarce", visit.locale)
                return error_response("rate_limited", sentence, retry_after_ms=_TOO_MANY_RETRY_MS)
            try:
                seat.message()
                seat.valid()
                return await handler(visit, **path)
            except FrameRefused as refused:
                await discard(request)
                return refusal(refused, visit.locale)
            except StoreUnavailable as error:
                log.error("store_unavailable", reason=error.reason)
                return error_response("internal", text("frame.store", visit.locale), status=503)
            except SanicException:
                raise  # a request that is broken in its form: `http_errors.py` answers it
            except Exception:
                return defect(visit.locale)
            finally:
                seat.leave()

        handle.__name__ = handler.__name__
        return handle
