"""Validation of a model's arguments: what is refused, and whether the words help."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from integrations.openapi.load import read_document
from integrations.openapi.model import Tool, ToolOptions
from integrations.openapi.tools import build_tools
from integrations.openapi.validate import Validator, validate_arguments
from schemas.errors import ArgumentsInvalid

SCHEMA = {
    "type": "object",
    "required": ["channel"],
    "properties": {
        "channel": {"type": "string", "enum": ["WECHAT", "ALIPAY"], "description": "支付方式 / Method"},
        "amount": {"type": "number", "minimum": 1},
        "day": {"type": "string", "format": "date"},
        "plate": {"type": "string", "pattern": "^[A-Z]\\d+$", "example": "B123"},
        "link": {"type": "string", "format": "uri"},
        "slow": {"type": "string", "pattern": "^(a+)+$"},
    },
}


def tool_of(content: dict[str, Any]) -> Tool:
    operation = {"operationId": "op", "requestBody": {"required": True, "content": content}}
    document = read_document(json.dumps({"openapi": "3.0.3", "paths": {"/x": {"post": operation}}}).encode(), name="d")
    return build_tools(document, ToolOptions(), set())[0][0]


TOOL = tool_of({"application/json": {"schema": SCHEMA}})


@pytest.mark.parametrize(
    ("arguments", "argument", "words"),
    [
        ("{}", "channel", '`channel` is missing; it is required. It is: 支付方式 / Method. For example "WECHAT".'),
        ('{"channel": "CASH"}', "channel", '`channel` is "CASH"; it must be one of ["WECHAT","ALIPAY"].'),
        ('{"channel": "WECHAT", "user": 1}', "user", "`user` is not an argument"),
        ('{"channel": "WECHAT", "amount": "x"}', "amount", "must be of type number, such as 1.5"),
        ('{"channel": "WECHAT", "amount": 0}', "amount", "less than the minimum of 1"),
        ('{"channel": "WECHAT", "day": "tomorrow"}', "day", "must be a date, such as '2026-01-31'"),
        ('{"channel": "WECHAT", "plate": "x"}', "plate", 'must match the pattern ^[A-Z]\\d+$. For example "B123".'),
    ],
)
def test_a_refusal_names_argument_rule_and_a_value_that_would_do(arguments: str, argument: str, words: str) -> None:
    with pytest.raises(ArgumentsInvalid) as caught:
        validate_arguments(TOOL, arguments)
    assert caught.value.argument == argument
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"amount": NaN}', "NaN"),
        ('{"amount": -Infinity}', "Infinity"),
        ('{"day": "a", "day": "b"}', "given twice"),
        ("[1]", "must be a JSON object"),
        ("{", "not JSON"),
        ('{"channel": "' + "x" * 65_536 + '"}', "larger"),
        ("[" * 20_000, "nested too deeply"),
        ('{"channel": "\\ud800"}', "surrogate"),
    ],
)
def test_text_that_is_no_strict_json_object_is_refused(text: str, words: str) -> None:
    """RFC 8259 §4, §6 and §8.2; 64 KiB at most."""
    with pytest.raises(ArgumentsInvalid, match=words):
        validate_arguments(TOOL, text)


def test_numbers_stay_exact_and_lenient_formats_pass() -> None:
    checked = validate_arguments(TOOL, '{"channel": "WECHAT", "amount": 356.20, "link": "not a uri"}')
    assert checked["amount"] == Decimal("356.20")
    assert str(checked["amount"]) == "356.20"


def test_patterns_run_in_linear_time() -> None:
    """Attacks A43, A65: a pattern that takes other engines for ever; such text is refused, text that fits passes."""
    with pytest.raises(ArgumentsInvalid):
        validate_arguments(TOOL, json.dumps({"channel": "WECHAT", "slow": "a" * 30_000 + "b"}))
    validate_arguments(TOOL, json.dumps({"channel": "WECHAT", "slow": "a" * 30_000}))


def test_the_nearest_alternative_explains_a_one_of() -> None:
    def variant(kind: str, field: str) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["kind", field],
            "properties": {"kind": {"enum": [kind]}, field: {"type": "string"}},
        }

    tool = tool_of({"application/json": {"schema": {"oneOf": [variant("ROOM", "roomId"), variant("CAR", "plate")]}}})
    with pytest.raises(ArgumentsInvalid, match="nearest one says: `plate` is missing in `body`"):
        validate_arguments(tool, '{"body": {"kind": "CAR"}}')


def test_arguments_must_fit_one_media_type() -> None:
    """Where a file needs another form than an address, the two do not go together."""
    by_url = {"type": "object", "required": ["url"], "properties": {"url": {"type": "string"}}}
    by_file = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
    tool = tool_of({"application/json": {"schema": by_url}, "multipart/form-data": {"schema": by_file}})
    assert validate_arguments(tool, '{"url": "u"}') == {"url": "u"}
    assert validate_arguments(tool, '{"file": "upload-1"}') == {"file": "upload-1"}
    with pytest.raises(ArgumentsInvalid, match="do not go together"):
        validate_arguments(tool, '{"url": "u", "file": "upload-1"}')


def test_inline_files_stand_for_upload_ids_only_when_asked() -> None:
    tool = tool_of(
        {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"f": {"type": "string", "format": "binary"}}}
            }
        }
    )
    text = '{"f": {"$file": {"filename": "a", "content": "x"}}}'
    assert Validator().check(tool, text, inline_files=True)["f"]["$file"]["filename"] == "a"
    with pytest.raises(ArgumentsInvalid):
        Validator().check(tool, text)
