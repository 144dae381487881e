"""Parameters as text: every style, explode and type, by our own percent-encoding; `request.py` calls it. Pure.

OpenAPI 3.1.1 §4.8.12.2–§4.8.12.4 (the style table), RFC 6570 §3.2, RFC 3986 §2. Delimiters stay literal and are encoded
inside values. Undefined by the standard and chosen here: null members are left out, as RFC 6570 §2.3 leaves out what is
undefined; objects inside arrays and objects become JSON, but in `deepObject` deeper brackets; arrays there get `[0]`.
Lone surrogates, which no UTF-8 has, become U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from schemas.jsontext import to_json, whole_characters

# quote() never encodes RFC 3986's unreserved characters.
_UNRESERVED = ""
# RFC 6570 §3.2.3 lets all reserved characters pass; OpenAPI 3.1.1 §4.8.12.2.2 leaves it to us to encode what a query
# cannot have (`#`, `[`, `]`) and what means something else there (`&`, `+`). `=` passes: it ends a name, never a value.
_RESERVED_IN_QUERY = ":/?@!$'()*,;="
_TRIPLET = re.compile(r"%[0-9A-Fa-f]{2}")
# A delimiter that RFC 3986 forbids in a URL is written encoded.
_DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}
_RAW_DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|", "tabDelimited": "\t"}


# Beyond so many digits a number is written with its exponent: 1E+999999999 is short only there.
_MAX_DIGITS = 100


def encode(text: str, *, allow_reserved: bool = False) -> str:
    """Percent-encoded UTF-8 (RFC 3986 §2.1, §2.3); with `allow_reserved` reserved characters and triplets pass."""
    text = whole_characters(text)
    if not allow_reserved:
        return quote(text, safe=_UNRESERVED)
    parts: list[str] = []
    end = 0
    for triplet in _TRIPLET.finditer(text):
        parts += [quote(text[end : triplet.start()], safe=_RESERVED_IN_QUERY), triplet.group()]
        end = triplet.end()
    return "".join([*parts, quote(text[end:], safe=_RESERVED_IN_QUERY)])


def scalar(value: Any) -> str:
    """A primitive as text (OpenAPI 3.1.1 Appendix B leaves it open): JSON's spelling; what is composite, as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        plain = abs(value.adjusted()) <= _MAX_DIGITS and len(value.as_tuple().digits) <= _MAX_DIGITS
        return format(value, "f") if plain else str(value)
    return str(value) if isinstance(value, int) else to_json(value)


def content_text(value: Any, *, json: bool) -> str:
    """OpenAPI 3.1.1 §4.8.12.2.3: a parameter with `content` is written in that media type."""
    return to_json(value) if json else scalar(value)


def members(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(str(name), member) for name, member in value.items() if member is not None]


def items(value: list[Any]) -> list[Any]:
    return [item for item in value if item is not None]


def joined_inside(value: Any, inner: Sequence[str]) -> Any:
    """`value` with the lists inside its list as texts (Swagger 2.0 §Items Object `collectionFormat`)."""
    if not inner or not isinstance(value, list):
        return value

    def text(item: Any, delimiters: Sequence[str]) -> Any:
        if not isinstance(item, list) or not delimiters:
            return item
        return delimiters[0].join(scalar(text(part, delimiters[1:])) for part in items(item))

    return [text(item, inner) for item in value]


def path_value(name: str, value: Any, style: str, explode: bool) -> str:
    """One template's expansion: `simple`, `label` or `matrix` (and the delimiters of Swagger 2.0)."""
    if style == "label":
        return _label(value, explode)
    if style == "matrix":
        return _matrix(name, value, explode)
    return _joined(value, explode, _DELIMITERS.get(style, ","))


def _joined(value: Any, explode: bool, delimiter: str) -> str:
    if isinstance(value, Mapping):
        equals = "=" if explode else delimiter
        return delimiter.join(encode(k) + equals + encode(scalar(v)) for k, v in members(value))
    if isinstance(value, list):
        return delimiter.join(encode(scalar(item)) for item in items(value))
    return encode(scalar(value))


def _label(value: Any, explode: bool) -> str:
    """RFC 6570 §3.2.5 (as OpenAPI 3.0.4 and 3.1.1 have it; earlier tables dot both forms)."""
    if isinstance(value, (Mapping, list)) and not value:
        return ""
    if explode and isinstance(value, Mapping):
        return "".join("." + encode(k) + "=" + encode(scalar(v)) for k, v in members(value))
    if explode and isinstance(value, list):
        return "".join("." + encode(scalar(item)) for item in items(value))
    return "." + _joined(value, False, ",")


