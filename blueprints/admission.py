"""What is refused before a request is handled: tokens in addresses, foreign origins, anything new at the wrong time.

There is no ambient credential: a cookie is never looked at, a token comes in a frame. So any page may connect, until
`STEWARD_ALLOWED_ORIGINS` says otherwise. Next: `chat.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sanic import HTTPResponse, Request

from blueprints.http_errors import API, error_response
from schemas.errors import Code
from schemas.messages import text
from schemas.turn import Locale

_TOKEN_NAMES = frozenset({"token", "access_token", "authorization"})
_RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """`allowed_origins`: empty means any; `cors_origins` may use HTTP besides. `ends` and `scarce` say
    whether the process ends, or has no room left."""

    allowed_origins: Collection[str]
    cors_origins: Collection[str]
    locale: Locale
    ends: Callable[[], bool]
    scarce: Callable[[], bool]

    async def check(self, request: Request) -> HTTPResponse | None:
        """The refusal, or None. Its body is an `error` frame; nothing of the address is repeated or logged."""
        # names alone: the value would be a token
        if any(name.lower() in _TOKEN_NAMES for name in request.args):
            return self._refusal(400, "bad_request", "admission.token", field="token")
        turns = request.headers.get("upgrade", "").lower() == "websocket"
        if not turns and not request.path.startswith(API):
            return None
        origin = request.headers.get("origin")
        if self.allowed_origins and origin is not None and origin.lower() not in self._origins(socket=turns):
            return self._refusal(403, "bad_request", "admission.origin", field="origin")
        if self.ends():
            return self._refusal(503, "shutting_down", "error.shutting_down")
        if self.scarce():
            return self._refusal(503, "busy", "admission.scarce")
        return None

    def _origins(self, *, socket: bool) -> Collection[str]:
        return self.allowed_origins if socket else {*self.allowed_origins, *self.cors_origins}

    def _refusal(self, status: int, code: Code, key: str, *, field: str | None = None) -> HTTPResponse:
        retry_ms = _RETRY_AFTER_S * 1000 if status == 503 else None
        return error_response(code, text(key, self.locale), field=field, retry_after_ms=retry_ms, status=status)
