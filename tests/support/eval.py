"""The embedded model as a callable `(messages, tools) -> assistant message` in chat-completions form, for a scorer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.models.embedded.model import EmbeddedModel
from schemas.tool import ToolSpec

# Tools in this form do not say whether they write; their names do.
_READS = re.compile(r"^(list|get|find|search|check|show|query|look|view|count|track|read|fetch)(?![a-z])")
_READS_ZH = re.compile(r"^(查|列|搜|检索|获取|统计)")
_MODEL = EmbeddedModel(pace_s=0)
_SPECS: dict[int, tuple[Mapping[str, Any], ToolSpec]] = {}


def complete(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], model: EmbeddedModel = _MODEL
) -> dict[str, Any]:
    """The assistant's message; while it asks, `x_pending` names the tool and the arguments that are missing."""
    answer = model.answer(messages, [spec_of(tool) for tool in tools])
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.calls
        ]
    if answer.pending is not None:
        message["x_pending"] = dict(answer.pending)
    return message


def spec_of(tool: Mapping[str, Any]) -> ToolSpec:
    """A tool of the scorer as a spec, its effect guessed; kept, so that the same tools are compiled once."""
    function = tool["function"]
    kept = _SPECS.get(id(function))
    if kept is None or kept[0] is not function:
        name, about = function["name"], function.get("description", "")
        effect = "read" if _READS.search(name) or _READS_ZH.search(about) else "write"
        spec = ToolSpec(name, about, function.get("parameters", {}), effect=effect)  # type: ignore[arg-type]
        kept = _SPECS[id(function)] = (function, spec)
    return kept[1]
