"""What a tool says of itself, as terms by field, and what of a query must be found there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.catalogue import load_catalogue
from integrations.toolwords import FIELDS, Terms, query_terms, tool_group, tool_shown, tool_terms
from integrations.upstream.target import Target
from schemas.tool import ToolSpec
from tests.support.outside import write_catalogue

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["properties", "items", "oneOf", "anyOf", "allOf", "description", "title", "$ref", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def _target(folder: Path, tool: str) -> Target:
    write_catalogue(folder, "http://127.0.0.1:1")
    return load_catalogue(folder / "upstreams.yaml", {}).tools[tool]


@pytest.fixture(scope="module")
def make_thing(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """A tool whose own schema and description the test replaces."""
    return _target(tmp_path_factory.mktemp("words"), "makeThing")


def _spec(target: Target, **changes: Any) -> ToolSpec:
    tool = target.tool
    values = {"name": tool.name, "description": tool.description, "parameters": tool.parameters, "effect": tool.effect}
    return ToolSpec(**(values | changes))


def _terms(target: Target, **changes: Any) -> dict[str, Terms]:
    return tool_terms(target, _spec(target, **changes))


def test_a_tool_has_terms_of_name_summary_path_arguments_system_and_verbs(tmp_path: Path) -> None:
    """Each where it stands; the name and the path are read as words, templates of the path are left out."""
    found = _terms(_target(tmp_path, "getThing"))
    assert {"get", "thing"} <= set(found["name"])
    assert {"thing", "品物"} <= set(found["summary"])
    assert set(found["path"]) == {"thing"}
    assert "id" in found["arguments"]
    assert "thing" in found["system"]
    assert set(found["verbs"]) == {"#lookup"}
    assert set(found) <= set(FIELDS)


def test_examples_of_a_description_are_a_field_of_their_own(tmp_path: Path) -> None:
    """They are residents' words; what stands before them is summary and description."""
    found = _terms(
        _target(tmp_path, "makeThing"), description="Make a thing\nIt is stored.\nExamples: buy a lamp | 买灯"
    )
    assert {"lamp", "买灯"} <= set(found["examples"])
    assert "lamp" not in found["description"]
    assert "stor" in found["description"]
    assert "lamp" not in found["summary"]


def test_arguments_are_found_inside_objects_lists_and_choices(tmp_path: Path) -> None:
    """Names of nested properties count, and what their schemas say of them; references are not followed."""
    inner = {"type": "object", "properties": {"plateNumber": {"description": "Licence of the vehicle"}}}
    parameters = {
        "type": "object",
        "properties": {"rows": {"type": "array", "items": {"oneOf": [inner, {"$ref": "#/$defs/x"}]}}},
    }
    found = _terms(_target(tmp_path, "makeThing"), parameters=parameters)
    assert {"row", "plat", "number"} <= set(found["arguments"])
    assert "licenc" in found["about"]


def test_a_tool_belongs_to_its_first_tag_else_to_the_beginning_of_its_path(tmp_path: Path) -> None:
    """So an overview has something of everything."""
    assert tool_group(_target(tmp_path, "getThing")) == "things things"
    assert tool_group(_target(tmp_path, "listKinds")) == "things kinds"


def test_a_look_up_without_required_arguments_is_shown_before_other_tools(tmp_path: Path) -> None:
    """And one with examples before all."""
    look_up, one, write = (_target(tmp_path, name) for name in ("listThings", "getThing", "makeThing"))
    with_examples = _spec(write, description="Make a thing\nExamples: buy a lamp")
    assert tool_shown(write, with_examples) < tool_shown(look_up, _spec(look_up))
    assert tool_shown(look_up, _spec(look_up)) < tool_shown(one, _spec(one)) == tool_shown(write, _spec(write))


def test_filler_of_a_query_only_helps() -> None:
    """ "show me my things" must find `thing`; the rest, and the class of the verb, order what that finds."""
    needed, helping = query_terms("show me my things")
    assert set(needed) == {"thing"}
    assert {"show", "me", "my"} <= set(helping)
    assert max(helping[word] for word in ("show", "me", "my")) < needed["thing"]


def test_the_definite_article_does_not_even_help() -> None:
    """In a document whose summaries have few articles it would pass for a rare word: "list the shipments" would find
    "List the people who watch a shipment" before "List shipments"."""
    needed, helping = query_terms("list the shipments")
    assert "shipment" in needed
    assert "the" not in {*needed, *helping}


def test_a_verb_is_of_one_class_in_both_languages() -> None:
    """取消 and cancel help to find the same tools."""
    chinese, english = query_terms("取消订单")[1], query_terms("cancel the order")[1]
    assert "#cancel" in chinese
    assert "#cancel" in english


def test_a_query_written_as_a_name_is_read_as_words() -> None:
    """`listReposForOrg`, `repos/list-for-org` and `HTTPServer`."""
    assert {"repo", "org"} <= set(query_terms("listReposForOrg")[0])
    assert {"repo", "org"} <= set(query_terms("repos/list-for-org")[0])
    assert {"http", "server"} <= set(query_terms("HTTPServer")[0])


@settings(deadline=None)
@given(text=st.text(max_size=3000))
def test_any_text_is_a_query_of_positive_weights(text: str) -> None:
    """No text fails; what must be found is never only helping, the same text has the same terms."""
    needed, helping = query_terms(text)
    assert all(weight > 0 for weight in (*needed.values(), *helping.values()))
    assert not needed.keys() & helping.keys()
    assert query_terms(text) == (needed, helping)


@settings(deadline=None)
@given(parameters=JSON.map(lambda value: {"type": "object", "properties": value}), said=st.text(max_size=200))
def test_no_schema_or_description_keeps_a_tool_from_being_indexed(
    make_thing: Target, parameters: dict[str, Any], said: str
) -> None:
    """Whatever stands where properties, items or choices are expected."""
    found = _terms(make_thing, parameters=parameters, description=said)
    assert query_terms("make")[0].keys() <= found["name"].keys()
