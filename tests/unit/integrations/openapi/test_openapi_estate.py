"""The documents that are shipped: every operation is a tool, nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integrations.openapi.labels import response_labels
from integrations.openapi.load import load_document
from integrations.openapi.model import ToolOptions
from integrations.openapi.tools import build_tools
from integrations.openapi.validate import compile_schema

OPENAPI = Path(__file__).parents[4] / "openapi"


@pytest.mark.parametrize(("name", "count"), [("bill.yaml", 7), ("parking.json", 11), ("repair.yaml", 9)])
def test_every_operation_of_a_shipped_document_becomes_a_tool(name: str, count: int) -> None:
    """Each schema compiles, stays within its size, and shows all there is (no "cut" note)."""
    document = load_document(OPENAPI / name)
    tools, notes = build_tools(document, ToolOptions(), set())
    assert len(tools) == len(document.operations) == count
    assert not [note for note in notes if note.action in ("cut", "skipped")]
    for tool in tools:
        compile_schema(tool.parameters)
        assert tool.arguments.keys() == tool.parameters["properties"].keys()
        assert len(json.dumps(tool.parameters)) <= 8_000


def test_only_the_wildcard_route_of_the_legacy_document_is_left_out() -> None:
    document = load_document(OPENAPI / "parking.json")
    skipped = {note.operation.split(" ")[1] for note in document.notes if note.action == "skipped"}
    assert skipped == {"/parking/**"}


def test_codes_of_the_shipped_documents_have_glosses_in_both_languages() -> None:
    for name, operation_id, path in (
        ("bill.yaml", "listBills", "items[].status"),
        ("repair.yaml", "getRepair", "status"),
    ):
        (operation,) = [o for o in load_document(OPENAPI / name).operations if o.operation_id == operation_id]
        label = response_labels(operation)[path]
        assert label.label == "状态 / Status"
        assert all(" / " in gloss for gloss in label.values.values())
        assert len(label.values) >= 4
