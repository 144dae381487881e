"""Names of people in what residents say, and words that only begin like them."""

from __future__ import annotations

import pytest

from integrations.models.embedded.names import person


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("3栋2单元501", None),
        ("房间，灯坏了", None),
        ("时间明天下午三点", None),
        ("安排一下，谢谢", None),
        ("周三下午", None),
        ("项目，多少钱", None),
        ("陈建国13800138000", "陈建国"),
        ("李红，13800138000", "李红"),
        ("张伟来过", "张伟"),
        ("我叫高峰", "高峰"),
        ("联系人安宁", "安宁"),
    ],
)
def test_a_word_that_begins_like_a_name_is_one_only_where_it_is_called_so(said: str, name: str | None) -> None:
    """单 is a surname and 单元 a word: without a cue, what the dictionary has is no person."""
    found = person(said)
    assert (found and found[0]) == name


def test_who_is_asked_for_a_name_may_be_called_like_a_word() -> None:
    """高峰 is a rush hour and a man's name; as the whole answer to the question it is his."""
    assert person("高峰", alone=True) == ("高峰", 0, 2)
