"""The terminal client's session: what it sends and shows of any sequence of frames, over any number of connections."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.chat_events import (
    BubbleClosed,
    Ended,
    Event,
    Refused,
    Replaced,
    Shown,
    ToolEnded,
    Waits,
    Words,
    Working,
)
from commands.chat_session import Received, Session, comes_back
from schemas.display import Table
from tests.support.frames import check_frame, document

LIMITS = {"max_query_chars": 9, "max_frame_bytes": 9, "attachments": {"max": 0, "max_bytes": 0, "types": []}}
CARD = {
    "approval_id": "a1",
    "tool": "makeThing",
    "summary": "提交",
    "arguments": [{"label": "名称", "text": "灯"}],
    "expires_at": "2026-11-26T03:05:00Z",
}
USAGE = {"input_tokens": 0, "output_tokens": 0, "steps": 1, "tool_calls": 0}


def session(locale: Any = None) -> Session:
    names = iter(f"m{number}" for number in range(1, 99))
    return Session("T", locale, lambda: next(names))


def give(one: Session, type_: str, /, **fields: Any) -> Received:
    """A frame of the server's, which the protocol knows."""
    text = json.dumps({"type": type_, **fields})
    check_frame("to_client", text)
    return one.received(text)


def turn(one: Session, seq: int, type_: str, /, turn_id: str = "t1", **fields: Any) -> tuple[Event, ...]:
    received = give(one, type_, conversation_id="c", turn_id=turn_id, seq=seq, **fields)
    assert received.frames == ()
    return received.events


def status(one: Session, seq: int, what: str, /, turn_id: str = "t1", **data: Any) -> tuple[Event, ...]:
    return turn(one, seq, "status", turn_id, status=what, data={"message": what, **data})


def completed(one: Session, seq: int, outcome: str = "success", turn_id: str = "t1") -> tuple[Event, ...]:
    return status(one, seq, "completed", turn_id, outcome=outcome, usage=USAGE)


def ready(one: Session, *, recovered: bool = True, seq: int = 0, **fields: Any) -> Received:
    more = {"v": 1, "epoch": "e", "approvals": [], "limits": LIMITS, **fields}
    return give(one, "ready", conversation_id="c", seq=seq, recovered=recovered, **more)


def snapshot(one: Session, seq: int, content: str, **fields: Any) -> Received:
    return give(one, "snapshot", conversation_id="c", seq=seq, content=content, **{"approvals": [], **fields})


def begun(locale: Any = None) -> Session:
    one = session(locale)
    one.hello()
    ready(one)
    return one


def sent(frame: dict[str, Any] | None) -> dict[str, Any]:
    """A frame of the client's, which the protocol knows."""
    assert frame is not None
    return check_frame("to_server", json.dumps(frame))


def test_a_question_is_answered() -> None:
    """Hello without a past; a query under a name of its own; words and statuses in their order."""
    one = session("zh")
    assert sent(one.hello()) == {"type": "hello", "v": 1, "token": "T", "locale": "zh"}
    assert ready(one) == Received()
    assert one.ready
    assert sent(one.say("查询账单")) == {"query": "查询账单", "client_msg_id": "m1", "locale": "zh"}
    assert one.busy
    assert status(one, 1, "thinking") == (Working("thinking"),)
    assert status(one, 2, "tool_calling", tool="x", tool_call_id="k") == (Working("tool_calling"),)
    done = status(one, 3, "tool_completed", tool="x", tool_call_id="k", duration_ms=84)
    assert done == (ToolEnded("tool_completed", 84),)
    payload = {"title": "t", "columns": [], "rows": [], "shown": 0, "total": None}
    shown = turn(one, 4, "data", tool_call_id="k", kind="table", payload=payload)
    assert shown == (Shown(Table("t", [], [], 0, None)),)
    assert turn(one, 5, "chunk", content="您有", is_final=False) == (Words("您有"),)
    assert turn(one, 6, "chunk", content="", is_final=True) == (BubbleClosed(),)
    assert one.busy
    assert completed(one, 7) == (Ended("success"),)
    assert not one.busy


def test_an_error_ends_a_turn_and_a_refusal_only_the_frame() -> None:
    """With `turn_id` and without."""
    one = begun()
    one.say("a")
    status(one, 1, "thinking")
    assert turn(one, 2, "error", content="坏了", code="internal", retryable=True) == (Ended("internal", "坏了"),)
    assert not one.busy
    one.say("b")
    refusal = give(one, "error", content="太长", code="too_large", retryable=False)
    assert refusal.events == (Refused("too_large", "太长"),)
    assert not one.busy


def test_after_a_lost_connection_it_goes_on_where_it_was() -> None:
    """Conversation, epoch and last seq in the hello; the unanswered question again under its name; what was seen is
    not shown again."""
    one = begun()
    question = one.say("a")
    status(one, 1, "thinking")
    turn(one, 2, "chunk", content="您", is_final=False)
    hello = sent(one.hello())
    assert {name: hello[name] for name in ("conversation_id", "epoch", "after")} == {
        "conversation_id": "c",
        "epoch": "e",
        "after": 2,
    }
    assert not one.ready
    assert ready(one, seq=4, turn_id="t1").frames == (question,)
    assert turn(one, 2, "chunk", content="您", is_final=False) == ()
    assert turn(one, 3, "chunk", content="有", is_final=False) == (Words("有"),)
    turn(one, 4, "chunk", content="", is_final=True)
    completed(one, 5)
    one.hello()
    assert ready(one, seq=5).frames == ()


