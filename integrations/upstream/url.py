"""The URL of a request and the fences round it: one origin, the operation's own template; `request.py` calls it. Pure.

RFC 3986 §3, OpenAPI 3.1.1 §4.8.8. A value is one segment (or a part of one) whatever it contains.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from integrations.openapi.model import Operation, Parameter
from integrations.openapi.paths import TEMPLATE, literal, server_path
from integrations.upstream.declared import coerce
from integrations.upstream.multipart import is_json
from integrations.upstream.styles import content_text, encode, joined_inside, path_value, scalar
from schemas.errors import RequestRefused

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# `..;` is a dot segment for servers that take path parameters off first (RFC 3986 §3.3).
_DOTS = re.compile(r"(?:^|[/\\])\.{1,2}(?:;[^/\\]*)?(?:$|[/\\])")


def build_url(operation: Operation, base_url: str, values: Mapping[tuple[str, str], Any], query: Sequence[str]) -> str:
    """Origin, path and query. Raises `RequestRefused` where a value would leave the template or the origin."""
    base = _base(base_url)
    prefix = _prefix(operation, base)
    path, fixed, fragment = _split(operation.path)
    expanded = prefix + _expand(operation, path, values)
    parts = [part for part in (_expand(operation, fixed, values), *query) if part]
    origin = f"{base.scheme}://{base.netloc}"
    url = origin + expanded
    if parts:
        url += "?" + "&".join(parts)
    if fragment:
        url += "#" + _expand(operation, fragment, values)
    _check(url, origin, prefix, path)
    return url


def fixed_query(operation: Operation) -> list[str]:
    """The constants of a query that stands in the path itself (`/x?fixed=1`), as `name=value` texts."""
    return [literal(pair) for pair in _split(operation.path)[1].split("&") if pair]


def _split(path: str) -> tuple[str, str, str]:
    """Path, query and fragment of a template."""
    path, _, fragment = path.partition("#")
    path, _, query = path.partition("?")
    return path, query, fragment


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of an absolute URL (RFC 6454 §4), as written."""
    base = _base(url)
    return f"{base.scheme}://{base.netloc}"


def _base(base_url: str) -> SplitResult:
    try:
        base = urlsplit(base_url.strip())
        port_ok = base.port is None or base.port > 0
    except ValueError as error:
        raise RequestRefused(f"The base_url {base_url[:100]!r} is not a URL.") from error
    plain = not (base.query or base.fragment or base.username or base.password) and "@" not in base.netloc
    if base.scheme not in ("http", "https") or not base.hostname or not port_ok or not plain:
        raise RequestRefused(f"The base_url {base_url[:100]!r} must be http(s)://host[:port][/path] and nothing else.")
    return base


def _prefix(operation: Operation, base: SplitResult) -> str:
    """What stands before the template: see `build_request`. A path of the configured base_url is a fence: no server of
    a document, at whichever level it stands, leads out of it."""
    if base.path.strip("/"):
        return server_path(base.path)
    return operation.servers[0].path if operation.servers else ""


def _expand(operation: Operation, template: str, values: Mapping[tuple[str, str], Any]) -> str:
    parts: list[str] = []
    end = 0
    parameters = {p.name: p for p in operation.parameters if p.location == "path"}
    for match in TEMPLATE.finditer(template):
        parts.append(literal(template[end : match.start()]))
        parts.append(_value(parameters.get(match.group(1)), match.group(1), values))
        end = match.end()
    parts.append(literal(template[end:]))
    return "".join(parts)


def _value(parameter: Parameter | None, name: str, values: Mapping[tuple[str, str], Any]) -> str:
    value = values.get(("path", name))
    if parameter is None or value is None:
        raise RequestRefused(f"The path needs a value for {name!r}.")
    value = joined_inside(coerce(value, parameter.schema), parameter.inner)
    for text in _texts(value):
        if _CONTROL.search(text):
            raise RequestRefused(f"The value of {name!r} has control characters.")
        if _DOTS.search(text) or _DOTS.search(unquote(text)):
            raise RequestRefused(f"The value of {name!r} has dot segments, which would climb out of the path.")
    if parameter.media_type is not None:
        text = encode(content_text(value, json=is_json(parameter.media_type)))
    else:
        text = path_value(name, value, parameter.style, parameter.explode)
    if not text:
        raise RequestRefused(f"The value of {name!r} is empty; the path needs one.")
    return text


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for key, member in value.items() for text in (str(key), *_texts(member))]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [scalar(value)]


def _check(url: str, origin: str, prefix: str, template: str) -> None:
    """Parses what was built and compares: the last fence, whatever the code above did."""
    if not url.isascii() or _CONTROL.search(url) or " " in url:
        raise RequestRefused("The URL would contain characters that no URL has.")
    parsed = urlsplit(url)
    if f"{parsed.scheme}://{parsed.netloc}" != origin:
        raise RequestRefused("The request would go to another origin.")
    pattern, end = re.escape(prefix), 0
    for match in TEMPLATE.finditer(template):
        pattern += re.escape(literal(template[end : match.start()])) + r"[^/?#]+"
        end = match.end()
    pattern += re.escape(literal(template[end:]))
    if not re.fullmatch(pattern, parsed.path):
        raise RequestRefused("The request would leave the operation's path.")
    for segment in parsed.path.split("/"):
        # Once more decoded, as some servers do: `.` of a style or a literal and a value together make one, too.
        if _DOTS.search(unquote(segment)) or _DOTS.search(unquote(unquote(segment))):
            raise RequestRefused("The path would contain a dot segment.")
