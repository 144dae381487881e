"""Request serialisation, case by case: the arguments go the whole way, placed by the tool's map, validated, built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands.request import built_request
from commands.tools import tool_object
from integrations.openapi.load import load_document
from integrations.openapi.model import ToolOptions
from integrations.openapi.tools import build_tools
from integrations.upstream.request import BuiltRequest
from schemas.errors import ArgumentsInvalid, RequestRefused
from tests.support.wire_cases import CASES, arguments_of, check_request, document_of


def request_of(case: dict[str, Any], folder: Path) -> BuiltRequest:
    path = folder / "document.json"
    path.write_text(json.dumps(document_of(case), ensure_ascii=False), encoding="utf-8")
    tools, notes = build_tools(load_document(path), ToolOptions(), set())
    assert len(tools) == 1, notes
    arguments = arguments_of(case, tool_object(tools[0])["arguments"])
    return built_request(path, tools[0].name, json.dumps(arguments, ensure_ascii=False), case.get("base_url"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_request_is_what_the_standard_prescribes(case: dict[str, Any], tmp_path: Path) -> None:
    """Method, URL, query, headers and body are those of the case; `refused` cases give no request at all."""
    if case.get("refused"):
        with pytest.raises((ArgumentsInvalid, RequestRefused)):
            request_of(case, tmp_path)
    else:
        check_request(case, request_of(case, tmp_path))


def test_every_case_names_the_rule_it_follows_and_is_named_once() -> None:
    """A case that nobody can look up proves nothing; two of one name hide each other."""
    assert all(case["spec"] for case in CASES)
    assert len({case["name"] for case in CASES}) == len(CASES)
