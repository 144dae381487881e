"""What the terminal client shows: answers, tables, cards, charts; and nothing of the server's that a terminal obeys."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

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
from commands.chat_view import View, json_line, plain_lines
from schemas.display import Card, Cell, Chart, Column, Field, Series, Table
from schemas.frames import ApprovalCard, Argument

# What rich itself sends where it is to send no colours: the cursor up, a line cleared, the cursor hidden and shown.
_OURS = re.compile(r"\x1b\[1A|\x1b\[2K|\x1b\[\?25[lh]|\r")


class Screen:
    """A view on a terminal (or a pipe) of a test's own."""

    def __init__(self, *, terminal: bool, width: int = 100, as_json: bool = False) -> None:
        self.terminal, self.out, self.err = terminal, io.StringIO(), io.StringIO()
        plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "width": width, "height": 30}
        out = Console(file=self.out, force_terminal=terminal, color_system=None, **plain)
        self.view = View(out, Console(file=self.err, **plain), "zh", as_json=as_json)

    def show(self, *events: Event) -> str:
        """What was written to standard output, the moves of what moves aside."""
        for event in events:
            self.view.show(event)
        self.view.stop()
        written = self.out.getvalue()
        return _OURS.sub("", written) if self.terminal else written


def is_plain(text: str) -> bool:
    return all(c in "\n\u200c\u200d" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in text)


def bills(rows: int = 2, total: int | None = 48) -> Table:
    columns = [Column("no", "账单号", "text"), Column("room", "房屋", "text"), Column("fee", "应缴金额", "money")]
    made = [
        {"no": Cell(f"ZD{n}", f"ZD{n}"), "room": Cell("3-501", "3-501"), "fee": Cell(f"{n}.00 元", f"{n}.00")}
        for n in range(rows)
    ]
    return Table("查询账单", columns, made, rows, total)


def waiting(summary: str, label: str, said: str, until: str) -> ApprovalCard:
    return ApprovalCard(approval_id="a", tool="t", summary=summary, arguments=[Argument(label, said)], expires_at=until)


def test_a_table_shows_labels_texts_and_how_many_there_are() -> None:
    """Each row on a line of its own."""
    shown = Screen(terminal=True).show(Shown(bills()))
    lines = shown.splitlines()
    assert any(line.split() == ["账单号", "房屋", "应缴金额"] for line in lines)
    assert any(line.split() == ["ZD1", "3-501", "1.00", "元"] for line in lines)
    assert "显示 2 条，共 48 条" in shown
    assert "可能还有更多" in Screen(terminal=True).show(Shown(bills(total=None)))
    assert "显示" not in Screen(terminal=True).show(Shown(bills(total=2)))


def test_columns_without_room_are_named_and_those_that_say_the_same_go_first() -> None:
    """Nothing disappears in silence."""
    shown = Screen(terminal=True, width=24).show(Shown(bills()))
    assert any(line.split() == ["ZD1", "1.00", "元"] for line in shown.splitlines())
    assert "另有 1 列：房屋 3-501" in shown


def test_long_ids_make_room_for_what_people_read() -> None:
    """They stand where there is room for all."""
    columns = [Column("id", "编号", "text"), Column("state", "状态", "enum")]
    rows = [{"id": Cell("2624710177416282464", None), "state": Cell(said, None)} for said in ("已缴", "未缴")]
    table = Table("t", columns, rows, 2, 2)
    assert "2624710177416282464" in Screen(terminal=True, width=40).show(Shown(table))
    narrow = Screen(terminal=True, width=20).show(Shown(table))
    assert "未缴" in narrow
    assert "另有 1 列：编号" in narrow


def test_a_card_and_a_chart_are_drawn() -> None:
    """Labels beside texts; bars by size, the value beside each."""
    card = Card("欠费", [Field("欠费总额", "634.26 元", "634.26")])
    assert re.search(r"欠费总额\s+634.26 元", Screen(terminal=True).show(Shown(card)))
    chart = Chart("用水", ["2026-09", "2026-10", "2026-11"], [Series("水费", "元", [10.0, 20.0, None])])
    shown = Screen(terminal=True).show(Shown(chart))
    bars = {line.split()[0]: line.count("█") for line in shown.splitlines() if line.startswith("2026")}
    assert bars["2026-10"] == 2 * bars["2026-09"] > 0
    assert bars["2026-11"] == 0
    assert "20 元" in shown


