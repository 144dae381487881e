"""Which error an answer is: statuses, redirects, login pages, failure codes of envelopes; `response.py` calls it.

Nothing of an upstream's answer is passed on but its sentence for people, and only where it is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from integrations.upstream.answer import Answer
from integrations.upstream.config import Errors, UpstreamSettings
from integrations.upstream.decode import Decoded
from integrations.upstream.envelope import Opened, error_message, liberal
from integrations.upstream.retry import retry_after_s
from schemas.tool import Effect, ToolErrorCode

MAX_MESSAGE_CHARS = 512
_LOGIN_PLACE = re.compile(
    r"log[-_]?[io]n|sign[-_]?in|\bsso\b|\bcas\b|passport|oauth|authori[sz]e|/auth\b", re.IGNORECASE
)
_LOGIN_PAGE = re.compile(r"type\s*=\s*[\"']?password|<title>[^<]*(log\s?in|sign\s?in|登录|登入)", re.IGNORECASE)
# Where a program speaks and no person: class names, traces, markup, addresses of code.
_TECHNICAL = re.compile(
    r"exception|traceback|stack|[a-z]+\.[a-z]+\.[A-Za-z]+|\bat [\w.$]+\(|[<>{}]|select .* from", re.IGNORECASE
)
# A gateway in front of the upstream speaks: whether the upstream did it nobody knows.
_BETWEEN = frozenset({502, 504})
_DETAIL_NAMES_LEFT_OUT = frozenset(
    {"type", "title", "status", "detail", "message", "msg", "instance", "trace", "stack"}
)
_MAX_DETAILS = 10


@dataclass(frozen=True, slots=True)
class Failure:
    """`message` is the upstream's own sentence, or "". `details` are facts beside it, not shaped yet."""

    code: ToolErrorCode
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    retry_after_s: float | None = None


def is_business_text(answer: Answer, settings: UpstreamSettings) -> bool:
    """True for HTTP 500 with a short plain text for people, where upstreams.yaml says that there are such."""
    if answer.status != 500 or not settings.errors.business.text_500:
        return False
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "text/plain" and 0 < len(answer.body) <= 1000


def by_status(
    answer: Answer, decoded: Decoded, settings: UpstreamSettings, path: str, effect: Effect
) -> Failure | None:
    """The failure that the status line tells, or None for 2xx."""
    status, errors = answer.status, settings.errors
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        if errors.login_required.redirect and _to_login(answer.headers.get("location", "")):
            return Failure("login_required")
        return Failure("unknown_outcome" if effect == "write" else "upstream_redirect")
    if status in errors.login_required.status:
        return Failure("login_required")
    if status in errors.forbidden.status:
        return Failure("forbidden")
    if status == 429:
        return Failure("rate_limited", retry_after_s=retry_after_s(answer.headers.get("retry-after")))
    if status == 408:
        return Failure("timeout")
    if status >= 500:
        return _server_failure(answer, decoded, settings, effect)
    body = decoded.value if decoded.kind == "json" else None
    message = _for_people(error_message(body, settings, path))
    return Failure("not_found" if status == 404 else "business", message, _details(body))


def by_envelope(opened: Opened, errors: Errors) -> Failure | None:
    """The failure that the envelope's code tells, or None."""
    if opened.verdict == "unreadable":
        return Failure("bad_upstream_response")
    if opened.verdict != "failed":
        return None
    if liberal(opened.code, errors.login_required.codes):
        return Failure("login_required")
    if liberal(opened.code, errors.forbidden.codes):
        return Failure("forbidden")
    known = errors.business.codes
    if known is not None and not liberal(opened.code, known):
        return Failure("bad_upstream_response")
    message = _for_people(opened.message)
    return Failure("business", message) if message else Failure("bad_upstream_response")


def by_page(decoded: Decoded, errors: Errors) -> Failure:
    """What an HTML page is where data was expected."""
    if errors.login_required.html and _LOGIN_PAGE.search(str(decoded.value)[:20_000]):
        return Failure("login_required")
    return Failure("bad_upstream_response")


def _server_failure(answer: Answer, decoded: Decoded, settings: UpstreamSettings, effect: Effect) -> Failure:
    if is_business_text(answer, settings) and decoded.kind == "text" and not decoded.replaced:
        message = _for_people(str(decoded.value))
        if message:
            return Failure("business", message)
    if answer.status in _BETWEEN and effect == "write":
        return Failure("unknown_outcome")
    return Failure("timeout" if answer.status == 504 else "unavailable")


def _to_login(location: str) -> bool:
    try:
        parts = urlsplit(location)
    except ValueError:
        return False
    return bool(_LOGIN_PLACE.search(f"{parts.netloc}{parts.path}{parts.fragment}"))


def _for_people(message: str) -> str:
    """The message if a person may read it, in one line and not too long."""
    line = " ".join(message.split())
    if not line or _TECHNICAL.search(line):
        return ""
    return line if len(line) <= MAX_MESSAGE_CHARS else line[: MAX_MESSAGE_CHARS - 1] + "…"


def _details(body: Any) -> dict[str, Any]:
    """Facts beside the message: problem extensions (RFC 9457 §3.2), `error.details`, a list of wrong fields."""
    if not isinstance(body, Mapping):
        return {}
    inner = body.get("error")
    if isinstance(inner, Mapping):
        return {"error": {name: inner[name] for name in ("code", "details") if name in inner}}
    names = [name for name in body if isinstance(name, str) and name.lower() not in _DETAIL_NAMES_LEFT_OUT]
    return {name: body[name] for name in names[:_MAX_DETAILS]}
