"""Upstreams' documents as they are understood: valid OpenAPI 3.1, with what was made of each operation, no secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from integrations.catalogue import load_catalogue
from integrations.understood import understood
from schemas.settings import SHIPPED_UPSTREAMS
from schemas.turn import Locale

ESTATE = load_catalogue(SHIPPED_UPSTREAMS, {})


def shown(name: str, locale: Locale = "en") -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(understood(ESTATE, name, locale)))
    return made


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["x-steward-tool"]: one for item in document["paths"].values() for one in item.values()}


@pytest.mark.parametrize("locale", ["zh", "en"])
@pytest.mark.parametrize("name", list(ESTATE.upstreams))
def test_the_estates_documents_are_valid_and_whole(name: str, locale: Locale) -> None:
    """2.0, 3.0 and 3.1 become valid 3.1 with every tool, its effect, and no reference into the void."""
    document = shown(name, locale)
    OpenAPIV31SpecValidator(document).validate()
    found = operations(document)
    assert {tool: one["x-steward-effect"] for tool, one in found.items()} == {
        target.tool.name: target.tool.effect for target in ESTATE.tools_of(name)
    }
    assert "$defs" not in json.dumps(document)
    assert all(one["summary"].endswith(one["x-steward-effect"]) for one in found.values())


def test_what_the_gateway_makes_of_an_operation_stands_with_it() -> None:
    """A GET that writes, the envelope's rule, what it fills and hides, how money is written, what was mended."""
    parking = operations(shown("parking"))
    assert parking["unbind_car"]["x-steward-effect"] == "write"
    assert parking["list_parking_records"]["x-steward-envelope"]["code"] == "code"
    assert parking["list_parking_records"]["x-steward-filled"]
    assert parking["list_parking_records"]["x-steward-credential"] == "header X-Access-Token"
    assert parking["get_free_spaces"]["x-steward-credential"] == "none"
    assert any(one["action"] == "mended" for one in parking["bind_car"]["x-steward-notes"])
    repair = operations(shown("repair"))
    assert repair["createRepair"]["x-steward-idempotency"] == "Idempotency-Key"
    assert repair["listRepairs"]["x-steward-money"] == {"data[].fee.cents": "fen"}


def test_what_was_left_out_is_named_with_its_reason() -> None:
    """In the introduction, for people, and as data."""
    document = shown("parking")
    assert "GET /parking/record/export" in document["info"]["description"]
    assert {"action": "dropped", "where": "GET /parking/record/export", "reason": "dropped by '*export*'"} in document[
        "x-steward-notes"
    ]


CRM = """
openapi: 3.0.3
info: {title: "![x](https://outside.example/x) <img src=x>", version: "1"}
paths:
  /things/{id}:
    get:
      operationId: getThing
      summary: Get a thing
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: X-Key, in: header, schema: {type: string}}
      responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Node"}}}}}
components:
  schemas:
    Node: {type: object, properties: {next: {$ref: "#/components/schemas/Node"}}}
"""
UPSTREAMS = """
upstreams:
  crm:
    document: crm.yaml
    base_url: https://secret-host.internal:8443/base
    auth: [{header: Authorization}, {header: X-Gateway, fixed: fixed-secret}]
    bind: {header.X-Key: constant-secret}
  broken: {document: broken.yaml, base_url: "https://b.example"}
"""


def test_no_origin_key_or_constant_is_shown(tmp_path: Path) -> None:
    """A recursive schema too; the title's markup is text; a document that does not load says why."""
    (tmp_path / "crm.yaml").write_text(CRM)
    (tmp_path / "broken.yaml").write_text("openapi: [")
    (tmp_path / "upstreams.yaml").write_text(UPSTREAMS)
    catalogue = load_catalogue(tmp_path / "upstreams.yaml", {})
    document = understood(catalogue, "crm", "en")
    text = json.dumps(document)
    OpenAPIV31SpecValidator(json.loads(text)).validate()
    assert "secret" not in text
    assert document["servers"] == [{"url": "/base"}]
    assert operations(document)["getThing"]["x-steward-filled"] == {"header.X-Key": "a constant"}
    assert "![x]" not in document["info"]["description"]
    assert "\\!\\[x\\]" in document["info"]["description"]
    broken = understood(catalogue, "broken", "en")
    OpenAPIV31SpecValidator(broken).validate()
    assert "does not load" in broken["info"]["description"]
