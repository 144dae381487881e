"""upstreams.yaml and documents become one catalogue, or a mistake with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.catalogue import load_catalogue
from schemas.errors import ConfigurationError
from tests.support.outside import DOCUMENT, IDENTITY, write_catalogue

PROJECT = Path(__file__).resolve().parents[3]


def test_the_shipped_file_loads_with_all_its_tools() -> None:
    """The three documents of the estate: unique names, the identity operation found, what was dropped is reported."""
    catalogue = load_catalogue(PROJECT / "openapi" / "upstreams.yaml", {})
    assert list(catalogue.upstreams) == ["bill", "parking", "repair"]
    assert len(catalogue.tools) >= 24
    assert catalogue.identity is not None
    assert catalogue.identity.tool.operation.operation_id == "getCurrentResident"
    reported = {note.operation for note in catalogue.notes if note.action in ("skipped", "dropped")}
    offered = {target.tool.operation.key for target in catalogue.tools.values()}
    assert "GET /parking/record/export" in reported
    assert not reported & offered


def test_ports_come_from_the_environment_that_is_handed_in() -> None:
    """`${STEWARD_BILL_PORT:-8101}` is filled from the mapping, not from the process's environment."""
    catalogue = load_catalogue(PROJECT / "openapi" / "upstreams.yaml", {"STEWARD_BILL_PORT": "9001"})
    assert catalogue.upstreams["bill"].settings.base_url == "http://127.0.0.1:9001/bill-api/v1"
    assert catalogue.upstreams["repair"].settings.base_url == "http://127.0.0.1:8103/repair-api/v2"


def _two(folder: Path, **second: Any) -> Path:
    (folder / "things.json").write_text(json.dumps(DOCUMENT), encoding="utf-8")
    said = {"document": "things.json", "base_url": "http://h2", **second}
    upstreams = {"one": {"document": "things.json", "base_url": "http://h1"}, "two": said}
    path = folder / "upstreams.yaml"
    path.write_text(json.dumps({"upstreams": upstreams}), encoding="utf-8")
    return path


def test_names_are_unique_over_the_whole_catalogue(tmp_path: Path) -> None:
    """Two upstreams with the same document: every operation of both is a tool of its own."""
    catalogue = load_catalogue(_two(tmp_path), {})
    assert len(catalogue.tools) == 10
    assert {target.upstream.name for target in catalogue.tools.values()} == {"one", "two"}


@pytest.mark.parametrize("content", [None, "not: [a document", '{"swagger": "1.2"}'])
def test_a_document_that_does_not_load_costs_its_own_upstream(tmp_path: Path, content: str | None) -> None:
    """The others work; the note says which document and why."""
    path = _two(tmp_path, document="broken.yaml")
    if content is not None:
        (tmp_path / "broken.yaml").write_text(content, encoding="utf-8")
    catalogue = load_catalogue(path, {})
    assert list(catalogue.upstreams) == ["one"]
    (note,) = [note for note in catalogue.notes if note.document == "broken.yaml"]
    assert note.action == "skipped"
    assert note.reason


@pytest.mark.parametrize(
    ("more", "head", "said", "line"),
    [
        ("    operations:\n      getThings: {effect: read}\n", "", "did you mean getThing?", 7),
        ("    operations:\n      GET /thing: {effect: read}\n", "", "did you mean GET /things?", 7),
        ("", IDENTITY.replace("whoAmI", "whoIAm"), "did you mean whoAmI?", 1),
        ("", IDENTITY.replace("things.whoAmI", "thing.whoAmI"), "did you mean things?", 1),
        ("    bind: {header.X: identity.tenan}\n", IDENTITY, "did you mean tenant?", 7),
        ("    bind: {header.X: identity.subject}\n", "", "needs `identity:`", 6),
    ],
)
def test_a_name_that_does_not_exist_is_a_mistake_with_its_line(
    tmp_path: Path, more: str, head: str, said: str, line: int
) -> None:
    """Operations, upstreams and identity fields are checked at start-up, with the nearest name."""
    with pytest.raises(ConfigurationError) as caught:
        write_catalogue(tmp_path, "http://h", more, head)
    assert said in str(caught.value)
    assert caught.value.line == line


def test_keys_without_effect_so_far_are_noted(tmp_path: Path) -> None:
    """Nothing is ignored in silence."""
    more = "    owner: userId\n"
    more += "    operations: {makeThing: {reconcile: {operation: listThings}}}\n"
    notes = write_catalogue(tmp_path, "http://h", more).notes
    reasons = " ".join(note.reason for note in notes if "not effective yet" in note.reason)
    assert all(key in reasons for key in ("owner", "reconcile"))


def test_more_operations_than_allowed_are_reported(tmp_path: Path) -> None:
    """`max_operations` keeps the first ones and names the others."""
    catalogue = write_catalogue(tmp_path, "http://h", "    max_operations: 2\n")
    assert len(catalogue.tools) == 2
    assert len([note for note in catalogue.notes if "max_operations" in note.reason]) == 3


def test_the_identity_operation_may_be_dropped_from_the_tools(tmp_path: Path) -> None:
    """The gateway still asks it."""
    catalogue = write_catalogue(tmp_path, "http://h", "    drop: [whoAmI]\n", IDENTITY)
    assert "whoAmI" not in catalogue.tools
    assert catalogue.identity is not None


def test_a_document_s_extension_may_only_make_stricter(tmp_path: Path) -> None:
    """x-steward-effect: write holds, read does not; x-steward-confirm holds until the file says otherwise."""
    paths = json.loads(json.dumps(DOCUMENT["paths"]))
    paths["/things"]["get"]["x-steward-effect"] = "write"
    paths["/things"]["post"] |= {"x-steward-effect": "read", "x-steward-confirm": "from the document"}
    catalogue = write_catalogue(tmp_path, "http://h", document={**DOCUMENT, "paths": paths})
    assert catalogue.tools["listThings"].tool.effect == "write"
    assert catalogue.tools["makeThing"].tool.effect == "write"
    assert catalogue.tools["makeThing"].settings.confirm == "from the document"
    more = "    operations: {makeThing: {confirm: from the file}}\n"
    catalogue = write_catalogue(tmp_path, "http://h", more, document={**DOCUMENT, "paths": paths})
    assert catalogue.tools["makeThing"].settings.confirm == "from the file"
