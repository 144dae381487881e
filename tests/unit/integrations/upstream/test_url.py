"""URLs and their fences: RFC 3986 §3 and §5.2.4, OpenAPI 3.1.1 §4.8.5 and §4.8.8."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.openapi.model import Tool
from integrations.upstream.request import build_request
from schemas.errors import RequestRefused
from tests.support.wire import parameter, tool_of

BASE = "http://upstream.example:8101"


def url_of(tool: Tool, **arguments: Any) -> str:
    return build_request(tool, arguments, base_url=BASE, bound={}).url


@pytest.mark.parametrize(
    ("path", "style", "value"),
    [
        ("/a/{x}", "label", ["", "/admin"]),
        ("/a/{x}", "label", ["", ""]),
        ("/a/{x}", "label", "/admin"),
        ("/a/.{x}", "simple", "/b"),
        ("/a/.{x}", "simple", "."),
        ("/a/..{x}", "simple", "/b"),
        ("/a/..{x}", "simple", "%2Fb"),
        ("/a/.{x}", "simple", ";v=1"),
        ("/a/..{x}", "simple", "\\b"),
    ],
)
def test_no_dot_segment_is_put_together(path: str, style: str, value: Any) -> None:
    """RFC 3986 §5.2.4: dots of a literal or a style and a value that ends them make none either, also for servers that
    decode before they normalise, or twice."""
    tool = tool_of(path, "get", parameters=[parameter("x", "path", style=style, explode=True)])
    with pytest.raises(RequestRefused, match="dot segment"):
        url_of(tool, x=value)


def test_dots_that_are_no_segment_are_text() -> None:
    """RFC 3986 §3.3: a name may begin with dots or hold them."""
    tool = tool_of("/a/.{x}", "get", parameters=[parameter("x", "path")])
    assert url_of(tool, x="b..c.") == f"{BASE}/v1/a/.b..c."


def test_a_constant_of_the_path_is_not_sent_twice_nor_contradicted() -> None:
    """RFC 3986 §3.4: a parameter that the path itself fixes may say the same, never something else."""
    tool = tool_of("/x?action=list", "get", parameters=[parameter("action", "query")])
    assert url_of(tool, action="list") == f"{BASE}/v1/x?action=list"
    assert url_of(tool) == f"{BASE}/v1/x?action=list"
    with pytest.raises(RequestRefused, match="fixes `action`"):
        url_of(tool, action="drop")


def test_members_of_a_free_object_never_take_a_constants_name() -> None:
    """RFC 6570 §3.2.8 lets an exploded object choose names; not those that the path fixes."""
    tool = tool_of("/x?action=list", "get", parameters=[parameter("o", "query", schema={"type": "object"})])
    with pytest.raises(RequestRefused, match="filled by the gateway"):
        url_of(tool, o={"action": "drop"})


def test_a_path_without_its_value_is_refused() -> None:
    """OpenAPI 3.1.1 §4.8.12.1: a path parameter is always required."""
    tool = tool_of("/a/{x}", "get", parameters=[parameter("x", "path")])
    with pytest.raises(RequestRefused, match="needs a value for 'x'"):
        url_of(tool)
