"""What clients can show of a tool's result: tables, cards and charts, by the result's own form."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.display import MAX_BYTES, MAX_COLUMNS, MAX_FIELDS, MAX_ROWS, data_event, display
from schemas.display import Card, Chart, Table
from schemas.jsontext import to_json
from schemas.tool import ToolResult
from schemas.turn import Locale, ToolData

ZONE = ZoneInfo("Asia/Shanghai")
LABELS = {"no": "编号", "fee": "费用", "state": "状态", "at": "时间", "place": "地点", "room": "房屋", "open": "开放"}


def shown(data: Any, locale: Locale = "zh", **content: Any) -> Any:
    """Kind and payload for a successful result with `data`, the payload as plain values."""
    made = display(ToolResult({"ok": True, "data": data, "labels": LABELS, **content}), "查询", locale, ZONE)
    return made and (made[0], msgspec.to_builtins(made[1]))


def yuan(value: str) -> dict[str, str]:
    return {"value": value, "unit": "元"}


def test_rows_become_a_table_with_texts_for_people() -> None:
    """Labels and order of the document; amounts with unit, codes by their label, times in the estate's zone."""
    rows = [
        {
            "no": "19876543210",
            "fee": yuan("356.20"),
            "state": {"value": 2, "label": "已缴"},
            "at": "2026-11-01T00:05:59Z",
        },
        {"no": "A7", "fee": yuan("0.00"), "state": {"value": 1, "label": "未缴"}, "at": "2026-11-02T08:00:00+08:00"},
    ]
    kind, table = shown(rows, shown=2, total=48)
    assert kind == "table"
    assert table == {
        "title": "查询",
        "columns": [
            {"key": "no", "label": "编号", "kind": "text"},
            {"key": "fee", "label": "费用", "kind": "money"},
            {"key": "state", "label": "状态", "kind": "enum"},
            {"key": "at", "label": "时间", "kind": "date"},
        ],
        "rows": [
            {
                "no": {"text": "19876543210", "value": "19876543210"},
                "fee": {"text": "356.20 元", "value": "356.20"},
                "state": {"text": "已缴", "value": 2},
                "at": {"text": "2026-11-01 08:05", "value": "2026-11-01T00:05:59Z"},
            },
            {
                "no": {"text": "A7", "value": "A7"},
                "fee": {"text": "0.00 元", "value": "0.00"},
                "state": {"text": "未缴", "value": 1},
                "at": {"text": "2026-11-02 08:00", "value": "2026-11-02T08:00:00+08:00"},
            },
        ],
        "shown": 2,
        "total": 48,
    }


@pytest.mark.parametrize(
    ("value", "locale", "text", "carried", "kind"),
    [
        ("2026-11", "zh", "2026-11", "2026-11", "date"),
        ("2026-11-30", "zh", "2026-11-30", "2026-11-30", "date"),
        ("2026-11-30T09:00:00", "zh", "2026-11-30 09:00", "2026-11-30T09:00:00", "date"),
        ("2026-13-40T09:00:00Z", "zh", "2026-13-40T09:00:00Z", "2026-13-40T09:00:00Z", "text"),
        (True, "zh", "是", True, "enum"),
        (False, "zh", "否", False, "enum"),
        (False, "en", "no", False, "enum"),
        (30018, "zh", "30018", 30018, "number"),
        (Decimal("1.50"), "zh", "1.50", 1.5, "number"),
        (2**53 + 2, "zh", "9007199254740994", "9007199254740994", "number"),
        (Decimal("1E+999999999"), "zh", "1E+999999999", None, "number"),
        pytest.param(10**5000, "zh", "…", None, "number", id="digits"),
        (float("nan"), "zh", "nan", None, "number"),
        (["a", {"value": 1, "label": "b"}, 3], "zh", "a、b、3", None, "text"),
        (["a", "b"], "en", "a, b", None, "text"),
        ({"value": None, "label": "无"}, "zh", "无", None, "enum"),
        ({"value": "12", "unit": "度"}, "zh", "12 度", "12", "money"),
        ("x" * 400, "zh", "x" * 299 + "…", None, "text"),
        ("a\r\n\x1b[31mb\u202e", "zh", "a ⏎ \\u001b[31mb\\u202e", "a\r\n\x1b[31mb\u202e", "text"),
    ],
)
def test_every_value_reads_as_people_write_it(value: Any, locale: Locale, text: str, carried: Any, kind: str) -> None:
    """`text` is for showing, `value` what the result gave, where that can be carried (A24: no control character)."""
    _, table = shown([{"x": value}], locale)
    assert table["rows"] == [{"x": {"text": text, "value": carried}}]
    assert table["columns"] == [{"key": "x", "label": "x", "kind": kind}]


def test_columns_that_say_nothing_in_any_row_are_left_out() -> None:
    """Null, "" and empty lists; a row that lacks a shown column has an empty cell."""
    _, table = shown([{"no": "1", "fee": None, "place": "", "photos": []}, {"no": "2", "fee": None, "state": "x"}])
    assert [column["key"] for column in table["columns"]] == ["no", "state"]
    assert table["rows"][0]["state"] == {"text": "", "value": None}


