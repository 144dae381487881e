"""Rows that are values along time, as a chart. Called by `display.py`.

A time series by its form alone: every row has its own date or month, and one or two numbers or amounts; nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agent.cells import CellText
from schemas.display import Chart, Column, Series

_MIN_POINTS = 3
_MAX_SERIES = 2
# A number of this name counts nothing: it names a record.
_ID_NAME = re.compile(r"(Id|ID|_id|No|_no|Code|_code)$|^(id|no|code|key)$")


def chart_of(columns: Sequence[Column], rows: Sequence[Mapping[str, CellText]], title: str) -> Chart | None:
    """The chart of these rows in the order of time, or None where they are no time series."""
    times = [column for column in columns if column.kind == "date"]
    measures = [column for column in columns if column.kind in ("money", "number") and not _ID_NAME.search(column.key)]
    if len(times) != 1 or not 1 <= len(measures) <= _MAX_SERIES or len(columns) != 1 + len(measures):
        return None
    when = times[0].key
    points = sorted((row for row in rows if when in row), key=lambda row: row[when].text)
    x = [point[when].text for point in points]
    if len(points) < _MIN_POINTS or len(points) != len(rows) or len(set(x)) != len(x) or not all(x):
        return None
    series = []
    for column in measures:
        units = {point[column.key].unit for point in points if column.key in point and point[column.key].text}
        if len(units) != 1:
            return None
        values = [point[column.key].number if column.key in point else None for point in points]
        series.append(Series(column.label, units.pop(), values))
    return Chart(title, x, series)
