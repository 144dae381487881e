"""Claims of acts that no system confirmed (A45): which sentences are ones, which are retold, and what the turn adds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.claims import claims
from schemas.errors import ModelInterrupted
from schemas.messages import text
from schemas.tool import ToolCall, ToolResult
from schemas.turn import TurnEvent
from tests.support.fakes import FakeTool, FakeToolset, Piece, ScriptedModel, Talk, spoken, well_formed

CLAIMS_ZH = """\
已提交。
已为您提交。
您的报修已提交。
您的报修单已经提交成功。
已为您在线报修，请耐心等待。
已经帮您报修厨房水龙头。
我已帮您提交了报修申请。
报修提交成功！
提交成功，请保持电话畅通。
成功提交报修。
好的，已取消。
您的预约已取消。
我已经为您取消了订单。
已为您取消明天上午的预约。
订单取消成功。
十一月的物业费已缴。
物业费已缴清。
已成功缴纳 356.20 元。
已为您支付 100 元。
支付成功。
缴费成功，感谢您的配合。
费用已经付清了。
已为您预约明天上午九点的师傅。
预约成功。
师傅已预约好，明天上门。
我帮您预约了明天下午。
给您登记好了。
已登记您的诉求。
已把您的报修单提交给物业。
已将投诉上报给物业经理。
我们已受理您的申请。
您的申请已受理。
已为您修改手机号。
手机号修改成功。
车牌已绑定。
已删除该车辆。
已经为您办理月卡。
月卡办理完成。
我提交了您的申请。
我刚刚提交了。
我已下单。
放心，已申报。
退款已申请。
已撤销您的报修。""".splitlines()

CLAIMS_EN = """\
Your repair order has been submitted.
Your request was submitted.
The form is submitted.
I have submitted your request.
I've submitted the repair order for you.
I submitted it just now: all fine.
I have just filed the complaint.
I've already filed it.
Your complaint has been filed.
It was successfully filed with the office.
Successfully submitted.
Your repair was submitted successfully.
Done! Submitted.
Submitted.
I have booked a plumber for tomorrow.
I've booked it.
I booked a slot for you.
Your appointment is now booked.
The appointment has been successfully booked.
A visit has been scheduled for tomorrow.
I have scheduled the visit.
We have reserved a parking space.
Your parking space has been reserved.
Your order has been cancelled.
The order was canceled.
I have cancelled your repair order.
I've canceled it.
We cancelled the booking.
Your bill has been paid.
The property fee is paid.
I have paid your bill.
I've just paid it for you.
Everything is settled.
Your balance has been settled.
Your complaint was lodged with the manager.
I've reported the leak.
The leak has been reported.
Your plate has been registered.
I've registered your car.
Your phone number was updated.
I have updated your address.
The record has been deleted.
Your request has been processed.
Okay, I've created the ticket.""".splitlines()

NONE_ZH = """\
您的报修尚未提交。
还没有提交，请您确认。
没有提交成功。
提交失败，请稍后再试。
未能提交报修。
系统没有提交任何内容。
我不会在您确认之前提交。
这项操作并未已提交。
如果已提交，请忽略此消息。
若已提交，请勿重复提交。
假如您已经缴费，无需再缴。
一旦提交成功，物业会联系您。
提交成功后，您会收到短信。
报修已提交后可以查看进度。
请问您已经提交了吗？
您是否已提交过报修？
是否已缴费请以系统为准。
您已缴费了么？
确认后我将为您提交。
我可以为您提交报修，请提供地址。
要我帮您取消预约吗？
请回复“确认”提交。
请回复“取消”放弃。
您想取消哪一个预约？
已为您查询到 3 条账单。
我帮您查询了本月账单。
已找到您的停车记录。
以下是您的账单：
待缴金额 356.20 元。
您有 2 笔未缴账单。
账单状态为“已缴”的不需要处理。
已取消的订单不能再次取消。
已提交的报修可以撤回。
已缴：3 笔。
您可以在这里缴费。
请在 30 日前缴纳物业费。
支付方式有微信和支付宝。
报修需要填写地址和时间。
系统没有确认已经支付，请先查询。
可能已经提交，也可能没有，请查询确认。
不，预约没有取消成功。
目前无法确认是否已受理。
当您已提交申请时，会看到进度。
等待您确认提交。
已为您查询到 2 条缴费记录。
已为您列出预约记录。
我帮您查了一下取消的订单，有 1 条。
我已经为您找到报修单和缴费明细。
已为您整理了取消订单的列表。
已为您生成报表。
这是为您准备的缴费方式。""".splitlines()

