"""multipart/form-data bodies as bytes, with a boundary made of the content; `body.py` calls it. Pure, deterministic.

OpenAPI 3.1.1 §4.8.15.4 (`encoding` of multipart media types), RFC 7578, RFC 2046 §5.1.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.openapi.bodies import Choice, is_file
from integrations.openapi.model import Encoding, Schema
from integrations.upstream.declared import encoded_text, keyword
from integrations.upstream.files import DEFAULT_TYPE, File, as_file
from integrations.upstream.styles import form_pairs, items, joined_inside, scalar
from schemas.errors import RequestRefused
from schemas.jsontext import to_json, whole_characters

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Said by the part itself (OpenAPI 3.1.1 §4.8.15.1 `headers`, RFC 7578 §4.2).
_OWN_HEADERS = frozenset({"content-type", "content-disposition", "content-length"})
_NO_ENCODING = Encoding()


@dataclass(frozen=True, slots=True)
class Field:
    """One property of a form: its wire name, its value (not None), how the document encodes it."""

    name: str
    value: Any
    encoding: Encoding
    schema: Schema
    defs: Mapping[str, Any]

    @property
    def styled(self) -> Encoding | None:
        """§4.8.15.1.2: `style`, `explode` or `allowReserved` said explicitly: then the query's rules hold, and
        `contentType` is ignored."""
        encoding = self.encoding
        if encoding.style is None and encoding.explode is None and not encoding.allow_reserved:
            return None
        style = encoding.style or "form"
        explode = encoding.explode if encoding.explode is not None else style == "form"
        return Encoding(style=style, explode=explode, allow_reserved=encoding.allow_reserved)

    @property
    def media_types(self) -> list[str]:
        return [name.strip() for name in (self.encoding.content_type or "").split(",") if name.strip()]


def fields_of(choice: Choice, value: Any) -> list[Field]:
    """The properties of a form's body that are sent. Raises `RequestRefused` for a body that is no object."""
    if not isinstance(value, Mapping):
        raise RequestRefused("A form's body must be an object.")
    shape, encoding = choice.shape, choice.media_type.encoding
    properties = shape.properties if shape is not None else {}
    defs = shape.defs if shape is not None else {}
    found: list[Field] = []
    for name, member in value.items():
        if member is not None:
            own = encoding.get(str(name), _NO_ENCODING)
            schema = properties.get(str(name), True)
            found.append(Field(str(name), joined_inside(member, own.inner), own, schema, defs))
    return found


def is_json(media_type: str) -> bool:
    """application/json, text/json and the vendor forms (RFC 6839 §3.1)."""
    return media_type.split(";", 1)[0].strip().lower().endswith(("/json", "+json"))


def json_type(media_types: list[str]) -> str | None:
    """The first JSON type among those that an encoding names."""
    return next((name for name in media_types if is_json(name) and "*" not in name), None)


def write_multipart(choice: Choice, value: Any) -> tuple[str, bytes]:
    """Content-Type and bytes. Raises `RequestRefused`."""
    parts = [part for field in fields_of(choice, value) for part in _parts(field)]
    boundary = _boundary(parts)
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    name = choice.media_type.name.split(";", 1)[0].strip()
    return f"{name if '*' not in name else 'multipart/form-data'}; boundary={boundary}", body + mark + b"--\r\n"


def _parts(field: Field) -> Iterator[tuple[bytes, bytes]]:
    """A list is one part for each item (RFC 7578 §4.3), but one whole where the encoding asks for JSON."""
    styled = field.styled
    if styled is not None and not _has_file(field.value):
        for name, text in form_pairs(field.name, field.value, styled.style or "form", styled.explode is True):
            yield _head(name, "", field), text.encode()
    elif isinstance(field.value, list) and json_type(field.media_types) is None:
        for item in items(field.value):
            yield _part(item, field)
    else:
        yield _part(field.value, field)


def _has_file(value: Any) -> bool:
    return any(as_file(item) is not None for item in (value if isinstance(value, list) else [value]))


