"""A conversation's history as a model is shown it: trimmed, and no call without its result."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.conversation import add_assistant, add_result, add_user, unanswered, view
from schemas.conversation import Conversation
from schemas.tokens import most_tokens
from schemas.tool import ToolCall, ToolResult
from tests.support.fakes import ids, well_formed


def talk(turns: list[tuple[str, list[tuple[str, int]]]]) -> Conversation:
    """A history: per turn the query, then steps of a text and a number of calls."""
    conversation, new_id = Conversation("c1"), ids("call")
    for query, steps in turns:
        add_user(conversation, query)
        for words, count in steps:
            calls = [ToolCall(new_id(), "t", "{}") for _ in range(count)]
            add_assistant(conversation, words, calls)
            for call in calls:
                add_result(conversation, call.id, ToolResult({"ok": True, "data": words}))
    return conversation


steps = st.tuples(st.text(max_size=30), st.integers(0, 3))
conversations = st.lists(st.tuples(st.text(max_size=30), st.lists(steps, max_size=4)), max_size=8).map(talk)


@given(conversations, st.integers(0, 300))
def test_a_view_of_any_size_keeps_pairs(conversation: Conversation, max_tokens: int) -> None:
    """However it is cut: every call has its result right behind it and no result stands alone."""
    assert well_formed(view(conversation, max_tokens))


@given(conversations, st.integers(0, 300))
def test_a_view_is_the_end_of_the_history_from_a_residents_message_on(conv: Conversation, max_tokens: int) -> None:
    """It begins with a resident's message, ends with the newest one, and leaves nothing out in between."""
    shown = view(conv, max_tokens)
    assert shown == conv.messages[len(conv.messages) - len(shown) :]
    assert not shown or shown[0]["role"] == "user"
    assert bool(shown) == bool(conv.messages)


@given(conversations)
def test_a_large_view_is_the_whole_history(conversation: Conversation) -> None:
    """Nothing is cut where everything fits."""
    assert view(conversation, 1_000_000) == conversation.messages


@given(conversations, st.integers(0, 300))
def test_a_view_keeps_its_size_but_for_the_last_group(conversation: Conversation, max_tokens: int) -> None:
    """Only the group of the newest query may be larger than the limit: it is never cut."""
    shown = view(conversation, max_tokens)
    queries = sum(message["role"] == "user" for message in shown)
    assert queries <= 1 or sum(most_tokens(message["content"] or "") for message in shown) <= max_tokens


def test_the_current_query_is_shown_however_long_its_results_are() -> None:
    """Forgetting the question would make every answer wrong."""
    shown = view(talk([("old", [("x" * 500, 0)]), ("new", [("y" * 500, 2)])]), 25)
    assert shown[0]["content"] == "new"
    assert len(shown) == 4


def test_a_step_without_words_and_calls_is_not_kept() -> None:
    """Providers refuse an assistant message that is empty."""
    conversation = talk([("x", [("", 0)])])
    assert [message["role"] for message in conversation.messages] == ["user"]


def test_unanswered_names_the_calls_without_a_result_in_their_order() -> None:
    """What a history still owes a strict provider."""
    conversation = Conversation("c1")
    add_assistant(conversation, "", [ToolCall(name, "t", "{}") for name in ("a", "b", "c")])
    add_result(conversation, "b", ToolResult({"ok": True}))
    assert unanswered(conversation) == ["a", "c"]
