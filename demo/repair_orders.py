"""The repair upstream's orders: kinds of repair, create, list, show, events; next `repair_changes.py`."""

import hashlib
import json
import re
import secrets
from sqlite3 import Row
from typing import Any
from urllib.parse import urlencode

from sanic import HTTPResponse

from demo.clock import iso
from demo.core import Call, json_answer
from demo.database import Value
from demo.repair_answers import (
    BASE_PATH,
    as_repair,
    etag_of,
    find_repair,
    invalid,
    problem,
    repair_answer,
)
from demo.repair_photos import OPEN, NewPhoto, judged, parts_of, store
from demo.repair_validation import STATUSES, TYPES, Mistake, check_object, check_order, parse_date_time
from demo.seed import ARREARS_BLOCK_CENTS
from demo.ulid import ulid

LARGEST_PAGE = 100


async def list_repair_types(_: Call) -> HTTPResponse:
    """`[{typeCode, name, slaHours}]`, for anybody."""
    return json_answer([{"typeCode": code, "name": name, "slaHours": hours} for code, (name, hours) in TYPES.items()])


async def create_repair(call: Call) -> HTTPResponse:
    """201 with the new order and its Location; the same `Idempotency-Key` and content again is the same order."""
    key = _idempotency_key(call)
    order, photos = _read(call)
    digest = _digest(order, photos)
    earlier = call.database.row(
        "SELECT * FROM repairs WHERE user_id = ? AND idempotency_key = ?", call.resident.user_id, key
    )
    if earlier is not None:
        if earlier["request_sha256"] != digest:
            raise problem(call, 409, "/problems/idempotency-conflict", detail="同一幂等键的内容不同")
        return _created(call, earlier["repair_id"])
    target = _target(call, order)
    _refuse_arrears(call, target)
    with call.database.transaction():
        _refuse_duplicate(call, target, order["typeCode"])
        repair_id = _insert(call, order, target, key, digest)
        store(call, repair_id, photos)
    return _created(call, repair_id)


async def list_repairs(call: Call) -> HTTPResponse:
    """`{data: [Repair], meta: {total, limit, offset}}`, newest first, with a Link to the next and previous page."""
    statuses = call.request.args.getlist("status") or []
    mistakes = [Mistake("/status", f"状态 {value} 不存在") for value in statuses if value not in STATUSES]
    limit = _number(call, "limit", 20, 1, LARGEST_PAGE, mistakes)
    offset = _number(call, "offset", 0, 0, 10**9, mistakes)
    conditions: list[str] = ["user_id = ?"]
    values: list[Value] = [call.resident.user_id]
    if statuses:
        conditions.append(f"status IN ({', '.join('?' * len(statuses))})")
        values += statuses
    if (after := call.request.args.get("createdAfter")) is not None:
        conditions.append("created_at > ?")
        try:
            values.append(iso(parse_date_time(after)))
        except (ValueError, OverflowError):
            mistakes.append(Mistake("/createdAfter", "时间应带时区，如 2026-11-24T09:00:00+08:00"))
    if mistakes:
        raise invalid(call, mistakes)
    where = " AND ".join(conditions)
    (counted,) = call.database.rows(f"SELECT count(*) AS total FROM repairs WHERE {where}", *values)
    rows = call.database.rows(
        f"SELECT * FROM repairs WHERE {where} ORDER BY created_at DESC, repair_id DESC LIMIT ? OFFSET ?",
        *values,
        limit,
        offset,
    )
    total = int(counted["total"])
    body = {
        "data": [as_repair(call, row) for row in rows],
        "meta": {"total": total, "limit": limit, "offset": offset},
    }
    return json_answer(body, headers=_links(call, total, limit, offset))


async def get_repair(call: Call) -> HTTPResponse:
    """One order with its ETag, which a reschedule needs."""
    row = find_repair(call)
    return json_answer(as_repair(call, row), headers={"ETag": etag_of(row)})


