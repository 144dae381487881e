"""Built requests never leave their origin and template; what must not be sent is refused; bodies byte by byte."""

from __future__ import annotations

import re
from email.message import Message
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.openapi.model import Tool, ToolOptions
from integrations.upstream.declared import upload_ids, with_files
from integrations.upstream.request import BuiltRequest, build_request
from schemas.errors import ArgumentsInvalid, RequestRefused
from tests.support.wire import content, parameter, tool_of

BASE = "http://upstream.example:8101"


def send(tool: Tool, arguments: dict[str, Any], base_url: str = BASE, **more: Any) -> BuiltRequest:
    return build_request(tool, arguments, base_url=base_url, bound=more.pop("bound", {}), **more)


VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["..", ".", "a/../b", "a\\..", "%2e%2e", "//evil", "@evil", "a?b#c"]),
    st.integers(),
    st.booleans(),
    st.lists(st.text(max_size=5), max_size=3),
)


@pytest.mark.parametrize("style", ["simple", "label", "matrix"])
@given(first=VALUES, second=VALUES, asked=VALUES)
def test_a_built_url_never_leaves_origin_and_template(style: str, first: Any, second: Any, asked: Any) -> None:
    """RFC 3986 §3: whatever the values are, either nothing is built or exactly the template is filled."""
    tool = tool_of(
        "/a/{x}/b{y}/c",
        "get",
        parameters=[parameter("x", "path", style=style), parameter("y", "path"), parameter("q", "query")],
    )
    try:
        request = send(tool, {"x": first, "y": second, "q": asked})
    except RequestRefused:
        return
    parsed = urlsplit(request.url)
    assert f"{parsed.scheme}://{parsed.netloc}" == BASE
    assert re.fullmatch(r"/v1/a/[^/]+/b[^/]+/c", parsed.path)
    assert not {".", ".."} & {unquote(segment) for segment in parsed.path.split("/")}
    assert parsed.fragment == ""
    assert set(parse_qs(parsed.query, keep_blank_values=True)) <= {"q"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "../admin",
        "a/../b",
        "..\\x",
        "a\nb",
        "a\x00",
        None,
        "..;",
        "..;v=1/x",
        "a/.;/b",
        "%2e%2e",
        "..%2fx",
    ],
)
def test_path_values_that_climb_or_break_are_refused(value: Any) -> None:
    with pytest.raises(RequestRefused):
        send(tool_of("/a/{x}", parameters=[parameter("x", "path")]), {"x": value})


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", " a"])
def test_header_values_that_break_out_are_refused(value: str) -> None:
    """A36: RFC 9110 §5.5."""
    with pytest.raises(RequestRefused):
        send(tool_of(parameters=[parameter("X-A", "header")]), {"X-A": value})
    with pytest.raises(RequestRefused):
        send(tool_of(), {}, headers=[("Idempotency-Key", value)])


@pytest.mark.parametrize("base", ["ftp://h", "http://u:p@h", "http://h?x=1", "//h", "http://", "http://h:99999"])
def test_a_base_url_is_an_origin_and_maybe_a_path(base: str) -> None:
    with pytest.raises(RequestRefused):
        send(tool_of(), {}, base_url=base)


@pytest.mark.parametrize(
    ("base", "own", "expected"),
    [
        (BASE, None, f"{BASE}/v1/x"),
        (f"{BASE}/", None, f"{BASE}/v1/x"),
        (f"{BASE}/prod-api/", None, f"{BASE}/prod-api/x"),
        (BASE, "https://op.example/o", f"{BASE}/o/x"),
        (f"{BASE}/prod-api", "https://op.example/o", f"{BASE}/prod-api/x"),
    ],
)
def test_the_origin_is_always_the_configured_one(base: str, own: str | None, expected: str) -> None:
    """Attack A60: the document's hosts are never used, only the paths of its servers, and these never lead out of a
    path that base_url has."""
    servers: dict[str, Any] = {"servers": [{"url": own}]} if own else {}
    assert send(tool_of(**servers), {}, base_url=base).url == expected


