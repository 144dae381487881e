"""The embedded model where it is offered a choice of many tools, and where a write's verb is of no class it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from integrations.models.embedded.model import Answer, EmbeddedModel
from integrations.models.embedded.rank import Catalogue
from schemas.tool import SEARCH_TOOLS, ToolSpec
from tests.support.library import FAULTS, HOURS, LOANS, RENEW, RESERVE, SYSTEM, TOOLS, called

NUMBER = {"no": {"type": "string", "pattern": r"^BK\d{4}$", "description": "书号 / Book number"}}
ARCHIVE = ToolSpec(
    "books_archive",
    "归档图书 / Archive a book",
    {"type": "object", "required": ["no"], "properties": NUMBER, "additionalProperties": False},
    effect="write",
)
BOOKS = ToolSpec(
    "books_export",
    "导出图书 / Export books as a file",
    {"type": "object", "properties": {}, "additionalProperties": False},
)
SEARCH = ToolSpec(
    SEARCH_TOOLS,
    "Find tools that are not offered now.",
    {"type": "object", "required": ["query"], "properties": {"query": {"type": "string"}}},
    public=True,
)


def say(text: str, tools: Sequence[ToolSpec], language: str = "Chinese") -> Answer:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": SYSTEM.format(language=language)},
        {"role": "user", "content": text},
    ]
    return EmbeddedModel(pace_s=0).answer(messages, tools)


@pytest.mark.parametrize("text", ["你能做什么", "你好", "Find tools that are not offered now", "search tools", "help"])
def test_the_search_is_nothing_a_resident_asks_for(text: str) -> None:
    """It is never called nor listed: the offer was made from the same words that the model reads."""
    answer = say(text, (SEARCH, *TOOLS))
    assert SEARCH_TOOLS not in [name for name, _ in called(answer)]
    assert "not offered" not in answer.text


def test_a_list_of_what_can_be_done_says_that_there_is_more() -> None:
    """With a choice it ends in dots; with all tools it does not."""
    assert say("你能做什么", (SEARCH, *TOOLS)).text.count("• ……") == 1
    assert "……" not in say("你能做什么", TOOLS).text


def test_a_look_up_among_chosen_tools_is_called() -> None:
    """A word that all chosen tools share is as rare as in the whole: two of a thousand are both about loans."""
    loans = ToolSpec("countLoans", "统计借阅数量 / Count loans", LOANS.parameters)
    assert called(say("查询借阅列表", (SEARCH, LOANS, loans))) == [("listLoans", {})]


@pytest.mark.parametrize(("text", "language"), [("归档图书 BK0001", "Chinese"), ("archive book BK0001", "English")])
def test_a_write_is_known_by_its_own_verb(text: str, language: str) -> None:
    """ "Archive" is of no class of verbs; the tool's own summary says it."""
    assert called(say(text, (BOOKS, HOURS, ARCHIVE), language)) == [("books_archive", {"no": "BK0001"})]


@pytest.mark.parametrize("text", ["BK0001 这本图书在哪", "查一下归档的图书 BK0001", "which books are archived?"])
def test_a_question_with_the_verb_of_a_write_writes_nothing(text: str) -> None:
    """Who asks what was archived does not ask to archive."""
    assert "books_archive" not in [name for name, _ in called(say(text, (BOOKS, HOURS, ARCHIVE)))]


OVERDUE = ToolSpec("overdueLoans", "Loans that are overdue", {"type": "object", "properties": {}})
ALL_LOANS = ToolSpec("allLoans", "Loans of a reader", {"type": "object", "properties": {}})


def test_between_tools_alike_the_first_of_a_choice_is_meant() -> None:
    """The search has read all tools, so the order of its choice says more than small differences here; where all tools
    are offered their order says nothing."""
    for first, second in ((OVERDUE, ALL_LOANS), (ALL_LOANS, OVERDUE)):
        assert called(say("show my loans", (SEARCH, first, second), "English")) == [(first.name, {})]
    for pair in ((OVERDUE, ALL_LOANS), (ALL_LOANS, OVERDUE)):
        whole = (*pair, HOURS, RENEW, RESERVE, FAULTS)
        assert called(say("show my overdue loans", whole, "English")) == [("overdueLoans", {})]


def test_a_tool_that_was_called_before_counts_as_the_second_place() -> None:
    """It stands first in the offer for having been called: that says less than the words of now."""
    catalogue = Catalogue((SEARCH, LOANS, HOURS, OVERDUE))
    places = catalogue.places({"listLoans"})
    assert places["getHours"] > places["listLoans"] == places["overdueLoans"]
    assert Catalogue((LOANS, HOURS)).places({"listLoans"}) == {}


def test_a_place_lifts_no_tool_over_the_bar() -> None:
    """What no tool is about finds none, however it was chosen."""
    assert called(say("what is the weather on the moon", (SEARCH, HOURS, LOANS), "English")) == []
