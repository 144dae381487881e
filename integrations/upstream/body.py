"""Request bodies as bytes: JSON, urlencoded, multipart, text, files; `request.py` calls it. Pure and deterministic.

OpenAPI 3.1.1 §4.8.14 and §4.8.15 (`encoding`), RFC 7578 (multipart/form-data), WHATWG URL §5 (urlencoded).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from integrations.openapi.bodies import Choice, is_file
from integrations.openapi.model import Encoding, Schema
from integrations.upstream.styles import form_pairs, items, scalar
from schemas.errors import RequestRefused
from schemas.jsontext import to_json

_HEADER_BREAK = re.compile(r"[\x00-\x1f\x7f]")
_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\s*;\s*[A-Za-z0-9_-]+=(\"[^\"\r\n]*\"|[^\s;\"]+))*"
)
_DEFAULT_FILE_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class File:
    """One file to send. `type` is its media type."""

    filename: str
    type: str
    content: bytes


def as_file(value: Any) -> File | None:
    """The file that `{"$file": {"filename", "type", "content" | "content_base64"}}` describes, or None."""
    if not (isinstance(value, Mapping) and set(value) == {"$file"} and isinstance(value["$file"], Mapping)):
        return None
    described = value["$file"]
    content = described.get("content")
    if isinstance(described.get("content_base64"), str):
        try:
            content = base64.b64decode(described["content_base64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise RequestRefused("A file's content_base64 is not Base64; encode the file again.") from error
    if isinstance(content, str):
        content = content.encode()
    if not isinstance(content, bytes):
        raise RequestRefused("A file has no content; give `content` (text) or `content_base64`.")
    media_type = str(described.get("type") or _DEFAULT_FILE_TYPE)
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise RequestRefused(f"{media_type[:80]!r} is not a media type; give one such as image/jpeg.")
    filename = str(described.get("filename") or "file").replace("\\", "/").rsplit("/", 1)[-1]
    if _HEADER_BREAK.search(filename):
        raise RequestRefused("A file's name has control characters; give it a plain name.")
    return File(filename, media_type, content)


def write_body(choice: Choice, value: Any) -> tuple[str, bytes]:
    """Content-Type and bytes of `value` sent as `choice`. Raises `RequestRefused`."""
    name = choice.media_type.name
    if choice.kind == "urlencoded":
        return _concrete(name), _urlencoded(choice, value)
    if choice.kind == "multipart":
        return _multipart(choice, value)
    if choice.kind == "binary":
        file = as_file(value)
        if file is None:
            raise RequestRefused("The body is a file; give the id of an upload.")
        return (file.type if "*" in name else name), file.content
    if choice.kind == "text":
        # RFC 6657: text without a charset is guessed; ours is said.
        typed = name if "charset" in name.lower() else f"{_concrete(name, 'text/plain')}; charset=utf-8"
        return typed, scalar(value).encode()
    return _concrete(name), to_json(_no_files(value)).encode()


def _concrete(name: str, default: str = "application/json") -> str:
    """A media type to send: a range (`*/*`, `application/*+json`) is none (RFC 9110 §8.3.1)."""
    return default if "*" in name or not name else name


def _no_files(value: Any) -> Any:
    """A file inside JSON travels as Base64 text, the only form JSON has for bytes (OpenAPI 3.1.1 §4.8.24.2)."""
    file = as_file(value)
    if file is not None:
        return base64.b64encode(file.content).decode()
    if isinstance(value, Mapping):
        return {name: _no_files(member) for name, member in value.items()}
    return [_no_files(item) for item in value] if isinstance(value, list) else value


def _fields(choice: Choice, value: Any) -> list[tuple[str, Any, Encoding | None, Schema]]:
    if not isinstance(value, Mapping):
        raise RequestRefused("A form's body must be an object.")
    properties = choice.shape.properties if choice.shape is not None else {}
    encoding = choice.media_type.encoding
    return [(str(n), v, encoding.get(str(n)), properties.get(str(n), True)) for n, v in value.items() if v is not None]


def _styled(encoding: Encoding | None) -> bool:
    """§4.8.15: `style`, `explode` or `allowReserved` said explicitly make a field follow the query's rules."""
    return encoding is not None and (
        encoding.style is not None or encoding.explode is not None or encoding.allow_reserved
    )