def test_a_query_that_stands_in_the_path_is_a_constant() -> None:
    """Attack A69: `/x?fixed=1` keeps its constant, parameters follow it."""
    tool = tool_of("/x?fixed=1", "get", parameters=[parameter("q", "query")])
    assert send(tool, {"q": "a&fixed=2"}).url == f"{BASE}/v1/x?fixed=1&q=a%26fixed%3D2"


def test_bound_parameters_are_filled_and_unknown_ones_ignored() -> None:
    """By location and wire name; a header's name has no case; None leaves the parameter out."""
    options = ToolOptions(bound=frozenset({("header", "X-Tenant-Id"), ("query", "userId"), ("query", "page")}))
    declared = [parameter("x-tenant-id", "header"), parameter("userId", "query"), parameter("page", "query")]
    bound = {("header", "X-Tenant-Id"): "C001", ("query", "userId"): "u1", ("query", "page"): None, ("query", "no"): 1}
    request = send(tool_of(method="get", options=options, parameters=declared), {}, bound=bound)
    assert request.url == f"{BASE}/v1/x?userId=u1"
    assert ("x-tenant-id", "C001") in request.headers


def test_arguments_that_are_not_the_tools_are_refused() -> None:
    with pytest.raises(ArgumentsInvalid):
        send(tool_of(), {"userId": "someone-else"})


def test_long_ids_get_their_declared_type_back() -> None:
    """A string of digits is an integer again where the document says integer, at any depth, and nowhere else."""
    line = {
        "type": "object",
        "properties": {"itemId": {"type": "integer", "format": "int64"}, "note": {"type": "string"}},
    }
    schema = {
        "type": "object",
        "properties": {
            "billId": {"type": ["integer", "null"], "format": "int64"},
            "code": {"type": "string"},
            "lines": {"type": "array", "items": line},
        },
    }
    tool = tool_of(requestBody=content("application/json", schema))
    request = send(tool, {"billId": "2624710177366999063", "code": "12", "lines": [{"itemId": "7", "note": "8"}]})
    assert request.body == b'{"billId":2624710177366999063,"code":"12","lines":[{"itemId":7,"note":"8"}]}'
    assert send(tool, {"billId": None}).body == b'{"billId":null}'


def test_vendor_json_keeps_its_media_type() -> None:
    tool = tool_of(requestBody=content("application/merge-patch+json", {"type": "object", "properties": {"a": {}}}))
    assert ("Content-Type", "application/merge-patch+json") in send(tool, {"a": None}).headers


