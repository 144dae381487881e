"""Refusals over HTTP: the `error` frame's object under the status of its code, for what is routed and what is not.

Nothing of a request is repeated. Used by `door.py` for requests that have come in, by `assembly.py` for the others.
"""

from __future__ import annotations

import contextlib
import math
import secrets
from collections.abc import Mapping

import structlog
from sanic import HTTPResponse, Request
from sanic.exceptions import SanicException
from sanic.handlers import ErrorHandler

from schemas.errors import Code, FrameRefused
from schemas.frames import encode_frame, error_frame
from schemas.messages import text
from schemas.turn import Locale

log = structlog.get_logger(__name__)

STATUSES: Mapping[Code, int] = {
    "bad_request": 400,
    "unsupported": 415,
    "too_large": 413,
    "rate_limited": 429,
    "busy": 503,
    "not_found": 404,
    "login_required": 401,
    "identity_mismatch": 403,
    "approval_expired": 410,
    "approval_used": 409,
    "approval_changed": 409,
    "model_unavailable": 503,
    "turn_interrupted": 503,
    "shutting_down": 503,
    "internal": 500,
}
_RETRY_AFTER_MS = 5000
API = "/api/"


def refusal(refused: FrameRefused, locale: Locale, *, status: int | None = None) -> HTTPResponse:
    """The answer to what `refused` says."""
    sentence = text(refused.key, locale, field=refused.field, **refused.params)
    return error_response(
        refused.code, sentence, field=refused.field, retry_after_ms=refused.retry_after_ms, status=status
    )


def error_response(
    code: Code,
    sentence: str,
    *,
    field: str | None = None,
    retry_after_ms: int | None = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> HTTPResponse:
    """An `error` frame as an HTTP answer; `status` where it is not the code's own."""
    status = status or STATUSES[code]
    if status == 503 and retry_after_ms is None:
        retry_after_ms = _RETRY_AFTER_MS
    more = dict(headers or {})
    if retry_after_ms is not None:
        more["Retry-After"] = str(math.ceil(retry_after_ms / 1000))
    if status == 401:
        more["WWW-Authenticate"] = "Bearer"
    frame = error_frame(code, sentence, field=field, retry_after_ms=retry_after_ms)
    return HTTPResponse(
        encode_frame(frame), status, {"Cache-Control": "no-store", **more}, content_type="application/json"
    )


def defect(locale: Locale) -> HTTPResponse:
    """The answer to a defect, which is being handled: the log has it under the same reference."""
    reference = secrets.token_hex(4)
    log.exception("request_defect", reference=reference)
    return error_response("internal", text("error.internal", locale, reference=reference))


def language(request: Request, default: Locale) -> Locale:
    """The first language of `Accept-Language` (RFC 9110, 12.5.4) that there is."""
    for part in str(request.headers.get("accept-language", ""))[:200].split(","):
        tag = part.partition(";")[0].strip().lower().partition("-")[0]
        if tag == "zh":
            return "zh"
        if tag == "en":
            return "en"
    return default


class ApiErrors(ErrorHandler):
    """Sanic's own refusals (no such route, another method, a body that is too long) under `/api/` as `error` frames."""

    def __init__(self, locale: Locale) -> None:
        super().__init__()
        self._locale = locale

    def default(self, request: Request, exception: Exception) -> HTTPResponse:
        if request is None or not request.path.startswith(API):
            return super().default(request, exception)
        status = exception.status_code if isinstance(exception, SanicException) else 500
        locale = language(request, self._locale)
        if status >= 500 and status != 503:
            self.log(request, exception)
            return defect(locale)
        code, key = _CODES.get(status, ("bad_request", "http.bad_request"))
        headers = {"Allow": ", ".join(_allowed(request))} if status == 405 else {}
        return error_response(code, text(key, locale), status=status, headers=headers)


def _allowed(request: Request) -> list[str]:
    """The methods of the address (RFC 9110, 15.5.6). Sanic knows them of addresses without parameters alone."""
    found = []
    for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
        with contextlib.suppress(SanicException):
            request.app.router.get(request.path, method, request.headers.get("host"))
            found.append(method)
    return found


_CODES: Mapping[int, tuple[Code, str]] = {
    404: ("not_found", "http.not_found"),
    405: ("unsupported", "http.method"),
    408: ("bad_request", "http.too_slow"),
    413: ("too_large", "http.too_large"),
    503: ("busy", "admission.scarce"),
}
