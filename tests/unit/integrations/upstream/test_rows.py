"""Rows are found and counted, cut to size, and the next page's arguments are exact."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.openapi.model import Argument, Operation, Tool
from integrations.upstream.caps import fit
from integrations.upstream.config import Paging
from integrations.upstream.envelope import Opened
from integrations.upstream.rows import Rows, cut_lists, find_rows, next_page
from schemas.jsontext import to_json


def tool(*names: str) -> Tool:
    operation = Operation("d", "GET /a", "a", "GET", "/a", (), "", "", (), (), None, ())
    return Tool("a", "", {}, {name: Argument("query", name) for name in names}, operation, "read")


@pytest.mark.parametrize(
    ("body", "opened", "paging", "path", "total"),
    [
        ({"rows": [1], "total": 9}, Opened("ok", [1], "rows"), {}, "", 9),
        ({"items": [1], "page": {"total": 7}}, None, {}, "items", 7),
        ({"data": [1], "meta": {"total": 3}}, None, {"rows": "data", "total": "meta.total"}, "data", 3),
        (
            {"data": {"records": [1], "total": "12"}},
            Opened("ok", {"records": [1], "total": "12"}, "data"),
            {},
            "records",
            12,
        ),
        ([1, 2], None, {}, "", None),
        ({"items": [1], "nextCursor": "abc"}, None, {}, "items", None),
    ],
)
def test_rows_and_total_are_found(body: Any, opened: Any, paging: Any, path: str, total: int | None) -> None:
    """By configuration or by the common names, in body or payload."""
    rows = find_rows(body, opened or Opened("ok", body), Paging(**paging))
    assert rows is not None
    assert (rows.path, rows.total) == (path, total)


def test_an_object_with_lists_is_no_table() -> None:
    """A repair order with photos is one thing, not a list of photos."""
    body = {"id": 1, "photos": [1, 2]}
    assert find_rows(body, Opened("ok", body), Paging()) is None


@pytest.mark.parametrize(
    ("names", "arguments", "fetched", "shown", "total", "expected"),
    [
        (("page", "size"), {}, 10, 10, 25, {"page": 2}),
        (("page", "size"), {"page": 3, "size": 10}, 5, 5, 25, None),
        (("page", "size"), {"page": 2, "size": 20, "q": "x"}, 20, 20, 90, {"page": 3, "size": 20, "q": "x"}),
        (("page", "size"), {}, 50, 20, 2000, {"page": 2, "size": 20}),
        (("page", "size"), {"page": 2, "size": 20}, 20, 13, 90, {"page": 4, "size": 11}),
        (("offset", "limit"), {}, 20, 20, 45, {"offset": 20}),
        (("offset", "limit"), {"offset": 40, "limit": 20}, 5, 5, 45, None),
        (("q",), {}, 20, 20, 45, None),
    ],
)
def test_the_next_page_begins_right_behind_what_was_shown(
    names: tuple[str, ...], arguments: Any, fetched: int, shown: int, total: int, expected: Any
) -> None:
    """By page or offset, also where rows were left out here; nothing where there is no more or it cannot be told."""
    rows = Rows("", list(range(fetched)), total)
    assert next_page(tool(*names), arguments, Paging(), rows, shown, None) == expected


@given(st.integers(1, 6), st.integers(5, 50), st.data())
def test_no_row_is_skipped_or_repeated_by_the_next_page(page: int, size: int, data: st.DataObject) -> None:
    """However many rows were left out, the next page's first row is the one after the last shown."""
    shown = data.draw(st.integers(1, size))
    following = next_page(
        tool("page", "size"), {"page": page, "size": size}, Paging(), Rows("", [0] * size, 10**6), shown, None
    )
    if following is not None:
        assert (following["page"] - 1) * following["size"] == (page - 1) * size + shown


def test_a_cursor_is_passed_on() -> None:
    """`nextCursor` of the answer becomes the argument `cursor`."""
    payload = {"items": [1], "nextCursor": "abc"}
    assert next_page(tool("cursor"), {"limit": 5}, Paging(), Rows("items", [1], None), 1, payload) == {
        "limit": 5,
        "cursor": "abc",
    }


def test_lists_inside_are_cut_and_counted() -> None:
    """The cut is structural, at any depth."""
    assert cut_lists({"a": [1, 2, 3], "b": {"c": [[1, 2, 3]]}}, 2) == ({"a": [1, 2], "b": {"c": [[1, 2]]}}, 2)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=200), max_size=4), max_size=30),
    st.integers(500, 3000),
)
def test_data_never_exceeds_its_characters(items: list[dict[str, str]], limit: int) -> None:
    """Rows go first, then text; what is left is a beginning of what there was."""
    fitted = fit({"items": items, "page": 1}, "items", limit)
    assert len(to_json(fitted.data)) <= limit
    if fitted.rows is not None and not fitted.cut_text:
        assert fitted.data["items"] == items[: fitted.rows]


def test_one_giant_text_is_shortened() -> None:
    """A59: 2 MB of text do not push anything out of a model's sight."""
    fitted = fit({"a": "x" * 2_000_000, "b": 1}, None, 8000)
    assert fitted.cut_text
    assert fitted.data["b"] == 1
    assert len(to_json(fitted.data)) <= 8000
