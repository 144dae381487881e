"""Whatever the arguments are, fitting the schema or not: a request stays in its origin, template, headers and parts."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.openapi.model import Tool
from integrations.upstream.request import BuiltRequest, build_request
from schemas.errors import ArgumentsInvalid, RequestRefused
from tests.support.typed_values import ANYTHING, NASTY
from tests.support.wire import content, parameter, read_multipart, tool_of

BASE = "http://upstream.example:8101"
MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FREE = {"type": "object", "additionalProperties": True}


@cache
def path_tool(style: str, explode: bool) -> Tool:
    declared = [parameter("x", "path", style=style, explode=explode), parameter("y", "path")]
    return tool_of("/a/{x}/b{y}/c", "get", parameters=declared)


@cache
def query_tool(style: str, explode: bool, reserved: bool) -> Tool:
    declared = parameter("q", "query", schema=FREE, style=style, explode=explode, allowReserved=reserved)
    return tool_of("/x", "get", parameters=[declared, parameter("tenant", "query")])


@cache
def header_tool() -> Tool:
    whole = {"name": "X-J", "in": "header", "content": {"application/json": {"schema": {}}}}
    return tool_of(
        method="get", parameters=[parameter("X-A", "header"), parameter("c", "cookie", explode=False), whole]
    )


@cache
def body_tool(media_type: str, second: str = "") -> Tool:
    """A body of `a` and `b`, and a list in the query. `second` is the format of `b`."""
    properties = {"a": {}, "b": {"type": "string", "format": second} if second else {}}
    schema = {"type": "object", "properties": properties}
    declared = parameter("q", "query", schema={"type": "array"})
    return tool_of(parameters=[declared], requestBody=content(media_type, schema))


def attempt(tool: Tool, arguments: dict[str, Any]) -> BuiltRequest | None:
    """The request, or None where it was refused in words; any other error is a defect."""
    try:
        return build_request(tool, arguments, base_url=BASE, bound={})
    except (RequestRefused, ArgumentsInvalid):
        return None


@pytest.mark.parametrize("style", ["simple", "label", "matrix"])
@pytest.mark.parametrize("explode", [False, True])
@MANY
@given(first=ANYTHING, second=NASTY | ANYTHING)
def test_no_path_value_leaves_its_segment(style: str, explode: bool, first: Any, second: Any) -> None:
    """RFC 3986 §3, §5.2.4: origin, number of segments and literals are the template's; no segment is `.` or `..`."""
    request = attempt(path_tool(style, explode), {"x": first, "y": second})
    if request is None:
        return
    url = urlsplit(request.url)
    assert f"{url.scheme}://{url.netloc}" == BASE
    assert re.fullmatch(r"/v1/a/[^/]+/b[^/]+/c", url.path)
    assert not {".", ".."} & {re.split("[;/]", unquote(segment))[0] for segment in url.path.split("/")}
    assert (url.query, url.fragment) == ("", "")
    assert re.fullmatch(r"[!-~]+", request.url)


QUERY_STYLES = [
    ("form", True),
    ("form", False),
    ("spaceDelimited", False),
    ("pipeDelimited", False),
    ("deepObject", True),
]


@pytest.mark.parametrize(("style", "explode"), QUERY_STYLES)
@pytest.mark.parametrize("reserved", [False, True])
@MANY
@given(value=ANYTHING)
def test_no_query_value_becomes_another_part_of_the_url(style: str, explode: bool, reserved: bool, value: Any) -> None:
    """RFC 3986 §3.4: whatever a value holds, path and fragment stay, and a value that has no members of its own stays
    behind its one name, also with `allowReserved`."""
    request = attempt(query_tool(style, explode, reserved), {"q": value})
    if request is None:
        return
    url = urlsplit(request.url)
    assert (f"{url.scheme}://{url.netloc}", url.path, url.fragment) == (BASE, "/v1/x", "")
    assert re.fullmatch(r"[!-~]+", request.url)
    names = {pair.partition("=")[0] for pair in url.query.split("&") if pair}
    if not isinstance(value, dict) or not explode:
        assert all(unquote(name).split("[")[0] == "q" for name in names)


@MANY
@given(header=ANYTHING, cookie=ANYTHING, whole=ANYTHING)
def test_no_value_breaks_out_of_a_header(header: Any, cookie: Any, whole: Any) -> None:
    """RFC 9110 §5.5, RFC 6265 §4.2.1: values are visible ASCII and blanks; no value adds a header or a cookie of a name
    that the document does not have."""
    request = attempt(header_tool(), {"X-A": header, "c": cookie, "X-J": whole})
    if request is None:
        return
    assert {name for name, _ in request.headers} <= {"Accept", "X-A", "X-J", "Cookie"}
    assert all(re.fullmatch(r"[\t -~]*", value) for _, value in request.headers)
    cookies = dict(request.headers).get("Cookie", "c=")
    assert cookies.startswith("c=")
    assert ";" not in cookies


@MANY
@given(value=ANYTHING, filename=NASTY | st.text(max_size=8), media_type=NASTY | st.just("image/png"), data=st.binary())
def test_no_value_breaks_out_of_its_part(value: Any, filename: str, media_type: str, data: bytes) -> None:
    """RFC 7578 §4.2, RFC 2046 §5.1.1: the parts are the fields that were given, under their names; no value adds a
    part, a header of a part, or ends the body."""
    file = {"$file": {"filename": filename, "type": media_type, "content": data}}
    request = attempt(body_tool("multipart/form-data", "binary"), {"a": value, "b": file})
    if request is None:
        return
    parts = read_multipart(request)
    assert {part.name for part in parts} <= {"a", "b"}
    assert [part.data for part in parts if part.name == "b"] == [data]
    for part in parts:
        assert {name.lower() for name, _ in part.headers} <= {"content-disposition", "content-type"}


@MANY
@given(value=ANYTHING)
def test_no_value_becomes_another_field_of_a_form(value: Any) -> None:
    """WHATWG URL §5.2: a field stays a field, whatever it holds; members become names only where `explode` says so."""
    request = attempt(body_tool("application/x-www-form-urlencoded"), {"a": value})
    if request is None:
        return
    body = (request.body or b"").decode("ascii")
    assert {pair.partition("=")[0] for pair in body.split("&") if pair} <= {"a"}
    assert re.fullmatch(r"[!-~]*", body)


@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"])
@MANY
@given(values=st.fixed_dictionaries({"a": ANYTHING, "b": ANYTHING, "q": ANYTHING}), order=st.permutations("abq"))
def test_a_digest_stands_for_one_request(media_type: str, values: dict[str, Any], order: list[str]) -> None:
    """What an approval is bound to: the order of arguments changes nothing, another request has another digest."""
    tool = body_tool(media_type)
    first = attempt(tool, values)
    again = attempt(tool, {name: values[name] for name in order})
    assert first == again
    if first is None or again is None:
        return
    assert first.digest() == again.digest()
    assert re.fullmatch("[0-9a-f]{64}", first.digest())
    other = attempt(tool, {**values, "a": "another value"})
    assert other is None or (other == first) == (other.digest() == first.digest())
