"""A few repairs with their events for `seed.py`; the repair upstream shows them."""

import json
import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from demo.clock import SHANGHAI, iso
from demo.database import Database, Value
from demo.people import SeedResident
from demo.ulid import ulid

WORKER = {"name": "陈师傅", "phone": "13600136000"}
CLERK = "客服小林"
# What has happened to a repair in each status, in order, and who did it:
# R the resident, C the clerk, W the worker, None the system.
COURSE: dict[str, list[tuple[str, str | None]]] = {
    "WAIT": [("提交报修", "R")],
    "PROCESSING": [("提交报修", "R"), ("已派单", "C"), ("师傅已接单", "W"), ("开始维修", "W")],
    "TO_PAY": [("提交报修", "R"), ("已派单", "C"), ("师傅已接单", "W"), ("维修完成，待支付", "W")],
    "TO_RATE": [("提交报修", "R"), ("已派单", "C"), ("师傅已接单", "W"), ("维修完成", "W"), ("待评价", None)],
    "DONE": [("提交报修", "R"), ("已派单", "C"), ("师傅已接单", "W"), ("维修完成", "W"), ("已评价", "R")],
    "CANCELLED": [("提交报修", "R"), ("住户取消", "R")],
}


@dataclass(frozen=True)
class SeedRepair:
    """One repair of a new estate; `place`: None is the resident's first room, otherwise a common area."""

    user_id: str
    days_ago: int
    type_code: str
    title: str
    description: str
    status: str
    place: str | None = None
    fee_cents: int | None = None
    stars: int | None = None


REPAIRS = (
    SeedRepair("user123", 203, "WATER", "卫生间马桶漏水", "卫生间马桶底部一直渗水", "DONE", stars=5),
    SeedRepair(
        "user123", 96, "APPLIANCE", "空调不制冷", "主卧空调开了半小时还是热风", "DONE", fee_cents=12_000, stars=4
    ),
    SeedRepair("user123", 41, "DOOR_WINDOW", "阳台推拉门卡住", "阳台推拉门推不动", "CANCELLED"),
    SeedRepair("user123", 12, "WALL_FLOOR", "次卧墙面渗水", "下雨后次卧窗边墙面渗水", "TO_RATE"),
    SeedRepair("user123", 2, "ELEVATOR", "电梯异响", "2单元电梯上行时有很大的异响", "PROCESSING", place="3栋2单元电梯"),
    SeedRepair("user456", 77, "ELECTRIC", "厨房插座没电", "厨房台面两个插座都没电", "DONE", stars=5),
    SeedRepair("user456", 1, "WATER", "洗手盆下水堵塞", "主卫洗手盆下水很慢", "WAIT"),
    SeedRepair("user789", 130, "PUBLIC_FACILITY", "路灯不亮", "5栋门口路灯晚上不亮", "DONE", place="5栋门口", stars=3),
    SeedRepair("user789", 9, "APPLIANCE", "热水器不打火", "燃气热水器打不着火", "TO_PAY", fee_cents=8_650),
)


def fill(database: Database, residents: tuple[SeedResident, ...], today: date) -> None:
    """Adds the repairs and events of all residents."""
    owners = {resident.user_id: resident for resident in residents}
    dice = random.Random("repairs")  # noqa: S311 - repeatable on purpose
    # Numbers count per day, as the upstream gives them.
    counted: dict[date, int] = {}
    for repair in REPAIRS:
        day = today - timedelta(days=repair.days_ago)
        counted[day] = counted.get(day, 0) + 1
        created = datetime.combine(day, time(9, dice.randint(0, 59), dice.randint(0, 59)), SHANGHAI)
        _add(database, repair, owners[repair.user_id], created, counted[day], dice)


def _add(
    database: Database, repair: SeedRepair, owner: SeedResident, created: datetime, number: int, dice: random.Random
) -> None:
    repair_id = ulid(created, dice.getrandbits(80))
    course = COURSE[repair.status]
    came = any(by == "W" for _, by in course)
    columns: dict[str, Value] = {
        "repair_id": repair_id,
        "no": f"BX{created:%Y%m%d}-{number:04d}",
        "user_id": owner.user_id,
        "community_id": owner.community_id,
        "type_code": repair.type_code,
        "title": repair.title,
        "description": repair.description,
        "contact_name": owner.name,
        "contact_phone": owner.phone,
        "target": _json(_target(repair, owner)),
        "status": repair.status,
        "appointment": _json(_appointment(created)),
        "worker": _json(WORKER) if came else None,
        "fee_cents": repair.fee_cents,
        "rating": _json(_rating(repair.stars)) if repair.stars else None,
        "version": len(course),
        "created_at": iso(created),
    }
    database.insert("repairs", **columns)
    names = {"R": owner.name, "C": CLERK, "W": WORKER["name"], None: None}
    at = created
    for event, by in course:
        database.insert("repair_events", repair_id=repair_id, at=iso(at), event=event, by=names[by])
        at += timedelta(minutes=dice.randint(20, 190))


def _target(repair: SeedRepair, owner: SeedResident) -> dict[str, str | None]:
    if repair.place is not None:
        return {"targetType": "PUBLIC", "location": repair.place, "areaId": None}
    room = owner.rooms[0]
    return {"targetType": "ROOM", "roomId": room.room_id, "roomName": room.room_name}


def _appointment(created: datetime) -> dict[str, str]:
    morning = datetime.combine(created.date() + timedelta(days=1), time(9), SHANGHAI)
    return {"from": iso(morning), "to": iso(morning + timedelta(hours=3))}


def _rating(stars: int) -> dict[str, int | str | None]:
    return {
        "score": stars,
        "speed": stars,
        "service": min(5, stars + 1),
        "comment": "师傅很专业" if stars > 3 else None,
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
