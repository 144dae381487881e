"""The three dialogues of the tutorial on a really started Steward: answers are compared with the estate's database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.estate_data import amounts_in, rows, yuan
from tests.support.steward import Steward
from tests.support.talk import Talk, talk

Start = Callable[..., Any]


@pytest.mark.parametrize(
    "query", ["查询我的物业费账单", "我的物业费账单", "帮我看看物业费的账单", "show me my property fee bills"]
)
async def test_bills_are_the_residents_own_to_the_fen(steward: Steward, query: str) -> None:
    """A question for property bills lists real bills of user123, each amount as the bill upstream's database has it."""
    async with talk(steward.ws) as resident:
        reply = await resident.ask(query)
    own = rows(steward.database, "SELECT * FROM bills WHERE user_id = 'user123' AND fee_type = 'PROPERTY'")
    known = {yuan(value) for row in own for value in (row["amount_cents"], row["paid_cents"], row["late_fee_cents"])}
    known |= {yuan(row["amount_cents"] - row["paid_cents"]) for row in own}
    shown = amounts_in(reply.text)
    latest = max(own, key=lambda row: row["period"])
    assert reply.outcome == "success"
    assert yuan(latest["amount_cents"]) in shown
    sums = {
        yuan(sum(row["amount_cents"] for row in own)),
        yuan(sum(row["amount_cents"] - row["paid_cents"] for row in own)),
    }
    assert shown - known - sums == set(), "an amount that no bill has"
    assert len(reply.chunks) >= 3, "streamed in several chunks"


@pytest.mark.parametrize("query", ["帮我查一下停车记录", "查下我的停车记录", "show my parking records"])
async def test_parking_records_come_through_the_swagger_2_upstream(steward: Steward, query: str) -> None:
    """A question for parking records names the resident's plates and parks as that upstream's database has them."""
    async with talk(steward.ws) as resident:
        reply = await resident.ask(query)
    own = rows(steward.database, "SELECT * FROM parking_records WHERE user_id = 'user123' ORDER BY in_time DESC")
    others = rows(steward.database, "SELECT car_number FROM parking_records WHERE user_id <> 'user123'")
    assert reply.outcome == "success"
    assert own[0]["car_number"] in reply.text
    assert own[0]["park_name"] in reply.text
    assert not any(row["car_number"] in reply.text for row in others)
    assert len(reply.chunks) >= 3


async def _report(resident: Talk, words: list[str]) -> str:
    """Tell the assistant `words`, one by one, until it shows what it will send; that text."""
    for word in words:
        reply = await resident.ask(word)
        if reply.outcome == "approval":
            return reply.text
        assert reply.outcome == "success", reply.text
        assert reply.text.rstrip().endswith(("？", "?", "。", ".")), reply.text
    raise AssertionError(f"never came to an approval: {reply.text}")


REPAIRS = [
    pytest.param(["我想报修", "厨房水龙头漏水", "明天上午"], "确认", "厨房水龙头漏水", id="zh"),
    pytest.param(["我要报修", "家里卫生间", "马桶堵了", "后天下午3点"], "好的", "马桶堵了", id="zh-slow"),
    pytest.param(["我家客厅灯不亮了，帮我报修，明天下午来"], "是", "客厅灯不亮", id="zh-one-sentence"),
    pytest.param(
        ["I need a repair", "the kitchen tap is leaking", "tomorrow morning"], "yes", "tap is leaking", id="en"
    ),
]


@pytest.mark.parametrize(("words", "yes", "said"), REPAIRS)
async def test_a_confirmed_repair_exists_with_the_number_that_is_named(
    start: Start, words: list[str], yes: str, said: str
) -> None:
    """The assistant asks, shows what it will send; after the yes the order is in the database, its number told."""
    with start() as steward:  # its own: a second open order of one kind at one place is refused
        before = {row["no"] for row in rows(steward.database, "SELECT no FROM repairs")}
        async with talk(steward.ws) as resident:
            shown = await _report(resident, words)
            assert said in shown
            assert {row["no"] for row in rows(steward.database, "SELECT no FROM repairs")} == before
            reply = await resident.ask(yes)
        new = [row for row in rows(steward.database, "SELECT * FROM repairs") if row["no"] not in before]
    assert reply.outcome == "success"
    assert len(new) == 1, reply.text
    assert new[0]["no"] in reply.text
    assert new[0]["user_id"] == "user123"
    assert said in new[0]["description"]
    assert new[0]["appointment"], "the time that was said is part of the order"


@pytest.mark.parametrize(
    ("words", "no"),
    [
        (["我想报修", "厨房水龙头漏水", "明天上午"], "取消"),
        (["I want to report a repair", "bathroom light is broken", "tomorrow"], "cancel"),
    ],
)
async def test_a_cancelled_repair_does_not_exist(steward: Steward, words: list[str], no: str) -> None:
    """After a no to what was shown nothing has been sent to the repair upstream."""
    async with talk(steward.ws, "user456", steward.login("user456")) as resident:
        await _report(resident, words)
        count = rows(steward.database, "SELECT count(*) AS n FROM repairs WHERE user_id = 'user456'")[0]["n"]
        reply = await resident.ask(no)
        assert reply.outcome == "success"
        again = await resident.ask("确认")
    assert again.tools == []
    assert rows(steward.database, "SELECT count(*) AS n FROM repairs WHERE user_id = 'user456'")[0]["n"] == count


async def test_frames_of_a_turn_follow_the_grammar(steward: Steward) -> None:
    """thinking, any mix, one terminal; one final chunk, right before the terminal; seq grows, with gaps where a
    frame is of a type that this client has not asked for."""
    async with talk(steward.ws) as resident:
        reply = await resident.ask("查询我的物业费账单")
    kinds = [frame.get("status") or frame["type"] for frame in reply.frames]
    assert kinds[0] == "thinking"
    assert kinds[-1] == "completed"
    assert kinds.count("completed") == 1
    assert [frame["is_final"] for frame in reply.chunks] == [False] * (len(reply.chunks) - 1) + [True]
    assert kinds[-2] == "chunk"
    seqs = [frame["seq"] for frame in reply.frames]
    assert seqs == sorted(set(seqs))
    assert seqs[0] == 1
    assert len({frame["turn_id"] for frame in reply.frames}) == 1
    assert "tool_calling" in kinds
    assert "tool_completed" in kinds


@pytest.mark.parametrize(
    ("query", "contact"),
    [("转人工", "请联系阳光花园物业服务中心，电话 0755-5550-0100"), ("a person, please", "phone 0755")],
)
async def test_who_asks_for_a_person_is_told_whom_to_call(steward: Steward, query: str, contact: str) -> None:
    """The office of the embedded estate, in the language that was spoken; no tool is called."""
    async with talk(steward.ws) as resident:
        reply = await resident.ask(query)
    assert contact in reply.text
    assert (reply.outcome, reply.tools) == ("success", [])