def test_a_question_that_is_asked_while_there_is_no_connection_is_sent_when_there_is() -> None:
    """`ready` brings it."""
    one = session()
    question = one.say("a")
    one.hello()
    assert ready(one).frames == (question,)


def test_where_entries_are_gone_the_snapshot_takes_their_place() -> None:
    """Of the running turn: what it holds so far, then what follows it, whatever the numbers were before."""
    one = begun()
    one.say("a")
    status(one, 41, "thinking")
    one.hello()
    ready(one, recovered=False, seq=3, epoch="other", turn_id="t1")
    assert snapshot(one, 3, "您有四", turn_id="t1").events == (Replaced("您有四"),)
    assert turn(one, 4, "chunk", content="笔", is_final=False) == (Words("笔"),)
    assert one.hello()["epoch"] == "other"


def test_a_question_that_was_answered_meanwhile_is_told_by_its_snapshot() -> None:
    """That of the conversation, where it is of the question's own turn; nothing is sent again."""
    one = begun()
    one.say("a")
    status(one, 1, "thinking")
    one.hello()
    assert ready(one, recovered=False, seq=9).frames == ()
    told = snapshot(one, 9, "您有四笔", turn_id="t1", outcome="success")
    assert told == Received((Replaced("您有四笔"), BubbleClosed(), Ended("success")))
    assert not one.busy


def test_a_question_whose_turn_is_not_known_is_sent_again_after_the_snapshot() -> None:
    """That stands for the conversation; the next one for the question."""
    one = begun()
    question = one.say("a")
    one.hello()
    assert ready(one, recovered=False, seq=9).frames == ()
    assert snapshot(one, 9, "早上好", turn_id="t0", outcome="success") == Received((), (question,))
    assert one.busy
    events = snapshot(one, 9, "您有四笔", turn_id="t1", outcome="success").events
    assert events == (Replaced("您有四笔"), BubbleClosed(), Ended("success"))
    assert not one.busy


def test_entries_that_come_once_more_are_shown_if_they_were_not_seen() -> None:
    """The turn of a question that was sent again, older than the newest entry; the ones that were seen are not."""
    one = begun()
    one.say("a")
    one.hello()
    ready(one, recovered=False, seq=9, epoch="other")
    snapshot(one, 9, "早上好", turn_id="t0", outcome="success")
    assert status(one, 5, "thinking") == (Working("thinking"),)
    assert turn(one, 6, "chunk", content="您有", is_final=False) == (Words("您有"),)
    assert turn(one, 6, "chunk", content="您有", is_final=False) == ()
    assert turn(one, 7, "chunk", content="", is_final=True) == (BubbleClosed(),)
    assert completed(one, 8) == (Ended("success"),)
    assert not one.busy
    assert one.hello()["after"] == 9


def test_what_a_snapshot_told_is_not_shown_again() -> None:
    """The running turn's entries up to it, when the question is sent again."""
    one = begun()
    one.say("a")
    one.hello()
    ready(one, recovered=False, seq=3, epoch="other", turn_id="t1")
    assert snapshot(one, 3, "您有四", turn_id="t1").events == (Replaced("您有四"),)
    assert turn(one, 2, "chunk", content="您有四", is_final=False) == ()
    assert turn(one, 4, "chunk", content="笔", is_final=False) == (Words("笔"),)
    turn(one, 5, "chunk", content="", is_final=True)
    completed(one, 6)
    assert not one.busy


def test_the_end_of_another_tabs_turn_does_not_answer_the_question() -> None:
    """The client waits for its own."""
    one = begun()
    one.say("a")
    status(one, 1, "thinking", "t1")
    one.hello()
    ready(one, seq=5)
    completed(one, 2, turn_id="other")
    assert one.busy
    completed(one, 3, turn_id="t1")
    assert not one.busy


@pytest.mark.parametrize(
    ("word", "approved"), [("确认", True), ("Yes", True), ("好的。", True), ("取消", False), ("no", False)]
)
def test_a_yes_or_no_answers_what_waits(word: str, approved: bool) -> None:
    """`approve` with its id, once; the same word afterwards is a question."""
    one = begun()
    one.say("报修")
    status(one, 1, "thinking")
    (waits,) = turn(one, 2, "approval", **CARD)
    assert isinstance(waits, Waits)
    assert waits.card.arguments[0].text == "灯"
    completed(one, 3, "approval")
    assert sent(one.say(word)) == {"type": "approve", "approval_id": "a1", "approved": approved}
    status(one, 4, "thinking", "t2")
    completed(one, 5, turn_id="t2")
    assert "query" in one.say(word)


