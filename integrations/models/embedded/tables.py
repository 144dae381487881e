"""Rows and records of a result as lines: the columns that tell, chosen by kind and never by name.

Called by `phrase.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.models.embedded.display import Cell, cell
from schemas.turn import Locale

_STATUS = re.compile(r"stat(us|e)|状态|进度|stage", re.I)
_PAGING = re.compile(
    r"^(page|size|limit|offset|cursor|next\w*|prev\w*|total|pages?|page_?(num|no|size|index)|meta"
    r"|links|has_?(more|next)|current)$",
    re.I,
)
_MOST_DETAILS, _MOST_ROWS = 6, 20


def find_rows(data: Any) -> tuple[str, list[Mapping[str, Any]], dict[str, Any]] | None:
    """The list of objects that a result is about: its key, its rows, and the fields beside it."""
    if isinstance(data, list):
        rows = [row for row in data if isinstance(row, Mapping)]
        return ("", rows, {}) if len(rows) == len(data) else None
    if not isinstance(data, Mapping):
        return None
    lists = {k: v for k, v in data.items() if isinstance(v, list) and all(isinstance(row, Mapping) for row in v)}
    others = {k: v for k, v in data.items() if k not in lists and not _PAGING.match(str(k))}
    if len(lists) == 1 and not any(_telling(v) for v in others.values()):
        key, rows = next(iter(lists.items()))
        return str(key), rows, others
    if not lists and len(data) <= 3:
        for key in ("data", "result", "rows", "records", "items", "list"):
            below = find_rows(data.get(key)) if isinstance(data.get(key), (Mapping, list)) else None
            if below:
                return below
    return None


def _telling(value: Any) -> bool:
    return value is not None and value != "" and not isinstance(value, bool)


class Table:
    """Rows whose every cell is known, and which columns say what."""

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], labels: Mapping[str, Any], now: datetime, locale: Locale
    ) -> None:
        self.locale, self.rows = locale, rows
        self.cells = [{str(k): cell(str(k), v, labels, now, locale) for k, v in row.items()} for row in rows]
        names = list(dict.fromkeys(n for row in self.cells for n in row))
        self.columns = [
            n for n in names if any(r.get(n) and r[n].kind not in ("nothing", "opaque", "link") for r in self.cells)
        ]
        kinds = {
            n: next((r[n].kind for r in self.cells if n in r and r[n].kind != "nothing"), "nothing")
            for n in self.columns
        }
        self.status = next(
            (n for n in self.columns if kinds[n] == "coded" and (_STATUS.search(n) or _STATUS.search(self._label(n)))),
            None,
        )
        self.number = next((n for n in self.columns if any(r[n].number for r in self.cells if n in r)), None)
        self.money = [n for n in self.columns if kinds[n] == "money"]
        rest = [
            n
            for n in self.columns
            if n not in (self.status, self.number) and not (len(rows) > 1 and self._constant(n) and kinds[n] != "date")
        ]
        texts = [
            n for n in rest if kinds[n] == "text" and not any(r[n].measure or r[n].number for r in self.cells if n in r)
        ][:2]
        same = [
            n
            for n in self.columns
            if n not in rest and n not in (self.status, self.number) and kinds[n] in ("coded", "text", "month")
        ]
        self.common = [self.cells[0][n].text for n in same if len(self.cells[0][n].text) <= 16][:3]
        coded = [n for n in rest if kinds[n] == "coded"][:1]
        months = [n for n in rest if kinds[n] == "month"][:1]
        self.subject = [n for n in self.columns if n in (*coded, *months, *(texts if not (coded and months) else ()))]
        dates = [n for n in rest if kinds[n] == "date"][:2] or [n for n in rest if kinds[n] == "moment"][:2]
        windows = [n for n in rest if kinds[n] == "window"]
        more = [n for n in rest if kinds[n] in ("number", "text", "coded") and n not in self.subject]
        self.details = [*self.money[:3], *([self.status] if self.status else []), *dates, *windows, *more][
            :_MOST_DETAILS
        ]

    def _label(self, name: str) -> str:
        return next((r[name].label for r in self.cells if name in r), "")

    def _constant(self, name: str) -> bool:
        return len({r[name].text if name in r else "" for r in self.cells}) == 1 and name not in self.money

    def lines(self) -> list[str]:
        """One line a row, at most twenty."""
        return [self._line(row) for row in self.cells[:_MOST_ROWS]]

    def _line(self, row: Mapping[str, Cell]) -> str:
        zh = self.locale == "zh"
        subject = " ".join(dict.fromkeys(row[n].text for n in self.subject if n in row and row[n].text))
        number = row[self.number].text if self.number and self.number in row else ""
        if number:
            subject = (f"{subject}（{number}）" if zh else f"{subject} ({number})") if subject else number
        details = [self._detail(row[n], n) for n in self.details if n in row and row[n].text and not row[n].zero]
        joined = ("，" if zh else ", ").join(details)
        if not subject:
            return f"• {joined}"
        return f"• {subject}" + ((("：" if zh else ": ") + joined) if joined else "")

    def _detail(self, value: Cell, name: str) -> str:
        if name == self.status or (self.money and name == self.money[0]) or not value.label:
            return value.text
        return f"{value.label} {value.text}"

    def groups(self) -> str:
        """未缴 2 条（¥712.40），已缴 3 条 (¥…): the rows by status, each with the sum of the first amount."""
        if self.status is None or len(self.rows) < 2:
            return self._sum(self.cells)
        by: dict[str, list[Mapping[str, Cell]]] = {}
        for row in self.cells:
            by.setdefault(row[self.status].text if self.status in row else "", []).append(row)
        if len(by) > 5 or "" in by:
            return self._sum(self.cells)
        told = []
        for status, rows in by.items():
            total = self._sum(rows)
            if self.locale == "zh":
                told.append(f"{status} {len(rows)} 条" + (f"（{total}）" if total else ""))
            else:
                told.append(f"{len(rows)} {status.lower()}" + (f" ({total})" if total else ""))
        return ("，" if self.locale == "zh" else ", ").join(told)

    def _sum(self, rows: Sequence[Mapping[str, Cell]]) -> str:
        if not self.money or len(rows) < 1:
            return ""
        values = [r[self.money[0]] for r in rows if self.money[0] in r and r[self.money[0]].value is not None]
        try:
            total = sum((Decimal(str(c.value)) for c in values), Decimal(0))
        except InvalidOperation:
            return ""
        if not values or not values[0].text.startswith("¥"):
            return ""
        label = self._label(self.money[0])
        zh = self.locale == "zh"
        return f"{label}{'' if zh else ' '}{'合计 ' if zh else 'in total '}¥{total}"


def record(data: Mapping[str, Any], labels: Mapping[str, Any], now: datetime, locale: Locale) -> list[str]:
    """The fields of one record, a line each; amounts of nothing, ids and nulls left out; lists of rows below
    their label.
    """
    lines: list[str] = []
    for name, value in data.items():
        if _PAGING.match(str(name)) and not str(labels.get(name) or ""):
            continue
        below = find_rows(value) if isinstance(value, list) and value else None
        shown = cell(str(name), value, labels, now, locale)
        if below is not None:
            lines.append(f"• {shown.label or name}：" if locale == "zh" else f"• {shown.label or name}:")
            lines += ["  " + line for line in Table(below[1], labels, now, locale).lines()]
        elif shown.kind not in ("nothing", "opaque") and not shown.zero:
            colon = "：" if locale == "zh" else ": "
            lines.append(f"• {shown.label}{colon}{shown.text}" if shown.label else f"• {shown.text}")
    return lines