def _urlencoded(choice: Choice, value: Any) -> bytes:
    pairs: list[tuple[str, str]] = []
    for name, member, encoding, _ in _fields(choice, value):
        if _styled(encoding) and encoding is not None:
            style = encoding.style or "form"
            explode = encoding.explode if encoding.explode is not None else style == "form"
            pairs += form_pairs(name, member, style, explode)
        elif isinstance(member, list) and (encoding is None or encoding.content_type is None):
            pairs += [(name, scalar(item)) for item in items(member)]
        else:
            pairs.append((name, scalar(member)))
    return "&".join(f"{_form(name)}={_form(text)}" for name, text in pairs).encode()


def _form(text: str) -> str:
    """The urlencoded percent-encode set leaves `*` and encodes `~`."""
    return quote_plus(text, safe="*").replace("~", "%7E")


def _multipart(choice: Choice, value: Any) -> tuple[str, bytes]:
    defs = choice.shape.defs if choice.shape is not None else {}
    parts: list[tuple[bytes, bytes]] = []
    for name, member, encoding, schema in _fields(choice, value):
        if _styled(encoding) and encoding is not None and encoding.content_type is None:
            explode = encoding.explode if encoding.explode is not None else True
            pairs = form_pairs(name, member, encoding.style or "form", explode)
            parts += [_part(key, text, encoding, schema, defs) for key, text in pairs]
            continue
        whole = encoding is not None and (encoding.content_type or "").split(";")[0].strip().endswith("json")
        several = isinstance(member, list) and not whole
        for item in items(member) if several else [member]:
            parts.append(_part(name, item, encoding, schema, defs))
    boundary = _boundary(parts)
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    base = _concrete(choice.media_type.name, "multipart/form-data").split(";", 1)[0].strip()
    return f"{base}; boundary={boundary}", body + mark + b"--\r\n"


def _part(
    name: str, value: Any, encoding: Encoding | None, schema: Schema, defs: Mapping[str, Any]
) -> tuple[bytes, bytes]:
    """One part's headers and content; defaults of §4.8.15 `contentType`: text, JSON for objects, bytes for files."""
    if _HEADER_BREAK.search(name):
        raise RequestRefused("A field's name has control characters.")
    disposition = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    wanted = [t.strip() for t in (encoding.content_type or "").split(",") if t.strip()] if encoding is not None else []
    file = as_file(value)
    if file is not None:
        media_type = _file_type(file, wanted)
        disposition += f'; filename="{_quoted(file.filename)}"'
        if not file.filename.isascii():
            disposition += f"; filename*=UTF-8''{quote(file.filename, safe='')}"
        content = file.content
    elif is_file(schema, defs):
        raise RequestRefused(f"`{name}` is a file; give the id of an upload.")
    elif isinstance(value, (Mapping, list)):
        media_type, content = (wanted[0] if wanted else "application/json"), to_json(_no_files(value)).encode()
    else:
        media_type = wanted[0] if wanted and "*" not in wanted[0] else ""
        text = to_json(value) if media_type.split(";")[0].strip().endswith("json") else scalar(value)
        content = text.encode()
    head = disposition + (f"\r\nContent-Type: {media_type}" if media_type else "")
    return head.encode(), content


def _file_type(file: File, wanted: list[str]) -> str:
    """The file's own type where the encoding allows it; else the first that the encoding names."""
    own = file.type.split(";", 1)[0].strip().lower()
    if not wanted or any(w == own or w == "*/*" or (w.endswith("/*") and own.startswith(w[:-1])) for w in wanted):
        return file.type
    if own == _DEFAULT_FILE_TYPE:
        return next((w for w in wanted if "*" not in w), file.type)
    raise RequestRefused(f"The file is {own}, but only {', '.join(wanted)} is taken; send another file.")


def _quoted(text: str) -> str:
    """WHATWG HTML §4.10.21.8 (what RFC 7578 §2 means in practice): only these three are escaped."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _boundary(parts: list[tuple[bytes, bytes]]) -> str:
    """Derived from the content, so that the same arguments give the same bytes and digest."""
    digest = hashlib.sha256()
    for head, content in parts:
        digest.update(len(head).to_bytes(8) + head + len(content).to_bytes(8) + content)
    boundary = "steward-" + digest.hexdigest()[:32]
    while any(boundary.encode() in content for _, content in parts):
        digest.update(b"again")
        boundary = "steward-" + digest.hexdigest()[:32]
    return boundary
