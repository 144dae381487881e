"""The WebSocket's document as its page reads it: without references, with the ids that a parser would give."""

from __future__ import annotations

import json

import pytest

from blueprints.asyncapi import resolved
from schemas.settings import PROJECT

DOCUMENT = (PROJECT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8")


def test_nothing_is_left_to_resolve() -> None:
    """Operations hold their channel and messages, messages their schemas, each under the name that it had."""
    document = resolved(DOCUMENT)
    assert "$ref" not in json.dumps(document, default=str)
    ask = document["operations"]["ask"]
    assert ask["x-parser-unique-object-id"] == "ask"
    assert ask["channel"]["address"] == "/ws/chat/{user_id}"
    assert ask["messages"][0]["x-parser-unique-object-id"] == "query"
    assert ask["messages"][0]["payload"]["x-parser-schema-id"] == "query"
    assert document["asyncapi"] == "3.0.0"


@pytest.mark.parametrize("reference", ["#/components/schemas/b", "#/nowhere", "#/components/schemas/b/x", "other.yaml"])
def test_a_reference_that_cannot_be_followed_is_a_mistake(reference: str) -> None:
    """Round in a circle, to nothing, out of the document."""
    text = f"""
components:
  messages: {{}}
  schemas:
    a: {{$ref: '{reference}'}}
    b: {{$ref: '#/components/schemas/a'}}
"""
    with pytest.raises(ValueError, match="leads"):
        resolved(text)
