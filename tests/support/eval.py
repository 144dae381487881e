"""The embedded model as a callable `(messages, tools) -> assistant message` in chat-completions form, for a scorer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.models.embedded.model import EmbeddedModel
from schemas.tool import ToolSpec

_MODEL = EmbeddedModel(pace_s=0)
_SPECS: dict[int, tuple[Mapping[str, Any], ToolSpec]] = {}


def complete(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The assistant's message; while it asks, `x_pending` names the tool and the arguments that are missing."""
    answer = _MODEL.answer(messages, [_spec(tool) for tool in tools])
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.calls
        ]
    if answer.pending is not None:
        message["x_pending"] = dict(answer.pending)
    return message


def _spec(tool: Mapping[str, Any]) -> ToolSpec:
    """A tool of the scorer as a spec; kept, so that the same tools are compiled once."""
    function = tool["function"]
    kept = _SPECS.get(id(function))
    if kept is None or kept[0] is not function:
        spec = ToolSpec(function["name"], function.get("description", ""), function.get("parameters", {}))
        kept = _SPECS[id(function)] = (function, spec)
    return kept[1]