def test_a_field_that_the_first_row_lacks_stands_where_its_own_row_has_it() -> None:
    """The document's order, put together from all rows."""
    _, table = shown([{"no": "1", "state": "a"}, {"no": "2", "place": "hall", "state": "b"}])
    assert [column["key"] for column in table["columns"]] == ["no", "place", "state"]


def test_objects_inside_a_row_are_opened_by_one_level_where_their_members_have_labels() -> None:
    """Deeper ones, unlabelled members and lists of objects are left out."""
    row = {"no": "1", "place": {"room": "3-501", "secret": "x", "state": {"open": True}}, "photos": [{"no": "2"}]}
    _, table = shown([row])
    assert [(column["key"], column["label"]) for column in table["columns"]] == [
        ("no", "编号"),
        ("place.room", "地点 · 房屋"),
    ]


def test_too_many_columns_leave_those_of_inner_objects_out_first() -> None:
    """At most sixteen; the record's own come first."""
    row = {"place": {"room": "3-501", "open": True}} | {f"f{n}": n for n in range(MAX_COLUMNS - 1)}
    _, table = shown([row])
    keys = [column["key"] for column in table["columns"]]
    assert len(keys) == MAX_COLUMNS
    assert keys[0] == "place.room"
    assert "place.open" not in keys


@pytest.mark.parametrize(
    ("content", "total"),
    [
        ({"shown": 2, "total": 2}, 2),
        ({"shown": 2, "total": 84, "next": {"page": 2}}, 84),
        ({"shown": 2, "total": 2, "next": {"cursor": "c"}}, None),
        ({}, 2),
        ({"notes": ["3 more were left out"]}, None),
    ],
)
def test_the_total_is_said_only_where_it_is_known(content: dict[str, Any], total: int | None) -> None:
    """A next page that no number tells of, or a cut, makes it unknown."""
    _, table = shown([{"no": "1"}, {"no": "2"}], **content)
    assert (table["shown"], table["total"]) == (2, total)


def test_the_rows_of_a_page_are_found_inside_it() -> None:
    """`shown` names their number; without it, only facts of paging may stand beside them."""
    rows = [{"no": "1"}, {"no": "2"}]
    kind, table = shown({"page": {"size": 10}, "items": rows, "tags": ["a"]}, shown=2, total=9)
    assert (kind, table["shown"], table["total"]) == ("table", 2, 9)
    assert shown({"records": rows, "total": 2, "page_size": 10, "nextCursor": None})[0] == "table"
    assert shown({"result": {"list": rows}}, shown=2, total=2)[0] == "table"
    kind, card = shown({"no": "7", "rooms": rows})
    assert (kind, card["fields"]) == ("card", [{"label": "编号", "text": "7", "value": "7"}])


def test_one_record_becomes_a_card() -> None:
    """Inside a wrapper that holds nothing else, too; fields that say nothing are left out."""
    record = {"no": "7", "fee": yuan("12.00"), "state": None, "place": {"room": "3-501"}}
    expected = {
        "title": "查询",
        "fields": [
            {"label": "编号", "text": "7", "value": "7"},
            {"label": "费用", "text": "12.00 元", "value": "12.00"},
            {"label": "地点 · 房屋", "text": "3-501", "value": "3-501"},
        ],
    }
    assert shown(record) == ("card", expected)
    assert shown({"order": record}) == ("card", expected)


def test_values_along_time_become_a_chart_in_the_order_of_time() -> None:
    """A date and one or two numbers in each of at least three rows, and nothing else."""
    rows = [
        {"at": "2026-03", "fee": yuan("3.50"), "no": None},
        {"at": "2026-01", "fee": yuan("1.00"), "no": None},
        {"at": "2026-02", "fee": None, "no": None},
    ]
    assert shown(rows) == (
        "chart",
        {
            "title": "查询",
            "x": ["2026-01", "2026-02", "2026-03"],
            "series": [{"label": "费用", "unit": "元", "values": [1.0, None, 3.5]}],
        },
    )


@pytest.mark.parametrize(
    ("change", "content"),
    [
        pytest.param({}, {"shown": 3, "total": 9}, id="there-are-more"),
        pytest.param({"at": "2026-01"}, {}, id="a-time-twice"),
        pytest.param({"fee": {"value": "1.00", "unit": "度"}}, {}, id="two-units"),
        pytest.param({"place": "hall"}, {}, id="a-text-besides"),
        pytest.param({"carId": 30018}, {}, id="a-number-that-names"),
        pytest.param({"at": ""}, {}, id="a-time-missing"),
    ],
)
def test_what_is_no_whole_time_series_stays_a_table(change: dict[str, Any], content: dict[str, Any]) -> None:
    """A chart could not say it."""
    rows = [{"at": f"2026-0{n}", "fee": yuan("1.00")} for n in (1, 2)] + [
        {"at": "2026-03", "fee": yuan("1.00"), **change}
    ]
    assert shown(rows, **content)[0] == "table"


