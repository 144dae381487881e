"""A turn's frames: one terminal, a bubble closed exactly once if it was opened (protocol, rule 1)."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.grammar import Grammar
from integrations.stores.memory_log import MemoryLog
from schemas.turn import TextDelta, ToolFinished, ToolStarted, TurnEnded, TurnEvent, TurnFailed, Usage

deltas = st.builds(TextDelta, st.text(max_size=5))
starts = st.builds(ToolStarted, st.just("t"), st.just("c1"), st.text(max_size=5))
finishes = st.builds(ToolFinished, st.just("t"), st.just("c1"), st.text(max_size=5), st.booleans(), st.just(3))
outcomes: Any = st.sampled_from(["success", "approval", "cancelled", "limit", "login_required"])
codes: Any = st.sampled_from(["model_unavailable", "turn_interrupted", "internal", "shutting_down"])
terminals = st.builds(TurnEnded, outcomes, st.builds(Usage)) | st.builds(TurnFailed, codes, st.just("ab12"))
events: st.SearchStrategy[TurnEvent] = deltas | starts | finishes | terminals


def frames_of(turn: list[TurnEvent]) -> list[dict[str, Any]]:
    log = MemoryLog(1000, 10, new_epoch=lambda: "e")
    grammar = Grammar(log, "c1", "t1", "en")
    grammar.open()
    for event in turn:
        grammar.write(event)
    return [json.loads(entry.text) for entry in log.after("c1", 0)]


def is_terminal(frame: dict[str, Any]) -> bool:
    return bool(frame["type"] == "error" or frame.get("status") == "completed")


@given(st.lists(events, max_size=12), terminals)
def test_any_sequence_of_events_obeys_the_grammar(before: list[TurnEvent], terminal: TurnEvent) -> None:
    """Whatever comes, in whatever order: `thinking` first, one terminal and it is last, the bubble closed once iff
    it was opened, no content after it was closed, and every frame carries its turn and a gapless seq."""
    frames = frames_of([*before, terminal])
    assert frames[0]["status"] == "thinking"
    assert [is_terminal(frame) for frame in frames] == [False] * (len(frames) - 1) + [True]
    chunks = [frame for frame in frames if frame["type"] == "chunk"]
    opened = any(chunk["content"] for chunk in chunks)
    assert [chunk["is_final"] for chunk in chunks] == ([False] * (len(chunks) - 1) + [True] if opened else [])
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    assert all(frame["turn_id"] == "t1" and frame["conversation_id"] == "c1" for frame in frames)


@given(st.lists(deltas, max_size=8))
def test_the_bubble_holds_exactly_what_was_said(said: list[TextDelta]) -> None:
    """The chunks' contents joined are the deltas joined."""
    frames = frames_of([*said, TurnEnded("success", Usage())])
    content = "".join(frame["content"] for frame in frames if frame["type"] == "chunk")
    assert content == "".join(delta.text for delta in said)


def test_thinking_names_what_the_turn_answers() -> None:
    """The client's own name for its query, or the approval; nothing where there is neither."""
    log = MemoryLog(1000, 10, new_epoch=lambda: "e")
    for place, names in enumerate(({"client_msg_id": "m1"}, {"approval_id": "a1"}, {})):
        Grammar(log, "c1", f"t{place}", "en").open(**names)
    opened = [json.loads(entry.text)["data"] for entry in log.after("c1", 0)]
    assert [{name: data[name] for name in data if name != "message"} for data in opened] == [
        {"client_msg_id": "m1"},
        {"approval_id": "a1"},
        {},
    ]


def test_completed_tells_outcome_and_usage() -> None:
    """The terminal's data are those of the protocol's table."""
    data = frames_of([TurnEnded("limit", Usage(10, 3, 2, 1))])[-1]["data"]
    assert data["outcome"] == "limit"
    assert data["usage"] == {"input_tokens": 10, "output_tokens": 3, "steps": 2, "tool_calls": 1}


def test_tool_statuses_name_tool_call_and_duration() -> None:
    """`tool_calling` and `tool_completed` carry the same call id; a failed call is `tool_completed` too."""
    frames = frames_of([ToolStarted("t", "c1", "Bills"), ToolFinished("t", "c1", "Bills", False, 12)])
    assert [frame["status"] for frame in frames] == ["thinking", "tool_calling", "tool_completed"]
    assert [frame["data"]["tool_call_id"] for frame in frames[1:]] == ["c1", "c1"]
    assert frames[2]["data"]["duration_ms"] == 12
    assert "not successful" in frames[2]["data"]["message"]


def test_a_failed_turn_is_an_error_with_its_turn_id() -> None:
    """The code, whether to try again, and a sentence with the reference of the log."""
    frame = frames_of([TurnFailed("internal", "ab12")])[-1]
    assert (frame["code"], frame["retryable"], frame["turn_id"]) == ("internal", True, "t1")
    assert "ab12" in frame["content"]
