"""The parking upstream's records: list, one, statistics, export; and the free spaces, which anybody may ask for."""

import csv
import io
import json
import re
from datetime import datetime
from sqlite3 import Row
from typing import Any

from sanic import HTTPResponse

from demo.clock import SHANGHAI
from demo.core import Call, json_answer
from demo.database import Value
from demo.parking_answers import (
    BUSINESS,
    FORBIDDEN,
    WARNING,
    minutes_between,
    parse_object,
    refuse,
    whole_number,
    wrapped,
    yuan,
)
from demo.tariff import duration_text

# The page size that is really used; nobody is told.
LARGEST_PAGE = 100
SORTABLE = {"inTime": "in_time", "outTime": "out_time", "payAmount": "pay_amount_cents", "carNumber": "car_number"}
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
SPACES = 386
# Spaces of owners and visitors whose cars this estate does not follow one by one.
TAKEN_BY_OTHERS = 243


async def list_records(call: Call) -> HTTPResponse:
    """`{code, msg, rows, total}` (TableDataInfo), newest entry first unless `orderByColumn` says otherwise."""
    where, values = _conditions(call)
    page = max(1, whole_number(call.request.args.get("pageNum", "1"), "pageNum"))
    size = whole_number(call.request.args.get("pageSize", "10"), "pageSize")
    size = min(size, LARGEST_PAGE) if size > 0 else 10
    order = _order(call)
    counted = call.database.row(f"SELECT count(*) AS total FROM parking_records WHERE {where}", *values)
    rows = call.database.rows(
        f"SELECT * FROM parking_records WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
        *values,
        size,
        min((page - 1) * size, 2**62),
    )
    total = counted["total"] if counted is not None else 0
    return json_answer(
        {"code": 200, "msg": "查询成功", "rows": [as_record(row, call.now) for row in rows], "total": total}
    )


async def get_record(call: Call) -> HTTPResponse:
    """One record in `{code, msg, data}`; somebody else's does not exist."""
    record_id = whole_number(call.path["recordId"], "recordId")
    row = call.database.row(
        "SELECT * FROM parking_records WHERE record_id = ? AND user_id = ?", record_id, call.resident.user_id
    )
    if row is None:
        raise refuse(BUSINESS, "停车记录不存在")
    return wrapped(data=as_record(row, call.now))


async def month_statistics(call: Call) -> HTTPResponse:
    """`data: {month, count, totalAmount}` (yuan). In the GET's body or in the query; default: this month."""
    asked: dict[str, Any] = parse_object(call.request.body) if call.request.body else {}
    month = asked.get("month") or call.request.args.get("month") or f"{call.now:%Y-%m}"
    plate = asked.get("carNumber") or call.request.args.get("carNumber") or ""
    if not isinstance(month, str) or not MONTH.fullmatch(month) or not isinstance(plate, str):
        raise refuse(WARNING, "月份格式应为 yyyy-MM")
    row = call.database.row(
        "SELECT count(*) AS count, coalesce(sum(pay_amount_cents), 0) AS cents FROM parking_records"
        " WHERE user_id = ? AND substr(in_time, 1, 7) = ? AND (? = '' OR car_number = ?)",
        call.resident.user_id,
        month,
        plate,
        plate,
    )
    count, cents = (row["count"], row["cents"]) if row is not None else (0, 0)
    return wrapped(data={"month": month, "count": count, "totalAmount": yuan(cents)})


async def export_records(call: Call) -> HTTPResponse:
    """The records as a CSV file in GBK, as spreadsheets of this age open it."""
    where, values = _conditions(call)
    rows = call.database.rows(f"SELECT * FROM parking_records WHERE {where} ORDER BY in_time DESC", *values)
    file = io.StringIO()
    table = csv.writer(file)
    table.writerow(["记录编号", "车牌号", "停车场", "入场时间", "出场时间", "停车时长", "停车费"])
    for row in rows:
        record = as_record(row, call.now)
        names = ("recordId", "carNumber", "parkName", "inTime", "outTime", "duration", "payAmount")
        table.writerow([record[name] for name in names])
    return HTTPResponse(
        file.getvalue().encode("gbk"),
        headers={"Content-Disposition": 'attachment; filename="parking.csv"'},
        content_type="application/octet-stream",
    )


async def free_spaces(call: Call) -> HTTPResponse:
    """`data: {total, free}` for anybody: JSON served as text, in GBK."""
    inside = call.database.row("SELECT count(*) AS cars FROM parking_records WHERE out_time IS NULL")
    taken = TAKEN_BY_OTHERS + (inside["cars"] if inside is not None else 0)
    body = {"code": 200, "msg": "查询成功", "data": {"total": SPACES, "free": max(0, SPACES - taken)}}
    return HTTPResponse(json.dumps(body, ensure_ascii=False).encode("gbk"), content_type="text/plain;charset=GBK")


def as_record(row: Row, now: datetime) -> dict[str, Any]:
    """A row of the table as the legacy system shows it; the duration of a car inside runs on."""
    left = _moment(row["out_time"]) if row["out_time"] else now
    return {
        "recordId": row["record_id"],
        "carNumber": row["car_number"],
        "parkId": row["park_id"],
        "parkName": row["park_name"],
        "inTime": row["in_time"],
        "outTime": row["out_time"],
        "duration": duration_text(minutes_between(row["in_time"], left)),
        "state": row["state"],
        "carType": row["car_type"],
        "payAmount": yuan(row["pay_amount_cents"]),
    }


def _conditions(call: Call) -> tuple[str, list[Value]]:
    """The WHERE clause of the exploded bean; `searchValue`, `createBy` and `remark` do nothing, as in the original."""
    args = call.request.args
    user_id = args.get("userId") or call.resident.user_id
    if user_id != call.resident.user_id:
        raise refuse(FORBIDDEN, "没有权限查询其他住户的停车记录")
    conditions: list[str] = ["user_id = ?"]
    values: list[Value] = [user_id]
    for name, condition in (
        ("carNumber", "instr(car_number, ?) > 0"),
        ("parkId", "park_id = ?"),
        ("state", "state = ?"),
    ):
        if value := args.get(name):
            conditions.append(condition)
            values.append(value)
    for name, condition, time_of_day in (
        ("params[beginTime]", "in_time >= ?", "00:00:00"),
        ("params[endTime]", "in_time <= ?", "23:59:59"),
    ):
        if value := args.get(name):
            conditions.append(condition)
            values.append(_timestamp(value, name, time_of_day))
    return " AND ".join(conditions), values


def _order(call: Call) -> str:
    column = call.request.args.get("orderByColumn")
    if column is None:
        return "in_time DESC, record_id DESC"
    if column not in SORTABLE:
        raise refuse(BUSINESS, "参数不符合规范，不能进行查询")
    ascending = call.request.args.get("isAsc", "asc").lower() in ("asc", "ascending")
    return f"{SORTABLE[column]} {'ASC' if ascending else 'DESC'}, record_id DESC"


def _timestamp(text: str, name: str, time_of_day: str) -> str:
    """`yyyy-MM-dd HH:mm:ss`; a bare date means the beginning or the end of its day."""
    full = f"{text} {time_of_day}" if len(text) == len("2026-01-01") else text
    try:
        _moment(full)
    except ValueError:
        raise refuse(WARNING, f"{name} 的格式应为 yyyy-MM-dd HH:mm:ss") from None
    return full


def _moment(text: str) -> datetime:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        raise ValueError(text)
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
