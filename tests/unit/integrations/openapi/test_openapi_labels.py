"""Labels and glosses for people, read from schemas."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.openapi.labels import argument_labels, glosses_of_text, halves, labels_of, response_labels
from integrations.openapi.load import read_document
from integrations.openapi.model import ToolOptions
from integrations.openapi.tools import build_tools

STATUS = {
    "type": "string",
    "enum": ["UNPAID", "PARTIAL"],
    "description": "状态：UNPAID 未缴、PARTIAL 部分缴纳 / Status: UNPAID unpaid, PARTIAL partly paid",
}


def operation(schema: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    content = {"content": {"application/json": {"schema": schema}}}
    return {"operationId": "op", "responses": {"404": {}, "200": {"description": "", **content}}, **parameters}


def read(raw: dict[str, Any]) -> Any:
    return read_document(json.dumps({"openapi": "3.0.3", "paths": {"/x": {"get": raw}}}).encode(), name="d")


def test_labels_are_found_by_path() -> None:
    """`items[].status`; the success response counts; `allOf` and lists are walked."""
    row = {
        "type": "object",
        "properties": {"status": STATUS, "amountCents": {"type": "integer", "title": "金额 / Amount"}},
    }
    found = response_labels(
        read(operation({"type": "object", "properties": {"items": {"type": "array", "items": row}}})).operations[0]
    )
    assert found["items[].amountCents"].label == "金额 / Amount"
    assert found["items[].status"].label == "状态 / Status"
    assert found["items[].status"].values == {"UNPAID": "未缴 / unpaid", "PARTIAL": "部分缴纳 / partly paid"}


def test_arguments_have_labels_too() -> None:
    (tool,), _ = build_tools(
        read(operation({}, parameters=[{"name": "s", "in": "query", "schema": STATUS}])), ToolOptions(), set()
    )
    assert argument_labels(tool)["s"].label == "状态 / Status"


@pytest.mark.parametrize(
    ("description", "values", "expected"),
    [
        ("状态 0:停用 1:启用", ["0", "1"], {"0": "停用", "1": "启用"}),
        ("类型（1-月租车；2-临时车）", ["1", "2"], {"1": "月租车", "2": "临时车"}),
        ("state, one of ON, OFF", ["ON", "OFF"], {}),
        ("A=first|AB=second", ["A", "AB"], {"A": "first", "AB": "second"}),
        ("nothing here", ["X"], {}),
    ],
)
def test_glosses_are_what_follows_a_value(description: str, values: list[str], expected: dict[str, str]) -> None:
    assert glosses_of_text(description, values) == expected


def test_glosses_come_from_extensions_and_constants() -> None:
    named = labels_of(
        {
            "properties": {
                "a": {"enum": [1, 2], "x-enum-descriptions": ["one", "two"]},
                "b": {"oneOf": [{"const": "X", "title": "ex"}]},
            }
        }
    )
    assert named["a"].values == {"1": "one", "2": "two"}
    assert named["b"].values == {"X": "ex"}


def test_bilingual_text_is_parted_where_chinese_ends() -> None:
    assert halves("账单 / Bills") == ("账单", "Bills")
    assert halves("and / or") == ("and / or",)
    assert halves("用量 / 单价 / Quantity") == ("用量 / 单价", "Quantity")


def test_titles_that_generators_make_are_no_labels() -> None:
    found = labels_of(
        {"properties": {"data": {"type": "object", "title": "统一返回«订单VO»", "description": "数据，内层"}}}
    )
    assert found["data"].label == "数据"


def test_a_schema_that_contains_itself_ends() -> None:
    node = {"properties": {"next": {"$ref": "#/$defs/N"}, "name": {"title": "名称"}}}
    found = labels_of({"$ref": "#/$defs/N", "$defs": {"N": node}})
    assert found["next.next.name"].label == "名称"
