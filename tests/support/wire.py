"""Requests read back by readers that know nothing of how we write: those of werkzeug and of the standard library."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from integrations.upstream.request import BuiltRequest


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
