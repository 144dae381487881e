"""One step of a chat model as data: what it is asked and how its stream ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas.deadline import Deadline
from schemas.tool import ToolSpec

# A chat-completions message: `role` (system, user, assistant, tool), `content`, `tool_calls`, `tool_call_id`.
Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One step. `tools` is what may be called now; empty on a last step, when an answer is forced."""

    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class ModelEnd:
    """The last thing a model's stream yields. Tokens are 0 where the provider does not tell."""

    finish_reason: Literal["stop", "tool_calls", "length", "content_filter"]
    input_tokens: int = 0
    output_tokens: int = 0
