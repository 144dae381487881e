"""Builds the one HTTP request of a tool call, pure; `client.py` sends it after `auth.py` has added the credential.

`styles.py` writes parameters, `payload.py` and `body.py` bodies, `url.py` the URL and its fences.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from integrations.openapi.model import Operation, Parameter, Tool
from integrations.upstream.body import write_body
from integrations.upstream.declared import coerce
from integrations.upstream.fences import Names, check_spread, check_values, has_file, own_names
from integrations.upstream.multipart import is_json
from integrations.upstream.payload import payload_of
from integrations.upstream.styles import (
    ascii_json,
    content_text,
    cookie_pairs,
    encode,
    header_text,
    header_value,
    joined_inside,
    query_pairs,
    spread_names,
)
from integrations.upstream.url import build_url, fixed_query
from schemas.errors import ArgumentsInvalid, RequestRefused

# RFC 9110 §5.1 and §5.5: a token, and no CR, LF, NUL or other control character in a value.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class BuiltRequest:
    """What would be sent, without credentials. `headers` are those the engine sets, in order."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    def digest(self) -> str:
        """SHA-256 (hex) over method, URL, headers and body. The same arguments give the same digest for ever."""
        parts = [self.method, self.url]
        for name, value in self.headers:
            parts += [name.lower(), value]
        sha = hashlib.sha256()
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            sha.update(len(data).to_bytes(8) + data)
        sha.update(b"-" if self.body is None else b"+" + self.body)
        return sha.hexdigest()


def build_request(
    tool: Tool,
    arguments: Mapping[str, Any],
    *,
    base_url: str,
    bound: Mapping[tuple[str, str], Any],
    headers: Sequence[tuple[str, str]] = (),
    kept: Names = (),
) -> BuiltRequest:
    """The request of `tool` with `arguments` (checked by `validate.py`).

    `base_url` is the one origin. Without a path it is followed by the path of the operation's server (its own, its
    path item's or the document's); with a path it replaces that, whoever declared it. `bound` are the parameters that
    the gateway fills, by (location, wire name), in a body also by a path (`order.userId`); one the operation does not
    declare is ignored, one whose value is None is left out. `kept` are more names of the gateway's (hidden parameters,
    places of credentials): with `bound` they are what a model cannot send through a free object either. `headers` are
    added as they are (idempotency keys; never a credential). A file argument is what `inline_files` or `with_files`
    make.
    Raises `RequestRefused` for what must not be sent whatever the schema allows, `ArgumentsInvalid` where arguments
    fit the tool's schema but none of the operation's media types.
    """
    operation = tool.operation
    check_values(arguments)
    names = {*bound, *kept}
    values, members = _values(tool, arguments, bound)
    url = build_url(operation, base_url, values, _query(tool, values, names))
    payload = payload_of(tool, members, bound, kept)
    body = write_body(*payload) if payload is not None else None
    sent: list[tuple[str, str]] = [("Accept", _accept(operation))]
    if body is not None:
        sent.append(("Content-Type", body[0]))
    sent += _headers(operation, values) + _cookies(tool, values, names)
    given = {name.lower() for name, _ in headers}
    sent = [(name, value) for name, value in sent if name.lower() not in given] + list(headers)
    for name, value in sent:
        _check_header(name, value)
    return BuiltRequest(operation.method, url, tuple(sent), body[1] if body is not None else None)


_Key = tuple[str, str]


def _values(
    tool: Tool, arguments: Mapping[str, Any], bound: Mapping[tuple[str, str], Any]
) -> tuple[dict[_Key, Any], dict[str, Any]]:
    """Parameters by (location, wire name), and the body's parts by pointer; what the gateway fills wins."""
    values: dict[_Key, Any] = {}
    members: dict[str, Any] = {}
    unknown = [name for name in arguments if name not in tool.arguments]
    if unknown:
        raise ArgumentsInvalid(f"`{unknown[0]}` is not an argument of {tool.name}.", argument=unknown[0])
    for name, argument in tool.arguments.items():
        if name not in arguments:
            continue
        if argument.location == "body":
            members[argument.pointer or ""] = arguments[name]
        elif has_file(arguments[name]):
            raise ArgumentsInvalid(f"`{name}` is no file; only a body carries files.", argument=name)
        else:
            values[argument.location, argument.name] = arguments[name]
    for parameter in tool.operation.parameters:
        for (location, name), value in bound.items():
            same = name.lower() == parameter.name.lower() if location == "header" else name == parameter.name
            if location == parameter.location and same:
                values[parameter.location, parameter.name] = value
    return values, members


