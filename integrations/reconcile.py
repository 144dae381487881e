"""Looks a write up whose outcome is unknown, with the read that upstreams.yaml declares; `toolset.py` calls it.

The write is never sent again: what the read shows is told, found or not found, or that it could not tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import structlog

from integrations.binding import Binder
from integrations.catalogue_checks import reconcile_arguments
from integrations.recency import Age, age
from integrations.upstream.auth import fixed_keys
from integrations.upstream.calls import Calls, Order
from integrations.upstream.config_calls import Reconcile
from integrations.upstream.failures import Failure
from integrations.upstream.fields import MISSING, child, look_up
from integrations.upstream.present import Read, own_payload, present_record
from integrations.upstream.request import build_request
from integrations.upstream.rows import find_rows, next_page
from integrations.upstream.scrub import Scrubber
from integrations.upstream.shape import TooDeep
from integrations.upstream.target import Target
from schemas.credential import Credential
from schemas.deadline import Deadline
from schemas.errors import ArgumentsInvalid, RequestRefused
from schemas.messages import text
from schemas.tool import ToolResult
from schemas.turn import Locale

_log = structlog.get_logger()

_MAX_PAGES = 5
Outcome = Literal["found", "not_found", "unknown"]


@dataclass(frozen=True, slots=True)
class _Found:
    """A record that fits: what it is, where it stands in the body, and the answer that it is part of."""

    record: Any
    path: str
    read: Read


class Reconciler:
    """`reads` by the write's tool name."""

    def __init__(self, reads: Mapping[str, Target], binder: Binder, calls: Calls) -> None:
        self._reads, self._binder, self._calls = reads, binder, calls

    async def look_up(
        self,
        write: Target,
        arguments: Mapping[str, Any],
        credential: Credential | None,
        locale: Locale,
        deadline: Deadline,
        sent: datetime,
    ) -> ToolResult | None:
        """The result of a write with an unknown outcome after its record was looked for; None where no read is
        declared. `arguments` are those that were sent, at the time `sent`. Nothing outlasts the deadline."""
        read, said = self._reads.get(write.tool.name), write.settings.reconcile
        if read is None or said is None:
            return None
        wanted = {path: _argument(arguments, name) for path, name in said.match.items()}
        outcome: Outcome = "unknown"
        found: list[_Found] = []
        if MISSING not in wanted.values():
            outcome, found = await self._search(read, said, arguments, wanted, credential, deadline, sent)
        _log.info("write_reconciled", upstream=write.upstream.name, operation=write.operation_name, outcome=outcome)
        if outcome != "found":
            return _untold(write, read, locale, outcome)
        try:
            return _told(write, read, found[0], credential, locale)
        except (TooDeep, RecursionError):
            return _untold(write, read, locale, "unknown")

    async def _search(
        self,
        read: Target,
        said: Reconcile,
        arguments: Mapping[str, Any],
        wanted: Mapping[str, Any],
        credential: Credential | None,
        deadline: Deadline,
        sent: datetime,
    ) -> tuple[Outcome, list[_Found]]:
        """Page by page. Two records that fit cannot both be the write: then it is not known which one is. One
        that stood there before the write is not it; where its age is unclear, neither is the outcome known."""
        bound = await self._binder.bind(read, credential, deadline)
        if isinstance(bound, Failure):
            return "unknown", []
        asked: dict[str, Any] | None = {
            name: _argument(arguments, source) for name, source in reconcile_arguments(read.tool, said).items()
        }
        found: list[_Found] = []
        for _ in range(_MAX_PAGES):
            if asked is None:
                break
            try:
                built = build_request(
                    read.tool,
                    asked,
                    base_url=read.upstream.settings.base_url,
                    bound=bound.declared,
                    headers=bound.headers,
                )
            except (ArgumentsInvalid, RequestRefused):
                return "unknown", []
            answer = await self._calls.read(Order(read, built, asked), credential, deadline)
            if isinstance(answer, Failure):
                # "Not found" for the one record that was asked for is an answer.
                return ("not_found" if answer.code == "not_found" and not found else "unknown"), []
            found += [
                fitting
                for fitting in _fitting(answer, read, wanted, bound.subject)
                if _age(fitting, read, said, sent) != "older"
            ]
            if len(found) > 1:
                return "unknown", []
            asked = _following(read, asked, answer)
        if found:
            return ("found" if _age(found[0], read, said, sent) == "new" else "unknown"), found
        return ("not_found" if asked is None else "unknown"), []


def _age(found: _Found, read: Target, said: Reconcile, sent: datetime) -> Age:
    return age(found.record, said.created, sent, read.upstream.dates, read.upstream.settings.dates.zone)


def _following(read: Target, asked: Mapping[str, Any], answer: Read) -> dict[str, Any] | None:
    paging = read.upstream.settings.paging
    rows = find_rows(answer.decoded.value, answer.opened, paging)
    if rows is None:
        return None
    return next_page(read.tool, asked, paging, rows, rows.fetched, answer.opened.payload)


def _fitting(answer: Read, read: Target, wanted: Mapping[str, Any], subject: str | None) -> list[_Found]:
    payload, _ = own_payload(answer.opened, read, subject)
    if payload is MISSING:
        return []
    try:
        return [_Found(record, path, answer) for record, path in _matches(payload, answer.opened.prefix, wanted)]
    except RecursionError:
        return []


def _matches(value: Any, path: str, wanted: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """The outermost objects whose fields all have the wanted values."""
    if isinstance(value, Mapping):
        if all(_same(look_up(value, name), expected) for name, expected in wanted.items()):
            yield value, path
            return
        for name, item in value.items():
            yield from _matches(item, child(path, str(name)), wanted)
    elif isinstance(value, list):
        for item in value:
            yield from _matches(item, f"{path}[]", wanted)


def _same(value: Any, expected: Any) -> bool:
    """An id may be a number here and a text there, an amount 12.5 or "12.50"."""
    if value is MISSING or value is None or isinstance(value, Mapping | list):
        return False
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    if str(value) == str(expected):
        return True
    try:
        return bool(Decimal(str(value)) == Decimal(str(expected)))
    except InvalidOperation:
        return False


def _argument(arguments: Mapping[str, Any], path: str) -> Any:
    found = look_up(arguments, path)
    return MISSING if found is None or isinstance(found, Mapping | list) else found


def _untold(write: Target, read: Target, locale: Locale, outcome: Outcome) -> ToolResult:
    key = "tool.unknown_not_found" if outcome == "not_found" else "tool.unknown_still"
    message = text(key, locale, upstream=write.upstream.title(locale), check=read.title(locale))
    return ToolResult.failure("unknown_outcome", message, reconciled=outcome)


def _told(write: Target, read: Target, found: _Found, credential: Credential | None, locale: Locale) -> ToolResult:
    content = present_record(found.record, found.path, found.read.opened, read, locale)
    note = text("note.found", locale, upstream=write.upstream.title(locale))
    scrubbed = Scrubber(credential, fixed_keys(read.upstream.settings)).value(
        {"ok": True, **content, "notes": [note], "reconciled": "found"}
    )
    return ToolResult(scrubbed)