async def list_repair_events(call: Call) -> HTTPResponse:
    """`[{at, event, by}]`, the first one first; `by` is null where the system did it."""
    order = find_repair(call)
    rows = call.database.rows("SELECT * FROM repair_events WHERE repair_id = ? ORDER BY event_id", order["repair_id"])
    return json_answer([{"at": row["at"], "event": row["event"], "by": row["by"]} for row in rows])


def add_event(call: Call, repair_id: str, event: str) -> None:
    """Notes what the resident has just done."""
    call.database.insert("repair_events", repair_id=repair_id, at=iso(call.now), event=event, by=call.resident.name)


def read_json(call: Call, media_type: str = "application/json") -> Any:
    """The JSON of a body that must have this media type (415); 400 where it is no JSON."""
    if call.request.content_type.split(";")[0].strip().lower() != media_type:
        raise problem(call, 415, detail=f"请求内容类型应为 {media_type}")
    return _parse(call, call.request.body)


def _parse(call: Call, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise invalid(call, [Mistake("", "请求内容不是有效的 JSON")]) from None


def _idempotency_key(call: Call) -> str | None:
    key = call.request.headers.get("idempotency-key")
    if key is not None and not 8 <= len(key) <= 128:
        raise invalid(call, [Mistake("/Idempotency-Key", "幂等键应为 8 到 128 个字符")])
    return key


def _read(call: Call) -> tuple[dict[str, Any], list[NewPhoto]]:
    """The order and its photos, out of a form or of plain JSON."""
    photos: list[NewPhoto] = []
    if call.request.content_type.split(";")[0].strip().lower() != "multipart/form-data":
        body = read_json(call)
    else:
        parts = parts_of(call)
        orders = [part for part in parts if part.name == "order"]
        mistakes = [Mistake(f"/{part.name}", "不支持的字段") for part in parts if part.name not in ("order", "photos")]
        if len(orders) > 1:
            mistakes.append(Mistake("/order", "只能提交一份报修内容"))
        if mistakes:
            raise invalid(call, mistakes)
        if orders and orders[0].content_type != "application/json":
            raise problem(call, 415, detail="order 部分的类型应为 application/json")
        body = {"order": _parse(call, orders[0].content)} if orders else {}
        photos = judged(call, [part for part in parts if part.name == "photos"])
    mistakes = check_object(body, {"order": lambda value, _: check_order(value, call.now)}, ("order",))
    if mistakes:
        raise invalid(call, mistakes)
    order: dict[str, Any] = body["order"]
    return order, photos


def _digest(order: dict[str, Any], photos: list[NewPhoto]) -> str:
    """Of what was meant, not of the bytes: a form's boundary differs each time."""
    whole = hashlib.sha256(json.dumps(order, sort_keys=True).encode())
    for photo in photos:
        whole.update(hashlib.sha256(photo.content).digest())
    return whole.hexdigest()


def _target(call: Call, order: dict[str, Any]) -> dict[str, Any]:
    """Where the repair is; rooms and cars must be the resident's own."""
    match order["targetType"]:
        case "ROOM":
            names = {room.room_id: room.room_name for room in call.resident.rooms}
            if order["roomId"] not in names:
                raise invalid(call, [Mistake("/order/roomId", "您名下没有这个房屋")])
            return {"targetType": "ROOM", "roomId": order["roomId"], "roomName": names[order["roomId"]]}
        case "VEHICLE":
            car = call.database.row(
                "SELECT 1 FROM cars WHERE car_number = ? AND user_id = ?", order["carNumber"], call.resident.user_id
            )
            if car is None:
                raise invalid(call, [Mistake("/order/carNumber", "您没有绑定这个车牌")])
            return {"targetType": "VEHICLE", "carNumber": order["carNumber"]}
        case _:
            return {"targetType": "PUBLIC", "location": order["location"], "areaId": order.get("areaId")}


def _refuse_arrears(call: Call, target: dict[str, Any]) -> None:
    """422 for a room whose bills past due add up to more than the estate bears."""
    if target["targetType"] != "ROOM":
        return
    (owed,) = call.database.rows(
        "SELECT coalesce(sum(amount_cents + late_fee_cents - paid_cents), 0) AS cents FROM bills"
        " WHERE user_id = ? AND room_id = ? AND due_date < ? AND amount_cents + late_fee_cents > paid_cents",
        call.resident.user_id,
        target["roomId"],
        call.now.date().isoformat(),
    )
    if owed["cents"] > ARREARS_BLOCK_CENTS:
        raise problem(
            call,
            422,
            "/problems/arrears-block",
            detail="该房屋欠费过多，请先缴清物业费再报修",
            oweCents=owed["cents"],
        )


def _refuse_duplicate(call: Call, target: dict[str, Any], type_code: str) -> None:
    """409 while an order of the same kind for the same place is open."""
    rows = call.database.rows(
        f"SELECT * FROM repairs WHERE user_id = ? AND type_code = ? AND status IN ({', '.join('?' * len(OPEN))})",
        call.resident.user_id,
        type_code,
        *OPEN,
    )
    place = _place(target)
    for row in rows:
        if _place(json.loads(row["target"])) == place:
            raise problem(
                call,
                409,
                "/problems/duplicate-open-repair",
                detail=f"同一位置的同类报修 {row['no']} 还在处理中",
                existingRepairId=row["repair_id"],
            )


def _place(target: dict[str, Any]) -> tuple[str, str]:
    key = {"ROOM": "roomId", "PUBLIC": "location", "VEHICLE": "carNumber"}[target["targetType"]]
    return target["targetType"], target[key]


def _insert(call: Call, order: dict[str, Any], target: dict[str, Any], key: str | None, digest: str) -> str:
    repair_id = ulid(call.now, secrets.randbits(80))
    day = f"BX{call.now:%Y%m%d}-"
    (last,) = call.database.rows("SELECT max(no) AS no FROM repairs WHERE no LIKE ?", f"{day}%")
    number = int(last["no"].removeprefix(day)) + 1 if last["no"] else 1
    appointment = order["appointment"]
    call.database.insert(
        "repairs",
        repair_id=repair_id,
        no=f"{day}{number:04d}",
        user_id=call.resident.user_id,
        community_id=call.resident.community_id,
        type_code=order["typeCode"],
        title=order.get("title") or order["description"][:50],
        description=order["description"],
        contact_name=order.get("contactName") or call.resident.name,
        contact_phone=order.get("contactPhone") or call.resident.phone,
        target=json.dumps(target, ensure_ascii=False),
        status="WAIT",
        appointment=None if appointment is None else json.dumps(appointment),
        created_at=iso(call.now),
        idempotency_key=key,
        request_sha256=digest,
    )
    add_event(call, repair_id, "提交报修")
    return repair_id


def _created(call: Call, repair_id: str) -> HTTPResponse:
    return repair_answer(call, repair_id, 201, {"Location": f"{BASE_PATH}/repairs/{repair_id}"})


def _number(call: Call, name: str, default: int, smallest: int, largest: int, mistakes: list[Mistake]) -> int:
    text = call.request.args.get(name)
    if text is None:
        return default
    if re.fullmatch(r"[0-9]{1,10}", text) and smallest <= int(text) <= largest:
        return int(text)
    mistakes.append(Mistake(f"/{name}", f"应为 {smallest} 到 {largest} 的整数"))
    return default


def _links(call: Call, total: int, limit: int, offset: int) -> dict[str, str]:
    """RFC 8288 links to the neighbouring pages, with all other parameters kept."""
    kept = [(name, value) for name, value in call.request.query_args if name not in ("limit", "offset")]
    places = {"prev": max(0, offset - limit) if offset > 0 else None, "next": offset + limit}
    if offset + limit >= total:
        places["next"] = None
    links = [
        f'<{BASE_PATH}/repairs?{urlencode([*kept, ("limit", limit), ("offset", place)])}>; rel="{relation}"'
        for relation, place in places.items()
        if place is not None
    ]
    return {"Link": ", ".join(links)} if links else {}


def row_of(call: Call, repair_id: str) -> Row:
    """An order as it is in the database now."""
    (row,) = call.database.rows("SELECT * FROM repairs WHERE repair_id = ?", repair_id)
    return row
