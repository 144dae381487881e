"""An answer → the tool result that any model gets: decode → status → envelope → rows → shape → caps; then `scrub.py`.

The JSON form is that of `schemas/tool.py` (ToolResult).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.upstream import caps, failures
from integrations.upstream.answer import Answer
from integrations.upstream.decode import Decoded, decode
from integrations.upstream.envelope import Opened, open_envelope
from integrations.upstream.failures import Failure
from integrations.upstream.rows import cut_lists, find_rows, next_page, replaced
from integrations.upstream.shape import Shaper, TooDeep
from integrations.upstream.target import Target
from schemas.messages import text
from schemas.tool import ToolErrorCode, ToolResult
from schemas.turn import Locale

_SENTENCES: dict[ToolErrorCode, str] = {
    "login_required": "tool.login_required",
    "forbidden": "tool.forbidden",
    "not_found": "tool.not_found",
    "unavailable": "tool.unavailable",
    "timeout": "tool.timeout",
    "bad_upstream_response": "tool.bad_response",
    "too_large": "tool.too_large",
    "rate_limited": "tool.rate_limited",
    "upstream_redirect": "tool.redirected",
    "upstream_tls": "tool.tls",
    "unknown_outcome": "tool.unknown_outcome",
    "business": "tool.refused",
}
# Statuses that say "done" by themselves; 200 round an envelope does not.
_DONE = frozenset({201, 202, 204, 205})
# Headers that are never part of a result, whatever a document declares.
_PRIVATE_HEADERS = frozenset({"set-cookie", "authorization", "www-authenticate", "proxy-authenticate", "cookie"})


@dataclass(frozen=True, slots=True)
class Read:
    """An answer that was understood: its whole JSON body (None for other kinds) and what was in the envelope."""

    decoded: Decoded
    opened: Opened


def failure_result(target: Target, locale: Locale, failure: Failure, details: Any = None) -> ToolResult:
    """A failure in words that name the system."""
    title = target.upstream.title(locale)
    if failure.message:
        message = text("tool.business", locale, upstream=title, message=failure.message)
    else:
        message = text(_SENTENCES[failure.code], locale, upstream=title)
    more: dict[str, Any] = {}
    if details:
        more["details"] = details
    if failure.retry_after_s is not None:
        more["retry_after_s"] = int(failure.retry_after_s)
    return ToolResult.failure(failure.code, message, **more)


def read_answer(answer: Answer, target: Target) -> Read | Failure:
    """The payload of an answer, or what is wrong with it. Never raises."""
    settings, effect = target.upstream.settings, target.tool.effect
    path = target.tool.operation.path
    decoded = decode(answer, settings.encoding)
    failure = failures.by_status(answer, decoded, settings, path, effect)
    if failure is not None:
        return failure
    if effect == "write" and not (answer.complete and not answer.oversized):
        done = answer.status in _DONE or settings.envelope == "none"
        return Read(Decoded("broken"), Opened("ok")) if done else Failure("unknown_outcome")
    if answer.oversized and decoded.kind != "binary":
        return Failure("too_large")
    failure = None
    opened = Opened("ok")
    if decoded.kind == "html":
        failure = failures.by_page(decoded, settings.errors)
    elif decoded.kind == "broken":
        failure = Failure("bad_upstream_response")
    elif decoded.kind == "json":
        opened = open_envelope(decoded.value, settings, path)
        failure = failures.by_envelope(opened, settings.errors)
    elif decoded.kind == "empty" and answer.status not in _DONE and _judges(target):
        failure = Failure("bad_upstream_response")
    if failure is not None and failure.code == "bad_upstream_response" and effect == "write":
        # It answered 2xx to a write and the rest cannot be understood: nobody may call that a failure.
        return Read(Decoded("broken"), Opened("ok")) if answer.status in _DONE else Failure("unknown_outcome")
    return failure or Read(decoded, opened)


def result_of(answer: Answer, target: Target, arguments: Mapping[str, Any], locale: Locale) -> ToolResult:
    """The tool result of an answer to `target` called with `arguments`. Never raises."""
    read = read_answer(answer, target)
    try:
        if isinstance(read, Failure):
            return _failed(read, target, locale)
        return _succeeded(read, answer, target, arguments, locale)
    except (TooDeep, RecursionError):
        return failure_result(target, locale, Failure("bad_upstream_response"))


def _failed(failure: Failure, target: Target, locale: Locale) -> ToolResult:
    shaper = _shaper(target, locale, "")
    details, _ = cut_lists(failure.details, 10)
    details = shaper.shape(details, "")
    if set(details) == {"error"} and isinstance(details["error"], Mapping):
        details = details["error"]
    return failure_result(target, locale, failure, caps.shorten_texts(details, 200))


def _succeeded(read: Read, answer: Answer, target: Target, arguments: Mapping[str, Any], locale: Locale) -> ToolResult:
    decoded, opened = read.decoded, read.opened
    content: dict[str, Any] = {"ok": True}
    notes: list[str] = []
    if decoded.kind == "json" and opened.verdict == "ok" and opened.payload is not None:
        _fill(content, notes, read, target, arguments, locale)
    elif decoded.kind == "text":
        limit = target.upstream.settings.response.max_chars
        content["data"] = decoded.value[:limit]
        if len(decoded.value) > limit:
            notes.append(text("note.cut_text", locale))
    elif decoded.kind == "binary":
        size = answer.headers.get("content-length", "") if answer.oversized else str(decoded.size)
        content["data"] = {"type": decoded.media_type, "size": int(size) if size.isdigit() else None}
        notes.append(text("note.file", locale, type=decoded.media_type, size=size or "?"))
    elif decoded.kind == "broken":
        notes.append(text("note.unverified", locale))
    elif decoded.kind == "empty" and target.tool.effect == "read" and answer.status not in _DONE:
        notes.append(text("note.no_answer", locale, upstream=target.upstream.title(locale)))
    else:
        notes.append(text("note.empty", locale))
    if decoded.replaced:
        notes.append(text("note.replaced", locale))
    headers = _declared_headers(answer, target)
    if headers:
        content["headers"] = headers
    if notes:
        content["notes"] = notes
    return ToolResult(content)


def _fill(
    content: dict[str, Any],
    notes: list[str],
    read: Read,
    target: Target,
    arguments: Mapping[str, Any],
    locale: Locale,
) -> None:
    """Data, labels, shown, total, next and notes of a JSON payload."""
    settings, opened = target.upstream.settings, read.opened
    payload = opened.payload
    rows = find_rows(read.decoded.value, opened, settings.paging)
    if rows is not None:
        payload = replaced(payload, rows.path, rows.items[: settings.response.max_rows])
    payload, inner_cuts = cut_lists(payload, settings.response.max_rows)
    shaper = _shaper(target, locale, opened.prefix)
    data = shaper.shape(payload, opened.prefix)
    fitted = caps.fit(data, rows.path if rows else None, settings.response.max_chars)
    content["data"] = fitted.data
    if shaper.labels:
        content["labels"] = shaper.labels
    if inner_cuts:
        notes.append(text("note.cut_lists", locale, count=inner_cuts))
    if rows is not None:
        shown = fitted.rows if fitted.rows is not None else min(rows.fetched, settings.response.max_rows)
        total = max(rows.total if rows.total is not None else rows.fetched, shown)
        content["shown"], content["total"] = shown, total
        if shown < total:
            notes.append(text("note.truncated", locale, shown=shown, total=total))
        following = next_page(target.tool, arguments, settings.paging, rows, shown, opened.payload)
        if following is not None:
            content["next"] = following
    if fitted.cut_text:
        notes.append(text("note.cut_text", locale))


def _shaper(target: Target, locale: Locale, prefix: str) -> Shaper:
    return Shaper(target.settings, target.labels, target.upstream.dates, locale, prefix)


def _judges(target: Target) -> bool:
    """True where this upstream says success in the body, so that an empty one says nothing."""
    envelope = target.upstream.settings.envelope
    return isinstance(envelope, list) and any(rule.code is not None for rule in envelope)


def _declared_headers(answer: Answer, target: Target) -> dict[str, str]:
    """The response headers that the document declares (`ETag`, `Location`), under the names it gives them."""
    found: dict[str, str] = {}
    for response in target.tool.operation.responses:
        if response.status in (str(answer.status), f"{answer.status // 100}XX", "default"):
            for name in response.headers:
                value = answer.headers.get(name.lower())
                if value is not None and name.lower() not in _PRIVATE_HEADERS:
                    found.setdefault(name, value[:500])
    return found
