"""One decoded event of a chat-completions stream, as loosely typed as providers are. Next: `assemble.py`.

Fields that providers fill with surprising kinds are `Any` and looked at where they are used, so that one odd field does
not lose the rest of its chunk; fields that nobody here reads (`logprobs`, `system_fingerprint` ...) are skipped unread.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from integrations.models.sse import NotAnEvent


class FunctionDelta(msgspec.Struct):
    """A piece of a call: `arguments` is a piece of JSON text, all of it again, or an object."""

    name: Any = None
    arguments: Any = None


class CallDelta(msgspec.Struct):
    """A piece of one tool call; which one, `assemble.py` finds out."""

    index: Any = None
    id: Any = None
    # Some relays, written in PHP, send an empty object as `[]`; others send `""`.
    function: FunctionDelta | list[Any] | str | None = None


class Delta(msgspec.Struct):
    """A piece of the message, or (under `message`) the whole of it. `content` is text or a list of parts.

    Reasoning has one of two names and is never shown; it is a sign of life, it costs tokens, and some want it back.
    """

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: list[CallDelta | None] | CallDelta | str | None = None


class Choice(msgspec.Struct):
    index: Any = None
    delta: Delta | list[Any] | str | None = None
    message: Delta | list[Any] | str | None = None
    finish_reason: Any = None
    usage: Any = None


class Chunk(msgspec.Struct):
    """One event. `mended` says that it needed the lenient reader, so its texts may hold half surrogate pairs."""

    choices: list[Choice | None] | None = None
    usage: Any = None
    error: Any = None
    object: Any = None
    code: Any = None
    message: Any = None
    mended: bool = False


_strict = msgspec.json.Decoder(Chunk)


def decode_chunk(data: bytes) -> Chunk:
    """One event's data. Raises `NotAnEvent` if it is not a JSON object or has nothing of a chunk's shape."""
    try:
        return _strict.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    # Raw control characters, half surrogate pairs and broken UTF-8 inside strings: seen, and readable.
    try:
        value = json.loads(data.decode("utf-8", "replace"), strict=False)
        chunk = msgspec.convert(value, Chunk)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent from error
    chunk.mended = True
    return chunk


@dataclass(frozen=True, slots=True)
class ProviderFault:
    """An error that a provider put into its stream. `code` is its number or word, or empty; `message` its sentence."""

    code: str
    message: str


def fault_in(chunk: Chunk) -> ProviderFault | None:
    """The error object of a chunk: `error` as an object or a sentence, or bare `code` and `message` without choices."""
    error = chunk.error
    if error:
        if isinstance(error, dict):
            code = error.get("code") or error.get("status") or error.get("type")
            message = error.get("message") or error.get("msg")
            return ProviderFault(_word(code), _word(message) or "the provider sent an error without a sentence")
        return ProviderFault(_word(chunk.code), _word(error) or "the provider sent an error without a sentence")
    if chunk.choices is None and (chunk.object == "error" or isinstance(chunk.message, str)):
        return ProviderFault(_word(chunk.code), _word(chunk.message) or "the provider sent an error without a sentence")
    return None


def _word(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def text_of(content: Any) -> str:
    """The text of `content`: a string, or a list of parts of which the text ones count (a `thinking` part does not)."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            part["text"]
            for part in content
            if isinstance(part, dict) and part.get("type") in ("text", None) and isinstance(part.get("text"), str)
        )
    return ""
