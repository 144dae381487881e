"""Files among a call's arguments: `{"$file": {...}}` read and checked; `body.py` writes them. Pure.

A model gives the id of an upload (see `declared.py`); the command line gives the file itself, as text or Base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import ArgumentsInvalid, RequestRefused

MARK = "$file"
DEFAULT_TYPE = "application/octet-stream"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# RFC 9110 §8.3.1: type "/" subtype, parameters.
_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\s*;\s*[A-Za-z0-9_-]+=(\"[^\"\r\n\x00-\x1f\x7f]*\"|[!-:<-~]+))*"
)
_MEMBERS = ("filename", "type", "content", "content_base64")


@dataclass(frozen=True, slots=True)
class File:
    """One file to send. `type` is its media type."""

    filename: str
    type: str
    content: bytes


def inline_files(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with every `{"$file": {"filename", "type", "content": text or "content_base64": Base64}}` in the
    one form that `build_request` takes: `{"$file": {"filename": str, "type": str, "content": bytes}}`.

    `filename` and `type` may be left out ("file", application/octet-stream). Raises `ArgumentsInvalid`.
    """
    return {name: _inlined(value, name) for name, value in arguments.items()}


def _inlined(value: Any, argument: str) -> Any:
    if is_marked(value):
        try:
            file = as_file(value)
        except RequestRefused as error:
            raise ArgumentsInvalid(f"`{argument}`: {error}", argument=argument) from error
        return {MARK: {"filename": file.filename, "type": file.type, "content": file.content}} if file else value
    if isinstance(value, Mapping):
        return {name: _inlined(member, argument) for name, member in value.items()}
    return [_inlined(item, argument) for item in value] if isinstance(value, list) else value


def is_marked(value: Any) -> bool:
    """Whether a value stands for a file, rightly described or not."""
    return isinstance(value, Mapping) and set(value) == {MARK}


def as_file(value: Any) -> File | None:
    """The file that `{"$file": {...}}` describes, or None for any other value. Raises `RequestRefused`."""
    if not is_marked(value):
        return None
    described = value[MARK]
    if not isinstance(described, Mapping):
        raise RequestRefused("A `$file` is an object with `filename`, `type` and `content` or `content_base64`.")
    unknown = [name for name in described if name not in _MEMBERS]
    if unknown:
        raise RequestRefused(f"A `$file` has no `{str(unknown[0])[:60]}`; it takes {', '.join(_MEMBERS)}.")
    media_type = described.get("type", DEFAULT_TYPE)
    if not isinstance(media_type, str) or not _MEDIA_TYPE.fullmatch(media_type):
        raise RequestRefused(f"{str(media_type)[:80]!r} is not a media type; give one such as image/jpeg.")
    filename = described.get("filename", "file")
    if not isinstance(filename, str):
        raise RequestRefused("A file's name must be a text.")
    # RFC 7578 §4.2: no directories in a file's name.
    filename = filename.replace("\\", "/").rsplit("/", 1)[-1] or "file"
    if _CONTROL.search(filename):
        raise RequestRefused("A file's name has control characters; give it a plain name.")
    return File(filename, media_type, _content(described))


def _content(described: Mapping[str, Any]) -> bytes:
    text, encoded = described.get("content"), described.get("content_base64")
    if (text is None) == (encoded is None):
        raise RequestRefused("A file needs either `content` (text) or `content_base64`, and only one of them.")
    if encoded is not None:
        try:
            return base64.b64decode(encoded if isinstance(encoded, str) else "*", validate=True)
        except (binascii.Error, ValueError) as error:
            raise RequestRefused("A file's content_base64 is not Base64; encode the file again.") from error
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise RequestRefused("A file's `content` must be a text; give bytes as `content_base64`.")
    return text.encode("utf-8", "replace")
