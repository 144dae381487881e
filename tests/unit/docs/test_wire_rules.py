"""The checker of whole turns that the end-to-end tests use sees what breaks the protocol's rules, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.frames import BadFrame, Wire, check_frame

USAGE = {"input_tokens": 1, "output_tokens": 1, "steps": 1, "tool_calls": 1}


def frame(type_: str, seq: int, turn: str = "t1", **fields: Any) -> dict[str, Any]:
    return {"type": type_, "conversation_id": "c", "turn_id": turn, "seq": seq, **fields}


def status(seq: int, what: str, turn: str = "t1", **data: Any) -> dict[str, Any]:
    return frame("status", seq, turn, status=what, data={"message": "…", **data})


def chunk(seq: int, content: str = "", *, final: bool = False, turn: str = "t1") -> dict[str, Any]:
    return frame("chunk", seq, turn, content=content, is_final=final)


def completed(seq: int, turn: str = "t1") -> dict[str, Any]:
    return status(seq, "completed", turn, outcome="success", usage=USAGE)


def failed(seq: int, turn: str = "t1") -> dict[str, Any]:
    return frame("error", seq, turn, content="…", code="internal", retryable=True)


def table(seq: int) -> dict[str, Any]:
    payload: dict[str, Any] = {"title": "", "columns": [], "rows": [], "shown": 0, "total": None}
    return frame("data", seq, tool_call_id="k1", kind="table", payload=payload)


def rest(seq: int) -> list[dict[str, Any]]:
    return [chunk(seq, "a"), chunk(seq + 1, final=True), completed(seq + 2)]


def ready(seq: int, *, recovered: bool) -> dict[str, Any]:
    limits = {"max_query_chars": 1, "max_frame_bytes": 1, "attachments": {"max": 0, "max_bytes": 0, "types": []}}
    more = {"v": 1, "epoch": "e", "recovered": recovered, "approvals": [], "limits": limits}
    return {"type": "ready", "conversation_id": "c", "seq": seq, **more}


def snapshot(seq: int) -> dict[str, Any]:
    return {"type": "snapshot", "conversation_id": "c", "seq": seq, "content": "so far", "approvals": []}


CALL = [
    status(1, "thinking"),
    status(2, "tool_calling", tool="x", tool_call_id="k1"),
    status(3, "tool_completed", tool="x", tool_call_id="k1", duration_ms=5),
]


def play(frames: list[dict[str, Any]], hello: dict[str, Any] | None = None, *, whole: bool = True) -> None:
    wire = Wire()
    if hello is not None:
        wire.sent(json.dumps({"type": "hello", "v": 1, **hello}))
    for one in frames:
        wire.received(json.dumps(one))
    if whole:
        wire.whole()


@pytest.mark.parametrize(
    ("frames", "hello"),
    [
        pytest.param([*CALL, chunk(4, "a"), chunk(5, final=True), completed(6)], None, id="whole"),
        pytest.param([*CALL, table(4), chunk(5, "a"), chunk(6, final=True), completed(7)], {}, id="with-data"),
        pytest.param([status(1, "thinking"), failed(2), status(3, "thinking", "t2"), failed(4, "t2")], None, id="two"),
        pytest.param([status(3, "thinking"), completed(7)], None, id="gaps-without-hello"),
        pytest.param([{"type": "error", "content": "…", "code": "busy", "retryable": True}], None, id="refusal"),
        pytest.param([ready(7, recovered=True), *rest(5)], {"after": 4}, id="resumed"),
        pytest.param([ready(7, recovered=False), snapshot(9), *rest(10)], {"after": 4}, id="lost"),
        pytest.param(rest(5), None, id="joined-in-the-middle"),
    ],
)
def test_what_the_rules_allow_is_accepted(frames: list[dict[str, Any]], hello: dict[str, Any] | None) -> None:
    """Whole turns, refusals, gaps where no hello was sent, resumed turns."""
    play(frames, hello)


@pytest.mark.parametrize(
    ("frames", "hello"),
    [
        pytest.param([*CALL, chunk(4, "a"), completed(5)], None, id="bubble-left-open"),
        pytest.param([*CALL, chunk(4, "a"), failed(5)], None, id="bubble-left-open-by-an-error"),
        pytest.param([*CALL, chunk(4, final=True)], None, id="empty-bubble"),
        pytest.param([*CALL, chunk(4, "a"), chunk(5, final=True), chunk(6, "b")], None, id="chunk-after-the-final-one"),
        pytest.param([*CALL, completed(4), chunk(5, "a")], None, id="frame-after-the-terminal"),
        pytest.param([*CALL, completed(4), completed(5)], None, id="two-terminals"),
        pytest.param([*CALL, failed(4), completed(5)], None, id="error-and-completed"),
        pytest.param([status(1, "thinking"), status(2, "thinking")], None, id="thinking-twice"),
        pytest.param([*CALL, completed(4), chunk(5, "a", turn="t2")], None, id="no-thinking"),
        pytest.param([status(1, "thinking"), status(2, "thinking", "t2")], None, id="two-turns-at-once"),
        pytest.param([status(1, "thinking"), CALL[2]], None, id="call-that-never-began"),
        pytest.param([*CALL[:2], {**CALL[1], "seq": 3}], None, id="call-twice"),
        pytest.param([status(1, "thinking"), table(2)], {}, id="data-of-no-call"),
        pytest.param([*CALL, table(4)], None, id="data-without-hello"),
        pytest.param([ready(0, recovered=True)], None, id="ready-without-hello"),
        pytest.param([status(2, "thinking"), completed(2)], None, id="seq-stands"),
        pytest.param([status(2, "thinking"), completed(1)], None, id="seq-falls"),
        pytest.param([status(1, "thinking"), completed(3)], {}, id="gap-after-hello"),
        pytest.param([ready(7, recovered=True), completed(6)], {"after": 4}, id="gap-after-resume"),
        pytest.param([ready(7, recovered=False), completed(8)], {"after": 4}, id="no-snapshot"),
        pytest.param([ready(7, recovered=False), snapshot(9), completed(11)], {"after": 4}, id="gap-after-snapshot"),
    ],
)
def test_what_breaks_a_rule_is_seen(frames: list[dict[str, Any]], hello: dict[str, Any] | None) -> None:
    """Each of them with the last frame."""
    play(frames[:-1], hello, whole=False)
    with pytest.raises(BadFrame):
        play(frames, hello, whole=False)


def test_entries_may_come_once_more_after_a_named_query_and_are_what_they_were() -> None:
    """The same `client_msg_id` is the same turn: its frames again, under their own `seq`."""
    turn = [status(1, "thinking"), failed(2)]
    wire = Wire()
    wire.sent('{"query": "a", "client_msg_id": "m1"}')
    for one in [*turn, *turn]:
        wire.received(json.dumps(one))
    with pytest.raises(BadFrame, match="is not what it was"):
        wire.received(json.dumps({**turn[1], "content": "other"}))


def test_a_turn_without_a_terminal_is_seen_at_the_end() -> None:
    """When the connection is closed by the test."""
    with pytest.raises(BadFrame, match="terminal"):
        play(CALL)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "chunk", "content": "a", "is_final": false}',
        '{"type": "pong", "seq": 1}',
        '{"type": "pong", "type": "pong"}',
        '{"type": "dance"}',
        '["pong"]',
        json.dumps({**status(1, "completed")}),
        json.dumps({**CALL[2], "data": {"message": "…", "tool": "x", "tool_call_id": "k1"}}),
        json.dumps({**failed(1), "retryable": False}),
        json.dumps({**failed(1), "code": "teapot"}),
        json.dumps({**table(1), "kind": "card"}),
        json.dumps({**CALL[0], "data": {"message": "…", "secret": 1}}),
    ],
)
def test_a_frame_that_is_none_is_refused(text: str) -> None:
    """By itself: fields missing, unknown, twice, or not fitting each other."""
    with pytest.raises(BadFrame):
        check_frame("to_client", text)
