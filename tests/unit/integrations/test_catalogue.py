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


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("    networks: [10.0.0.0/33]\n", "write CIDRs"),
        ("    networks: [10.0.0.1/8]\n", "write CIDRs"),
        ("    networks: [10.0.0.0/8]\n    proxy: http://p:3128\n", "exclude each other"),
    ],
)
def test_networks_that_cannot_be_checked_are_a_mistake(tmp_path: Path, more: str, said: str) -> None:
    """A CIDR that is none, and a proxy, which would look up the address where it cannot be checked."""
    with pytest.raises(ConfigurationError, match=said):
        write_catalogue(tmp_path, "http://h", more)


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


def _reasons(folder: Path, more: str, head: str = "", document: Any = None) -> list[str]:
    notes = write_catalogue(folder, "http://h", more, head, document).reports["things"]
    return [note.reason for note in notes if note.action == "noticed"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("    bind: {query.tenant: 7}\n", "line 6: bind: no operation declares query.tenant"),
        ("    hide: [since, pgae]\n", "line 6: hide: no operation has pgae — did you mean page?"),
        ('    drop:\n      - whoAmI\n      - "*export*"\n', "line 8: drop: *export* names no operation"),
    ],
)
def test_what_has_no_effect_is_noticed_with_its_line(tmp_path: Path, more: str, said: str) -> None:
    """Bound and hidden names and globs that nothing answers to do no harm and are said."""
    assert said in _reasons(tmp_path, more)


def _described(rows: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(DOCUMENT))
    content = {"application/json": {"schema": {"type": "object", "properties": {"code": {"type": "integer"}, **rows}}}}
    document["paths"]["/things"]["get"]["responses"]["200"]["content"] = content
    return document


ROW = {"type": "object", "properties": {"payAmount": {"type": "number"}, "state": {"type": "string"}}}
DESCRIBED = _described({"data": {"type": "object", "properties": {"rows": {"type": "array", "items": ROW}}}})


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ('money: {"data.rows[].payAmuont": yuan}', "did you mean data.rows[].payAmount?"),
        ('money: {"data.row[].payAmount": yuan}', "did you mean data.rows[].payAmount?"),
        ("enums: {stat: {a: b}}", "no answer has the field stat"),
        ("labels: {payAmounts: Fee}", "no answer has the field payAmounts"),
        ("dates: {data.expireAt: epoch_ms}", "no answer has the field data.expireAt"),
    ],
)
def test_a_field_that_no_answer_has_is_noticed(tmp_path: Path, said: str, hint: str) -> None:
    """Paths in money, enums, labels and dates are compared with the response schemas, with line and nearest field."""
    reasons = _reasons(tmp_path, f"    operations:\n      listThings:\n        {said}\n", document=DESCRIBED)
    (reason,) = [reason for reason in reasons if "no answer has the field" in reason]
    assert reason.startswith("line 8: ")
    assert hint in reason


@pytest.mark.parametrize("path", ["data.rows[].payAmount", "rows[].payAmount", "payAmount", "state", "data.rows[]"])
def test_a_field_that_an_answer_has_is_not_noticed(tmp_path: Path, path: str) -> None:
    """From the body, from the payload, or as a bare name."""
    more = f"    operations: {{listThings: {{labels: {{{json.dumps(path)}: x}}}}}}\n"
    assert _reasons(tmp_path, more, document=DESCRIBED) == []


@pytest.mark.parametrize("inside", [{"data": {"type": "object"}}, {"data": {}}])
def test_a_field_below_an_undescribed_object_is_not_judged(tmp_path: Path, inside: Any) -> None:
    """Legacy documents leave rows open: anything may stand there."""
    more = '    operations: {listThings: {money: {"data.rows[].pay": yuan, pay: yuan, "rows[].pay": yuan}}}\n'
    assert _reasons(tmp_path, more, document=_described(inside)) == []


def test_an_owner_that_no_answer_has_is_noticed(tmp_path: Path) -> None:
    """`owner` protects nothing where no described answer has the field; without `identity:` it is a mistake."""
    document = _described({"userId": {"type": "string"}})
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"] = document["paths"]["/things"]["get"]["responses"]
    said = "line 7: owner: no answer has the field userid"
    assert said in _reasons(tmp_path, "    owner: userid\n", IDENTITY, document)
    assert _reasons(tmp_path, "    owner: userId\n", IDENTITY, document) == []
    with pytest.raises(ConfigurationError, match="owner needs `identity:`"):
        write_catalogue(tmp_path, "http://h", "    owner: userId\n")


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("{operation: listThngs, match: {name: name}}", "did you mean listThings?"),
        ("{operation: makeThing, match: {name: name}}", "makeThing writes; name a read"),
        ("{operation: listThings, match: {name: nam}}", "makeThing has no argument nam — did you mean name?"),
        ("{operation: getThing, match: {name: name}}", "getThing needs its argument id"),
    ],
)
def test_a_reconcile_that_cannot_work_is_a_mistake_with_its_line(tmp_path: Path, said: str, hint: str) -> None:
    """The read exists, reads, and gets what it needs; the write has the arguments that are matched."""
    with pytest.raises(ConfigurationError) as caught:
        write_catalogue(tmp_path, "http://h", f"    operations:\n      makeThing:\n        reconcile: {said}\n")
    assert caught.value.line == 8
    assert hint in str(caught.value)


def test_a_document_s_reconcile_that_cannot_work_costs_only_itself(tmp_path: Path) -> None:
    """x-steward-reconcile is the document's own: a note, and the write has none."""
    document = json.loads(json.dumps(DOCUMENT))
    document["paths"]["/things"]["post"]["x-steward-reconcile"] = {"operation": "absent", "match": {"a": "name"}}
    catalogue = write_catalogue(tmp_path, "http://h", document=document)
    assert catalogue.reconciles == {}
    assert any("x-steward-reconcile: absent cannot be called" in note.reason for note in catalogue.notes)


def test_an_extension_that_does_not_exist_is_noticed(tmp_path: Path) -> None:
    """A slip in a document's x-steward-* is said, with the nearest one; other extensions are nobody's business."""
    document = json.loads(json.dumps(DOCUMENT))
    document["paths"]["/things"]["post"] |= {"x-steward-efect": "write", "x-other": 1}
    said = "x-steward-efect has no effect — did you mean x-steward-effect?"
    assert _reasons(tmp_path, "", document=document) == [said]
