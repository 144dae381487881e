"""Client frames in, server frames out (the protocol's tables of frames and codes)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.client_frames import ClientFrame, Ping, Query, decode_frame
from schemas.errors import RETRYABLE, FrameRefused
from schemas.frames import Chunk, Pong, Status, StatusData, encode_frame, error_frame
from schemas.messages import text


def decode(message: str | bytes) -> ClientFrame:
    return decode_frame(message, max_query_chars=100)


def refusal(message: str | bytes) -> tuple[str, str | None]:
    """The code and field that the client is told; its sentence can be said and sent in both languages."""
    with pytest.raises(FrameRefused) as refused:
        decode(message)
    sayable(refused.value)
    return refused.value.code, refused.value.field


def sayable(refused: FrameRefused) -> None:
    for locale in ("zh", "en"):
        sentence = text(refused.key, locale, field=refused.field, **refused.params)
        sent = json.loads(encode_frame(error_frame(refused.code, sentence, field=refused.field)))
        assert sent["content"]
        assert "turn_id" not in sent


any_character = st.characters(exclude_categories=())  # half surrogate pairs too
any_text = st.text(any_character, max_size=60)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
known_fields = st.fixed_dictionaries(
    {},
    optional={
        name: json_values | st.sampled_from(["ping", "query", "hello", "zh", "en", "你好"])
        for name in ("type", "query", "token", "conversation_id", "client_msg_id", "locale", "attachments")
    },
)


@given(any_text | known_fields.map(json.dumps) | json_values.map(json.dumps))
def test_any_text_is_a_frame_or_is_refused(message: str) -> None:
    """No text whatever raises anything but `FrameRefused`, and every refusal can be said and sent."""
    try:
        frame = decode(message)
    except FrameRefused as refused:
        sayable(refused)
        return
    if isinstance(frame, Query):
        frame.query.encode()
        assert frame.query.strip()
        assert len(frame.query) <= 100


@given(st.binary(max_size=50))
def test_any_binary_message_is_unsupported(message: bytes) -> None:
    """Whatever is in it."""
    assert refusal(message) == ("unsupported", None)


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ("", "bad_request", None),
        ("hello", "bad_request", None),
        ('{"query": "a"', "bad_request", None),
        ('{"query": "a", "n": NaN}', "bad_request", None),
        ("[" * 100_000, "bad_request", None),
        ("9" * 10_000, "bad_request", None),
        ("[]", "bad_request", None),
        ('"query"', "bad_request", None),
        ("null", "bad_request", None),
        ("{}", "bad_request", "query"),
        ('{"token": "t"}', "bad_request", "query"),
        ('{"query": null}', "bad_request", "query"),
        ('{"query": 5}', "bad_request", "query"),
        ('{"query": {"query": "a"}}', "bad_request", "query"),
        ('{"query": ""}', "bad_request", "query"),
        ('{"query": " \\n\\u3000"}', "bad_request", "query"),
        ('{"query": "a", "token": 7}', "bad_request", "token"),
        ('{"query": "a", "token": ["t"]}', "bad_request", "token"),
        ('{"query": "a", "locale": "fr"}', "bad_request", "locale"),
        ('{"query": "a", "locale": "\\ud800"}', "bad_request", "locale"),
        ('{"query": "a", "conversation_id": 1}', "bad_request", "conversation_id"),
        ('{"type": "dance"}', "unsupported", "type"),
        ('{"type": "\\ud800"}', "unsupported", "type"),
        ('{"type": 1, "query": "a"}', "unsupported", "type"),
        ('{"type": false, "query": "a"}', "unsupported", "type"),
        (json.dumps({"query": "x" * 101}), "too_large", "query"),
    ],
)
def test_what_is_no_frame_is_refused_with_code_and_field(message: str, code: str, field: str | None) -> None:
    """The protocol's table of codes."""
    assert refusal(message) == (code, field)


def test_the_tutorials_frame_is_a_query() -> None:
    """`query` and `token`, nothing else."""
    assert decode('{"query": "查询我的物业费账单", "token": "your-token-here"}') == Query(
        query="查询我的物业费账单", token="your-token-here"
    )


def test_unknown_fields_are_ignored() -> None:
    """The protocol only grows."""
    assert decode('{"type": "query", "query": "a", "mood": {"x": [1]}, "\\ud800": 1}') == Query(query="a")


@pytest.mark.parametrize(("token", "meaning"), [("null", None), ('""', "")])
def test_an_absent_token_and_an_empty_one_are_different(token: str, meaning: str | None) -> None:
    """Null means the last one, an empty string logs out."""
    frame = decode(f'{{"query": "a", "token": {token}}}')
    assert isinstance(frame, Query)
    assert frame.token == meaning


def test_the_longest_query_is_counted_in_characters() -> None:
    """Not in bytes: 100 Chinese characters are 100."""
    frame = decode(json.dumps({"query": "账" * 100}))
    assert isinstance(frame, Query)


def test_half_a_character_becomes_a_replacement_character() -> None:
    """A whole surrogate pair stays what it is."""
    frame = decode('{"query": "a\\ud800b \\ud83d\\ude00"}')
    assert frame == Query(query="a�b 😀")


def test_ping_needs_nothing_else() -> None:
    """And is answered by `pong`."""
    assert decode('{"type": "ping"}') == Ping()
    assert json.loads(encode_frame(Pong())) == {"type": "pong"}


def test_frames_have_the_tutorials_fields() -> None:
    """What is not set is left out, `is_final` and `retryable` are always there."""
    assert json.loads(encode_frame(Chunk(content="a", is_final=False))) == {
        "type": "chunk",
        "content": "a",
        "is_final": False,
    }
    status = Status(status="thinking", data=StatusData(message="..."), conversation_id="c", turn_id="t", seq=1)
    assert json.loads(encode_frame(status)) == {
        "type": "status",
        "status": "thinking",
        "data": {"message": "..."},
        "conversation_id": "c",
        "turn_id": "t",
        "seq": 1,
    }


@pytest.mark.parametrize(("code", "retryable"), [("busy", True), ("bad_request", False), ("internal", True)])
def test_an_error_frame_says_whether_to_try_again(code: Any, retryable: bool) -> None:
    """As the table of codes says."""
    assert json.loads(encode_frame(error_frame(code, "x")))["retryable"] is retryable


def test_the_retryable_codes_are_those_of_the_protocol() -> None:
    """Six of the table's rows."""
    assert {
        "rate_limited",
        "busy",
        "model_unavailable",
        "turn_interrupted",
        "shutting_down",
        "internal",
    } == RETRYABLE


@given(any_text)
def test_any_content_can_be_sent(content: str) -> None:
    """And arrives as it was, half characters aside."""
    arrived = json.loads(encode_frame(Chunk(content=content, is_final=False)).encode())["content"]
    assert arrived == content.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
