"""multipart/form-data byte by byte: RFC 7578, RFC 2046, and the `encoding` of OpenAPI 3.1.1 §4.8.15."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.openapi.bodies import Choice, offered
from integrations.openapi.model import Tool
from integrations.upstream.multipart import write_multipart
from integrations.upstream.request import build_request
from schemas.errors import ArgumentsInvalid, RequestRefused
from tests.support.wire import content, parameter, read_multipart, tool_of

BASE = "http://upstream.example"


def form_tool(properties: dict[str, Any], **more: Any) -> Tool:
    return tool_of(requestBody=content("multipart/form-data", {"type": "object", "properties": properties}, **more))


def choice_of(tool: Tool) -> Choice:
    assert tool.operation.body is not None
    return offered(tool.operation.body)[0]


def test_the_bytes_are_those_of_the_rfc() -> None:
    """RFC 2046 §5.1.1: `--boundary` CRLF, headers, an empty line, content CRLF; `--boundary--` at the end."""
    name, body = write_multipart(choice_of(form_tool({"a": {}})), {"a": "x"})
    boundary = name.removeprefix("multipart/form-data; boundary=")
    part = 'Content-Disposition: form-data; name="a"\r\n\r\nx'
    assert body.decode() == f"--{boundary}\r\n{part}\r\n--{boundary}--\r\n"


def test_a_boundary_is_short_safe_and_made_of_the_content() -> None:
    """RFC 2046 §5.1.1: at most 70 characters that need no quotes. The same content has the same bytes for ever."""
    choice = choice_of(form_tool({"a": {}}))
    one, again, other = (write_multipart(choice, {"a": text}) for text in ("x", "x", "y"))
    boundary = one[0].partition("boundary=")[2]
    assert len(boundary) <= 70
    assert boundary.replace("-", "").isalnum()
    assert one == again
    assert one[0] != other[0]


def test_a_form_without_fields_is_only_its_end() -> None:
    """RFC 2046 §5.1.1 wants a part; servers read a lone close delimiter as no fields, and nothing else can be sent."""
    name, body = write_multipart(choice_of(form_tool({"a": {}})), {})
    assert body.decode() == f"--{name.partition('boundary=')[2]}--\r\n"


@pytest.mark.parametrize(
    ("wanted", "due"),
    [
        (None, "application/json"),
        ("application/xml, application/json", "application/json"),
        ("application/*", "application/json"),
        ("text/plain", "text/plain"),
    ],
)
def test_an_object_is_json_under_a_type_that_its_encoding_allows(wanted: str | None, due: str) -> None:
    """OpenAPI 3.1.1 §4.8.15.1.1."""
    more = {"encoding": {"o": {"contentType": wanted}}} if wanted else {}
    request = build_request(form_tool({"o": {"type": "object"}}, **more), {"o": {"k": 1}}, base_url=BASE, bound={})
    assert [(part.type, part.data) for part in read_multipart(request)] == [(due, b'{"k":1}')]


def test_an_object_that_must_be_xml_is_refused() -> None:
    """OpenAPI 3.1.1 §4.8.15.1.1: what we cannot write is never sent as something else."""
    tool = form_tool({"o": {"type": "object"}}, encoding={"o": {"contentType": "application/xml"}})
    with pytest.raises(RequestRefused, match="application/xml"):
        build_request(tool, {"o": {"k": 1}}, base_url=BASE, bound={})


@pytest.mark.parametrize("header", ["Content-Type", "content-disposition", "Content-Length", "not a token"])
def test_a_part_says_itself_what_it_is(header: str) -> None:
    """OpenAPI 3.1.1 §4.8.15.1.1: `headers` never replaces the part's own; RFC 9110 §5.1: a header's name is a token."""
    fixed = {header: {"schema": {"const": "evil/x"}}, "X-Ok": {"schema": {"const": "yes"}}}
    tool = form_tool({"a": {}}, encoding={"a": {"headers": fixed}})
    (part,) = read_multipart(build_request(tool, {"a": "x"}, base_url=BASE, bound={}))
    assert part.headers == (("Content-Disposition", 'form-data; name="a"'), ("X-Ok", "yes"))


def test_a_header_of_a_part_never_carries_line_breaks() -> None:
    """RFC 7578 §4.8, RFC 9110 §5.5."""
    tool = form_tool({"a": {}}, encoding={"a": {"headers": {"X-A": {"schema": {"const": "a\r\nX-Evil: 1"}}}}})
    with pytest.raises(RequestRefused, match="control characters"):
        build_request(tool, {"a": "x"}, base_url=BASE, bound={})


def test_a_file_in_a_parameter_is_refused() -> None:
    """OpenAPI 3.1.1 §4.8.12: only a body carries files."""
    tool = tool_of(method="get", parameters=[parameter("q", "query")])
    with pytest.raises(ArgumentsInvalid, match="only a body"):
        build_request(tool, {"q": {"$file": {"content": b"x"}}}, base_url=BASE, bound={})
