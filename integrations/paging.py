"""The paging parameters that upstreams.yaml names, on the way out: bounded, and filled where an operation insists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from integrations.openapi.model import Tool
from integrations.upstream.config import Paging, UpstreamSettings
from integrations.upstream.target import Target


def with_first_page(tool: Tool, paging: Paging) -> Tool:
    """The tool without paging parameters among what a model must give: left out, they mean the first page."""
    required = tool.parameters.get("required", [])
    filled = {name for name, _ in _insisted(tool, paging)}
    if not filled:
        return tool
    parameters = {**tool.parameters, "required": [name for name in required if name not in filled]}
    if not parameters["required"]:
        del parameters["required"]
    return replace(tool, parameters=parameters)


def paged(arguments: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """The arguments with no page larger than `paging.max_size` (rows that are cut here afterwards would be asked for
    in vain), and the first page where the operation insists on one and none is asked for."""
    settings = target.upstream.settings
    paging = settings.paging
    paged = dict(arguments)
    for name, place in target.tool.arguments.items():
        wanted = paged.get(name)
        sized = place.location == "query" and paging.size is not None and place.name == paging.size
        if sized and paging.max_size is not None and isinstance(wanted, int):
            paged[name] = min(wanted, paging.max_size)
    for name, wire in _insisted(target.tool, paging):
        paged.setdefault(name, paging.start if wire == paging.page else _size(settings))
    return paged


def _insisted(tool: Tool, paging: Paging) -> Iterator[tuple[str, str]]:
    """(argument, wire name) of the paging parameters that the document requires."""
    required = {p.name for p in tool.operation.parameters if p.location == "query" and p.required}
    for name, place in tool.arguments.items():
        if place.location == "query" and place.name in required and place.name in (paging.page, paging.size):
            yield name, place.name


def _size(settings: UpstreamSettings) -> int:
    most = settings.paging.max_size
    return settings.response.max_rows if most is None else min(settings.response.max_rows, most)
