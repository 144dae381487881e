"""Tables, cards and charts of the protocol for a terminal; texts of others are never markup. For `chat_view.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from schemas.display import Card, Chart, Column, Table
from schemas.messages import text
from schemas.plaintext import one_line
from schemas.turn import Locale

_BAR = 40
_RIGHT = ("number", "money")
_LONG_ID = re.compile(r"[0-9A-Za-z_-]{16,}")


def rendered(payload: Table | Card | Chart, locale: Locale, width: int) -> RenderableType:
    """The payload for a terminal `width` columns wide."""
    match payload:
        case Table():
            return _table(payload, locale, width)
        case Card():
            return labelled(payload.title, [(field.label, field.text) for field in payload.fields])
    return _chart(payload, width)


def labelled(title: str, lines: Sequence[tuple[str, str]], *, below: str = "") -> Panel:
    """A card of labels and texts."""
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for label, said in lines:
        grid.add_row(plain(label), plain(said))
    inside = Group(grid, plain(below, "dim")) if below else grid
    return Panel(inside, title=plain(title, "bold"), title_align="left", box=box.ROUNDED, expand=False)


def plain(said: str, style: str = "") -> Text:
    """A text from outside: one line, no markup, no control character (A24)."""
    return Text(one_line(said), style=style)


def _table(table: Table, locale: Locale, width: int) -> Group:
    columns = _fitting(table, width)
    grid = Grid(title=plain(table.title, "bold"), title_justify="left", box=box.SIMPLE_HEAD, expand=False)
    for column in columns:
        grid.add_column(plain(column.label), justify="right" if column.kind in _RIGHT else "left", no_wrap=False)
    for row in table.rows:
        grid.add_row(*(plain(row[column.key].text if column.key in row else "") for column in columns))
    notes = []
    if table.total is None or table.shown < table.total:
        key = "chat.shown" if table.total is None else "chat.shown_of"
        notes.append(text(key, locale, shown=table.shown, total=table.total))
    hidden = [_told(column, table) for column in table.columns if column not in columns]
    if hidden:
        labels = ("、" if locale == "zh" else ", ").join(hidden)
        notes.append(text("chat.hidden", locale, count=len(hidden), labels=labels))
    return Group(grid, *(Text(note, style="dim") for note in notes))


def _fitting(table: Table, width: int) -> list[Column]:
    """The columns that have room, each in its place: those that say the same in every row, or nothing to a person (long
    ids), only after the others."""
    kept: list[Column] = []
    room = width - 2
    for column in sorted(table.columns, key=lambda column: _says_little(column, table)):
        room_for = (
            max(map(cell_len, [one_line(column.label), *map(one_line, _texts(column, table))])) + 3
        )  # its padding and border
        if room_for <= room or not kept:
            room -= room_for
            kept.append(column)
    return [column for column in table.columns if column in kept]


def _says_little(column: Column, table: Table) -> bool:
    return _same(column, table) or all(_LONG_ID.fullmatch(said) for said in _texts(column, table) if said)


def _same(column: Column, table: Table) -> bool:
    texts = _texts(column, table)
    return len(texts) > 1 and len(set(texts)) == 1


def _told(column: Column, table: Table) -> str:
    """A column that has no room: what it says, if that is the same in every row."""
    label = one_line(column.label)
    return f"{label} {one_line(_texts(column, table)[0])}" if _same(column, table) else label


def _texts(column: Column, table: Table) -> list[str]:
    return [row[column.key].text if column.key in row else "" for row in table.rows]


def _chart(chart: Chart, width: int) -> Group:
    """One bar for each value, by its size; a value below zero is drawn hollow."""
    parts: list[RenderableType] = [plain(chart.title, "bold")]
    for series in chart.series:
        largest = max((abs(value) for value in series.values if value is not None), default=0) or 1
        grid = Grid.grid(padding=(0, 1))
        for when, value in zip(chart.x, series.values, strict=False):
            length = 0 if value is None else round(abs(value) / largest * min(_BAR, max(4, width // 2)))
            bar = Text(("▒" if value is not None and value < 0 else "█") * length, style="cyan")
            said = "–" if value is None else f"{value:.12g} {series.unit}".strip()
            grid.add_row(plain(when), bar, plain(said))
        parts += [plain(series.label, "dim"), grid]
    return Group(*parts)
