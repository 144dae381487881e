"""Tools of one operation, and their requests read back by readers that know nothing of how we write (werkzeug's)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData
from werkzeug.wrappers import Request

from integrations.openapi.load import read_document
from integrations.openapi.model import Tool, ToolOptions
from integrations.openapi.tools import build_tools
from integrations.upstream.request import BuiltRequest

OK = {"operationId": "op", "responses": {"200": {"description": "ok", "content": {"application/json": {}}}}}


def tool_of(path: str = "/x", method: str = "post", options: ToolOptions | None = None, **more: Any) -> Tool:
    """The tool of one operation of OpenAPI 3.1 on https://other.example/v1; `more` is what the operation declares."""
    root = {
        "openapi": "3.1.0",
        "servers": [{"url": "https://other.example/v1"}],
        "paths": {path: {method: {**OK, **more}}},
    }
    document = read_document(json.dumps(root).encode(), name="d")
    return build_tools(document, options or ToolOptions(), set())[0][0]


def parameter(name: str, location: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": location, "required": location == "path", "schema": {}, **more}


def content(media_type: str, schema: Any, **more: Any) -> dict[str, Any]:
    """A required request body of one media type."""
    return {"required": True, "content": {media_type: {"schema": schema, **more}}}


def as_server(request: BuiltRequest) -> Request:
    """The request as a WSGI server would hand it to its application."""
    url = urlsplit(request.url)
    headers = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in request.headers}
    environ = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": url.path,
        "QUERY_STRING": url.query,
        "CONTENT_TYPE": header(request, "Content-Type") or "",
        "CONTENT_LENGTH": str(len(request.body or b"")),
        "wsgi.input": BytesIO(request.body or b""),
        "wsgi.url_scheme": url.scheme,
        "HTTP_HOST": url.netloc,
        **headers,
    }
    return Request(environ)


@dataclass(frozen=True)
class Part:
    """One part of a multipart body. `type` is its media type without parameters ("" for none)."""

    name: str
    filename: str | None
    type: str
    data: bytes
    headers: tuple[tuple[str, str], ...]


def header(request: BuiltRequest, name: str) -> str | None:
    """The value of the header that the request has once, or None."""
    found = [value for own, value in request.headers if own.lower() == name.lower()]
    assert len(found) < 2, f"{name} is sent twice"
    return found[0] if found else None


def read_multipart(request: BuiltRequest) -> list[Part]:
    """RFC 7578, in the order sent."""
    kind, options = parse_options_header(header(request, "Content-Type"))
    assert kind.startswith("multipart/"), kind
    decoder = MultipartDecoder(options["boundary"].encode())
    decoder.receive_data(request.body or b"")
    decoder.receive_data(None)
    found: list[Part] = []
    part: Field | File | None = None
    data = b""
    while not isinstance(event := decoder.next_event(), (Epilogue, NeedData)):
        if isinstance(event, (Field, File)):
            part, data = event, b""
        elif isinstance(event, Data) and part is not None:
            data += event.data
            if not event.more_data:
                found.append(_part(part, data))
    assert isinstance(event, Epilogue), "the body has no end"
    return found


def _part(part: Field | File, data: bytes) -> Part:
    media_type = parse_options_header(part.headers.get("Content-Type", ""))[0]
    filename = part.filename if isinstance(part, File) else None
    return Part(part.name, filename, media_type, data, tuple((str(k), str(v)) for k, v in part.headers.items()))


def read_form(request: BuiltRequest) -> list[tuple[str, str]]:
    """WHATWG URL §5.1, in the order sent."""
    text = (request.body or b"").decode("ascii")
    return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
