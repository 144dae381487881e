"""The body's value out of a call's arguments: its media type chosen, bound members filled; `body.py` writes it. Pure.

OpenAPI 3.1.1 §4.8.13. What the gateway fills in a body is named by `bind: {body.NAME: …}` or `{body.OUTER.NAME: …}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.openapi.bodies import Choice, choose, offered
from integrations.openapi.model import Tool
from integrations.upstream.declared import coerce, declares
from integrations.upstream.fences import Names, check_spread, own_member, with_member
from integrations.upstream.multipart import fields_of
from integrations.upstream.styles import spread_names
from schemas.errors import ArgumentsInvalid, RequestRefused


def payload_of(
    tool: Tool, members: Mapping[str, Any], bound: Mapping[tuple[str, str], Any], kept: Names
) -> tuple[Choice, Any] | None:
    """The body to send and as what, or None for none. `members` are the body's arguments by JSON pointer.

    Raises `ArgumentsInvalid` where they do not go together, or name what the gateway fills (`bound`, `kept`);
    `RequestRefused` where the operation's body cannot be sent.
    """
    body = tool.operation.body
    if body is None:
        return None
    choices = offered(body)
    if not choices:
        raise RequestRefused("The operation's body has no media type that is supported.")
    filling = {name: value for (location, name), value in bound.items() if location == "body" and value is not None}
    filling = {name: value for name, value in filling.items() if any(_declares(c, name) for c in choices)}
    if not members and not body.required and not any("." not in name for name in filling):
        return None
    named = {_unescape(pointer): value for pointer, value in members.items()}
    # A part of the body that the gateway fills is none of the model's, even where the tool would show it.
    flat = {name: value for name, value in named.items() if name not in filling} if "" not in members else named
    choice = choices[0] if "" in members else _chosen(choices, {**flat, **_everywhere(choices, filling)})
    value: Any = members.get("", flat)
    own = {name for location, name in (*bound, *kept) if location == "body"}
    taken = own_member(value, own)
    if taken is not None:
        raise ArgumentsInvalid(f"`{taken}` is filled by the gateway; leave it out.", argument=taken)
    for name, filled in filling.items():
        if _declares(choice, name):
            value = with_member(value, _path(choice, name), filled)
    value = _typed(choice, value)
    _check_fields(choice, value, own)
    return choice, value


def _chosen(choices: tuple[Choice, ...], named: Mapping[str, Any]) -> Choice:
    chosen = choose(choices, named)
    if chosen is None:
        raise ArgumentsInvalid("These arguments do not go together in one request; leave some of them out.")
    if chosen.shape is None:
        raise ArgumentsInvalid("`body` is missing; it is required.", argument="body")
    return chosen


def _everywhere(choices: tuple[Choice, ...], filling: Mapping[str, Any]) -> dict[str, Any]:
    """What is filled whichever way is taken counts when the way is chosen; what only one way has must not choose it."""
    return {n: v for n, v in filling.items() if all(c.shape is not None and n in c.shape.properties for c in choices)}


def _declares(choice: Choice, name: str) -> bool:
    return declares(choice.media_type.schema, [name]) or declares(choice.media_type.schema, name.split("."))


def _path(choice: Choice, name: str) -> list[str]:
    return [name] if declares(choice.media_type.schema, [name]) else name.split(".")


def _typed(choice: Choice, value: Any) -> Any:
    shape = choice.shape
    if shape is not None and isinstance(value, Mapping):
        return {n: coerce(v, shape.properties.get(n, True), shape.defs) for n, v in value.items()}
    return coerce(value, choice.media_type.schema)


def _check_fields(choice: Choice, value: Any, own: set[str]) -> None:
    """Members that spread into fields of their own (`encoding` with `explode`) must not become other fields."""
    if choice.kind not in ("urlencoded", "multipart"):
        return
    declared = set(choice.shape.properties) if choice.shape is not None else set()
    for field in fields_of(choice, value):
        styled = field.styled
        if styled is not None:
            names = spread_names(field.name, field.value, styled.style or "form", styled.explode is True)
            check_spread(names, field.name, own | (declared - {field.name}))


def _unescape(pointer: str) -> str:
    return pointer.removeprefix("/").replace("~1", "/").replace("~0", "~")
