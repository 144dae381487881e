"""Request bodies as bytes: JSON, urlencoded, text, files; `multipart.py` has the rest. Pure and deterministic.

OpenAPI 3.1.1 §4.8.14 and §4.8.15 (`encoding`), RFC 8259, WHATWG URL §5 (urlencoded). `request.py` calls it.
"""

from __future__ import annotations

import codecs
import re
from typing import Any
from urllib.parse import quote_plus

from integrations.openapi.bodies import Choice
from integrations.upstream.declared import encoded_text
from integrations.upstream.files import as_file
from integrations.upstream.multipart import Field, fields_of, is_json, write_multipart
from integrations.upstream.styles import form_pairs, items, query_pairs, scalar
from schemas.errors import RequestRefused
from schemas.jsontext import to_json, whole_characters

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
# One value a line (RFC 7464 has a separator of its own and is not among them).
_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")


def write_body(choice: Choice, value: Any) -> tuple[str, bytes]:
    """Content-Type and bytes of `value` sent as `choice`. Raises `RequestRefused`."""
    name = choice.media_type.name
    if choice.kind == "urlencoded":
        return _concrete(name), _urlencoded(choice, value).encode("ascii")
    if choice.kind == "multipart":
        return write_multipart(choice, value)
    file = as_file(value)
    if choice.kind == "binary":
        if file is None:
            raise RequestRefused("The body is a file; give the id of an upload.")
        return (file.type if "*" in name else name), file.content
    if choice.kind == "text":
        if file is not None:
            return _concrete(name, "text/plain"), file.content
        # RFC 6657: text without a charset is guessed; ours is said.
        typed = name if _CHARSET.search(name) else f"{_concrete(name, 'text/plain')}; charset=utf-8"
        return typed, _bytes(scalar(value), name)
    if isinstance(value, list) and name.split(";", 1)[0].strip().lower() in _LINES:
        return name, _bytes("".join(to_json(encoded_text(item)) + "\n" for item in value), name)
    return _concrete(name), _bytes(to_json(encoded_text(value)), name)


def _concrete(name: str, default: str = "application/json") -> str:
    """A media type to send: a range (`*/*`, `application/*+json`) is none (RFC 9110 §8.3.1)."""
    return default if "*" in name or not name else name


def _charset(name: str) -> str:
    """The charset that the media type names (old systems: GBK), else UTF-8. Raises `RequestRefused` for an unknown."""
    found = _CHARSET.search(name)
    if found is None:
        return "utf-8"
    try:
        return codecs.lookup(found.group(1)).name
    except LookupError as error:
        raise RequestRefused(f"The body's charset {found.group(1)[:40]!r} is not known.") from error


def _bytes(text: str, name: str) -> bytes:
    charset = _charset(name)
    try:
        return whole_characters(text).encode(charset)
    except UnicodeEncodeError as error:
        raise RequestRefused(_lacking("body", charset, text[error.start])) from error


def _lacking(what: str, charset: str, character: str) -> str:
    return f"The {what} must be {charset}, which has no {character!r}; leave it out."


def _urlencoded(choice: Choice, value: Any) -> str:
    charset = _charset(choice.media_type.name)
    pairs: list[str] = []
    for field in fields_of(choice, value):
        styled, member = field.styled, encoded_text(field.value)
        if styled is not None and charset == "utf-8":
            pairs += query_pairs(
                field.name,
                member,
                styled.style or "form",
                styled.explode is True,
                allow_reserved=styled.allow_reserved,
            )
            continue
        if styled is not None:
            texts = form_pairs(field.name, member, styled.style or "form", styled.explode is True)
        else:
            texts = [(field.name, text) for text in _texts(field, member)]
        pairs += [f"{_form(name, charset)}={_form(text, charset)}" for name, text in texts]
    return "&".join(pairs)


def _texts(field: Field, member: Any) -> list[str]:
    """§4.8.15.3: by `contentType` alone: text, JSON for objects; a list repeats its name, as JSON it is one value."""
    if field.media_types and is_json(field.media_types[0]):
        return [to_json(member)]
    return [scalar(item) for item in items(member)] if isinstance(member, list) else [scalar(member)]


def _form(text: str, charset: str) -> str:
    """The urlencoded percent-encode set leaves `*` and encodes `~`."""
    try:
        return quote_plus(whole_characters(text), safe="*", encoding=charset).replace("~", "%7E")
    except UnicodeEncodeError as error:
        raise RequestRefused(_lacking("form", charset, text[error.start])) from error