def test_urlencoded_fields_follow_their_encoding() -> None:
    """OpenAPI 3.1.1 §4.8.14.4, §4.8.15: lists repeat, objects are JSON, `style` makes them follow the query's rules."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array"}, "o": {"type": "object"}, "d": {"type": "object"}, "n": {}},
    }
    tool = tool_of(
        requestBody=content(
            "application/x-www-form-urlencoded", schema, encoding={"d": {"style": "deepObject", "explode": True}}
        )
    )
    body = send(tool, {"a": ["x y", "&"], "o": {"k": 1}, "d": {"k": "v"}, "n": None}).body
    assert body is not None
    assert parse_qsl(body.decode()) == [("a", "x y"), ("a", "&"), ("o", '{"k":1}'), ("d[k]", "v")]


MULTIPART = tool_of(
    requestBody=content(
        "multipart/form-data",
        {
            "type": "object",
            "properties": {
                "order": {"type": "object"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "photos": {"type": "array", "items": {"type": "string", "contentMediaType": "image/jpeg"}},
            },
        },
        encoding={"order": {"contentType": "application/json"}, "photos": {"contentType": "image/jpeg, image/png"}},
    )
)


def parts_of(request: BuiltRequest) -> list[tuple[str | None, str | None, str, bytes]]:
    assert request.body is not None
    head = f"Content-Type: {dict(request.headers)['Content-Type']}\r\n\r\n".encode()
    found: list[tuple[str | None, str | None, str, bytes]] = []
    for part in BytesParser().parsebytes(head + request.body).get_payload():
        assert isinstance(part, Message)
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        name = part.get_param("name", header="content-disposition")
        found.append((str(name), part.get_filename(), part.get_content_type(), data))
    return found


def test_multipart_parts_have_the_types_of_their_encoding() -> None:
    """OpenAPI 3.1.1 §4.8.15, RFC 7578 §4: each file and each item of a list is a part of its own."""
    photo = {"filename": 'a"b.png', "type": "image/png", "content": b"\x89PNG"}
    arguments = {"order": {"t": "漏水"}, "tags": ["a", "b"], "photos": ["upload-1", "upload-2"]}
    assert upload_ids(MULTIPART, arguments) == {("photos", 0): "upload-1", ("photos", 1): "upload-2"}
    filled = with_files(arguments, {("photos", 0): photo, ("photos", 1): photo})
    assert parts_of(send(MULTIPART, filled)) == [
        ("order", None, "application/json", '{"t":"漏水"}'.encode()),
        ("tags", None, "text/plain", b"a"),
        ("tags", None, "text/plain", b"b"),
        ("photos", "a%22b.png", "image/png", b"\x89PNG"),
        ("photos", "a%22b.png", "image/png", b"\x89PNG"),
    ]


@pytest.mark.parametrize(
    "photo",
    [
        "upload-1",
        {"$file": {"filename": "a", "type": "text/html", "content": "x"}},
        {"$file": {"content_base64": "%%"}},
        {"$file": {"filename": "a\r\nb", "type": "image/png", "content": "x"}},
    ],
)
def test_files_that_are_none_or_of_a_wrong_type_are_refused(photo: Any) -> None:
    with pytest.raises(RequestRefused):
        send(MULTIPART, {"photos": [photo]})


def test_the_same_arguments_give_the_same_digest_whatever_their_order() -> None:
    """What an approval is bound to: equal requests are equal, any difference shows."""
    photo = {"$file": {"filename": "a.jpg", "type": "image/jpeg", "content": "JPEG"}}
    first = send(MULTIPART, {"order": {"a": 1}, "photos": [photo]})
    again = send(MULTIPART, {"photos": [photo], "order": {"a": 1}})
    other = send(MULTIPART, {"order": {"a": 2}, "photos": [photo]})
    assert first == again
    assert first.digest() == again.digest() != other.digest()
    assert send(MULTIPART, {"order": {}}, headers=[("X-A", "1")]).digest() != send(MULTIPART, {"order": {}}).digest()


def test_the_arguments_choose_between_json_and_multipart() -> None:
    """JSON without a file, multipart with one."""
    order = {"order": {"type": "object"}}
    both = {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {**order, "f": {"type": "string", "format": "binary"}}}
            },
            "application/json": {"schema": {"type": "object", "properties": order}},
        },
    }
    tool = tool_of(requestBody=both)
    file = {"$file": {"filename": "f", "content": "x"}}
    assert dict(send(tool, {"order": {}}).headers)["Content-Type"] == "application/json"
    assert dict(send(tool, {"order": {}, "f": file}).headers)["Content-Type"].startswith(
        "multipart/form-data; boundary="
    )


def test_text_and_file_bodies_are_sent_as_they_are() -> None:
    text = tool_of(requestBody=content("text/plain", {"type": "string"}))
    assert send(text, {"body": "停"}).body == "停".encode()
    raw = tool_of(requestBody=content("application/octet-stream", {}))
    file = {"$file": {"filename": "f", "type": "image/png", "content_base64": "AAE="}}
    assert send(raw, {"body": file}).body == b"\x00\x01"


def test_an_optional_body_without_arguments_is_not_sent_and_a_required_one_is_empty() -> None:
    schema = {"type": "object", "properties": {"a": {}}}
    assert send(tool_of(requestBody={**content("application/json", schema), "required": False}), {}).body is None
    assert send(tool_of(requestBody=content("application/json", schema)), {}).body == b"{}"
