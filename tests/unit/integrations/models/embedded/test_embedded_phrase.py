"""How the embedded model tells results: totals, rows, amounts, dates, failures; never JSON and never an opaque id."""

from __future__ import annotations

from typing import Any

from tests.support.library import Talk

LABELS = {
    "items": "借阅",
    "kind": "类别",
    "month": "月份",
    "fine": "罚金",
    "due": "归还日",
    "status": "状态",
    "no": "借阅单号",
}


def _loan(no: str, fine: str, status: tuple[str, str], due: str) -> dict[str, Any]:
    return {
        "loanId": "2624710177366999063",
        "no": no,
        "kind": {"value": "NOVEL", "label": "小说"},
        "month": "2026-10",
        "fine": {"value": fine, "unit": "元"},
        "due": due,
        "status": {"value": status[0], "label": status[1]},
        "createdAt": "2026-10-01T01:00:00Z",
    }


def _told(result: dict[str, Any], language: str = "Chinese") -> str:
    talk = Talk(language)
    talk.results["listLoans"] = result
    assert talk.say("查询借阅列表").calls
    return talk.step().text


ROWS = [
    _loan("LN0001", "3.50", ("OPEN", "借出"), "2026-11-15"),
    _loan("LN0002", "0.00", ("RETURNED", "已归还"), "2027-01-02"),
]


def test_totals_come_first_then_a_line_a_row() -> None:
    """The count and the groups by status with their sums, then kind, amount, status and date of each."""
    text = _told({"ok": True, "data": {"items": ROWS}, "labels": LABELS, "shown": 2, "total": 2})
    lines = text.split("\n")
    assert lines[0].startswith("借阅共 2 条")
    assert "借出 1 条（罚金合计 ¥3.50）" in lines[0]
    assert lines[1] == "• （LN0001）：¥3.50，借出，归还日 11月15日".replace("• （LN0001）", "• LN0001")
    assert "2027年1月2日" in lines[2]


def test_ids_braces_and_raw_keys_are_not_shown() -> None:
    """Nineteen digits say nothing to a person."""
    text = _told({"ok": True, "data": ROWS, "labels": LABELS})
    assert "2624710177366999063" not in text
    assert not set(text) & set('{}[]"')
    assert "createdAt" not in text
    assert "loanId" not in text


def test_a_cut_list_says_so() -> None:
    """The note of the result is passed on, and how to see more."""
    result = {"ok": True, "data": ROWS, "labels": LABELS, "shown": 2, "total": 132, "notes": ["仅显示 2 条，共 132 条"]}
    text = _told({**result, "next": {"page": 2}})
    assert text.startswith("借阅列表共 132 条")
    assert "仅显示 2 条，共 132 条" in text
    assert "下一页" in text


def test_nothing_found_is_said_with_the_title() -> None:
    """Empty lists of every shape."""
    nothing: list[Any] = [[], {"items": []}, None, {}]
    for data in nothing:
        assert _told({"ok": True, "data": data}) == "查询借阅列表：没有查到相关记录。"


def test_failures_are_the_results_own_words_each_once() -> None:
    """A business refusal and a login that is needed are passed on as they are."""
    failure = {"ok": False, "error": "business", "message": "图书馆系统：读者证已过期"}
    assert _told(failure) == "图书馆系统：读者证已过期"
    talk = Talk()
    talk.results = {"getHours": failure, "cancelReservation": failure}
    talk.say("查一下开馆时间，顺便取消预约YY0001")
    assert talk.step().text == "图书馆系统：读者证已过期"


def test_a_single_record_is_told_with_labels() -> None:
    """A small record is one sentence; in English the English form of dates."""
    data = {"fine": {"value": "12.00", "unit": "元"}, "count": 3, "due": "2026-12-01", "next": None}
    labels = {"fine": "Fine", "count": "Loans", "due": "Due"}
    assert _told({"ok": True, "data": data, "labels": labels}, "English") == "Fine: ¥12.00, Loans: 3, Due: 1 Dec."


def test_a_write_that_ran_names_the_record_and_what_was_done() -> None:
    """The gateway appends 确认, the call and its result; the number is the one a person can read."""
    talk = Talk()
    talk.say("续借LN0001两周")
    talk.messages.append({"role": "assistant", "content": "我将提交……回复“确认”"})
    talk.messages.append({"role": "user", "content": "确认"})
    function = {"name": "renewLoan", "arguments": '{"loanNo":"LN0001","weeks":2}'}
    talk.messages.append({"role": "assistant", "content": "", "tool_calls": [{"id": "x", "function": function}]})
    data = {
        "loanId": "01KB2Q5T9M3X7R4V8N6P0W1ZCD",
        "no": "LN0001",
        "due": "2026-12-15",
        "link": "https://library.example/1",
    }
    talk.put("x", {"ok": True, "data": data, "labels": LABELS})
    text = talk.step().text
    assert text.startswith("续借图书：已完成，借阅单号 LN0001。")
    assert "归还日：12月15日" in text
    assert "https://library.example/1" in text
    assert "01KB2Q5T9M3X7R4V8N6P0W1ZCD" not in text


def test_times_are_told_in_the_estates_zone() -> None:
    """An instant in UTC and a stretch of time."""
    data = [
        {"at": "2026-11-24T01:00:00Z", "slot": {"from": "2026-11-24T09:00:00+08:00", "to": "2026-11-24T12:00:00+08:00"}}
    ]
    text = _told({"ok": True, "data": data, "labels": {"at": "时间", "slot": "时段"}})
    assert "时间 11月24日 09:00" in text
    assert "时段 11月24日 09:00–12:00" in text
