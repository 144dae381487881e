"""The judgement of the evaluation: what counts as right, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.eval.judge import Done, Verdict, judge, kind, named

_RIGHT, _TOOL_ONLY, _WRONG = Verdict(True, True), Verdict(True, False), Verdict(False, False)


@pytest.mark.parametrize(
    ("wanted", "arguments", "verdict"),
    [
        ({"n": 2, "day": "2026-03-19"}, {"n": 2.0, "day": "2026-03-19"}, _RIGHT),
        ({"n": 2}, {}, _TOOL_ONLY),
        ({}, {"n": 2}, _TOOL_ONLY),
        ({"flag": True}, {"flag": True}, _RIGHT),
        ({"flag": True}, {"flag": False}, _TOOL_ONLY),
        ({"text": {"has": ["lamp", "灯"]}}, {"text": "The Lamp is out"}, _RIGHT),
        ({"text": {"has": ["lamp"]}}, {}, _TOOL_ONLY),
        ({"way": {"any": ["a", None]}}, {}, _RIGHT),
        ({"way": {"any": ["a", None]}}, {"way": "b"}, _TOOL_ONLY),
        ({"name": "ABC。"}, {"name": " ａｂｃ "}, _RIGHT),
        ({"n": 2}, {"n": "two"}, _TOOL_ONLY),
    ],
)
def test_a_call_is_exact_with_these_arguments_and_no_others(wanted: Any, arguments: Any, verdict: Verdict) -> None:
    """Case, width and end marks do not matter; an argument too many does."""
    assert judge({"op": "x", "a": wanted}, Done([("x", arguments)])) == verdict


def test_another_tool_or_a_second_call_is_wrong() -> None:
    """One call is wanted, of that tool."""
    assert judge({"op": "x", "a": {}}, Done([("y", {})])) == _WRONG
    assert judge({"op": "x", "a": {}}, Done([("x", {}), ("x", {})])) == _WRONG
    assert judge({"op": "x", "a": {}}, Done([], "?")) == _WRONG


def test_an_ask_counts_with_exactly_the_missing_arguments() -> None:
    """A question without them, or for others, is right in kind alone; a call is no question."""
    wanted = {"ask": ["a", "b"]}
    assert judge(wanted, Done([], "Which?", ["b", "a"])) == _RIGHT
    assert judge(wanted, Done([], "Which?", ["a"])) == _TOOL_ONLY
    assert judge(wanted, Done([], "Which?")) == _TOOL_ONLY
    assert judge(wanted, Done([("x", {})], "Which?", ["a", "b"])) == _WRONG


def test_nothing_to_do_is_neither_a_call_nor_a_question_for_arguments() -> None:
    """Small talk may be answered in any words."""
    assert judge({"none": 1}, Done([], "Hello?")) == _RIGHT
    assert judge({"none": 1}, Done([], "Which?", ["a"])) == _WRONG
    assert judge({"none": 1}, Done([("x", {})])) == _WRONG


def test_several_calls_are_wanted_in_any_order() -> None:
    """All of them, each exact, and none besides."""
    wanted = {"multi": [{"op": "x", "a": {"n": 1}}, {"op": "x", "a": {"n": 2}}]}
    assert judge(wanted, Done([("x", {"n": 1}), ("x", {"n": 2})])) == _RIGHT
    assert judge(wanted, Done([("x", {"n": 1})])) == _WRONG
    assert judge(wanted, Done([("x", {"n": 1}), ("x", {"n": 3})])) == _TOOL_ONLY


def test_the_best_of_several_right_outcomes_counts() -> None:
    """`any` nests; the operations it names are those that may be called."""
    wanted = {"any": [{"ask": ["a"]}, {"op": "x", "a": {}}], "t": "?"}
    assert judge(wanted, Done([("x", {})])) == _RIGHT
    assert judge(wanted, Done([("x", {"n": 1})])) == _TOOL_ONLY
    assert (kind(wanted), named(wanted)) == ("any", {"x"})
