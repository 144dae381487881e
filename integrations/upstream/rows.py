"""Which list of an answer its rows are, how many there are in all, the cut to a bearable size, and the next page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.openapi.model import Tool
from integrations.upstream.config import Paging
from integrations.upstream.envelope import Opened
from integrations.upstream.fields import MISSING, look_up

_PAGES = ("page", "pageNum", "pageNo", "pageIndex", "current", "currentPage")
_SIZES = ("size", "pageSize", "limit", "per_page", "perPage", "rows", "count")
_OFFSETS = ("offset", "skip", "start")
_TOTALS = (
    "total",
    "totalCount",
    "total_count",
    "totalElements",
    "records",
    "page.total",
    "meta.total",
    "pagination.total",
)
_MIN_PAGE = 5
# A cursor comes back in every request for a next page; a longer one is no cursor.
_MAX_CURSOR = 1000


@dataclass(frozen=True, slots=True)
class Rows:
    """`path` names the list inside the payload ("" is the payload itself). `total` is what the upstream says exists."""

    path: str
    items: list[Any]
    total: int | None

    @property
    def fetched(self) -> int:
        return len(self.items)


def find_rows(body: Any, opened: Opened, paging: Paging) -> Rows | None:
    """The answer's main list, or None where it is no list of things."""
    total = _total(body, opened, paging)
    if isinstance(opened.payload, list):
        return Rows("", opened.payload, total)
    if not isinstance(opened.payload, Mapping):
        return None
    if paging.rows:
        inner = paging.rows.removeprefix(f"{opened.prefix}.") if opened.prefix else paging.rows
        found = look_up(opened.payload, inner)
        if isinstance(found, list):
            return Rows(inner, found, total)
    lists = {str(name): value for name, value in opened.payload.items() if isinstance(value, list)}
    # One list among plain facts (a total, a page, a cursor): an object that merely has lists is no table.
    if len(lists) == 1 and (total is not None or _next_names(opened.payload)):
        name, items = next(iter(lists.items()))
        return Rows(name, items, total)
    return None


def replaced(payload: Any, path: str, items: list[Any]) -> Any:
    """The payload with the list at `path` replaced."""
    if not path:
        return items
    name, _, rest = path.partition(".")
    return {**payload, name: replaced(payload[name], rest, items)}


def cut_lists(value: Any, limit: int) -> tuple[Any, int]:
    """`value` with no list longer than `limit`, and how many elements were left out."""
    if isinstance(value, Mapping):
        cuts = {key: cut_lists(item, limit) for key, item in value.items()}
        return {key: kept for key, (kept, _) in cuts.items()}, sum(left for _, left in cuts.values())
    if isinstance(value, list):
        inner = [cut_lists(item, limit) for item in value[:limit]]
        return [kept for kept, _ in inner], max(0, len(value) - limit) + sum(left for _, left in inner)
    return value, 0


def next_page(
    tool: Tool, arguments: Mapping[str, Any], paging: Paging, rows: Rows, shown: int, payload: Any
) -> dict[str, Any] | None:
    """The arguments that continue after the rows shown, or None where there are no more or it cannot be told."""
    names = {argument.name: name for name, argument in tool.arguments.items() if argument.location == "query"}
    if shown == rows.fetched:
        for key in _next_names(payload):
            wire = key[4:5].lower() + key[5:]
            value = payload[key]
            if wire in names and isinstance(value, int | str) and len(str(value)) <= _MAX_CURSOR:
                return {**arguments, names[wire]: payload[key]}
    size = _named(names, paging.size, _SIZES)
    page = _named(names, paging.page, _PAGES)
    offset = None if page else _named(names, None, _OFFSETS)
    if page is not None:
        return _by_page(arguments, paging, rows, shown, page, size)
    if offset is not None:
        done = _integer(arguments.get(offset), 0) + shown
        return {**arguments, offset: done} if shown and _more(rows, done, shown) else None
    return None


def _by_page(
    arguments: Mapping[str, Any], paging: Paging, rows: Rows, shown: int, page: str, size: str | None
) -> dict[str, Any] | None:
    number = _integer(arguments.get(page), paging.start)
    used = _integer(arguments.get(size), 0) if size else 0
    if not used:
        if number != paging.start and shown != rows.fetched:
            return None
        used = rows.fetched
    done = (number - paging.start) * used + shown
    if not shown or not _more(rows, done, shown):
        return None
    if shown == rows.fetched:
        return {**arguments, page: number + 1}
    if size is None:
        return None
    # Rows were left out here: a page size that divides what was shown starts the next page exactly behind it.
    fitting = next((s for s in range(shown, _MIN_PAGE - 1, -1) if done % s == 0), None)
    return {**arguments, page: paging.start + done // fitting, size: fitting} if fitting else None


def _more(rows: Rows, done: int, shown: int) -> bool:
    return done < rows.total if rows.total is not None else shown < rows.fetched


def _total(body: Any, opened: Opened, paging: Paging) -> int | None:
    candidates = [opened.total]
    if paging.total:
        candidates += [look_up(body, paging.total), look_up(opened.payload, paging.total)]
    for place in (opened.payload, body):
        candidates += [look_up(place, path) for path in _TOTALS]
    for found in candidates:
        if found is not MISSING and not isinstance(found, bool) and isinstance(found, int | str):
            number = _integer(found, -1)
            if number >= 0:
                return number
    return None


def _next_names(payload: Any) -> list[str]:
    """Fields such as `nextCursor` that hold a value."""
    if not isinstance(payload, Mapping):
        return []
    return [key for key, value in payload.items() if isinstance(key, str) and _is_next(key) and value not in (None, "")]


def _is_next(key: str) -> bool:
    return key.startswith("next") and key[4:5].isupper()


def _named(names: Mapping[str, str], configured: str | None, common: tuple[str, ...]) -> str | None:
    if configured is not None:
        return names.get(configured)
    return next((names[wire] for wire in common if wire in names), None)


def _integer(value: Any, otherwise: int) -> int:
    if isinstance(value, bool):
        return otherwise
    if isinstance(value, int):
        return value
    return (
        int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16 else otherwise
    )
