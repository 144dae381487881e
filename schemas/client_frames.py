"""The frames that a client sends, decoded and checked; nothing else of a message is looked at. Next: `frames.py`.

Text frames of JSON, UTF-8. A frame without `type` is a query. Unknown fields are ignored: the protocol only grows.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import msgspec

from schemas.errors import FrameRefused
from schemas.jsontext import whole_characters
from schemas.turn import Locale

VERSION = 1
MAX_ID_CHARS = 128
MAX_COMMENT_CHARS = 1000
MAX_TOKEN_CHARS = 8192  # of visible ASCII; `credential.py` judges it

_KINDS = {
    "str": ("字符串", "a string"),
    "bool": ("布尔值", "true or false"),
    "int": ("整数", "an integer"),
    "array": ("数组", "an array"),
}
_CHOICES = {"locale": ("zh 或 en", "zh or en"), "score": ("1 或 -1", "1 or -1")}

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARS)]
Seq = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A resident's question. `token`: None means the connection's last one, "" logs out. `client_msg_id` is the
    client's own name for it: sent again under the same name, it is the same turn. `attachments` are ids of uploads."""

    query: str
    token: str | None = None
    conversation_id: Id | None = None
    client_msg_id: Id | None = None
    locale: Locale | None = None
    attachments: list[Id] | None = None


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """A client that knows the whole protocol; with `epoch` and `after` (the last seq it has seen) it resumes."""

    v: int
    token: str | None = None
    conversation_id: Id | None = None
    epoch: Id | None = None
    after: Seq | None = None
    locale: Locale | None = None


class Approve(msgspec.Struct, frozen=True, kw_only=True):
    """The resident's yes or no to one parked write."""

    approval_id: Id
    approved: bool
    token: str | None = None


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """Stop a turn: the running one where none is named."""

    turn_id: Id | None = None


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What the resident thinks of an answer."""

    turn_id: Id
    score: Literal[1, -1]
    comment: Annotated[str, msgspec.Meta(max_length=MAX_COMMENT_CHARS)] | None = None


class Ping(msgspec.Struct, frozen=True):
    """Asks for a `pong`."""


Body = TypeVar("Body")
ClientFrame = Query | Hello | Approve | Cancel | Feedback | Ping

_TYPES: dict[str, type[ClientFrame]] = {
    "query": Query,
    "hello": Hello,
    "approve": Approve,
    "cancel": Cancel,
    "feedback": Feedback,
    "ping": Ping,
}


def decode_frame(message: str | bytes, *, max_query_chars: int) -> ClientFrame:
    """A client's message as a frame. Raises `FrameRefused` with the code and field that the client is told."""
    if isinstance(message, bytes):
        raise FrameRefused("unsupported", "frame.binary")
    value = _object(message)
    name = value.get("type")
    kind = _TYPES.get("query" if name is None else name) if name is None or isinstance(name, str) else None
    if kind is None:
        raise FrameRefused("unsupported", "frame.unknown_type", field="type")
    frame: ClientFrame = _as(value, kind)
    _check(frame, max_query_chars)
    return frame


def decode_members(message: str, kind: type[Body]) -> Body:
    """A JSON object that is no frame. Raises `FrameRefused` as `decode_frame` does."""
    return _as(_object(message), kind)


def _object(message: str) -> dict[str, Any]:
    parsed = _parse(message)
    if not isinstance(parsed, dict):
        raise FrameRefused("bad_request", "frame.not_object")
    # JSON may carry half surrogate pairs, in names too; nothing behind this line can encode one
    return {whole_characters(name): _whole(member) for name, member in parsed.items()}


def _as(value: dict[str, Any], kind: type[Body]) -> Body:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None


def _check(frame: ClientFrame, max_query_chars: int) -> None:
    """What the types alone do not say."""
    if isinstance(frame, Hello) and frame.v != VERSION:
        raise FrameRefused("unsupported", "frame.version", field="v", version=VERSION)
    if not isinstance(frame, Query):
        return
    if not frame.query.strip():
        raise FrameRefused("bad_request", "frame.empty", field="query")
    if len(frame.query) > max_query_chars:
        raise FrameRefused("too_large", "frame.query_too_large", field="query", max=max_query_chars)


def _whole(member: Any) -> Any:
    if isinstance(member, list):
        return [whole_characters(item) if isinstance(item, str) else item for item in member]
    return whole_characters(member) if isinstance(member, str) else member


def _parse(message: str) -> Any:
    try:
        return json.loads(message, parse_constant=_refuse_constant, object_pairs_hook=_once)
    except RecursionError:
        raise FrameRefused("bad_request", "frame.not_json", detail="nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, NaN, an integer of thousands of digits
        detail = f"{error.msg} @ {error.pos}" if isinstance(error, json.JSONDecodeError) else str(error)[:80]
        raise FrameRefused("bad_request", "frame.not_json", detail=detail) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Which of two members counts is read differently by everybody: neither does (RFC 8259, section 4)."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refusal(message: str) -> FrameRefused:
    """msgspec's sentence as ours: which field, and what was expected of it."""
    if missing := re.search(r"missing required field `(\w+)`", message):
        return FrameRefused("bad_request", "frame.missing", field=missing[1])
    where = re.search(r"at `\$\.(\w+)", message)
    field = where[1] if where else None
    expected = re.search(r"Expected `(\w+)", message)
    kind = expected[1] if expected else ""
    if bounds := re.search(r"Expected `(?:str|int)` (?:of length )?([<>]=? \d+)", message):
        return FrameRefused("bad_request", "frame.out_of_bounds", field=field, bounds=bounds[1])
    zh, en = _KINDS.get(kind) or _CHOICES.get(field or "", ("其他值", "another value"))
    return FrameRefused("bad_request", "frame.wrong_kind", field=field, expected=f"{zh} / {en}")
