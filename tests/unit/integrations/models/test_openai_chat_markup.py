"""What of a model's text is for people: thoughts and calls as markup are hidden, sentences about tags are not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.models.markup import VisibleText

CALL = '{"name":"getBills","arguments":{}}'
LONG = "想" * 5000

CASES: dict[str, tuple[str, str]] = {
    "plain": ("您好。\n\n1 < 2 且 a[0] > b", "您好。\n\n1 < 2 且 a[0] > b"),
    "thought_first": ("<think>嗯</think>\n\n好", "好"),
    "thought_after_white_space": ("\n <think>嗯\n\n嗯</think>好", "好"),
    "two_thoughts": ("<think>一</think><think>二</think>好", "好"),
    "empty_thought": ("<think>\n\n</think>\n\n好", "好"),
    "thought_of_thousands_of_characters": (f"<think>{LONG}</think>好", "好"),
    "thought_in_a_sentence": ("标签 <think> 用来思考", "标签 <think> 用来思考"),
    "thought_at_a_later_line": ("好\n<think>嗯</think>", "好\n<think>嗯</think>"),
    "unclosed_thought_is_prose_after_all": ("<think> 是一个标签", "<think> 是一个标签"),
    "unclosed_thought_of_thousands": (f"<think>{LONG}", ""),
    "call_at_a_line": (f"我查一下。\n<tool_call>\n{CALL}\n</tool_call>", "我查一下。\n"),
    "call_within_a_line": (f"我查一下。<tool_call>{CALL}</tool_call>好", "我查一下。好"),
    "call_only": (f"<tool_call>{CALL}</tool_call>", ""),
    "call_unclosed": (f"好\n<tool_call>{CALL}", "好\n"),
    "call_with_name_first": ("<tool_call>getBills\n<arg_key>page</arg_key></tool_call>", ""),
    "call_as_function": ('好\n<function=getBills>{"page":1}</function>', "好\n"),
    "call_as_function_within_a_line": ("好<function=getBills><parameter=page>1</parameter></function>", "好"),
    "call_by_special_tokens": (f"好\n<｜tool▁calls▁begin｜>{CALL}<｜tool▁calls▁end｜>", "好\n"),
    "call_by_mistral_token": (f"[TOOL_CALLS][{CALL}]", ""),
    "call_tag_in_a_sentence": ("用 <tool_call> 调用工具", "用 <tool_call> 调用工具"),
    "call_tag_begins_a_sentence": ("<tool_call> 是一个标签", "<tool_call> 是一个标签"),
    "call_tag_ends_a_sentence": ("这个标签叫 <tool_call>", "这个标签叫 <tool_call>"),
    "half_a_tag_at_the_end": ("a <tool_ca", "a <tool_ca"),
    "markdown_link": ("[TOOL](http://x) [T", "[TOOL](http://x) [T"),
    "white_space_only": ("\n \n", ""),
}


def show(pieces: list[str], *, stopped: bool = True) -> str:
    visible = VisibleText()
    return "".join([visible.feed(piece) for piece in pieces]) + visible.end(stopped=stopped)


@pytest.mark.parametrize("name", CASES)
def test_what_is_shown_of_a_text(name: str) -> None:
    """In one piece and letter by letter."""
    text, expected = CASES[name]
    assert show([text]) == expected
    assert show(list(text)) == expected


@given(data=st.data())
def test_any_split_of_a_text_shows_the_same(data: st.DataObject) -> None:
    """Deltas may end anywhere, also inside a tag; cases may follow one another."""
    names = data.draw(st.lists(st.sampled_from(sorted(CASES)), min_size=1, max_size=3))
    text = "".join(CASES[name][0] for name in names)
    edges = [0, *sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10))), len(text)]
    stopped = data.draw(st.booleans())
    assert show([text[a:b] for a, b in pairwise(edges)], stopped=stopped) == show([text], stopped=stopped)


@given(st.text(st.characters(exclude_characters="<[")), st.text())
def test_text_without_markup_goes_through_at_once(text: str, later: str) -> None:
    """Nothing is held back that cannot be the beginning of a tag."""
    visible = VisibleText()
    assert visible.feed(text) == text.lstrip()
    assert (visible.feed(later) + visible.end(stopped=True)).strip() in later or "<" in later or "[" in later


@pytest.mark.parametrize("opening", ["<think>让我", f"<tool_call>{CALL}"])
def test_a_block_that_the_length_limit_cut_stays_hidden(opening: str) -> None:
    """Only a model that stopped by itself can have meant it as prose."""
    assert show([opening], stopped=False) == ""
