"""A tool's result as clients can show it: a table, a card, a chart; pure. Called by `toolcalls.py`. Next: `cells.py`.

Chosen by the result's own form and never by its words: rows become a table, rows that are values along time a chart, a
single record a card. Nothing is shown of failures, of empty results and of what is neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from zoneinfo import ZoneInfo

from agent.cells import CellText, Words, flattened
from agent.series import chart_of
from schemas.display import Card, Cell, Chart, Column, Field, Table
from schemas.jsontext import to_json
from schemas.plaintext import one_line
from schemas.tool import ToolResult
from schemas.turn import Locale, ToolData

MAX_ROWS = 50
MAX_COLUMNS = 16
MAX_FIELDS = 40
# Of the payload as JSON; a frame must stay far below what clients take (64 KiB).
MAX_BYTES = 32 * 1024
_MAX_TITLE = 120
# How deep the rows of a result may stand below its data.
_MAX_LEVELS = 3
# What stands beside rows without being told: where in them this page is.
_PAGING = re.compile(
    r"(next|prev).*|(has|total|page|pages|size|limit|offset|cursor|skip|start|count|current|records|meta|links)"
    r"(total|pages|count|elements|num|no|size|index|more|next)?"
)

Shown = tuple[Literal["table", "card", "chart"], Table | Card | Chart]


def data_event(tool_call_id: str, result: ToolResult, title: str, locale: Locale, zone: ZoneInfo) -> ToolData | None:
    """The event that shows `result`, or None where there is nothing to show."""
    shown = display(result, title, locale, zone)
    return None if shown is None else ToolData(tool_call_id, *shown)


def display(result: ToolResult, title: str, locale: Locale, zone: ZoneInfo) -> Shown | None:
    """Kind and payload for `result` of the operation called `title`; date-times in `zone`, to the minute. At most
    `MAX_BYTES` as JSON. Never raises."""
    content = result.content
    data = content.get("data")
    if not result.ok or not isinstance(data, Mapping | list):
        return None
    labels = content.get("labels")
    words = Words(labels if isinstance(labels, Mapping) else {}, locale, zone)
    title = one_line(title)[:_MAX_TITLE]
    rows = _rows(data, content.get("shown"))
    if rows is not None:
        return _of_rows(rows, content, title, words) if rows else None
    return _card(_record(data), title, words) if isinstance(data, Mapping) else None


def _rows(data: Any, shown: Any) -> list[Mapping[str, Any]] | None:
    """The records that a result is about, or None where it is about one thing. `shown` is how many rows the toolset
    says it has: then one list of so many is theirs; else a list among nothing but facts of paging."""
    if isinstance(data, list):
        return data if all(_is_record(row) for row in data) else None
    below: list[Mapping[str, Any]] = [data]
    for _ in range(_MAX_LEVELS):
        for place in below:
            lists = [value for value in place.values() if isinstance(value, list) and all(map(_is_record, value))]
            if isinstance(shown, int) and not isinstance(shown, bool):
                lists = [rows for rows in lists if len(rows) == shown]
            elif not all(isinstance(value, list) or _is_paging(str(name)) for name, value in place.items()):
                continue
            if len(lists) == 1:
                return lists[0]
        below = [value for place in below for value in place.values() if _is_record(value)]
    return None


def _is_record(value: Any) -> bool:
    return isinstance(value, Mapping) and not _is_value(value)


def _is_value(value: Mapping[str, Any]) -> bool:
    return set(value) in ({"value", "unit"}, {"value", "label"})


def _is_paging(name: str) -> bool:
    return _PAGING.fullmatch(name.replace("_", "").lower()) is not None


def _record(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record inside wrappers that hold nothing else."""
    for _ in range(_MAX_LEVELS):
        inner = next(iter(data.values())) if len(data) == 1 else None
        if not isinstance(inner, Mapping) or _is_value(inner):
            break
        data = inner
    return data


def _of_rows(rows: Sequence[Mapping[str, Any]], content: Mapping[str, Any], title: str, words: Words) -> Shown | None:
    cells = [flattened(row, words) for row in rows[:MAX_ROWS]]
    columns = _columns(cells)
    if not columns:
        return None
    total = _total(content, len(rows))
    if total == len(cells):  # a chart cannot say that there is more
        chart = chart_of(columns, cells, title)
        if chart is not None and _size(chart) <= MAX_BYTES:
            return "chart", chart
    return _table(columns, cells, title, total)


def _total(content: Mapping[str, Any], fetched: int) -> int | None:
    """How many rows there are in all, or None where nobody says: what was left out, or a next page that no number
    tells of."""
    said = content.get("total")
    if not isinstance(said, int) or isinstance(said, bool) or said < fetched:
        said = None if content.get("notes") else fetched
    return None if content.get("next") is not None and said == fetched else said


def _columns(cells: Sequence[Mapping[str, CellText]]) -> list[Column]:
    """The columns that hold something in some row, in the order of the document; where they are too many, those of
    objects inside a row go first."""
    found: dict[str, list[CellText]] = {}
    order: list[str] = []
    for row in cells:
        place = 0
        for key, cell in row.items():
            if key not in found:  # a field that earlier rows lack stands behind the one it follows here
                order.insert(place, key)
            found.setdefault(key, []).append(cell)
            place = order.index(key) + 1
    told = {key: [cell for cell in found[key] if cell.text] for key in order}
    keys = [key for key, column in told.items() if column]
    own = [key for key in keys if not told[key][0].nested]
    kept = {*own[:MAX_COLUMNS], *[key for key in keys if key not in own][: max(0, MAX_COLUMNS - len(own))]}
    columns = []
    for key in (key for key in keys if key in kept):
        kinds = {cell.kind for cell in told[key]}
        columns.append(Column(key, told[key][0].label, kinds.pop() if len(kinds) == 1 else "text"))
    return columns


def _table(
    columns: list[Column], cells: Sequence[Mapping[str, CellText]], title: str, total: int | None
) -> Shown | None:
    empty = Cell("", None)
    rows: list[dict[str, Cell]] = []
    # the room for a total that nobody says yet, and for `shown`
    room = MAX_BYTES - _size(Table(title, columns, [], MAX_ROWS, total))
    for row in cells:
        shown = {column.key: row[column.key].cell if column.key in row else empty for column in columns}
        room -= _size(shown) + 1
        if room < 0:
            break
        rows.append(shown)
    return ("table", Table(title, columns, rows, len(rows), total)) if rows else None


def _card(record: Mapping[str, Any], title: str, words: Words) -> Shown | None:
    if _is_file(record, words):
        return None
    fields: list[Field] = []
    room = MAX_BYTES - _size(Card(title, []))
    for cell in flattened(record, words).values():
        if not cell.text or len(fields) == MAX_FIELDS:
            continue
        field = Field(cell.label, cell.text, cell.cell.value)
        room -= _size(field) + 1
        if room < 0:
            break
        fields.append(field)
    return ("card", Card(title, fields)) if fields else None


def _is_file(record: Mapping[str, Any], words: Words) -> bool:
    """A reference to a file's bytes (media type and size), which are nothing that a client could show."""
    kind = record.get("type")
    return set(record) == {"type", "size"} and isinstance(kind, str) and "/" in kind and not words.labels


def _size(value: Any) -> int:
    return len(to_json(value).encode())
