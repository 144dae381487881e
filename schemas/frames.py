"""The frames of the wire protocol as data, their decoding and encoding; `blueprints/connection.py` moves them.

Text frames of JSON, UTF-8. A client frame without `type` is a query. Unknown fields are
ignored: the protocol only grows.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal, NoReturn

import msgspec

from schemas.errors import RETRYABLE, Code, FrameRefused
from schemas.jsontext import to_json, whole_characters
from schemas.turn import Locale, Outcome

_KINDS = {
    "str": ("字符串", "a string"),
    "bool": ("布尔值", "true or false"),
    "int": ("整数", "an integer"),
    "array": ("数组", "an array"),
}


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A resident's question. `token`: None means the connection's last one, "" logs out."""

    query: str
    token: str | None = None
    conversation_id: str | None = None
    client_msg_id: str | None = None
    locale: Locale | None = None


class Ping(msgspec.Struct, frozen=True):
    """Asks for a `pong`."""


class _Out(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type"):
    """What frames of a turn carry besides their own fields; a frame outside a turn has none of it."""

    conversation_id: str | None = None
    turn_id: str | None = None
    seq: int | None = None


class Chunk(_Out, tag="chunk"):
    """A piece of the bubble. Exactly one with `is_final` closes it."""

    content: str
    is_final: bool


class StatusData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`tool...` with the tool statuses, `outcome` and `usage` with `completed`."""

    message: str
    tool: str | None = None
    tool_call_id: str | None = None
    duration_ms: int | None = None
    outcome: Outcome | None = None
    usage: dict[str, int] | None = None


class Status(_Out, tag="status"):
    """What the assistant is doing."""

    status: Literal["thinking", "tool_calling", "tool_completed", "completed"]
    data: StatusData


class ErrorFrame(_Out, tag="error"):
    """What could not become an answer. With `turn_id` it ends that turn; without, it refuses one client frame."""

    content: str
    code: Code
    retryable: bool
    retry_after_ms: int | None = None
    field: str | None = None


class Pong(_Out, tag="pong"):
    """The answer to `ping`."""


Frame = Chunk | Status | ErrorFrame | Pong


def encode_frame(frame: Frame) -> str:
    """The frame as the text of one WebSocket message."""
    return to_json(frame)


def error_frame(code: Code, content: str, *, field: str | None = None) -> ErrorFrame:
    """An error frame whose `retryable` is that of its code."""
    return ErrorFrame(content=content, code=code, retryable=code in RETRYABLE, field=field)


def decode_frame(message: str | bytes, *, max_query_chars: int) -> Query | Ping:
    """A client's message as a frame. Raises `FrameRefused` with the code and field that the client is told."""
    if isinstance(message, bytes):
        raise FrameRefused("unsupported", "frame.binary")
    parsed = _parse(message)
    if not isinstance(parsed, dict):
        raise FrameRefused("bad_request", "frame.not_object")
    # JSON may carry half surrogate pairs, in names too; nothing behind this line can encode one
    value = {whole_characters(name): _whole(member) for name, member in parsed.items()}
    kind = value.get("type")
    if kind == "ping":
        return Ping()
    if kind is not None and kind != "query":
        raise FrameRefused("unsupported", "frame.unknown_type", field="type", type=str(kind)[:64])
    return _query(value, max_query_chars)


def _query(value: dict[str, Any], max_query_chars: int) -> Query:
    try:
        frame = msgspec.convert(value, Query)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None
    if not frame.query.strip():
        raise FrameRefused("bad_request", "frame.empty", field="query")
    if len(frame.query) > max_query_chars:
        raise FrameRefused("too_large", "frame.query_too_large", field="query", max=max_query_chars)
    return frame


def _whole(member: Any) -> Any:
    return whole_characters(member) if isinstance(member, str) else member


def _parse(message: str) -> Any:
    try:
        return json.loads(message, parse_constant=_refuse_constant)
    except RecursionError:
        raise FrameRefused("bad_request", "frame.not_json", detail="nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, NaN, an integer of thousands of digits
        detail = f"{error.msg} @ {error.pos}" if isinstance(error, json.JSONDecodeError) else str(error)[:80]
        raise FrameRefused("bad_request", "frame.not_json", detail=detail) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refusal(message: str) -> FrameRefused:
    """msgspec's sentence as ours: which field, and what was expected of it."""
    if missing := re.search(r"missing required field `(\w+)`", message):
        return FrameRefused("bad_request", "frame.missing", field=missing[1])
    where = re.search(r"at `\$\.(\w+)", message)
    expected = re.search(r"Expected `(\w+)", message)
    zh, en = _KINDS.get(expected[1] if expected else "", ("zh 或 en", "zh or en"))
    return FrameRefused("bad_request", "frame.wrong_kind", field=where[1] if where else None, expected=f"{zh} / {en}")
