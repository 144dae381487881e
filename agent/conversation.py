"""One conversation's history: what was said, in the chat-completions form, trimmed for a model without breaking pairs.

Every tool call in it has exactly one result, whatever happened: strict providers refuse anything else.
Next: `prompt.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from agent.prompt import attachments_block, fenced
from schemas.conversation import Conversation
from schemas.model import Message
from schemas.tokens import most_tokens
from schemas.tool import ToolCall, ToolResult
from schemas.upload import Upload

_MESSAGE_TOKENS = 4  # role and separators


def add_user(conversation: Conversation, text: str, attachments: Sequence[Upload] = ()) -> None:
    """What the resident said, and the uploads that came with it. They stand beside the words, which stay his own;
    `for_model` puts the two together."""
    message: dict[str, Any] = {"role": "user", "content": text}
    if attachments:
        message["attachments"] = [
            {"id": one.id, "filename": one.filename, "type": one.type, "size": one.size} for one in attachments
        ]
    conversation.messages.append(message)


def add_assistant(
    conversation: Conversation, text: str, calls: Sequence[ToolCall] = (), *, reasoning: str = ""
) -> None:
    """What the assistant said and asked for, and the reasoning that led to the calls where a provider wants it back.
    Nothing is added for a step that did neither."""
    if not text and not calls:
        return
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
        if reasoning:
            message["reasoning_content"] = reasoning
    conversation.messages.append(message)


def add_result(conversation: Conversation, call_id: str, result: ToolResult) -> None:
    conversation.messages.append({"role": "tool", "tool_call_id": call_id, "content": fenced(result)})


def unanswered(conversation: Conversation) -> list[str]:
    """The ids of tool calls that have no result yet, in their order."""
    messages = conversation.messages
    answered = {message["tool_call_id"] for message in messages if message["role"] == "tool"}
    return [call["id"] for message in messages for call in _calls(message) if call["id"] not in answered]


def mend(conversation: Conversation, partial: str) -> None:
    """Make the history of a turn that was ended from outside whole: `partial` is what its last step had said so far,
    and a call without a result gets one."""
    for call_id in unanswered(conversation):
        add_result(conversation, call_id, ToolResult.failure("unavailable", "cancelled"))
    add_assistant(conversation, partial)


def forget_old(conversation: Conversation, max_tokens: int) -> None:
    """Drop from memory what no model will be shown again; `saved` still says how many of the rest a store has."""
    kept = view(conversation, max_tokens)
    dropped = len(conversation.messages) - len(kept)
    if dropped:
        conversation.messages[:] = kept
        conversation.saved = max(0, conversation.saved - dropped)


def view(conversation: Conversation, max_tokens: int) -> list[Message]:
    """The latest messages of at most about `max_tokens` tokens (ADR 14), cut only before a resident's message.

    A group (a resident's message and all that answers it) stays whole; the last group is always there.
    """
    groups: list[list[Message]] = []
    for message in conversation.messages:
        if message["role"] == "user" or not groups:
            groups.append([])
        groups[-1].append(message)
    kept: list[list[Message]] = []
    size = 0
    for group in reversed(groups):
        size += sum(map(_tokens, group))
        if kept and size > max_tokens:
            break
        kept.append(group)
    return [message for group in reversed(kept) for message in group]


def for_model(messages: Iterable[Message]) -> list[Message]:
    """The messages as a provider takes them: attachments as a block at the end of the words that they came with."""
    return [
        {"role": message["role"], "content": f"{message['content']}\n{attachments_block(message['attachments'])}"}
        if message.get("attachments")
        else message
        for message in messages
    ]


def has_attachments(messages: Iterable[Message]) -> bool:
    return any(message.get("attachments") for message in messages)


def called_tools(messages: Iterable[Message]) -> list[str]:
    """The names that were called, in their order; a model may have made some of them up."""
    return [name for message in messages for name, _ in calls_of(message)]


def calls_of(message: Message) -> list[tuple[str, str]]:
    """Name and argument text of each call that a message asks for."""
    return [(str(call["function"]["name"]), str(call["function"]["arguments"])) for call in _calls(message)]


def _calls(message: Message) -> Iterable[Any]:
    return message.get("tool_calls") or ()


def _tokens(message: Message) -> int:
    calls = sum(most_tokens(call["function"]["arguments"]) + 8 for call in _calls(message))
    said = most_tokens(message.get("content") or "") + most_tokens(message.get("reasoning_content") or "")
    files = 100 * len(message.get("attachments") or ())
    return said + calls + files + _MESSAGE_TOKENS
