"""Takes a multipart/form-data body apart (RFC 7578), keeping what Sanic drops: each part's media type. Pure."""

import re
from dataclasses import dataclass

BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
DISPOSITION = re.compile(r'(?:^|;)\s*(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


class MultipartError(ValueError):
    """The body is no multipart/form-data body of its boundary."""


@dataclass(frozen=True)
class Part:
    """One part; `content_type` in lower case without parameters, empty where the part has none."""

    name: str
    filename: str | None
    content_type: str
    content: bytes


def parse(content_type: str, body: bytes) -> list[Part]:
    """The parts, in order.

    Raises:
        MultipartError: no boundary, no closing delimiter, a part without a name."""
    found = BOUNDARY.search(content_type)
    if found is None:
        raise MultipartError("no boundary")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1")
    # The first delimiter stands at the very beginning; a line break before it makes all of them alike.
    _preamble, *sections = (b"\r\n" + body).split(delimiter)
    if not sections or not sections[-1].startswith(b"--"):
        raise MultipartError("no closing delimiter")
    return [_part(section) for section in sections[:-1]]


def _part(section: bytes) -> Part:
    # Padding may follow a delimiter (RFC 2046, section 5.1.1), then comes its line break.
    padding, line_break, rest = section.partition(b"\r\n")
    if padding.strip(b" \t") or not line_break:
        raise MultipartError("a delimiter is not followed by a line break")
    head, blank, content = (b"\r\n" + rest).partition(b"\r\n\r\n")
    if not blank:
        raise MultipartError("a part has no end of its head")
    headers: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition", "")
    values = {key.lower(): re.sub(r"\\(.)", r"\1", text) for key, text in DISPOSITION.findall(disposition)}
    if not disposition.lower().startswith("form-data") or "name" not in values:
        raise MultipartError("a part has no name")
    media_type = headers.get("content-type", "").split(";")[0].strip().lower()
    return Part(values["name"], values.get("filename"), media_type, content)