def _matrix(name: str, value: Any, explode: bool) -> str:
    """RFC 6570 §3.2.7."""
    key = ";" + encode(name)
    if isinstance(value, (Mapping, list)) and not value:
        return ""
    if explode and isinstance(value, Mapping):
        return "".join(_pair(";" + encode(k), scalar(v)) for k, v in members(value))
    if explode and isinstance(value, list):
        return "".join(_pair(key, scalar(item)) for item in items(value))
    joined = _joined(value, False, ",")
    return f"{key}={joined}" if joined else key


def _pair(key: str, text: str) -> str:
    return f"{key}={encode(text)}" if text else key


def query_pairs(name: str, value: Any, style: str, explode: bool, *, allow_reserved: bool = False) -> list[str]:
    """`name=value` texts, encoded, for `form`, `spaceDelimited`, `pipeDelimited`, `tabDelimited` and `deepObject`."""

    def text(part: Any) -> str:
        return encode(scalar(part), allow_reserved=allow_reserved)

    if value is None:
        return []
    if style == "deepObject" and isinstance(value, (Mapping, list)):
        return [f"{encode(key)}={text(leaf)}" for key, leaf in deep(name, value)]
    key = encode(name)
    if isinstance(value, Mapping):
        if explode:
            return [f"{encode(k)}={text(v)}" for k, v in members(value)]
        delimiter = _DELIMITERS.get(style, ",")
        joined = delimiter.join(encode(k) + delimiter + text(v) for k, v in members(value))
        return [f"{key}={joined}"] if members(value) else []
    if isinstance(value, list):
        if explode:
            return [f"{key}={text(item)}" for item in items(value)]
        return [f"{key}={_DELIMITERS.get(style, ',').join(map(text, items(value)))}"] if items(value) else []
    return [f"{key}={text(value)}"]


def deep(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """`deepObject`: `name[a]`, deeper `name[a][b]`, lists `name[0]`, down to what is primitive."""
    if isinstance(value, Mapping):
        for key, member in members(value):
            yield from deep(f"{name}[{key}]", member)
    elif isinstance(value, list):
        for index, item in enumerate(items(value)):
            yield from deep(f"{name}[{index}]", item)
    else:
        yield name, value


def form_pairs(name: str, value: Any, style: str, explode: bool) -> list[tuple[str, str]]:
    """The same as `query_pairs` but not encoded: (name, value) for the parts of a multipart body."""
    if value is None:
        return []
    if style == "deepObject" and isinstance(value, (Mapping, list)):
        return [(key, scalar(leaf)) for key, leaf in deep(name, value)]
    delimiter = _RAW_DELIMITERS.get(style, ",")
    if isinstance(value, Mapping):
        pairs = [(k, scalar(v)) for k, v in members(value)]
        if explode:
            return pairs
        return [(name, delimiter.join(text for pair in pairs for text in pair))] if pairs else []
    if isinstance(value, list):
        if explode:
            return [(name, scalar(item)) for item in items(value)]
        return [(name, delimiter.join(map(scalar, items(value))))] if items(value) else []
    return [(name, scalar(value))]


def spread_names(name: str, value: Any, style: str, explode: bool) -> list[str]:
    """The names that members of `value` get on the wire: a model chooses them, so `request.py` fences them."""
    if not isinstance(value, Mapping):
        return []
    if style == "deepObject":
        return [key for key, _ in deep(name, value)]
    return [key for key, _ in members(value)] if explode else []


def header_value(value: Any, style: str, explode: bool) -> str | None:
    """`simple` for a header: not percent-encoded (RFC 9110 §5.5 has no such thing) but where it is not ASCII.

    None where nothing is left to send: an empty list or object is undefined (RFC 6570 §2.3).
    """
    delimiter = _RAW_DELIMITERS.get(style, ",")
    if isinstance(value, Mapping):
        equals = "=" if explode else delimiter
        texts = [f"{k}{equals}{scalar(v)}" for k, v in members(value)]
    elif isinstance(value, list):
        texts = [scalar(item) for item in items(value)]
    else:
        texts = [scalar(value)]
    return header_text(delimiter.join(texts)) if texts else None


def header_text(text: str) -> str:
    """`text` with what is not ASCII percent-encoded: a header has no other way for it that servers agree on."""
    return "".join(c if c.isascii() else encode(c) for c in text)


def ascii_json(value: Any) -> str:
    """JSON with all but visible ASCII escaped (RFC 8259 §7, which lets DEL pass), so that a header carries it."""
    return "".join(c if c < "\x7f" else _escaped(c) for c in to_json(value))


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def cookie_pairs(name: str, value: Any, explode: bool) -> list[str]:
    """`form` for a cookie; exploded values are cookies of their own (OpenAPI 3.1.1 Appendix D: `&` is none here)."""
    return query_pairs(name, value, "form", explode)
