"""Bodies as bytes: charsets, media-type ranges, lines of JSON. RFC 8259, WHATWG URL §5, RFC 9110 §8.3."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.upstream.request import build_request
from schemas.errors import RequestRefused
from tests.support.wire import content, header, tool_of


def sent(media_type: str, schema: Any, value: Any) -> tuple[str | None, bytes | None]:
    request = build_request(
        tool_of(requestBody=content(media_type, schema)), {"body": value}, base_url="http://upstream.example", bound={}
    )
    return header(request, "Content-Type"), request.body


ANY_OBJECT = {"type": "object", "additionalProperties": True}


@pytest.mark.parametrize(
    ("media_type", "schema", "value", "due"),
    [
        ("text/plain", {"type": "string"}, "停", ("text/plain; charset=utf-8", "停".encode())),
        ("text/plain; charset=GBK", {"type": "string"}, "停", ("text/plain; charset=GBK", "停".encode("gbk"))),
        ("text/*", {"type": "string"}, "a", ("text/plain; charset=utf-8", b"a")),
        ("application/json;charset=gb2312", ANY_OBJECT, {"a": "停"}, (None, '{"a":"停"}'.encode("gb2312"))),
        ("*/*", ANY_OBJECT, {"a": 1}, ("application/json", b'{"a":1}')),
        ("application/*+json", ANY_OBJECT, {"a": 1}, ("application/json", b'{"a":1}')),
        ("application/x-ndjson", {"type": "array", "items": {}}, [1, {}], ("application/x-ndjson", b"1\n{}\n")),
        ("application/json", ANY_OBJECT, {"a": {"$file": {"content": b"\x00"}}}, (None, b'{"a":"AA=="}')),
    ],
)
def test_a_body_is_written_as_its_media_type_says(media_type: str, schema: Any, value: Any, due: Any) -> None:
    """RFC 9110 §8.3.1, §8.3.2: the charset named is the one used; a range is none to send; bytes in JSON are Base64."""
    assert sent(media_type, schema, value) == (due[0] or media_type, due[1])


@pytest.mark.parametrize("charset", ["klingon", "gb2312"])
def test_what_the_charset_cannot_say_is_refused(charset: str) -> None:
    """RFC 9110 §8.3.2: no letter is replaced in silence, no charset guessed."""
    with pytest.raises(RequestRefused, match=r"charset|gb2312"):
        sent(f"text/plain; charset={charset}", {"type": "string"}, "😀")


def test_a_form_that_is_no_object_is_refused() -> None:
    """WHATWG URL §5.2: a form is a list of names and values."""
    with pytest.raises(RequestRefused, match="must be an object"):
        sent("application/x-www-form-urlencoded", ANY_OBJECT, ["a"])


def test_a_binary_body_is_a_file() -> None:
    """OpenAPI 3.1.1 §4.8.14.1: a text is no upload."""
    with pytest.raises(RequestRefused, match="id of an upload"):
        sent("application/octet-stream", {}, "upload-1")