def test_another_question_leaves_it_waiting() -> None:
    """Until it is answered or expires."""
    one = begun()
    one.say("报修")
    turn(one, 1, "approval", **CARD)
    completed(one, 2, "approval")
    assert "query" in one.say("电费多少")
    assert one.approval is not None


def test_a_yes_that_needs_a_login_can_be_said_again() -> None:
    """Or one that came too fast; one that is used or too late cannot."""
    one = begun()
    turn(one, 1, "approval", **CARD)
    completed(one, 2, "approval")
    one.say("确认")
    give(one, "error", content="请登录", code="login_required", retryable=False)
    assert one.say("确认")["type"] == "approve"
    give(one, "error", content="已处理", code="approval_used", retryable=False)
    assert "query" in one.say("确认")


def test_what_waits_is_shown_once() -> None:
    """In `ready`, in a snapshot, after coming back."""
    one = session()
    one.hello()
    assert len(ready(one, approvals=[CARD]).events) == 1
    one.hello()
    assert ready(one, approvals=[CARD], recovered=False).events == ()
    assert snapshot(one, 1, "", approvals=[CARD]).events == ()


def test_a_turn_is_stopped_once() -> None:
    """By its id; the second time there is nothing to send, so the person leaves."""
    one = begun()
    assert one.cancel() is None
    one.say("a")
    status(one, 1, "thinking")
    assert sent(one.cancel()) == {"type": "cancel", "turn_id": "t1"}
    assert one.cancel() is None
    completed(one, 2, "cancelled")
    one.say("b")
    assert sent(one.cancel()) == {"type": "cancel"}


def test_a_cancel_that_came_too_late_says_nothing() -> None:
    """Its refusal is not that of the question."""
    one = begun()
    one.say("a")
    one.cancel()
    assert give(one, "error", content="没有", code="not_found", retryable=False).events == ()
    assert one.busy


def test_a_hello_for_a_conversation_that_is_gone_begins_a_new_one() -> None:
    """And the unanswered question comes with it."""
    one = begun()
    question = one.say("a")
    one.hello()
    (hello,) = give(one, "error", content="没有", code="not_found", retryable=False).frames
    assert sent(hello) == {"type": "hello", "v": 1, "token": "T"}
    assert ready(one).frames == (question,)


def test_a_hello_that_is_refused_keeps_the_question() -> None:
    """It is still to be asked after a login, or later."""
    one = session()
    question = one.say("a")
    one.hello()
    refused = give(one, "error", content="请登录", code="login_required", retryable=False)
    assert refused.events == (Refused("login_required", "请登录"),)
    one.hello()
    assert ready(one).frames == (question,)


@pytest.mark.parametrize(("code", "back"), [(1000, False), (1006, True), (1012, True), (4408, True), (4501, False)])
def test_close_codes_say_whether_to_come_back(code: int, back: bool) -> None:
    """The client's own close, and 4500 and above, are for good."""
    assert comes_back(code) is back


UNKNOWN = [
    '{"type": "dance"}',
    '{"type": "chunk"}',
    '{"type": ["chunk"]}',
    "[]",
    "nonsense",
    "1" * 5000,
    "[" * 100_000,
    '{"type": "data", "conversation_id": "c", "turn_id": "t", "seq": 1, "kind": "map", "payload": 1}',
    '{"type": "chunk", "conversation_id": "", "turn_id": "t", "seq": -1, "content": "a", "is_final": false}',
]


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_it_does_not_know_it_passes_over(text: str) -> None:
    """The protocol only grows; what is no frame is nobody's."""
    assert begun().received(text) == Received()


def test_an_outcome_or_code_of_a_later_version_still_ends_the_turn() -> None:
    """Nobody waits for ever for a word he does not know."""
    one = begun()
    one.say("a")
    end = {"type": "status", "conversation_id": "c", "turn_id": "t", "seq": 1, "status": "completed"}
    assert one.received(json.dumps({**end, "data": {"outcome": "paused"}})).events == (Ended("paused"),)
    one.say("b")
    error = {
        "type": "error",
        "conversation_id": "c",
        "turn_id": "u",
        "seq": 2,
        "content": "x",
        "code": "odd",
        "retryable": True,
    }
    assert one.received(json.dumps(error)).events == (Ended("odd", "x"),)
    assert not one.busy


_EXAMPLES = [
    example["payload"] for message in document()["components"]["messages"].values() for example in message["examples"]
]
_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({})


_CHANGES = st.dictionaries(
    st.sampled_from(
        ["seq", "turn_id", "conversation_id", "epoch", "content", "data", "payload", "approvals", "status"]
    ),
    _VALUES,
    max_size=2,
)


@given(st.lists(st.tuples(st.sampled_from(_EXAMPLES), _CHANGES), max_size=12))
def test_no_sequence_of_frames_breaks_it(frames: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Universal: valid ones in any order, and with any member replaced by anything."""
    one = session()
    one.say("a")
    one.hello()
    for frame, changed in frames:
        received = one.received(json.dumps({**frame, **changed}))
        for answer in received.frames:
            sent(answer)
        sent(one.hello())
