"""An answer that differs from its document is told to the operator once, and to the resident as it is."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from integrations.openapi.model import MediaType, Operation, Response
from integrations.upstream.differs import differences
from tests.support.outside import DOCUMENT, outside, run, write_catalogue
from tests.support.raw_upstream import RawUpstream, answer


def operation(schema: Any, status: str = "200", media: str = "application/json") -> Operation:
    responses = (Response(status, "", (MediaType(media, schema),)),)
    return Operation("d", "GET /a", "a", "GET", "/a", (), "", "", (), (), None, responses)


ROW = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "fee": {"type": "number"}}}
LIST = {
    "type": "object",
    "required": ["rows", "secret"],
    "properties": {
        "rows": {"type": "array", "items": {"$ref": "#/$defs/Row"}},
        "name": {"type": ["string", "null"]},
        "secret": {"type": "string", "writeOnly": True},
    },
    "$defs": {"Row": ROW},
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"rows": [{"id": 1, "fee": Decimal("1.5")}], "name": None, "more": 1}, []),
        ({"rows": [{"id": "2624710177366999063", "fee": 2}]}, []),
        ({"rows": None}, []),
        ([1], ["the answer is an array, object is declared"]),
        ({}, ["rows is missing"]),
        ({"rows": {}}, ["rows is an object, array is declared"]),
        ({"rows": [{"fee": "12"}, {"fee": "13"}]}, ["rows[].id is missing", "rows[].fee is text, number is declared"]),
        ({"rows": [{"id": Decimal("1.5")}]}, ["rows[].id is a number, integer is declared"]),
        ({"rows": [], "name": True}, ["name is a boolean, string or null is declared"]),
    ],
)
def test_places_and_types_are_named_never_values(body: Any, expected: list[str]) -> None:
    """Missing and mistyped fields; what is more, null, and an integer that was made text are no difference."""
    assert differences(body, operation(LIST), 200) == expected


def test_the_answer_s_own_status_has_its_schema() -> None:
    """OpenAPI 3.1 §4.8.16: the code, then its class, then `default`; undescribed answers cannot differ."""
    for status in ("200", "2XX", "default"):
        assert differences([1], operation({"type": "object"}, status), 200)
    assert differences([1], operation({"type": "object"}, "201"), 200) == []
    assert differences([1], operation({"type": "object"}, media="text/csv"), 200) == []
    assert differences([1], operation(True), 200) == []


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inside: st.one_of(
        st.lists(inside, max_size=4),
        st.dictionaries(
            st.sampled_from(["type", "properties", "items", "$ref", "allOf", "required", "$defs", "rows", "id"]),
            inside,
            max_size=4,
        ),
    ),
    max_leaves=30,
)


@given(_JSON, _JSON)
def test_any_schema_and_any_answer_can_be_compared(schema: Any, body: Any) -> None:
    """Whatever a document says: at most five sentences, and never an exception."""
    assert len(differences(body, operation(schema), 200)) <= 5


def test_a_schema_that_contains_itself_ends() -> None:
    """Recursion is followed a few levels only."""
    schema = {"$ref": "#/$defs/A", "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}], "type": "object"}}}
    assert differences([1], operation(schema), 200) == ["the answer is an array, object is declared"]


async def test_a_difference_is_a_note_in_the_log_and_no_failure(tmp_path: Path) -> None:
    """A55: the result is what arrived; the operator reads the place once, without the value."""
    document = json.loads(json.dumps(DOCUMENT))
    content = {"application/json": {"schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
    document["paths"]["/things/{id}"]["get"]["responses"]["200"]["content"] = content
    async with (
        RawUpstream([answer({"n": "SECRET"})]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, document=document)) as toolset,
    ):
        with capture_logs() as logs:
            results = [await run(toolset, "getThing", id="7") for _ in range(3)]
    assert [result.content for result in results] == [{"ok": True, "data": {"n": "SECRET"}}] * 3
    (event,) = [log for log in logs if log["event"] == "answer_differs"]
    assert event["differences"] == ["n is text, integer is declared"]
    assert "SECRET" not in str(logs)
