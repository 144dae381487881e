"""Builds the one HTTP request of a tool call, pure; `client.py` sends it after `auth.py` has added the credential.

Values: `styles.py`. Bodies: `body.py`. The built URL is parsed again and must be of `base_url`'s origin and of the
operation's template: whatever a model writes, nothing else is ever called.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from integrations.openapi.bodies import choose, offered
from integrations.openapi.model import Argument, Operation, Parameter, Tool
from integrations.upstream.body import Body, write_body
from integrations.upstream.styles import cookie_pairs, header_text, path_text, query_pairs
from schemas.errors import ArgumentsInvalid, RequestRefused

_TEMPLATE = re.compile(r"\{([^{}]*)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DOTS = re.compile(r"(?:\.|%2e)+", re.IGNORECASE)
Grouped = dict[tuple[str, str], Any]


@dataclass(frozen=True, slots=True)
class BuiltRequest:
    """What would be sent, without credentials. `headers` are those the engine sets, in order."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    def digest(self) -> str:
        """SHA-256 (hex) over method, URL, headers and body. The same arguments give the same digest for ever."""
        hashed = hashlib.sha256()
        for piece in (self.method, self.url, *(text for pair in self.headers for text in pair)):
            data = piece.encode()
            hashed.update(len(data).to_bytes(8, "big") + data)
        hashed.update(b"\0" if self.body is None else b"\1" + self.body)
        return hashed.hexdigest()


def build_request(
    tool: Tool,
    arguments: Mapping[str, Any],
    *,
    base_url: str,
    bound: Mapping[tuple[str, str], Any],
    headers: Sequence[tuple[str, str]] = (),
) -> BuiltRequest:
    """The request of `tool` with `arguments` (checked by `validate.py`).

    `base_url` is the one origin. Without a path it is followed by the path of the document's server; with a path it
    replaces that; an operation's own servers keep their path. `bound` are the parameters that the gateway fills, by
    (location, wire name); one the operation does not declare is ignored, one whose value is None is left out.
    `headers` are added as they are (idempotency keys; never a credential). A file argument is
    `{"$file": {"filename", "type", "content": text or "content_base64": base64}}`, or `"content": bytes`.
    Raises `RequestRefused` for what must not be sent whatever the schema allows, `ArgumentsInvalid` where arguments
    fit the tool's schema but none of the operation's media types.
    """
    operation = tool.operation
    values, body_value, has_body = _sorted_by_place(tool.arguments, arguments)
    for place, value in bound.items():
        values[place] = value
    path, _, constant = _path(operation, values).partition("?")
    query = [constant] if constant else []
    sent: list[tuple[str, str]] = []
    cookies: list[str] = []
    for parameter in operation.parameters:
        value = values.get((parameter.location, parameter.name))
        if parameter.location == "query":
            query += query_pairs(parameter, value)
        elif parameter.location == "header" and (text := header_text(parameter, value)) is not None:
            sent.append((parameter.name, text))
        elif parameter.location == "cookie":
            cookies += cookie_pairs(parameter, value)
    if cookies:
        sent.append(("Cookie", "; ".join(cookies)))
    body = _body(operation, body_value, has_body)
    if body is not None:
        sent.append(("Content-Type", body.content_type))
    sent += headers
    _check_headers(sent)
    url = _base(base_url, operation) + path + ("?" + "&".join(query) if query else "")
    _check_url(url, base_url, operation)
    return BuiltRequest(operation.method.upper(), url, tuple(sent), body.data if body is not None else None)


def _sorted_by_place(places: Mapping[str, Argument], arguments: Mapping[str, Any]) -> tuple[Grouped, Any, bool]:
    """Arguments by (location, wire name), and the body's value: whole, or put together from its properties."""
    values: Grouped = {}
    whole: Any = None
    properties: dict[str, Any] = {}
    has_whole = False
    for name, value in arguments.items():
        place = places.get(name)
        if place is None:
            raise ArgumentsInvalid(f"there is no argument {name}", argument=name)
        if place.location != "body":
            values[place.location, place.name] = value
        elif not place.pointer:
            whole, has_whole = value, True
        else:
            properties[place.pointer[1:].replace("~1", "/").replace("~0", "~")] = value
    if has_whole:
        return values, whole, True
    return values, properties, bool(properties)


def _path(operation: Operation, values: Mapping[tuple[str, str], Any]) -> str:
    by_name = {parameter.name: parameter for parameter in operation.parameters if parameter.location == "path"}

    def fill(match: re.Match[str]) -> str:
        parameter = by_name.get(match[1]) or Parameter(match[1], "path", True, True, "simple", False)
        text = path_text(parameter, values.get(("path", match[1])))
        if not text or _DOTS.fullmatch(text):
            raise RequestRefused(f"the path parameter {match[1]} cannot be empty or dots")
        if _CONTROL.search(unquote(text)):
            raise RequestRefused(f"the path parameter {match[1]} has a control character")
        return text

    return _TEMPLATE.sub(fill, operation.path.partition("#")[0])


def _base(base_url: str, operation: Operation) -> str:
    """Origin and path prefix: the one of `base_url`, or of the document's server where `base_url` has none."""
    parts = urlsplit(base_url)
    prefix = parts.path.rstrip("/")
    if not prefix and operation.servers:
        prefix = operation.servers[0].path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{prefix}"


def _body(operation: Operation, value: Any, given: bool) -> Body | None:
    if operation.body is None:
        return None
    choices = offered(operation.body)
    if not choices:
        return None
    if not given and not operation.body.required:
        return None
    names = list(value) if isinstance(value, Mapping) else []
    choice = choose(choices, names)
    if choice is None:
        raise ArgumentsInvalid(f"no media type of the operation takes these arguments together: {', '.join(names)}")
    return write_body(choice, value)


def _check_headers(headers: Sequence[tuple[str, str]]) -> None:
    for name, value in headers:
        if _CONTROL.search(name) or _CONTROL.search(value):
            raise RequestRefused(f"the header {name[:60]!r} has a control character")


def _check_url(url: str, base_url: str, operation: Operation) -> None:
    """The URL is of the configured origin, and its path of the operation's template, segment by segment."""
    built, configured = urlsplit(url), urlsplit(base_url)
    if (built.scheme, built.netloc) != (configured.scheme, configured.netloc) or "@" in built.netloc:
        raise RequestRefused("the request would leave the upstream's origin")
    template = _base(base_url, operation) + operation.path.partition("#")[0].partition("?")[0]
    pieces = _TEMPLATE.split(urlsplit(template).path)
    pattern = "".join(re.escape(piece) if index % 2 == 0 else "[^/?#]+" for index, piece in enumerate(pieces))
    if not re.fullmatch(pattern, built.path) or any(_DOTS.fullmatch(part) for part in built.path.split("/") if part):
        raise RequestRefused("the request would leave the operation's path")
