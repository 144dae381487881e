"""What a resident can do to a repair order that stands: reschedule, cancel, rate; `repair.py` routes to it."""

import json
import re

from sanic import HTTPResponse

from demo.core import Call
from demo.repair_answers import etag_of, find_repair, invalid, problem, repair_answer, wrong_state
from demo.repair_orders import add_event, read_json, row_of
from demo.repair_validation import check_cancel, check_rating, check_reschedule

NOT_BEGUN = ("WAIT", "TAKEN", "SUSPENDED")


async def reschedule_repair(call: Call) -> HTTPResponse:
    """Changes the appointment if `If-Match` (RFC 9110, section 13.1.1) names the version: else 412, 428 without."""
    order = find_repair(call)
    condition = call.request.headers.get("if-match", "").strip()
    if not condition:
        raise problem(call, 428, detail="缺少 If-Match，请先查询报修单取得 ETag")
    # Strong comparison: a weak tag (W/"...") never matches.
    if condition != "*" and etag_of(order) not in re.findall(r'(?<!W/)"[^"]*"', condition):
        raise problem(call, 412, detail="报修单已被修改，请重新查询后再试")
    body = read_json(call, "application/merge-patch+json")
    if mistakes := check_reschedule(body, call.now):
        raise invalid(call, mistakes)
    if order["status"] not in NOT_BEGUN:
        raise wrong_state(call, order, "维修已经开始或已结束，不能修改预约时间")
    appointment = body["appointment"]
    repair_id = order["repair_id"]
    with call.database.transaction():
        call.database.run(
            "UPDATE repairs SET appointment = ?, version = version + 1 WHERE repair_id = ?",
            None if appointment is None else json.dumps(appointment),
            repair_id,
        )
        add_event(call, repair_id, "修改预约时间")
    return repair_answer(call, repair_id, headers={"ETag": etag_of(row_of(call, repair_id))})


async def cancel_repair(call: Call) -> HTTPResponse:
    """Withdraws an order on which work has not begun; 409 with the present status otherwise."""
    order = find_repair(call)
    body = read_json(call)
    if mistakes := check_cancel(body):
        raise invalid(call, mistakes)
    if order["status"] not in NOT_BEGUN:
        raise wrong_state(call, order, "维修已经开始或已结束，不能取消")
    repair_id = order["repair_id"]
    with call.database.transaction():
        call.database.run(
            "UPDATE repairs SET status = 'CANCELLED', version = version + 1 WHERE repair_id = ?", repair_id
        )
        add_event(call, repair_id, f"住户取消：{body['reason']}")
    return repair_answer(call, repair_id)


async def rate_repair(call: Call) -> HTTPResponse:
    """204; an order is rated once, when it is finished and waits for it."""
    order = find_repair(call)
    body = read_json(call)
    if mistakes := check_rating(body):
        raise invalid(call, mistakes)
    if order["rating"] is not None:
        raise problem(call, 409, "/problems/already-rated", detail="这张报修单已经评价过")
    if order["status"] != "TO_RATE":
        raise wrong_state(call, order, "维修完成后才能评价")
    rating = {name: body.get(name) for name in ("score", "speed", "service", "comment")}
    with call.database.transaction():
        call.database.run(
            "UPDATE repairs SET rating = ?, status = 'DONE', version = version + 1 WHERE repair_id = ?",
            json.dumps(rating, ensure_ascii=False),
            order["repair_id"],
        )
        add_event(call, order["repair_id"], "已评价")
    return HTTPResponse(status=204)