NONE_EN = """\
Your repair order has not been submitted.
It has not been submitted yet.
It was not filed.
Nothing was submitted.
Nothing has been cancelled.
I have not booked anything.
I haven't submitted anything.
It isn't submitted until you say yes.
The request was never filed.
No payment has been made, and no bill was paid.
I could not submit it.
I cannot cancel this order.
The submission failed.
It will be submitted after your yes.
It would be submitted to the office.
If it has been submitted, please wait.
Once your order has been submitted, a number is shown.
When the bill is paid, the status changes.
After it was submitted you can follow it.
Unless it was cancelled, somebody will come.
Has it been submitted?
Was the bill paid?
Have you already paid?
Do you want it cancelled?
Shall I submit the repair order?
I can submit this for you.
May I book a plumber?
Please reply "yes" to submit it.
Reply "cancel" to drop it.
Should I cancel the appointment?
I will submit it when you confirm.
I am about to submit this for you.
I have found three bills.
I've looked up your parking records.
Here are your bills:
Your unpaid bills are listed below.
Two bills are due.
Whether it was paid cannot be seen.
The order may have been cancelled; please check.
It might have been submitted, so check first.
You can pay in the app.
The order can be cancelled until noon.
It must be confirmed before it is booked.
To be submitted: the repair of the tap.""".splitlines()


def test_the_tables_are_long_enough() -> None:
    """At least forty different sentences each way in both languages."""
    for table in (CLAIMS_ZH, CLAIMS_EN, NONE_ZH, NONE_EN):
        assert len(set(table)) >= 40


@pytest.mark.parametrize("sentence", CLAIMS_ZH + CLAIMS_EN)
def test_a_completed_act_is_a_claim(sentence: str) -> None:
    """A45: said alone, or within an answer that says other things too."""
    assert claims(sentence)
    assert claims(f"好的。{sentence}" if sentence in CLAIMS_ZH else f"Of course. {sentence} Anything else")


@pytest.mark.parametrize("sentence", NONE_ZH + NONE_EN)
def test_what_is_denied_supposed_asked_or_announced_is_none(sentence: str) -> None:
    """A45: a negation, a condition, a question, an offer or a read is no claim."""
    assert not claims(sentence)


def read(data: Any, **more: Any) -> ToolResult:
    return ToolResult({"ok": True, "data": data, **more})


PAID = read([{"no": "B1", "status": {"value": "PAID", "label": "已缴"}, "paid_at": "2025-11-20T10:00:00+08:00"}])
ORDER = read([{"id": "BX20251120-0007", "created_at": "2025-11-20T09:12:00+08:00", "status": "IN_PROGRESS"}])
CANCELLED = read([{"status": "CANCELLED"}])


@pytest.mark.parametrize(
    ("sentence", "result"),
    [
        ("十月的账单已缴。", PAID),
        ("您有 1 笔已缴账单，合计 100 元。", PAID),
        ("The bill is paid.", PAID),
        ("Your repair order was submitted on 20 Nov.", ORDER),
        ("Your repair order was submitted on November 20th, 2025.", ORDER),
        ("您的报修已于 11 月 20 日提交，已受理。", ORDER),
        ("报修单 BX20251120-0007 已提交。", ORDER),
        ("这个订单已取消。", CANCELLED),
        ("The order was canceled.", CANCELLED),
    ],
)
def test_what_a_read_of_this_turn_tells_may_be_retold(sentence: str, result: ToolResult) -> None:
    """A45: a status, or the number or day of a record that was read, and only with that read."""
    assert not claims(sentence, [result])
    assert claims(sentence, [read([{"n": 1}])]) or "于" in sentence


