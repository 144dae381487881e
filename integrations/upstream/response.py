"""An answer → the tool result that any model gets: decode → status → envelope → `present.py`; then `scrub.py`.

The JSON form is that of `schemas/tool.py` (ToolResult).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from integrations.upstream import failures
from integrations.upstream.answer import Answer
from integrations.upstream.caps import beginning
from integrations.upstream.decode import Decoded, decode
from integrations.upstream.differs import differences
from integrations.upstream.envelope import Opened, open_envelope
from integrations.upstream.failures import Failure
from integrations.upstream.present import Presented, Read, present, present_details
from integrations.upstream.shape import TooDeep
from integrations.upstream.target import Target
from schemas.messages import text
from schemas.tool import ToolErrorCode, ToolResult
from schemas.turn import Locale

__all__ = ["Read", "failure_result", "read_answer", "result_of"]

_log = structlog.get_logger()

# Python makes some 100 bytes of each value, and a second of work of a million: such an answer counts as too large.
MAX_VALUES = 100_000
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
# Differences that are told of one operation; after so many its document is known to be wrong.
_MAX_TOLD = 20
# Statuses that say "done" by themselves; 200 round an envelope does not.
_DONE = frozenset({201, 202, 204, 205})
# Headers that are never part of a result, whatever a document declares.
_PRIVATE_HEADERS = frozenset({"set-cookie", "authorization", "www-authenticate", "proxy-authenticate", "cookie"})


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
    if answer.body.count(b",") >= MAX_VALUES:
        answer = replace(answer, oversized=True)
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


def result_of(
    answer: Answer, target: Target, arguments: Mapping[str, Any], locale: Locale, subject: str | None = None
) -> ToolResult:
    """The tool result of an answer to `target` called with `arguments` by `subject`. Never raises.

    Whatever the answer is, the result is bounded: by `response.max_chars`, and by a few thousand characters beside it.
    """
    try:
        read = read_answer(answer, target)
    except RecursionError:
        read = Failure("unknown_outcome" if target.tool.effect == "write" else "bad_upstream_response")
    if isinstance(read, Failure):
        return _failed(read, target, locale, subject)
    try:
        return _succeeded(read, answer, target, arguments, locale, subject)
    except (TooDeep, RecursionError):
        if target.tool.effect == "write":  # it said that it was done; only what it said beside that is beyond us
            return ToolResult({"ok": True, "notes": [text("note.unverified", locale)]})
        return failure_result(target, locale, Failure("bad_upstream_response"))


def _failed(failure: Failure, target: Target, locale: Locale, subject: str | None) -> ToolResult:
    try:
        details = present_details(failure.details, target, locale, subject)
    except (TooDeep, RecursionError):
        details = None
    return failure_result(target, locale, failure, details)


def _succeeded(
    read: Read, answer: Answer, target: Target, arguments: Mapping[str, Any], locale: Locale, subject: str | None
) -> ToolResult:
    content: dict[str, Any] = {"ok": True}
    notes: list[str] = []
    if read.decoded.kind == "json" and read.opened.verdict == "ok" and read.opened.payload is not None:
        _report_differences(target, read, answer)
        presented = present(read, target, arguments, locale, subject)
        _report_withheld(target, presented)
        if presented is None and target.tool.effect == "read":
            sentence = text("tool.withheld", locale, upstream=target.upstream.title(locale))
            return ToolResult.failure("forbidden", sentence)
        content |= presented.content if presented is not None else {}
        notes += presented.notes if presented is not None else [text("note.withheld", locale, count=1)]
    else:
        _fill_without_json(content, notes, read.decoded, answer, target, locale)
    if read.decoded.replaced:
        notes.append(text("note.replaced", locale))
    headers = _declared_headers(answer, target)
    if headers:
        content["headers"] = headers
    if notes:
        content["notes"] = notes
    return ToolResult(content)


def _fill_without_json(
    content: dict[str, Any], notes: list[str], decoded: Decoded, answer: Answer, target: Target, locale: Locale
) -> None:
    """Text, a reference to a file, or nothing but a note."""
    if decoded.kind == "text":
        content["data"] = beginning(decoded.value, target.upstream.settings.response.max_chars)
        if len(content["data"]) < len(decoded.value):
            notes.append(text("note.cut_text", locale))
    elif decoded.kind == "binary":
        size = decoded.size if not answer.oversized else _length(answer.headers.get("content-length", ""))
        content["data"] = {"type": decoded.media_type, "size": size}
        notes.append(text("note.file", locale, type=decoded.media_type, size="?" if size is None else size))
    elif decoded.kind == "broken":
        notes.append(text("note.unverified", locale))
    elif decoded.kind == "empty" and target.tool.effect == "read" and answer.status not in _DONE:
        notes.append(text("note.no_answer", locale, upstream=target.upstream.title(locale)))
    else:
        notes.append(text("note.empty", locale))


def _length(said: str) -> int | None:
    return int(said) if said.isascii() and said.isdigit() and len(said) < 16 else None


def _report_differences(target: Target, read: Read, answer: Answer) -> None:
    """A55: an answer that only differs from its schema is a note for the operator, the first time that it does."""
    if len(target.told) >= _MAX_TOLD:
        return
    found = differences(read.decoded.value, target.tool.operation, answer.status)
    new = [one for one in found if one not in target.told]
    if new:
        target.told.update(new)
        upstream, operation = target.upstream.name, target.operation_name
        _log.warning("answer_differs", upstream=upstream, operation=operation, differences=new)


def _report_withheld(target: Target, presented: Presented | None) -> None:
    """A56: told to the operator without a word of the content."""
    count = 1 if presented is None else presented.withheld
    if count:
        _log.warning("record_withheld", upstream=target.upstream.name, operation=target.operation_name, count=count)


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