@pytest.mark.parametrize(
    "content",
    [
        {"ok": False, "error": "timeout", "message": "slow", "data": [{"a": 1}]},
        {"ok": True},
        {"ok": True, "data": "a text"},
        {"ok": True, "data": []},
        {"ok": True, "data": {}},
        {"ok": True, "data": {"items": []}, "shown": 0, "total": 0},
        {"ok": True, "data": [{"a": None}]},
        {"ok": True, "data": ["a", "b"]},
        {"ok": True, "data": {"type": "application/pdf", "size": 3000}, "notes": ["a file"]},
        {"ok": True, "data": [{"a\x1bb": 1}]},
    ],
)
def test_failures_empties_and_what_is_no_record_show_nothing(content: dict[str, Any]) -> None:
    """The bubble says what there is to say."""
    assert display(ToolResult(content), "t", "zh", ZONE) is None
    assert data_event("c1", ToolResult(content), "t", "zh", ZONE) is None


def test_the_event_carries_the_calls_id() -> None:
    """Clients put it beside the status frames of that call."""
    event = data_event("c1", ToolResult({"ok": True, "data": {"a": 1}}), "t", "zh", ZONE)
    assert isinstance(event, ToolData)
    assert (event.tool_call_id, event.kind, type(event.payload)) == ("c1", "card", Card)


def test_a_table_that_is_too_large_loses_rows_and_says_so() -> None:
    """`shown` counts the rows that are left; `total` stays."""
    rows = [{f"f{column}": "字" * 250 for column in range(8)} for _ in range(40)]
    made = display(ToolResult({"ok": True, "data": rows, "shown": 40, "total": 40}), "t", "zh", ZONE)
    assert made is not None
    table = made[1]
    assert isinstance(table, Table)
    assert table.shown == len(table.rows) < 40
    assert table.total == 40
    assert len(to_json(table).encode()) <= MAX_BYTES


# Values as upstreams send them, the forms of amounts and codes among them, and texts that would do harm on a terminal.
_TEXTS = st.text(max_size=40) | st.sampled_from(["2026-11", "2026-11-30T09:00:00Z", "\x1b]0;x\x07", "\u202e", "\ud800"])
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | _TEXTS
    | st.sampled_from([10**400, Decimal("1E+999999999"), "x" * 5000])
)  # fmt: skip
_NAMES = _TEXTS | st.sampled_from(["value", "unit", "label", "type", "size", "a", "b", "total", "items"])
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=40,
)
_ROWS = st.lists(st.dictionaries(st.sampled_from("abcdef"), _SCALARS, min_size=1), min_size=1, max_size=60)
_COUNTS = st.none() | st.integers(-1, 70)


def texts(payload: Table | Card | Chart) -> Iterator[str]:
    """All that a client would show."""
    yield payload.title
    match payload:
        case Table():
            for column in payload.columns:
                yield from (column.key, column.label)
            yield from (cell.text for row in payload.rows for cell in row.values())
        case Card():
            for field in payload.fields:
                yield from (field.label, field.text)
        case Chart():
            yield from payload.x
            for series in payload.series:
                yield from (series.label, series.unit)


def is_plain(text: str) -> bool:
    return all(c in "\u200c\u200d" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in text)


@given(_JSON | _ROWS, _JSON, _COUNTS, _COUNTS, _TEXTS, st.sampled_from(("zh", "en")))
@settings(max_examples=300, deadline=None)
def test_whatever_a_result_holds_it_is_shown_safely_or_not_at_all(
    data: Any, labels: Any, count: int | None, total: int | None, title: str, locale: Locale
) -> None:
    """Universal: never an exception, never more than the bounds, never a control or direction character."""
    content = {"ok": True, "data": data, "labels": labels, "shown": count, "total": total}
    made = display(ToolResult(content), title, locale, ZONE)
    if made is None:
        return
    payload = made[1]
    assert all(is_plain(text) for text in texts(payload))
    assert len(to_json(payload).encode()) <= MAX_BYTES
    if isinstance(payload, Table):
        assert payload.shown == len(payload.rows) <= MAX_ROWS
        assert payload.total is None or payload.total >= payload.shown
        assert 1 <= len(payload.columns) <= MAX_COLUMNS
        assert all(set(row) == {column.key for column in payload.columns} for row in payload.rows)
    elif isinstance(payload, Card):
        assert 1 <= len(payload.fields) <= MAX_FIELDS
    else:
        assert all(len(series.values) == len(payload.x) for series in payload.series)


@given(_ROWS)
@settings(deadline=None)
def test_every_row_that_is_shown_is_a_row_of_the_result(rows: list[dict[str, Any]]) -> None:
    """Universal: the first ones, in their order; a cell's value is that row's, where it is carried."""
    made = display(ToolResult({"ok": True, "data": rows, "shown": len(rows), "total": len(rows)}), "t", "zh", ZONE)
    if made is None or not isinstance(made[1], Table):
        return
    for row, shown_row in zip(rows, made[1].rows, strict=False):
        for key, cell in shown_row.items():
            value = row.get(key)
            if cell.value is not None and isinstance(value, int | Decimal) and not isinstance(value, bool):
                assert Decimal(str(cell.value)) == value
            elif cell.value is not None:
                assert cell.value == value
