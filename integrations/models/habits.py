"""What a provider wants otherwise than the protocol says, learnt from its refusals. Used by `openai_chat.py`.

A field that it does not know is left out from then on, a history that it does not take is put otherwise.
Next: `wire.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from integrations.models.wire import ToolEncoder, one_call_each, short_ids, stand_in_tools, wire_messages
from schemas.jsontext import to_json
from schemas.model import ModelRequest

Body = dict[str, Any]

_SINGLE = re.compile(r"(single|one|multiple|parallel) (tool|function)|parallel_tool_calls", re.IGNORECASE)
_WANTS_TOOLS = re.compile(r"(\btools\b|toolconfig).*(must|requir|defin|expect|pass|missing)|must define", re.IGNORECASE)
_EMPTY_CONTENT = re.compile(r"content.*(empty|blank|whitespace|at least 1|too short|minimum)", re.IGNORECASE)
_SHORT_ID = re.compile(r"tool.?call.?id.*(length|\b9\b|pattern|invalid|must be)", re.IGNORECASE)


class Habits:
    """One provider's. `echo_reasoning`: messages with calls carry the reasoning that led to them, as some reasoning
    models want; others refuse the field."""

    def __init__(self, *, echo_reasoning: bool = False) -> None:
        self.echo_reasoning = echo_reasoning
        self._tools = ToolEncoder()
        self._takes_usage_option = True
        self._takes_tool_choice = True
        self._takes_parallel_calls = True
        self._takes_empty_content = True
        self._takes_any_id = True
        self._wants_tools_with_calls = False

    def body(self, model: str, request: ModelRequest) -> Body:
        """The step as this provider takes it."""
        messages = wire_messages(request.messages, echo_reasoning=self.echo_reasoning)
        if not self._takes_parallel_calls:
            messages = one_call_each(messages)
        if not self._takes_any_id:
            messages = short_ids(messages)
        if not self._takes_empty_content:
            for message in messages:
                if message.get("tool_calls") and not message["content"]:
                    del message["content"]
        body: Body = {"model": model, "messages": messages, "stream": True}
        if self._takes_usage_option:
            body["stream_options"] = {"include_usage": True}
        if request.tools:
            body["tools"] = self._tools.encode(request.tools)
        elif self._wants_tools_with_calls and (tools := stand_in_tools(messages)):
            body["tools"] = tools
            if self._takes_tool_choice:
                body["tool_choice"] = "none"
        return body

    def encode(self, body: Body) -> bytes:
        """A body as JSON. The text of its tools, most of it, is made once for each choice of tools."""
        if "tools" in body:
            body = body | {"tools": self._tools.raw(body["tools"])}
        return to_json(body).encode()

    def tool_tokens(self, request: ModelRequest) -> int:
        """Our own count of what the tools of a step cost."""
        return self._tools.tokens(request.tools)

    def learn(self, reason: str, refused: Body) -> bool:
        """Whether `reason` names something of the refused body that is sent otherwise from now on: ask once more."""
        with_calls = [message for message in refused["messages"] if message.get("tool_calls")]
        if "stream_options" in refused and re.search("stream_options|include_usage", reason):
            self._takes_usage_option = False
        elif "tool_choice" in refused and "tool_choice" in reason:
            self._takes_tool_choice = False
        elif _several(with_calls) and _SINGLE.search(reason):
            self._takes_parallel_calls = False
        elif with_calls and self._takes_any_id and _SHORT_ID.search(reason):
            self._takes_any_id = False
        elif any(message.get("content") == "" for message in with_calls) and _EMPTY_CONTENT.search(reason):
            self._takes_empty_content = False
        elif with_calls and "tools" not in refused and _WANTS_TOOLS.search(reason):
            self._wants_tools_with_calls = True
        else:
            return False
        return True


def _several(messages: Sequence[Body]) -> bool:
    return any(len(message["tool_calls"]) > 1 for message in messages)
