"""Builds the one HTTP request of a tool call, pure; `client.py` sends it after `auth.py` has added the credential.

`styles.py` writes parameters, `body.py` bodies, `target.py` the URL and its fences.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.openapi.bodies import Choice, choose, offered
from integrations.openapi.model import Operation, Parameter, Schema, Tool
from integrations.upstream.body import write_body
from integrations.upstream.declared import coerce
from integrations.upstream.styles import cookie_pairs, encode, header_value, query_pairs, scalar
from integrations.upstream.url import build_url
from schemas.errors import ArgumentsInvalid, RequestRefused
from schemas.jsontext import to_json

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
    values, fields = _values(tool, arguments, bound)
    url = build_url(operation, base_url, values, _query(operation, values))
    body = _body(tool, fields)
    sent: list[tuple[str, str]] = [("Accept", _accept(operation))]
    if body is not None:
        sent.append(("Content-Type", body[0]))
    sent += _headers(operation, values)
    names = {name.lower() for name, _ in headers}
    sent = [(name, value) for name, value in sent if name.lower() not in names] + list(headers)
    for name, value in sent:
        _check_header(name, value)
    return BuiltRequest(operation.method, url, tuple(sent), body[1] if body is not None else None)


_Key = tuple[str, str]


def _values(
    tool: Tool, arguments: Mapping[str, Any], bound: Mapping[tuple[str, str], Any]
) -> tuple[dict[_Key, Any], dict[str, Any]]:
    """Parameters by (location, wire name), and the body's parts by pointer; what the gateway fills wins."""
    values: dict[_Key, Any] = {}
    fields: dict[str, Any] = {}
    unknown = [name for name in arguments if name not in tool.arguments]
    if unknown:
        raise ArgumentsInvalid(f"`{unknown[0]}` is not an argument of {tool.name}.", argument=unknown[0])
    for name, argument in tool.arguments.items():
        if name not in arguments:
            continue
        if argument.location == "body":
            fields[argument.pointer or ""] = arguments[name]
        else:
            values[argument.location, argument.name] = arguments[name]
    for parameter in tool.operation.parameters:
        for (location, name), value in bound.items():
            same = name.lower() == parameter.name.lower() if location == "header" else name == parameter.name
            if location == parameter.location and same:
                values[parameter.location, parameter.name] = value
    for (location, name), value in bound.items():
        if location == "body" and value is not None and _declares(tool.operation, name):
            fields["/" + name.replace("~", "~0").replace("/", "~1")] = value
    return values, fields


def _declares(operation: Operation, name: str) -> bool:
    choices = offered(operation.body) if operation.body is not None else ()
    return any(choice.shape is not None and name in choice.shape.properties for choice in choices)


def _query(operation: Operation, values: Mapping[_Key, Any]) -> list[str]:
    pairs: list[str] = []
    for parameter in operation.parameters:
        value = values.get(("query", parameter.name))
        if parameter.location != "query" or value is None:
            continue
        if parameter.media_type is not None:
            text = encode(_content(parameter, value), allow_reserved=parameter.allow_reserved)
            pairs.append(f"{encode(parameter.name)}={text}")
        else:
            typed = _typed(parameter, value)
            pairs += query_pairs(
                parameter.name, typed, parameter.style, parameter.explode, allow_reserved=parameter.allow_reserved
            )
    return pairs


def _typed(parameter: Parameter, value: Any) -> Any:
    return coerce(value, parameter.schema)


def _content(parameter: Parameter, value: Any) -> str:
    """OpenAPI 3.1.1 §4.8.12.3: a parameter with `content` is written in that media type."""
    typed = coerce(value, parameter.schema)
    name = (parameter.media_type or "").split(";", 1)[0].strip().lower()
    return to_json(typed) if name.endswith(("/json", "+json")) else scalar(typed)


def _headers(operation: Operation, values: Mapping[_Key, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    cookies: list[str] = []
    for parameter in operation.parameters:
        value = values.get((parameter.location, parameter.name))
        if value is None or parameter.location not in ("header", "cookie"):
            continue
        if parameter.location == "cookie":
            if parameter.media_type is not None:
                cookies.append(f"{encode(parameter.name)}={encode(_content(parameter, value))}")
            else:
                cookies += cookie_pairs(parameter.name, _typed(parameter, value), parameter.explode)
        elif parameter.media_type is not None:
            found.append((parameter.name, header_value(_content(parameter, value), "simple", False)))
        else:
            found.append((parameter.name, header_value(_typed(parameter, value), parameter.style, parameter.explode)))
    if cookies:
        found.append(("Cookie", "; ".join(cookies)))
    return found


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise RequestRefused(f"{name[:60]!r} is not a header name.")
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


def _body(tool: Tool, fields: Mapping[str, Any]) -> tuple[str, bytes] | None:
    body = tool.operation.body
    if body is None or (not fields and not body.required):
        return None
    choices = offered(body)
    if not choices:
        raise RequestRefused("The operation's body has no media type that is supported.")
    if "" in fields:
        choice, value = choices[0], fields[""]
    else:
        named = {_unescape(pointer): member for pointer, member in fields.items()}
        chosen = choose(choices, named)
        if chosen is None:
            raise ArgumentsInvalid("These arguments do not go together in one request; leave some of them out.")
        if chosen.shape is None:
            raise ArgumentsInvalid("`body` is missing; it is required.", argument="body")
        choice, value = chosen, named
    return write_body(choice, _declared(choice, value))


def _declared(choice: Choice, value: Any) -> Any:
    schema: Schema = choice.media_type.schema
    if choice.shape is not None and isinstance(value, Mapping):
        properties = choice.shape.properties
        return {n: coerce(v, properties.get(n, True), choice.shape.defs) for n, v in value.items()}
    return coerce(value, schema)


def _unescape(pointer: str) -> str:
    return pointer.removeprefix("/").replace("~1", "/").replace("~0", "~")
