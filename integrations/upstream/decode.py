"""The bytes of an answer → JSON, text, or what else it is; `envelope.py` opens what comes out.

JSON numbers stay exact: fractions become `Decimal`, integers beyond 2^53 become text.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from integrations.upstream.answer import Answer
from integrations.upstream.config import TextEncoding

Kind = Literal["empty", "json", "text", "html", "binary", "broken"]

MAX_EXACT = 2**53
_MAX_MEDIA_TYPE = 100
# What a `charset` may name, and what it is read as: gb18030 contains gbk and gb2312.
_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
    # Servlet containers say so where nobody told them; the text is mostly UTF-8.
    "iso-8859-1": "utf-8",
}
_TEXTUAL = re.compile(r"text/.*|application/(.*\+)?(json|xml|javascript|x-www-form-urlencoded|problem\+json)|\*/\*|")
# Tables and downloads are files: told by type and size, never poured into a prompt.
_FILES = frozenset({"text/csv", "text/tab-separated-values", "application/csv", "application/octet-stream"})
_ATTACHMENT = re.compile(r"\s*attachment\b", re.IGNORECASE)
_SPEAKS = re.compile(rb"(\xef\xbb\xbf)?\s*([{\[]|<!doctype\s+html|<html)", re.IGNORECASE)
_JSON_START = re.compile(rb"(\xef\xbb\xbf)?\s*[{\[]")
_MAX_TEXT = 256 * 1024
_HTML = re.compile(r"\s*(<!doctype\s+html|<html[\s>])", re.IGNORECASE)
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


@dataclass(frozen=True, slots=True)
class Decoded:
    """`value` is the JSON value or the text. `replaced`: characters could not be read and were marked U+FFFD."""

    kind: Kind
    value: Any = None
    media_type: str = ""
    size: int = 0
    replaced: bool = False


def decode(answer: Answer, encoding: TextEncoding) -> Decoded:
    """What the answer's body is. Never raises: what cannot be read is `broken`."""
    declared, _, parameters = answer.headers.get("content-type", "").partition(";")
    media_type = declared.strip().lower()[:_MAX_MEDIA_TYPE]
    size = len(answer.body)
    stripped = answer.body.strip()
    if not stripped:
        return Decoded("empty", media_type=media_type)
    is_file = media_type in _FILES or _ATTACHMENT.match(answer.headers.get("content-disposition", "")) is not None
    # An export that fails says so in JSON or with its login page, whatever type its file would have had.
    speaks = is_file and _SPEAKS.match(answer.body) is not None
    if not speaks and (is_file or not _TEXTUAL.fullmatch(media_type)):
        return Decoded("binary", media_type=media_type, size=size)
    is_json = media_type.endswith("json") or _JSON_START.match(stripped) is not None
    # Of plain text some thousand characters are shown: the rest is not even read.
    body = stripped if is_json else answer.body[:_MAX_TEXT]
    text, replaced = _text(body, _charset(parameters), encoding, whole=is_json or len(body) == size)
    if "\x00" in text[:1000]:
        return Decoded("binary", media_type=media_type or "application/octet-stream", size=size)
    if "html" in media_type or _HTML.match(text):
        return Decoded("html", text, media_type, size, replaced)
    is_json = media_type.endswith("json")
    if answer.oversized and is_json:
        # Cut off, it is none; parsing 2 MB to find out takes a quarter of a second.
        return Decoded("broken", media_type=media_type, size=size)
    if is_json or text.lstrip()[:1] in ("{", "["):
        try:
            return Decoded("json", _parse(text), media_type, size, replaced)
        except (ValueError, RecursionError):
            if is_json or media_type in ("", "*/*"):
                return Decoded("broken", media_type=media_type, size=size)
    if is_file:
        return Decoded("binary", media_type=media_type, size=size)
    return Decoded("text", text.strip(), media_type, size, replaced)


def _parse(text: str) -> Any:
    return json.loads(text, parse_float=_fraction, parse_int=_integer, parse_constant=_no_constant)


def _fraction(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError("no number") from error


def _integer(text: str) -> int | str:
    if len(text) < 16:
        return int(text)
    value = int(text) if len(text) < 400 else None
    if value is None:
        raise ValueError("a number of more than 400 digits")
    return value if -MAX_EXACT <= value <= MAX_EXACT else text


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _charset(parameters: str) -> str | None:
    match = re.search(r"charset\s*=\s*\"?([A-Za-z0-9_-]+)", parameters, re.IGNORECASE)
    return _CHARSETS.get(match[1].lower()) if match else None


def _text(body: bytes, charset: str | None, encoding: TextEncoding, *, whole: bool) -> tuple[str, bool]:
    """The text, and whether some of it had to be replaced. Of what is not `whole` the last character may be cut."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            charset, body = name, body[len(mark) :]
            break
    candidates = dict.fromkeys(name for name in (charset, encoding.default, encoding.fallback) if name)
    for name in candidates:
        try:
            return codecs.getincrementaldecoder(name)().decode(body, whole), False
        except (UnicodeError, LookupError):
            continue
    return body.decode("utf-8", "replace"), True
