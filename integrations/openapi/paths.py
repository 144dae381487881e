"""Path templates and server URLs (OpenAPI 3.1 §4.8.5, §4.8.8; Swagger 2.0 `basePath`); `operations.py` calls it.

A template that could leave its own path, or that RFC 6570 operators make another URL, is refused with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from integrations.openapi.model import Server

# `{?page,size}` and `{&page}` that HAL-minded generators leave at the end of a path: query parameters, not path.
_EXPANSION = re.compile(r"\{[?&]([^{}]*)\}")
# `{id:[0-9]+}`, `{id:int}` and `{id?}` of routing tables: the name alone is the template.
_ROUTED = re.compile(r"\{([^{}:?+/#*]+)(?::(?:[^{}]|\{[^{}]*\})*|\?)\}")
TEMPLATE = re.compile(r"\{([^{}]*)\}")
# No URL that works is longer than some thousand characters.
_MAX_TEMPLATES, _MAX_URL = 100, 2_000
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
_PATH_SAFE = "/:@!$&'()*+,;=~-._%"
# A query or a fragment that stands in the path itself is a constant of the operation.
_CONSTANT_SAFE = _PATH_SAFE + "?#"


class BadPath(ValueError):
    """The path cannot be called; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Template:
    """A checked path: `path` as it is used, `names` of its templates, `query` names it lists itself, `mended` why."""

    path: str
    names: tuple[str, ...]
    query: tuple[str, ...]
    mended: str


def read_template(raw: str) -> Template:
    """Checks a key of `paths`. Raises `BadPath`."""
    mended: list[str] = []
    if _FORBIDDEN.search(raw):
        raise BadPath("the path has control characters or a backslash")
    query = [name.strip() for group in _EXPANSION.findall(raw) for name in group.split(",") if name.strip()]
    path = _EXPANSION.sub("", raw)
    if query:
        mended.append("`{?...}` at the end of the path was read as query parameters")
    routed = _ROUTED.sub(r"{\1}", path)
    if routed != path:
        mended.append("a pattern inside a path template was left out")
        path = routed
    if not path.startswith("/"):
        mended.append("the path did not begin with a slash")
        path = "/" + path
    names = TEMPLATE.findall(path)
    if len(names) > _MAX_TEMPLATES:
        raise BadPath(f"the path has {len(names)} templates, more than {_MAX_TEMPLATES}")
    if any(not name.strip() or name[0] in "+#./;?&=,!@|" or name.endswith("*") for name in names):
        raise BadPath("the path has a template that is empty or an RFC 6570 expression")
    if re.search(r"[{}]", TEMPLATE.sub("", path)):
        raise BadPath("the path's braces do not match")
    if len(set(names)) != len(names):
        mended.append("the path names a template twice; one value fills both")
    plain = re.split(r"[?#]", path, maxsplit=1)[0]
    segments = plain.split("/")[1:]
    if any(segment in (".", "..") for segment in segments) or re.search(r"%2e|%2f|%5c", plain, re.IGNORECASE):
        raise BadPath("the path has dot segments or encoded slashes")
    if plain.startswith("//"):
        raise BadPath("the path begins with two slashes, which would name a host")
    if any(segment == "**" for segment in segments):
        raise BadPath("the path is a wildcard of a routing table, not an operation")
    return Template(path, tuple(dict.fromkeys(names)), tuple(query), "; ".join(mended))


def literal(text: str) -> str:
    """The fixed text of a path between its templates, percent-encoded where RFC 3986 §3.3 needs it."""
    encoded = quote(text, safe=_CONSTANT_SAFE)
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", encoded)


def read_servers(servers: Any) -> tuple[Server, ...]:
    """OpenAPI 3.1 §4.8.5: the servers of a list, variables filled with their defaults (or first enum value)."""
    found: list[Server] = []
    for entry in servers if isinstance(servers, list) else []:
        if isinstance(entry, Mapping) and isinstance(entry.get("url"), str) and len(entry["url"]) <= _MAX_URL:
            variables = entry.get("variables")
            url = TEMPLATE.sub(
                lambda m: _variable(variables, m.group(1)),  # noqa: B023 - called before the loop goes on
                entry["url"].strip(),
            )
            found.append(Server(url, server_path(url)))
    return tuple(found)


def _variable(variables: Any, name: str) -> str:
    variable = variables.get(name) if isinstance(variables, Mapping) else None
    if not isinstance(variable, Mapping):
        return ""
    values = variable.get("enum")
    first = values[0] if isinstance(values, list) and values else ""
    return str(variable["default"] if variable.get("default") is not None else first)[:_MAX_URL]


def server_path(url: str) -> str:
    """The path of a server's URL without a slash at its end; "" where it has none, or one that climbs."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    segments = [quote(segment, safe=_PATH_SAFE) for segment in path.split("/") if segment]
    if any(segment.lower().replace("%2e", ".") in (".", "..") for segment in segments) or _FORBIDDEN.search(path):
        return ""
    return "".join("/" + segment for segment in segments)
