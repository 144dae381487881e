"""What a request to the repair upstream may say, after `openapi/repair.yaml`; pure. The other `repair_*.py` use it.

Every check returns all its mistakes at once, each with the JSON pointer of the member it means (RFC 6901)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

TYPES: dict[str, tuple[str, int]] = {
    "WATER": ("水管水龙头与下水", 4),
    "ELECTRIC": ("电路与灯具", 4),
    "DOOR_WINDOW": ("门窗与门锁", 24),
    "APPLIANCE": ("家电", 48),
    "WALL_FLOOR": ("墙面、天花板与地板", 72),
    "ELEVATOR": ("电梯", 2),
    "PUBLIC_FACILITY": ("公共设施", 24),
    "CHARGING": ("充电桩与车位", 24),
    "OTHER": ("其他", 72),
}
TYPES_AT = {
    "ROOM": ("WATER", "ELECTRIC", "DOOR_WINDOW", "APPLIANCE", "WALL_FLOOR", "OTHER"),
    "PUBLIC": ("WATER", "ELECTRIC", "DOOR_WINDOW", "WALL_FLOOR", "ELEVATOR", "PUBLIC_FACILITY", "CHARGING", "OTHER"),
    "VEHICLE": ("CHARGING", "OTHER"),
}
STATUSES = ("WAIT", "TAKEN", "PROCESSING", "TO_PAY", "TO_RATE", "DONE", "CANCELLED", "SUSPENDED")
PLATE = re.compile(r"[\u4e00-\u9fa5][A-Z][A-Z0-9]{5,6}")
PHONE = re.compile(r"1[0-9]{10}")
# RFC 3339 date-time; the zone is not optional.
DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
COMMON = ("typeCode", "title", "description", "contactName", "contactPhone", "appointment")
OWN = {"ROOM": ("roomId",), "PUBLIC": ("location", "areaId"), "VEHICLE": ("carNumber",)}


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong: where (a JSON pointer) and why (a sentence)."""

    pointer: str
    detail: str


Check = Callable[[Any, str], list[Mistake]]


def check_order(order: Any, now: datetime) -> list[Mistake]:
    """The document's `RepairOrder`: exactly one of its three variants, told apart by `targetType`."""
    if not isinstance(order, dict):
        return [Mistake("/order", "报修内容不能为空")]
    target_type = order.get("targetType")
    if not isinstance(target_type, str) or target_type not in OWN:
        return [Mistake("/order/targetType", "报修位置应为 ROOM、PUBLIC 或 VEHICLE")]
    own = OWN[target_type]
    checks: dict[str, Check] = {
        "roomId": _text(1, 40, "房屋编号"),
        "location": _text(1, 100, "具体位置"),
        "areaId": _or_null(_text(0, 40, "区域编号")),
        "carNumber": _matching(PLATE, "车牌号格式不正确"),
        "typeCode": _one_of(TYPES_AT[target_type], "报修类型不正确"),
        "title": _text(0, 50, "标题"),
        "description": _text(1, 200, "故障描述"),
        "contactName": _text(0, 30, "联系人"),
        "contactPhone": _matching(PHONE, "联系电话应为 11 位手机号"),
        "appointment": lambda value, pointer: check_appointment(value, pointer, now),
    }
    allowed = {name: checks[name] for name in (*own, *COMMON)}
    required = (own[0], "typeCode", "description", "appointment")
    return _check_members({k: v for k, v in order.items() if k != "targetType"}, "/order", allowed, required)


def check_appointment(value: Any, pointer: str, now: datetime) -> list[Mistake]:
    """`{from, to}` with `from` before `to` and `to` still to come, or null for any time."""
    if value is None:
        return []
    if not isinstance(value, dict):
        return [Mistake(pointer, "预约时间应为时间段或 null")]
    mistakes = _check_members(value, pointer, {"from": _date_time, "to": _date_time}, ("from", "to"))
    if mistakes:
        return mistakes
    start, end = parse_date_time(value["from"]), parse_date_time(value["to"])
    if start >= end:
        return [Mistake(f"{pointer}/to", "预约结束时间应晚于开始时间")]
    if end <= now:
        return [Mistake(f"{pointer}/to", "预约时间已经过去")]
    return []


def check_reschedule(body: Any, now: datetime) -> list[Mistake]:
    """`{appointment}`, a merge patch (RFC 7396) that may change nothing else."""
    allowed: dict[str, Check] = {"appointment": lambda value, pointer: check_appointment(value, pointer, now)}
    return check_object(body, allowed, ("appointment",))


def check_cancel(body: Any) -> list[Mistake]:
    """`{reason}`."""
    return check_object(body, {"reason": _text(1, 200, "取消原因")}, ("reason",))


def check_rating(body: Any) -> list[Mistake]:
    """`{score, speed, service, comment?}`, stars from 1 to 5."""
    allowed: dict[str, Check] = {
        "score": _stars,
        "speed": _stars,
        "service": _stars,
        "comment": _or_null(_text(0, 200, "评价内容")),
    }
    return check_object(body, allowed, ("score", "speed", "service"))


def check_object(body: Any, allowed: dict[str, Check], required: tuple[str, ...]) -> list[Mistake]:
    """A whole body that is an object with these members."""
    if not isinstance(body, dict):
        return [Mistake("", "请求内容应为 JSON 对象")]
    return _check_members(body, "", allowed, required)


def parse_date_time(text: str) -> datetime:
    """An aware datetime of an RFC 3339 text.

    Raises:
        ValueError: it is none, or names no real moment."""
    if not DATE_TIME.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text.upper())


def _check_members(
    body: dict[str, Any], base: str, allowed: dict[str, Check], required: tuple[str, ...]
) -> list[Mistake]:
    mistakes = [Mistake(f"{base}/{name}", "必填项缺失") for name in required if name not in body]
    for name, value in body.items():
        pointer = f"{base}/{name.replace('~', '~0').replace('/', '~1')}"
        if name in allowed:
            mistakes += allowed[name](value, pointer)
        else:
            mistakes.append(Mistake(pointer, "不支持的字段"))
    return mistakes


def _text(shortest: int, longest: int, name: str) -> Check:
    def check(value: Any, pointer: str) -> list[Mistake]:
        if isinstance(value, str) and shortest <= len(value) <= longest and len(value.strip()) >= shortest:
            return []
        rule = f"应为 {shortest} 到 {longest} 个字" if shortest else f"最多 {longest} 个字"
        return [Mistake(pointer, f"{name}{rule}")]

    return check


def _matching(pattern: re.Pattern[str], sentence: str) -> Check:
    def check(value: Any, pointer: str) -> list[Mistake]:
        return [] if isinstance(value, str) and pattern.fullmatch(value) else [Mistake(pointer, sentence)]

    return check


def _one_of(allowed: tuple[str, ...], sentence: str) -> Check:
    def check(value: Any, pointer: str) -> list[Mistake]:
        return [] if value in allowed else [Mistake(pointer, f"{sentence}，应为 {'、'.join(allowed)} 之一")]

    return check


def _or_null(inner: Check) -> Check:
    return lambda value, pointer: [] if value is None else inner(value, pointer)


def _date_time(value: Any, pointer: str) -> list[Mistake]:
    try:
        parse_date_time(value if isinstance(value, str) else "")
    except ValueError:
        return [Mistake(pointer, "时间应带时区，如 2026-11-24T09:00:00+08:00")]
    return []


def _stars(value: Any, pointer: str) -> list[Mistake]:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 5:
        return []
    return [Mistake(pointer, "评分应为 1 到 5 的整数")]
