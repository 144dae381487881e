"""What is put into a request comes out of it: schemas and values generated, validated, written, read back by werkzeug.

The readers know nothing of how we write; delimited styles are split as the standard says, before anything is decoded.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from integrations.openapi.model import Tool
from integrations.openapi.validate import validate_arguments
from integrations.upstream.request import BuiltRequest, build_request
from tests.support.typed_values import NAMES, SCALARS, TEXT, TYPED, Typed, array_of, object_of
from tests.support.wire import as_server, content, parameter, read_multipart, tool_of

BASE = "http://upstream.example:8101"
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def send(tool: Tool, arguments: dict[str, Any]) -> BuiltRequest:
    """The whole way: JSON text as a model writes it, validated, built."""
    return build_request(tool, validate_arguments(tool, json.dumps(arguments)), base_url=BASE, bound={})


def by_wire(tool: Tool, values: dict[str, Any], location: str = "body") -> dict[str, Any]:
    """Arguments of the tool from values by wire name."""
    names = {a.name: name for name, a in tool.arguments.items() if a.location == location}
    return {names[name]: value for name, value in values.items()}


def text(value: Any) -> str:
    """A primitive as its text: JSON's spelling, numbers by value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)


def present(value: dict[str, Any]) -> dict[str, Any]:
    return {name: member for name, member in value.items() if member is not None}


@FEW
@given(members=st.dictionaries(NAMES, TYPED, min_size=1, max_size=4), data=st.data())
def test_json_bodies_come_back_as_they_were(members: dict[str, Typed], data: st.DataObject) -> None:
    """RFC 8259: any object of any schema, through the flat arguments of the tool, is the same JSON at the upstream."""
    value = data.draw(object_of(members).values)
    tool = tool_of(requestBody=content("application/json", object_of(members).schema))
    assert json.loads(send(tool, by_wire(tool, value)).body or b"") == value


@FEW
@given(typed=TYPED.map(array_of), data=st.data())
def test_whole_json_arrays_come_back_as_they_were(typed: Typed, data: st.DataObject) -> None:
    """OpenAPI 3.1.1 §4.8.13: a body that is no object stays one value, in one argument."""
    value = data.draw(typed.values)
    tool = tool_of(requestBody=content("application/json", typed.schema))
    assert json.loads(send(tool, {"body": value}).body or b"") == value


FIELDS = st.dictionaries(NAMES, st.one_of(SCALARS, SCALARS.map(array_of)), min_size=1, max_size=4)


def pairs(value: dict[str, Any]) -> list[tuple[str, str]]:
    """The fields of a form: a list repeats its name."""
    return [(n, text(part)) for n, v in value.items() for part in (v if isinstance(v, list) else [v])]


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
@FEW
@given(members=FIELDS, data=st.data())
def test_forms_come_back_as_they_were(media_type: str, members: dict[str, Typed], data: st.DataObject) -> None:
    """WHATWG URL §5.1 and RFC 7578, by werkzeug: every field has its name, text and place among its likes.

    But a backslash in a part's name, which browsers send as it is (WHATWG HTML §4.10.21.8) and werkzeug reads as the
    quoted-pair of RFC 822.
    """
    assume(media_type != "multipart/form-data" or not any("\\" in name for name in members))
    value = data.draw(object_of(members).values)
    tool = tool_of(requestBody=content(media_type, object_of(members).schema))
    form = as_server(send(tool, by_wire(tool, value))).form
    assert sorted(form.items(multi=True)) == sorted(pairs(value))
    for name, member in value.items():
        assert form.getlist(name) == [part for key, part in pairs({name: member})]


@FEW
@given(files=st.lists(st.binary(max_size=40), max_size=3), note=TEXT)
def test_files_come_back_byte_by_byte(files: list[bytes], note: str) -> None:
    """RFC 7578 §4.2, §4.3, RFC 2046 §5.1.1: whatever the bytes are, no boundary is found in them."""
    properties = {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}, "note": {}}
    tool = tool_of(requestBody=content("multipart/form-data", {"type": "object", "properties": properties}))
    marked = [{"$file": {"filename": f"f{i}", "type": "image/png", "content": c}} for i, c in enumerate(files)]
    request = build_request(tool, {"note": note, "files": marked}, base_url=BASE, bound={})
    got = [(part.name, part.filename, part.data) for part in read_multipart(request)]
    assert got == [*(("files", f"f{i}", c) for i, c in enumerate(files)), ("note", None, note.encode())]


@FEW
@given(members=FIELDS, data=st.data())
def test_exploded_queries_come_back_as_they_were(members: dict[str, Typed], data: st.DataObject) -> None:
    """OpenAPI 3.1.1 §4.8.12.4, `form` with `explode`: a pair for each value, in the order of the document."""
    value = data.draw(object_of(members).values)
    tool = tool_of(method="get", parameters=[parameter(n, "query", schema=m.schema) for n, m in members.items()])
    args = as_server(send(tool, by_wire(tool, value, "query"))).args
    ordered = {name: value[name] for name in members if name in value}
    expected = [pair for name in ordered for pair in pairs({name: ordered[name]})]
    assert [(name, part) for name in dict(expected) for part in args.getlist(name)] == expected
    assert len(list(args.items(multi=True))) == len(expected)


