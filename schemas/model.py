"""One step of a chat model as data: what it is asked and how its stream ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas.deadline import Deadline
from schemas.tool import ToolSpec

# A chat-completions message: `role` (system, user, assistant, tool), `content`, `tool_calls`, `tool_call_id`, and with
# calls maybe `reasoning_content`.
Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One step. `tools` is what may be called now; empty on a last step, when an answer is forced. An answer of more
    than `max_output_tokens` is cut there and ends with `length`; 0 is no limit."""

    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    deadline: Deadline
    max_output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelEnd:
    """The last thing a model's stream yields. Tokens as the provider tells them, or as the gateway counts them itself
    where that is missing or absurd. `reasoning`: to be kept with an answer's calls, for providers that want it back."""

    finish_reason: Literal["stop", "tool_calls", "length", "content_filter"]
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning: str = ""
