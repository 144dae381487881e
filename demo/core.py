"""What the three upstreams share: operations are registered, logged, broken by faults and authenticated here.

Next: `breakage.py` (how an answer is broken), `bill.py` (an upstream written on this)."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import SanicException

from demo.breakage import apply
from demo.clock import Clock
from demo.database import Database
from demo.dialect import Dialect
from demo.faults import Faults
from demo.requestlog import RequestLog
from demo.tokens import Tokens

logger = logging.getLogger("demo")


@dataclass(frozen=True)
class Core:
    """What all three upstreams of one estate share."""

    database: Database
    tokens: Tokens
    faults: Faults
    requests: RequestLog
    clock: Clock


@dataclass(frozen=True)
class Room:
    """A room that a resident owns or rents."""

    room_id: str
    room_name: str


@dataclass(frozen=True)
class Resident:
    """Who a token is."""

    user_id: str
    name: str
    phone: str
    community_id: str
    community_name: str
    rooms: tuple[Room, ...]


class Refused(Exception):
    """Ends a handler with this answer from any depth; a transaction round it is rolled back."""

    def __init__(self, response: HTTPResponse) -> None:
        super().__init__(f"refused with HTTP {response.status}")
        self.response = response


@dataclass(frozen=True)
class Call:
    """One request to one operation, as a handler sees it."""

    core: Core
    dialect: Dialect
    request: Request
    path: Mapping[str, str]
    now: datetime

    @property
    def database(self) -> Database:
        """The estate's database."""
        return self.core.database

    @cached_property
    def visitor(self) -> Resident | None:
        """Who asks, or None: for public operations."""
        user_id = self.core.tokens.user_of(self.dialect.token(self.request))
        return None if user_id is None else find_resident(self.database, user_id)

    @property
    def resident(self) -> Resident:
        """Who asks. Without a valid token the answer is this upstream's "not logged in"."""
        if self.visitor is None:
            raise Refused(self.dialect.unauthenticated(self.request))
        return self.visitor


Handler = Callable[[Call], Awaitable[HTTPResponse]]


class Upstream:
    """The operations of one upstream on one Sanic application."""

    def __init__(self, app: Sanic[Any, Any], core: Core, *, name: str, base_path: str, dialect: Dialect) -> None:
        self._app = app
        self._core = core
        self._name = name
        self._base_path = base_path
        self._dialect = dialect
        app.exception(Exception)(self._answer_exception)

    def add(self, operation: str, method: str, path: str, handler: Handler, *, public: bool = False) -> None:
        """Ties a route to its operationId. `public`: it answers without a token."""

        async def serve(request: Request, **values: Any) -> HTTPResponse:
            self._core.requests.add(self._name, operation, request)
            request.ctx.logged = True

            async def answer() -> HTTPResponse:
                call = Call(self._core, self._dialect, request, values, self._core.clock())
                return await self._answer(call, handler, public=public)

            fault = self._core.faults.take(self._name, operation, f"{method} {path}")
            if fault is None:
                return await answer()
            return await apply(fault, request, answer, self._dialect)

        # An operationId may stand on two routes, Sanic's names may not.
        name = f"{operation}_{len(self._app.router.routes_all)}"
        # Without a format of errors Sanic reads the handler's source to guess one; errors here are the dialect's.
        self._app.add_route(serve, f"{self._base_path}{path}", methods=[method], name=name, error_format="json")

    async def _answer(self, call: Call, handler: Handler, *, public: bool) -> HTTPResponse:
        try:
            if not public and call.visitor is None:
                return self._dialect.unauthenticated(call.request)
            return await handler(call)
        except Refused as refused:
            return refused.response

    async def _answer_exception(self, request: Request, exception: Exception) -> HTTPResponse:
        """Unknown routes, wrong methods, bodies too large, and crashes of a handler."""
        if not getattr(request.ctx, "logged", False) and not request.path.startswith("/demo/"):
            self._core.requests.add(self._name, None, request)
        if isinstance(exception, SanicException):
            return self._dialect.failure(request, exception.status_code, str(exception))
        logger.error("%s %s failed", request.method, request.path, exc_info=exception)
        return self._dialect.failure(request, 500, "internal error")


def find_resident(database: Database, user_id: str) -> Resident | None:
    """The resident of that id, or None."""
    row = database.row("SELECT * FROM residents WHERE user_id = ?", user_id)
    if row is None:
        return None
    rooms = tuple(Room(room["roomId"], room["roomName"]) for room in json.loads(row["rooms"]))
    return Resident(row["user_id"], row["name"], row["phone"], row["community_id"], row["community_name"], rooms)


def json_answer(
    body: Any,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> HTTPResponse:
    """A JSON answer in UTF-8, Chinese unescaped."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return HTTPResponse(text, status=status, content_type=content_type, headers=dict(headers or {}))
