"""The words that answer a parked write: the exact ones of the protocol's rule 6, and nothing near them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.approval import decision, words
from schemas.tool import LabelledText, PreparedCall, ToolCall

YES = ["确认", "是", "好的", "可以", "yes", "ok", "confirm"]
NO = ["取消", "不", "no", "cancel"]


@pytest.mark.parametrize("word", YES)
def test_the_protocols_yes_is_a_yes(word: str) -> None:
    """Each of rule 6's words alone."""
    assert decision(word) is True


@pytest.mark.parametrize("word", NO)
def test_the_protocols_no_is_a_no(word: str) -> None:
    """Each of rule 6's words alone."""
    assert decision(word) is False


@pytest.mark.parametrize("query", [" 确认 ", "确认。", "确认！", "YES", "Ok.", "ｏｋ", "“好的”", "Confirm!\n", "OK～"])
def test_case_width_and_punctuation_do_not_matter(query: str) -> None:
    """The same word as people type it."""
    assert decision(query) is True


@pytest.mark.parametrize(
    "query",
    [
        "可以？",
        "ok?",
        "yes?",
        "确认吗",
        "是不是",
        "yes please",
        "ok ok",
        "好的，但是改到明天",
        "不确认",
        "not ok",
        "确 认",
        "",
        "。",
    ],
)
def test_what_asks_or_says_more_decides_nothing(query: str) -> None:
    """A question, a sentence, a near miss: the write stays parked."""
    assert decision(query) is None


@given(st.text(max_size=40))
def test_no_other_text_is_a_yes(query: str) -> None:
    """Any text that does not hold one of the words (in any width and case) is no yes."""
    folded = unicodedata.normalize("NFKC", query).casefold()
    if not any(word in folded for word in YES):
        assert decision(query) is not True


def test_the_words_show_system_operation_arguments_and_how_to_answer() -> None:
    """A29: in the resident's language, from the prepared call alone."""
    prepared = PreparedCall(
        ToolCall("1", "t", "{}"), "write", "报修", "维修系统", "提交报修", (LabelledText("地点", "厨房"),), "d", None
    )
    shown = words(prepared, "zh", 300)
    assert shown.splitlines() == [
        "我将在维修系统为您提交以下内容：",
        "提交报修",
        "• 地点：厨房",
        "回复“确认”提交，回复“取消”放弃。5 分钟内有效。",
    ]
    assert "• 地点: 厨房" in words(prepared, "en", 300)
