"""The parking upstream's money: what a car inside owes, an order to pay it, an order for a month card.

An order is never really paid here. Orders are not idempotent: each call makes a new one, only a repetition within five
seconds is refused."""

import hashlib
import secrets
from datetime import datetime, timedelta
from sqlite3 import Row
from typing import Any

from sanic import HTTPResponse

from demo.clock import SHANGHAI, plain
from demo.core import Call, Handler, json_answer
from demo.database import Value
from demo.parking_answers import (
    BUSINESS,
    PLATE,
    WARNING,
    business_text,
    minutes_between,
    read_object,
    read_plate,
    refuse,
    wrapped,
)
from demo.tariff import parking_fee_cents

REPEAT_S = 5
QUOTE_S = 15 * 60
MONTH_CARD, INSIDE = "1001", "100300"
MONTH_CARD_CENTS = 30_000
MOST_MONTHS = 12
PAY_TYPES = ("WECHAT", "ALIPAY")


class RepeatGuard:
    """Refuses what the same resident sent to the same path less than five seconds ago, if that was accepted."""

    def __init__(self) -> None:
        self._accepted: dict[tuple[str, str, str], datetime] = {}

    def guarded(self, handler: Handler) -> Handler:
        """The handler behind this guard."""

        async def once(call: Call) -> HTTPResponse:
            key = (call.resident.user_id, call.request.path, hashlib.sha256(call.request.body).hexdigest())
            oldest = call.now - timedelta(seconds=REPEAT_S)
            self._accepted = {kept: at for kept, at in self._accepted.items() if at > oldest}
            if key in self._accepted:
                raise refuse(BUSINESS, "不允许重复提交，请稍候再试")
            response = await handler(call)
            self._accepted[key] = call.now
            return response

        return once


async def query_fee(call: Call) -> HTTPResponse:
    """`{code: "0", message, data: {orderId, carNumber, minutes, amount (fen), expireAt (epoch ms)}}`.

    The question comes wrapped: `{data: {carNumber}}`. A quote holds for 15 minutes; asked again, it is the same one."""
    question = read_object(call).get("data")
    plate = question.get("carNumber") if isinstance(question, dict) else None
    if not isinstance(plate, str) or not PLATE.fullmatch(plate):
        return _fee_answer("1002", "车牌号不能为空或格式不正确", None)
    record = call.database.row(
        "SELECT * FROM parking_records WHERE user_id = ? AND car_number = ? AND state = ? ORDER BY in_time DESC",
        call.resident.user_id,
        plate,
        INSIDE,
    )
    if record is None:
        return _fee_answer("1001", "未查询到该车辆的在场停车记录", None)
    minutes = minutes_between(record["in_time"], call.now)
    cents = 0 if record["car_type"] == MONTH_CARD else parking_fee_cents(minutes)
    quote = _standing_quote(call, record, cents) or _new_quote(call, record, minutes, cents)
    data = {
        "orderId": quote["order_no"],
        "carNumber": plate,
        "minutes": quote["minutes"],
        "amount": quote["amount_cents"],
        "expireAt": int(_moment(quote["expires_at"]).timestamp() * 1000),
    }
    return _fee_answer("0", "查询成功", data)


async def pay_fee(call: Call) -> HTTPResponse:
    """`data: {orderNo}`: a new order to pay the quote `orderId`; plain text and HTTP 500 once the quote is over."""
    body = read_object(call)
    order_id, pay_type = body.get("orderId"), body.get("payType", PAY_TYPES[0])
    if not isinstance(order_id, str) or not order_id:
        raise refuse(WARNING, "订单编号不能为空")
    if pay_type not in PAY_TYPES:
        raise refuse(WARNING, "支付方式不支持")
    quote = call.database.row(
        "SELECT * FROM parking_orders WHERE order_no = ? AND user_id = ? AND kind = 'FEE'",
        order_id,
        call.resident.user_id,
    )
    if quote is None:
        raise refuse(BUSINESS, "订单不存在")
    if quote["state"] != "QUOTED" or _moment(quote["expires_at"]) <= call.now or not _is_inside(call, quote):
        raise business_text("收费已经结束，不能再缴费")
    if quote["amount_cents"] == 0:
        raise refuse(BUSINESS, "本次停车免费，无需缴费")
    order_no = _add_order(
        call,
        prefix="TC",
        kind="FEE",
        car_number=quote["car_number"],
        record_id=quote["record_id"],
        minutes=quote["minutes"],
        amount_cents=quote["amount_cents"],
        state="CREATED",
    )
    return wrapped(data={"orderNo": order_no})


async def renew_month_card(call: Call) -> HTTPResponse:
    """`data: {orderNo}`: a new order for 1 to 12 months of a bound car that has a month card."""
    body = read_object(call)
    plate, months = read_plate(body), body.get("months")
    if not isinstance(months, int) or isinstance(months, bool) or not 1 <= months <= MOST_MONTHS:
        raise refuse(WARNING, "续费月数必须在1到12之间")
    car = call.database.row("SELECT * FROM cars WHERE car_number = ? AND user_id = ?", plate, call.resident.user_id)
    if car is None:
        raise refuse(BUSINESS, "车牌未绑定，不能续费")
    if car["car_type"] != MONTH_CARD:
        raise refuse(BUSINESS, "临时车不能续费月卡")
    order_no = _add_order(
        call,
        prefix="YK",
        kind="MONTH_CARD",
        car_number=plate,
        months=months,
        amount_cents=months * MONTH_CARD_CENTS,
        state="CREATED",
    )
    return wrapped(data={"orderNo": order_no})


def _fee_answer(code: str, message: str, data: dict[str, Any] | None) -> HTTPResponse:
    """The second envelope of this system: the code is a text and the sentence is called `message`."""
    return json_answer({"code": code, "message": message, "data": data})


def _standing_quote(call: Call, record: Row, cents: int) -> Row | None:
    return call.database.row(
        "SELECT * FROM parking_orders WHERE record_id = ? AND state = 'QUOTED' AND amount_cents = ? AND expires_at > ?"
        " ORDER BY created_at DESC",
        record["record_id"],
        cents,
        plain(call.now),
    )


def _new_quote(call: Call, record: Row, minutes: int, cents: int) -> Row:
    order_no = _add_order(
        call,
        prefix="BJ",
        kind="FEE",
        car_number=record["car_number"],
        record_id=record["record_id"],
        minutes=minutes,
        amount_cents=cents,
        state="QUOTED",
        expires_at=plain(call.now + timedelta(seconds=QUOTE_S)),
    )
    (row,) = call.database.rows("SELECT * FROM parking_orders WHERE order_no = ?", order_no)
    return row


def _add_order(call: Call, *, prefix: str, **columns: Value) -> str:
    order_no = f"{prefix}{call.now:%Y%m%d%H%M%S}{secrets.randbelow(1_000_000):06d}"
    call.database.insert(
        "parking_orders",
        order_no=order_no,
        user_id=call.resident.user_id,
        community_id=call.resident.community_id,
        created_at=plain(call.now),
        **columns,
    )
    return order_no


def _is_inside(call: Call, quote: Row) -> bool:
    row = call.database.row("SELECT state FROM parking_records WHERE record_id = ?", quote["record_id"])
    return row is not None and row["state"] == INSIDE


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