def _query(tool: Tool, values: Mapping[_Key, Any], names: Names) -> list[str]:
    """`name=value` texts in the order of the document, fenced against names that are not the model's."""
    own = own_names(tool, "query", names)
    fixed = fixed_query(tool.operation)
    fixed_names = {unquote(pair.partition("=")[0]) for pair in fixed}
    pairs: list[str] = []
    for parameter in tool.operation.parameters:
        value = values.get(("query", parameter.name))
        if parameter.location != "query" or value is None:
            continue
        if parameter.media_type is not None:
            text = encode(_content(parameter, value), allow_reserved=parameter.allow_reserved)
            own_pairs = [f"{encode(parameter.name)}={text}"]
        else:
            typed = joined_inside(coerce(value, parameter.schema), parameter.inner)
            style, explode = parameter.style, parameter.explode
            check_spread(spread_names(parameter.name, typed, style, explode), parameter.name, own | fixed_names)
            own_pairs = query_pairs(parameter.name, typed, style, explode, allow_reserved=parameter.allow_reserved)
        pairs += _beside_fixed(own_pairs, parameter.name, fixed, fixed_names)
    return pairs


def _beside_fixed(pairs: list[str], name: str, fixed: Collection[str], fixed_names: Collection[str]) -> list[str]:
    """A parameter that the path itself fixes (`/x?action=list`) may say the same, which is not sent twice."""
    if name in fixed_names and any(pair not in fixed for pair in pairs):
        raise RequestRefused(f"The operation's path fixes `{name}`; leave it out.")
    return [pair for pair in pairs if pair not in fixed]


def _content(parameter: Parameter, value: Any) -> str:
    return content_text(coerce(value, parameter.schema), json=is_json(parameter.media_type or ""))


def _headers(operation: Operation, values: Mapping[_Key, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for parameter in operation.parameters:
        value = values.get(("header", parameter.name))
        if parameter.location != "header" or value is None:
            continue
        typed = joined_inside(coerce(value, parameter.schema), parameter.inner)
        text: str | None
        if parameter.media_type is None:
            text = header_value(typed, parameter.style, parameter.explode)
        else:
            text = ascii_json(typed) if is_json(parameter.media_type) else header_text(content_text(typed, json=False))
        if text is not None:
            found.append((parameter.name, text))
    return found


def _cookies(tool: Tool, values: Mapping[_Key, Any], names: Names) -> list[tuple[str, str]]:
    """RFC 6265 §5.4: one header for all cookies."""
    own = own_names(tool, "cookie", names)
    pairs: list[str] = []
    for parameter in tool.operation.parameters:
        value = values.get(("cookie", parameter.name))
        if parameter.location != "cookie" or value is None:
            continue
        if parameter.media_type is not None:
            pairs.append(f"{encode(parameter.name)}={encode(_content(parameter, value))}")
        else:
            typed = coerce(value, parameter.schema)
            check_spread(spread_names(parameter.name, typed, "form", parameter.explode), parameter.name, own)
            pairs += cookie_pairs(parameter.name, typed, parameter.explode)
    return [("Cookie", "; ".join(pairs))] if pairs else []


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise RequestRefused(f"{name[:60]!r} is not a header name.")
    if not value.isascii():
        raise RequestRefused(f"The value of {name} has characters beyond ASCII, which a header cannot carry.")
    if _CONTROL.search(value):
        raise RequestRefused(f"The value of {name} has control characters; send it without line breaks.")
    if value != value.strip(" \t"):
        raise RequestRefused(f"The value of {name} begins or ends with a blank; send it without.")


def _accept(operation: Operation) -> str:
    """What the success responses declare, and anything else after it: an error may come in another form."""
    names: dict[str, None] = {}
    for response in operation.responses:
        if response.status.startswith("2") or response.status == "default":
            for media_type in response.media_types:
                if _TOKEN.fullmatch(media_type.name.replace("/", "")) and "*" not in media_type.name:
                    names[media_type.name] = None
    return ", ".join([*(list(names)[:4] or ["application/json"]), "*/*;q=0.5"])