@pytest.mark.parametrize(
    "sentence", ["我已为您提交报修单 BX20251120-0007。", "I have submitted order BX20251120-0007.", "已帮您取消。"]
)
def test_an_act_of_the_assistants_own_is_no_retelling(sentence: str) -> None:
    """A45: records beside it do not make "I have" true."""
    assert claims(sentence, [ORDER, CANCELLED])


def test_a_refused_read_backs_nothing() -> None:
    """A failure's message is no record."""
    assert claims("您的账单已缴。", [ToolResult.failure("business", "已缴")])


@given(st.text(alphabet="我已为您提交取消，。不没 I have been submitted.?\n", max_size=120))
def test_any_text_is_judged(words: str) -> None:
    """No text makes the guard fail; one that denies every claim in its clause has none."""
    assert claims(words) in (True, False)


async def said(*steps: list[Piece], toolset: FakeToolset, talk: Talk, query: str = "帮我报修") -> list[TurnEvent]:
    return await talk.say(query, ScriptedModel(*steps), toolset)


CORRECTION = text("turn.not_done", "en")


def orders(result: ToolResult | None = None) -> FakeToolset:
    write = FakeTool("write", result=result) if result else FakeTool("write")
    return FakeToolset({"order": write, "records": FakeTool(result=ORDER)})


async def test_a_claim_without_a_write_is_corrected_at_the_end_of_the_bubble() -> None:
    """A45: the resident reads the correction last, and the history has it."""
    talk = Talk()
    events = await said(["您的报修", "已提交", "，请等待。"], toolset=orders(), talk=talk)
    assert spoken(events) == f"您的报修已提交，请等待。\n\n{CORRECTION}"
    assert talk.conversation.messages[-1] == {"role": "assistant", "content": CORRECTION}


async def test_a_claim_beside_a_read_is_corrected_and_a_retelling_is_not() -> None:
    """A45: the read's record may be told, an act of the assistant's own may not."""
    reading = ToolCall("c1", "records", "{}")
    talk = Talk()
    told = await said([reading], ["报修单 BX20251120-0007 已提交。"], toolset=orders(), talk=talk)
    assert CORRECTION not in spoken(told)
    told = await said([reading], ["我已为您提交新的报修。"], toolset=orders(), talk=talk)
    assert spoken(told).endswith(CORRECTION)


async def test_a_claim_beside_a_parked_write_is_corrected_before_what_is_shown() -> None:
    """A45: "submitted" said with a call that only waits for a yes; the yes still counts afterwards."""
    talk, toolset = Talk(), orders()
    events = await said(["已为您提交报修。", ToolCall("c1", "order", "{}")], toolset=toolset, talk=talk)
    bubble = spoken(events)
    assert bubble.index("已为您提交报修。") < bubble.index(CORRECTION) < bubble.index('"yes"')
    assert toolset.sent == []
    events = await said(["报修已提交。"], toolset=toolset, query="确认", talk=talk)
    assert len(toolset.sent) == 1
    assert CORRECTION not in spoken(events)
    assert well_formed(talk.conversation.messages)


async def test_a_claim_after_a_write_that_failed_is_corrected() -> None:
    """A45: the yes was given, the system refused, and the model says that it is done."""
    talk, toolset = Talk(), orders(ToolResult.failure("business", "已有未完成的报修"))
    await said([ToolCall("c1", "order", "{}")], toolset=toolset, talk=talk)
    events = await said(["报修已提交。"], toolset=toolset, query="确认", talk=talk)
    assert len(toolset.sent) == 1
    assert spoken(events).endswith(CORRECTION)


async def test_a_claim_of_an_answer_that_breaks_off_is_corrected() -> None:
    """A45: the half answer stands in the bubble, so the correction does too."""
    events = await said(["已为您取消预约", ModelInterrupted("reset")], toolset=orders(), talk=Talk())
    assert CORRECTION in spoken(events)
