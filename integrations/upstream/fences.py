"""What no argument may do, whatever a schema allows: break a text, end without an end, take the gateway's own names.

`request.py` and `payload.py` ask here. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

from integrations.openapi.model import Tool
from integrations.upstream.files import is_marked
from schemas.errors import ArgumentsInvalid, RequestRefused

# (location, wire name)
Names = Collection[tuple[str, str]]
_MAX_LEVELS = 64
# Python itself refuses to write longer integers (sys.set_int_max_str_digits).
_MAX_INTEGER_BITS = 14_000


def check_values(arguments: Mapping[str, Any]) -> None:
    """Raises `ArgumentsInvalid` for what cannot be written as a request: half characters, endless depth, no numbers."""
    for argument, outer in arguments.items():
        waiting: list[tuple[Any, int]] = [(outer, 0)]
        while waiting:
            value, level = waiting.pop()
            if level > _MAX_LEVELS:
                message = f"`{argument}` is nested deeper than {_MAX_LEVELS} levels; send a flatter value."
                raise ArgumentsInvalid(message, argument=argument)
            if is_marked(value):
                continue
            if isinstance(value, Mapping):
                waiting += [(part, level + 1) for pair in value.items() for part in pair]
            elif isinstance(value, list):
                waiting += [(item, level + 1) for item in value]
            elif not _writable(value):
                message = f"`{argument}` has a value that no request can carry: {_named(value)}."
                raise ArgumentsInvalid(message, argument=argument)


def _writable(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, int):
        return value.bit_length() < _MAX_INTEGER_BITS
    if isinstance(value, Decimal):
        return value.is_finite()
    return isfinite(value) if isinstance(value, float) else value is None


def _named(value: Any) -> str:
    if isinstance(value, str):
        return "half of a surrogate pair"
    if isinstance(value, int):
        return "a number of more than 4,000 digits"
    return f"{type(value).__name__} {str(value)[:40]}"


def has_file(value: Any) -> bool:
    """Whether a file is anywhere in a value."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if is_marked(part):
            return True
        waiting += list(part.values()) if isinstance(part, Mapping) else part if isinstance(part, list) else []
    return False


def own_names(tool: Tool, location: str, names: Names) -> set[str]:
    """The names in `location` that the gateway keeps: `names`, and what is declared but is no argument of the tool."""
    shown = {a.name for a in tool.arguments.values() if a.location == location}
    declared = {p.name for p in tool.operation.parameters if p.location == location}
    return {name for where, name in names if where == location} | (declared - shown)


def check_spread(spread: Iterable[str], parameter: str, own: Collection[str]) -> None:
    """Names that a model chooses (members of an exploded object) must not become names that the gateway keeps.

    Compared as servers do that are generous: without case, and by what stands before a bracket. Raises
    `RequestRefused`.
    """
    kept = {name.casefold() for name in own}
    for name in spread:
        folded = name.casefold()
        base = folded.split("[", 1)[0]
        if folded in kept or (base in kept and base != parameter.casefold()):
            raise RequestRefused(f"`{name[:100]}` in `{parameter}` is filled by the gateway; leave it out.")


def own_member(value: Any, names: Collection[str]) -> str | None:
    """The first of `names` that a body has: a member of it or of its items, or what a path such as `order.userId`
    names; None where there is none."""
    return next((name for name in sorted(names) if _holds(value, name, name.split("."))), None)


def _holds(value: Any, name: str, path: list[str]) -> bool:
    if isinstance(value, list):
        return any(_holds(item, name, path) for item in value)
    if not isinstance(value, Mapping) or is_marked(value):
        return False
    if name in value:
        return True
    return len(path) > 1 and path[0] in value and _holds(value[path[0]], ".".join(path[1:]), path[1:])


def with_member(value: Any, path: list[str], filling: Any) -> Any:
    """A copy of `value` with `filling` at `path`, in every item of a list; unchanged where the way there is missing."""
    if isinstance(value, list):
        return [with_member(item, path, filling) for item in value]
    if not isinstance(value, Mapping):
        return value
    if len(path) == 1:
        return {**value, path[0]: filling}
    return {**value, path[0]: with_member(value[path[0]], path[1:], filling)} if path[0] in value else value