def test_an_answer_is_rendered_once_it_is_whole() -> None:
    """Markdown as it reads; statuses come and go, tool calls leave their time."""
    screen = Screen(terminal=True)
    shown = screen.show(
        Working("正在思考..."),
        ToolEnded("查询：已完成", 1234),
        Words("您有 **四"),
        Words("笔** 账单。"),
        BubbleClosed(),
        Ended("success"),
    )
    assert "查询：已完成 (1.2 s)" in shown
    assert shown.rstrip().splitlines()[-1].strip() == "您有 四笔 账单。"


def test_lines_of_an_answer_stay_lines() -> None:
    """Single breaks too; blocks of Markdown are blocks."""
    shown = Screen(terminal=True).show(Words("账单：\n• 一\n• 二\n\n- 三\n- 四\n\n```\na\nb\n```"), BubbleClosed())
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    assert lines[-7:] == ["账单：", "• 一", "• 二", "• 三", "• 四", "a", "b"]


def test_a_write_that_waits_is_a_card() -> None:
    """Summary, every argument, until when."""
    card = waiting("提交报修单", "标题", "厨房漏水", "2026-11-26T03:05:00Z")
    screen = Screen(terminal=True)
    shown = screen.show(Waits(card))
    assert "提交报修单" in shown
    assert re.search(r"标题\s+厨房漏水", shown)
    assert re.search(r"\d\d:05:00 前有效", shown)
    screen.view.prompt(approving=True)
    assert screen.out.getvalue().endswith("确认 / 取消> ")


def test_in_a_pipe_standard_output_is_the_answer_alone() -> None:
    """Whatever else is said goes to standard error."""
    screen = Screen(terminal=False)
    shown = screen.show(
        Working("正在思考..."),
        ToolEnded("查询：已完成", 84),
        Shown(bills()),
        Words("您有"),
        Words("四笔。"),
        BubbleClosed(),
        Refused("busy", "请稍后"),
        Ended("internal", "坏了"),
    )
    assert shown == "您有四笔。\n"
    assert screen.err.getvalue().split() == ["请稍后", "坏了"]


def test_frames_are_one_line_each_where_they_were_asked_for() -> None:
    """JSON that is the same value; nothing else on standard output."""
    screen = Screen(terminal=False, as_json=True)
    raw = '{"type":\n "chunk", "content": "a\\u001b[31m\u202e\U000e0041\u009b", "n": 12345678901234567890}'
    screen.view.frame(raw)
    screen.view.frame("no \x1b json")
    assert screen.show(Words("a"), BubbleClosed(), Ended("success")).count("\n") == 2
    first, second = screen.out.getvalue().splitlines()
    assert json.loads(first) == json.loads(raw)
    assert is_plain(first)
    assert json.loads(second) == "no \x1b json"
    assert is_plain(second)


HOSTILE = [
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "100\u202e001",
    "&#x202e;&#27;[31m&#x9b;",
    "[link](http://evil.example/\x1b[31m)",
    "`\x1b[31m`",
    "```\n\x1b[31m\n```",
    "[red]not markup[/red] :smile:",
    "a\rb",
    "\ud800",
]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_of_the_servers_reaches_a_terminal_but_plain_characters(hostile: str, terminal: bool) -> None:
    """A24: escapes, direction marks, links that hide their target, as raw characters or written in Markdown."""
    screen = Screen(terminal=terminal)
    cell = Cell(hostile, None)
    screen.view.tell(hostile)
    shown = screen.show(
        Working(hostile), ToolEnded(hostile, 1), Words(hostile), BubbleClosed(), Replaced(hostile), BubbleClosed(),
        Shown(Table(hostile, [Column("x", hostile, "text")], [{"x": cell}], 1, 2)),
        Shown(Card(hostile, [Field(hostile, hostile, None)])),
        Shown(Chart(hostile, [hostile], [Series(hostile, hostile, [1.0])])),
        Waits(waiting(hostile, hostile, hostile, hostile)),
        Refused("busy", hostile), Ended("internal", hostile),
    )  # fmt: skip
    assert is_plain(shown), re.findall(r"[^\n\x20-\x7e\u2500-\u9fff]+", shown)[:5]
    assert is_plain(screen.err.getvalue())
    assert "\x1b]" not in screen.out.getvalue()


@given(st.text(st.characters(), max_size=60))
@settings(deadline=None, max_examples=60)
def test_any_answer_is_plain(words: str) -> None:
    """Universal, on a terminal and in lines."""
    screen = Screen(terminal=True)
    assert is_plain(screen.show(Words(words), BubbleClosed()))
    assert is_plain(plain_lines(words))
    assert is_plain(json_line(json.dumps(words)))