def _part(value: Any, field: Field) -> tuple[bytes, bytes]:
    """One part; the defaults of §4.8.15.1.1 `contentType`: text, JSON for objects, bytes for files."""
    file, wanted = as_file(value), field.media_types
    if file is not None:
        return _head(field.name, _file_type(file, wanted), field, file.filename), file.content
    if is_file(field.schema, field.defs):
        raise RequestRefused(f"`{field.name}` is a file; give the id of an upload.")
    if isinstance(value, (Mapping, list)):
        return _head(field.name, _composite_type(wanted, field.name), field), to_json(encoded_text(value)).encode()
    media_type = wanted[0] if wanted and "*" not in wanted[0] else ""
    if not media_type and _is_encoded(field):
        media_type = DEFAULT_TYPE
    text = to_json(value) if is_json(media_type) else scalar(value)
    return _head(field.name, media_type, field), text.encode()


def _is_encoded(field: Field) -> bool:
    """Bytes as text: `contentEncoding` (3.1), `format: byte` (3.0.4 §4.7.15.1)."""
    schema = field.schema
    if isinstance(field.value, list):
        inner = keyword(schema, field.defs, "items")
        schema = inner if isinstance(inner, Mapping) else True
    return keyword(schema, field.defs, "format") == "byte" or isinstance(
        keyword(schema, field.defs, "contentEncoding"), str
    )


def _composite_type(wanted: list[str], name: str) -> str:
    if not wanted:
        return "application/json"
    chosen = json_type(wanted) or next((t for t in wanted if t.lower().startswith("text/plain")), None)
    if chosen is None and any("*" in t for t in wanted):
        chosen = "application/json"
    if chosen is None:
        raise RequestRefused(f"`{name}` is to be sent as {wanted[0]}, which is not supported; leave it out.")
    return chosen


def _file_type(file: File, wanted: list[str]) -> str:
    """The file's own type where the encoding allows it; else the first that the encoding names."""
    own = file.type.split(";", 1)[0].strip().lower()
    allowed = [name.split(";", 1)[0].strip().lower() for name in wanted]
    if not allowed or any(w in (own, "*/*") or (w.endswith("/*") and own.startswith(w[:-1])) for w in allowed):
        return file.type
    if own == DEFAULT_TYPE:
        return next((w for w in wanted if "*" not in w), file.type)
    raise RequestRefused(f"The file is {own}, but only {', '.join(wanted)} is taken; send another file.")


def _head(name: str, media_type: str, field: Field, filename: str | None = None) -> bytes:
    """A part's headers. No `filename*`: RFC 7578 §4.2 forbids it; names are UTF-8 as they are (§5.1)."""
    if _CONTROL.search(name):
        raise RequestRefused("A field's name has control characters.")
    lines = [f'Content-Disposition: form-data; name="{_quoted(name)}"']
    if filename is not None:
        lines[0] += f'; filename="{_quoted(filename)}"'
    if media_type:
        lines.append(f"Content-Type: {media_type}")
    lines += [f"{header}: {value}" for header, value in _constants(field.encoding)]
    if any(_CONTROL.search(line) for line in lines):
        raise RequestRefused(f"A header of the part `{name}` has control characters.")
    return "\r\n".join(lines).encode("utf-8", "replace")


def _constants(encoding: Encoding) -> Iterator[tuple[str, str]]:
    """The headers of `encoding.headers` that have but one possible value; for the others there is no argument."""
    for name, described in encoding.headers.items():
        schema = described.get("schema") if isinstance(described, Mapping) else None
        if not isinstance(schema, Mapping) or name.lower() in _OWN_HEADERS or not _TOKEN.fullmatch(name):
            continue
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(values, list) and len(values) == 1:
            yield name, scalar(values[0])


def _quoted(text: str) -> str:
    """WHATWG HTML §4.10.21.8 (what RFC 7578 §2 means in practice): only these three are escaped."""
    return whole_characters(text).replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _boundary(parts: list[tuple[bytes, bytes]]) -> str:
    """Derived from the content, so that the same arguments give the same bytes and digest."""
    digest = hashlib.sha256()
    for head, content in parts:
        digest.update(len(head).to_bytes(8) + head + len(content).to_bytes(8) + content)
    boundary = "steward-" + digest.hexdigest()[:32]
    while any(boundary.encode() in head or boundary.encode() in content for head, content in parts):
        digest.update(b"again")
        boundary = "steward-" + digest.hexdigest()[:32]
    return boundary
