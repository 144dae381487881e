"""A payload that was understood → data, labels, shown, total, next and notes of a result; `response.py` calls it.

In this order: records of others out, rows cut, values shaped, characters capped. What is cut is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from integrations.upstream import caps
from integrations.upstream.decode import Decoded
from integrations.upstream.envelope import Opened
from integrations.upstream.fields import MISSING
from integrations.upstream.owner import own_records
from integrations.upstream.rows import Rows, cut_lists, find_rows, next_page, replaced
from integrations.upstream.shape import Shaper
from integrations.upstream.target import Target
from schemas.messages import text
from schemas.turn import Locale

_MAX_LABELS = 200
_MAX_LABEL_CHARS = 80
_MAX_DETAIL_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Read:
    """An answer that was understood: its whole JSON body (None for other kinds) and what was in the envelope."""

    decoded: Decoded
    opened: Opened


@dataclass(frozen=True, slots=True)
class Presented:
    """The parts of a result's content (`schemas/tool.py`), and how many records of others were withheld from it."""

    content: Mapping[str, Any]
    notes: tuple[str, ...]
    withheld: int = 0


def present(
    read: Read, target: Target, arguments: Mapping[str, Any], locale: Locale, subject: str | None
) -> Presented | None:
    """The payload for `subject`; None where the whole of it is somebody else's. Raises `TooDeep`."""
    settings, opened = target.upstream.settings, read.opened
    rows = find_rows(read.decoded.value, opened, settings.paging)
    payload, withheld = own_payload(opened, target, subject)
    if payload is MISSING:
        return None
    notes = [text("note.withheld", locale, count=withheld)] if withheld else []
    fetched = rows
    if rows is not None:
        rows = find_rows(read.decoded.value, replace(opened, payload=payload), settings.paging) or rows
        payload = replaced(payload, rows.path, rows.items[: settings.response.max_rows])
    payload, inner_cuts = cut_lists(payload, settings.response.max_rows)
    data, labels = _shaped(payload, opened.prefix, target, locale, opened.prefix)
    fitted = caps.fit(data, rows.path if rows else None, settings.response.max_chars)
    content: dict[str, Any] = {"data": fitted.data}
    if labels := _labels_of(fitted.data, labels):
        content["labels"] = labels
    if inner_cuts:
        notes.append(text("note.cut_lists", locale, count=inner_cuts))
    if rows is not None and fetched is not None:
        gone = fetched.fetched - rows.fetched
        shown = fitted.rows if fitted.rows is not None else min(rows.fetched, settings.response.max_rows)
        total = max(rows.total - gone if rows.total is not None else rows.fetched, shown)
        content["shown"], content["total"] = shown, total
        if shown < total:
            notes.append(text("note.truncated", locale, shown=shown, total=total))
        following = _next(target, arguments, fetched, rows, shown, opened.payload)
        if following is not None:
            content["next"] = following
    if fitted.cut_text:
        notes.append(text("note.cut_text", locale))
    return Presented(content, tuple(notes), withheld)


def present_record(record: Any, path: str, opened: Opened, target: Target, locale: Locale) -> dict[str, Any]:
    """`data` and `labels` of one record that stands at `path` of the body. Raises `TooDeep`."""
    caps_of = target.upstream.settings.response
    cut, _ = cut_lists(record, caps_of.max_rows)
    data, labels = _shaped(cut, path, target, locale, opened.prefix)
    fitted = caps.fit(data, None, caps_of.max_chars)
    found = _labels_of(fitted.data, labels)
    return {"data": fitted.data} | ({"labels": found} if found else {})


def present_details(details: Mapping[str, Any], target: Target, locale: Locale, subject: str | None) -> Any:
    """The facts beside a failure's sentence, small; nothing where they are somebody else's. Raises `TooDeep`."""
    owner = target.upstream.settings.owner
    own: Any = details
    if owner is not None:
        own, _ = own_records(details, owner, subject, "")
    if own is MISSING or not own:
        return None
    cut, _ = cut_lists(own, 10)
    shaped, _ = _shaped(cut, "", target, locale, "")
    if set(shaped) == {"error"} and isinstance(shaped["error"], Mapping):
        shaped = shaped["error"]
    return caps.fit(caps.shorten_texts(shaped, 200), None, _MAX_DETAIL_CHARS).data


def own_payload(opened: Opened, target: Target, subject: str | None) -> tuple[Any, int]:
    """The payload without the records of others, and how many there were; `MISSING` where it is one itself."""
    owner = target.upstream.settings.owner
    if owner is None:
        return opened.payload, 0
    return own_records(opened.payload, owner, subject, opened.prefix)


def _shaped(value: Any, path: str, target: Target, locale: Locale, prefix: str) -> tuple[Any, dict[str, str]]:
    shaper = Shaper(target.settings, target.labels, target.upstream.dates, locale, prefix)
    return shaper.shape(value, path), shaper.labels


def _next(
    target: Target, arguments: Mapping[str, Any], fetched: Rows, rows: Rows, shown: int, payload: Any
) -> dict[str, Any] | None:
    """The next page's arguments. Rows that were withheld count for the upstream: behind a cut among them nothing can
    be told."""
    paging = target.upstream.settings.paging
    if fetched.fetched == rows.fetched:
        return next_page(target.tool, arguments, paging, rows, shown, payload)
    if shown < rows.fetched:
        return None
    return next_page(target.tool, arguments, paging, fetched, fetched.fetched, payload)


def _labels_of(data: Any, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of the names that are left in `data`, of bounded number and length."""
    found: dict[str, str] = {}
    for name in _names(data):
        if name in labels and name not in found:
            found[name] = labels[name][:_MAX_LABEL_CHARS]
            if len(found) == _MAX_LABELS:
                break
    return found


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield name
            yield from _names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)