@FEW
@given(value=st.dictionaries(TEXT.filter(lambda key: "[" not in key and "]" not in key), TEXT, max_size=4))
def test_deep_objects_and_exploded_objects_come_back_as_they_were(value: dict[str, str]) -> None:
    """OpenAPI 3.1.1 §4.8.12.4, `deepObject` and `form` of objects."""
    free = {"type": "object", "additionalProperties": {"type": "string"}}
    deep = tool_of(method="get", parameters=[parameter("o", "query", schema=free, style="deepObject", explode=True)])
    assert dict(as_server(send(deep, {"o": value})).args) == {f"o[{k}]": v for k, v in value.items()}
    form = tool_of(method="get", parameters=[parameter("o", "query", schema=free)])
    assert dict(as_server(send(form, {"o": value})).args) == value


LISTS = st.lists(TEXT, min_size=1, max_size=4)
DELIMITERS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}


@pytest.mark.parametrize("style", list(DELIMITERS))
@FEW
@given(value=LISTS)
def test_delimited_queries_come_back_as_they_were(style: str, value: list[str]) -> None:
    """OpenAPI 3.1.1 §4.8.12.4: split at the delimiter, then decoded. Blank and pipe are ambiguous inside values there
    (§4.8.12.3 says so), so that only values without them come back."""
    value = [part.replace(" ", "").replace("|", "") for part in value]
    schema = {"type": "array", "items": {"type": "string"}}
    tool = tool_of(method="get", parameters=[parameter("q", "query", schema=schema, style=style, explode=False)])
    name, _, joined = urlsplit(send(tool, {"q": value}).url).query.partition("=")
    assert (name, [unquote(part) for part in joined.split(DELIMITERS[style])]) == ("q", value)


SEGMENT = TEXT.map(lambda value: "x" + "".join(c for c in value if c.isprintable() and c not in "./\\%"))


def read_segment(segment: str, style: str, explode: bool) -> list[str]:
    """RFC 6570 §3.2.2, §3.2.5, §3.2.7, read backwards, for a list called `p`."""
    if style == "matrix":
        assert segment.startswith(";p=")
        parts = segment[1:].split(";") if explode else [segment[1:]]
        values = [part.removeprefix("p=") for part in parts]
        return values if explode else values[0].split(",")
    if style == "label":
        assert segment.startswith(".")
        return segment[1:].split("." if explode else ",")
    return segment.split(",")


@pytest.mark.parametrize("style", ["simple", "label", "matrix"])
@pytest.mark.parametrize("explode", [False, True])
@FEW
@given(value=st.lists(SEGMENT, min_size=1, max_size=4))
def test_path_lists_come_back_as_they_were(style: str, explode: bool, value: list[str]) -> None:
    schema = {"type": "array", "items": {"type": "string"}}
    declared = parameter("p", "path", schema=schema, style=style, explode=explode)
    path = urlsplit(send(tool_of("/a/{p}/b", "get", parameters=[declared]), {"p": value}).url).path
    segment = path.removeprefix("/v1/a/").removesuffix("/b")
    assert "/" not in segment
    assert [unquote(part) for part in read_segment(segment, style, explode)] == value


@FEW
@given(value=st.dictionaries(st.text("abcXYZ09", min_size=1, max_size=4), TEXT, max_size=4))
def test_cookies_come_back_as_they_were(value: dict[str, str]) -> None:
    """RFC 6265 §5.4, OpenAPI 3.1.1 Appendix D: percent-encoded, since a cookie has no quoting that servers agree on."""
    declared = [parameter(name, "cookie", schema={"type": "string"}) for name in value]
    tool = tool_of(method="get", parameters=declared)
    got = as_server(send(tool, by_wire(tool, value, "cookie"))).cookies
    assert {name: unquote(part) for name, part in got.items()} == value


@FEW
@given(value=st.dictionaries(st.sampled_from(["X-A", "x_b", "If-Match"]), st.text('!#az09;=/ "<>[]{}|~', max_size=9)))
def test_headers_are_sent_letter_by_letter(value: dict[str, str]) -> None:
    """RFC 9110 §5.5: no encoding of what a header can carry."""
    value = {name: part.strip() for name, part in value.items()}
    tool = tool_of(method="get", parameters=[parameter(n, "header", schema={"type": "string"}) for n in value])
    got = dict(send(tool, by_wire(tool, value, "header")).headers)
    assert {name: got[name] for name in value} == value


@FEW
@given(members=st.dictionaries(NAMES, TYPED, min_size=1, max_size=4), data=st.data())
def test_json_in_any_parameter_comes_back_as_it_was(members: dict[str, Typed], data: st.DataObject) -> None:
    """OpenAPI 3.1.1 §4.8.12.2.3: with `content` a parameter carries whole JSON, in a query, a header or a cookie."""
    typed = object_of(members)
    value = data.draw(typed.values)
    carried = {"application/json": {"schema": typed.schema}}
    declared = [
        {"name": name, "in": where, "content": carried}
        for name, where in (("q", "query"), ("X-H", "header"), ("c", "cookie"))
    ]
    server = as_server(send(tool_of(method="get", parameters=declared), {"q": value, "X-H": value, "c": value}))
    assert json.loads(server.args["q"]) == value
    assert json.loads(server.headers["X-H"]) == value
    assert json.loads(unquote(server.cookies["c"])) == value
