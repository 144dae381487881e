"""The embedded model's dialogues, on an invented library whose words are nowhere in the model's code."""

from __future__ import annotations

import pytest

from tests.support.library import TOOLS, Talk, called

CARDS = {"cards": [{"cardId": "C-1", "cardName": "成人证"}, {"cardId": "C-2", "cardName": "少儿证"}]}


def test_a_form_is_filled_over_several_turns_and_its_arguments_are_nested() -> None:
    """Way, title and time are asked for; the variant's own property is read from the same sentence."""
    talk = Talk()
    first = talk.say("我想预约一本书")
    assert not first.calls
    assert first.pending == {"operationId": "reserveBook", "missing": ["way", "title", "when"]}
    assert "书名" in first.text
    assert talk.say("自取，北馆").pending == {"operationId": "reserveBook", "missing": ["title", "when"]}
    assert talk.say("红楼梦").pending == {"operationId": "reserveBook", "missing": ["when"]}
    window = {"from": "2026-11-24T09:00:00+08:00", "to": "2026-11-24T12:00:00+08:00"}
    order = {"way": "PICKUP", "branch": "NORTH", "title": "红楼梦", "when": window}
    assert called(talk.say("明天上午")) == [("reserveBook", {"order": order})]


def test_several_facts_are_offered_by_their_names_and_any_time_is_null() -> None:
    """A slot that is a field of the resident's facts is chosen by the readable sibling; 都可以 is null."""
    talk = Talk(facts=CARDS)
    talk.say("我想预约一本书")
    asked = talk.say("邮寄")
    assert "成人证、少儿证" in asked.text
    assert "C-1" not in asked.text
    talk.say("三体")
    talk.say("少儿证")
    order = {"way": "POST", "cardId": "C-2", "title": "三体", "when": None}
    assert called(talk.say("都可以")) == [("reserveBook", {"order": order})]


def test_a_single_fact_is_taken_without_asking() -> None:
    """One card: it is the card."""
    talk = Talk("English", facts={"cards": CARDS["cards"][:1]})
    talk.say("I want to reserve a book")
    assert talk.say("by delivery please").pending == {"operationId": "reserveBook", "missing": ["title", "when"]}


def test_a_question_in_between_is_answered_and_the_form_offered_again() -> None:
    """A switch of topic does not lose the form."""
    talk = Talk("English")
    talk.say("I want to reserve a book")
    talk.say("pick up at the north branch")
    talk.say("Moby Dick")
    assert called(talk.say("what are the opening hours?")) == [("getHours", {})]
    assert "not finished yet" in talk.step().text
    [(name, arguments)] = called(talk.say("tomorrow afternoon"))
    assert name == "reserveBook"
    assert arguments["order"]["title"] == "Moby Dick"


def test_a_question_about_the_world_fills_no_slot() -> None:
    """今天天气怎么样 holds a date, and is no answer to "when"."""
    talk = Talk()
    talk.say("我想预约一本书")
    talk.say("自取，北馆")
    talk.say("红楼梦")
    answer = talk.say("明天天气怎么样")
    assert not answer.calls
    assert (answer.pending or {}).get("missing") == ["when"]
    assert talk.say("明天上午").calls


@pytest.mark.parametrize("refusal", ["算了", "不用了", "取消", "never mind", "forget it"])
def test_a_refusal_drops_the_form(refusal: str) -> None:
    """Nothing is proposed afterwards, whatever is said."""
    talk = Talk()
    talk.say("我想预约一本书")
    answer = talk.say(refusal)
    assert not answer.calls
    assert answer.pending is None
    assert not talk.say("明天上午").calls


def test_a_correction_overwrites_the_value_of_its_sort() -> None:
    """不对 before the call, 改成 after it: the latest value of that type is replaced."""
    talk = Talk()
    talk.say("我想预约一本书")
    talk.say("自取，北馆")
    talk.say("不对，是南馆")
    talk.say("红楼梦")
    [(_, first)] = called(talk.say("明天上午"))
    assert first["order"]["branch"] == "SOUTH"
    [(_, second)] = called(talk.say("改成后天下午"))
    assert second["order"]["when"] == {"from": "2026-11-25T14:00:00+08:00", "to": "2026-11-25T18:00:00+08:00"}
    assert second["order"]["branch"] == "SOUTH"


def test_a_finished_form_is_not_continued() -> None:
    """After the gateway has parked the write, a loose value is no continuation of it."""
    talk = Talk()
    assert called(talk.say("续借LN0001两周")) == [("renewLoan", {"loanNo": "LN0001", "weeks": 2})]
    assert not talk.say("你好").calls
    assert "取消" in talk.say("嗯好的").text


def test_a_report_takes_place_and_description_from_one_sentence() -> None:
    """Something that does not work is the verb of a tool that takes reports."""
    assert called(Talk().say("二楼打印机坏了")) == [("reportFault", {"place": "二楼", "description": "二楼打印机坏了"})]
    talk = Talk("English")
    assert talk.say("something is broken").pending == {
        "operationId": "reportFault",
        "missing": ["place", "description"],
    }
    assert talk.say("lobby").pending == {"operationId": "reportFault", "missing": ["description"]}
    assert called(talk.say("the printer is jammed")) == [
        ("reportFault", {"place": "lobby", "description": "the printer is jammed"})
    ]


def test_a_follow_up_inherits_the_last_arguments() -> None:
    """那这个月呢 is the last look-up with another month."""
    talk = Talk()
    assert called(talk.say("上个月借了哪些书")) == [("listLoans", {"month": "2026-10"})]
    assert called(talk.say("那这个月呢")) == [("listLoans", {"month": "2026-11"})]


def test_the_next_page_is_the_arguments_that_the_result_gave() -> None:
    """下一页 uses `next` of the last result."""
    talk = Talk()
    talk.results["listLoans"] = {"ok": True, "data": [{"no": "LN0001"}], "shown": 1, "total": 3, "next": {"page": 2}}
    talk.say("我借了哪些书")
    assert called(talk.say("下一页")) == [("listLoans", {"page": 2})]


def test_two_requests_are_two_calls() -> None:
    """One sentence, two whole requests."""
    answer = Talk().say("查一下开馆时间，顺便取消预约YY0001")
    assert called(answer) == [("getHours", {}), ("cancelReservation", {"reservationNo": "YY0001"})]


@pytest.mark.parametrize("text", ["YY0001", "LN0001", "预约", "借书", "YY0001怎么样了", "查一下YY0001", "明天上午"])
def test_no_write_is_proposed_without_its_verb(text: str) -> None:
    """A number or a noun alone changes nothing."""
    writes = {tool.name for tool in TOOLS if tool.effect == "write"}
    assert not [name for name, _ in called(Talk().say(text)) if name in writes]


@pytest.mark.parametrize(
    "text",
    ["今天天气怎么样", "给我讲个笑话", "tell me a joke", "what's the capital of France", "？？？", "asdf", "谢谢"],
)
def test_what_no_tool_serves_is_refused_politely(text: str) -> None:
    """No call, no question for arguments, some words."""
    answer = Talk().say(text)
    assert not answer.calls
    assert answer.pending is None
    assert answer.text


def test_help_lists_what_the_tools_can_do() -> None:
    """The titles come from the documents, in the language asked for."""
    assert "• 查询开馆时间" in Talk().say("你能做什么").text
    assert "• Opening hours" in Talk("English").say("what can you do?").text


def test_reply_in_overrides_the_language_of_the_words() -> None:
    """A Chinese sentence is answered in English where the system message says so."""
    assert "title of the book" in Talk("English").say("我想预约一本书").text


def test_without_tools_the_answer_is_words() -> None:
    """A last step has no tools: nothing is called and nothing fails."""
    talk = Talk()
    talk.messages.append({"role": "user", "content": "我想预约一本书"})
    answer = talk.step(tools=())
    assert answer.text
    assert not answer.calls
