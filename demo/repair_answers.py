"""How the repair upstream says things: problems (RFC 9457), its dialect, a repair; the other `repair_*.py` use it."""

import json
from collections.abc import Mapping
from sqlite3 import Row
from typing import Any

from sanic import HTTPResponse, Request

from demo.core import Call, Refused, json_answer
from demo.repair_validation import Mistake

BASE_PATH = "/repair-api/v2"
TITLES = {
    400: "请求内容不正确",
    401: "未登录或登录已过期",
    404: "没有找到",
    405: "不支持的请求方法",
    409: "当前状态不允许此操作",
    412: "报修单已被修改",
    413: "内容过大",
    415: "不支持的格式",
    422: "暂时不能处理",
    428: "缺少前提条件",
    429: "请求过于频繁",
    500: "系统错误",
    503: "系统维护中",
}


class RepairDialect:
    """The token as it is in `satoken`; problems with real statuses."""

    def token(self, request: Request) -> str | None:
        """The raw token, without any prefix."""
        return request.headers.get("satoken", "").strip() or None

    def unauthenticated(self, request: Request) -> HTTPResponse:
        """401 with a challenge, as RFC 9110 section 11.6.1 asks."""
        answer = problem_answer(request, 401, detail="请重新登录")
        answer.headers["WWW-Authenticate"] = 'satoken realm="repair-api"'
        return answer

    def failure(self, request: Request, status: int, message: str) -> HTTPResponse:
        """Other refusals; an internal error gives no detail."""
        return problem_answer(request, status, detail=None if status >= 500 else message)

    def unknown_code(self, request: Request) -> HTTPResponse:
        """A problem type, and a status, that no document names."""
        return problem_answer(request, 460, "/problems/unheard-of", title="未知状态")


def problem_answer(
    request: Request,
    status: int,
    type_: str = "about:blank",
    *,
    title: str | None = None,
    detail: str | None = None,
    **members: Any,
) -> HTTPResponse:
    """`{type, title, status, instance, detail?, ...members}` as application/problem+json."""
    said = title or TITLES.get(status, "请求失败")
    body: dict[str, Any] = {"type": type_, "title": said, "status": status, "instance": request.path}
    if detail is not None:
        body["detail"] = detail
    return json_answer(body | members, status, "application/problem+json")


def problem(call: Call, status: int, type_: str = "about:blank", *, detail: str, **members: Any) -> Refused:
    """A problem, to be raised."""
    return Refused(problem_answer(call.request, status, type_, detail=detail, **members))


def invalid(call: Call, mistakes: list[Mistake]) -> Refused:
    """400 /problems/validation with `errors: [{pointer, detail}]`; `detail` says the first of them."""
    errors = [{"pointer": mistake.pointer, "detail": mistake.detail} for mistake in mistakes]
    return problem(call, 400, "/problems/validation", detail=mistakes[0].detail, errors=errors)


def wrong_state(call: Call, row: Row, sentence: str) -> Refused:
    """409 /problems/state with the order's present status."""
    return problem(call, 409, "/problems/state", detail=sentence, currentStatus=row["status"])


def etag_of(row: Row) -> str:
    """A strong entity tag (RFC 9110, section 8.8.3): the order's version."""
    return f'"{row["repair_id"]}.{row["version"]}"'


def repair_answer(
    call: Call, repair_id: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> HTTPResponse:
    """One repair, as it is in the database now."""
    (row,) = call.database.rows("SELECT * FROM repairs WHERE repair_id = ?", repair_id)
    return json_answer(as_repair(call, row), status, headers=headers)


def find_repair(call: Call) -> Row:
    """The order of the path, by its id or its number; 404 also for somebody else's."""
    wanted = call.path["repairId"]
    row = call.database.row(
        "SELECT * FROM repairs WHERE (repair_id = ? OR no = ?) AND user_id = ?", wanted, wanted, call.resident.user_id
    )
    if row is None:
        raise problem(call, 404, detail="没有这张报修单")
    return row


def as_repair(call: Call, row: Row) -> dict[str, Any]:
    """A row of the table as the document's `Repair`."""
    photos = call.database.rows(
        "SELECT photo_id, size FROM repair_photos WHERE repair_id = ? ORDER BY photo_id", row["repair_id"]
    )
    cents = row["fee_cents"]
    return {
        "repairId": row["repair_id"],
        "no": row["no"],
        "status": row["status"],
        "typeCode": row["type_code"],
        "title": row["title"],
        "description": row["description"],
        "target": json.loads(row["target"]),
        "contactName": row["contact_name"],
        "contactPhone": row["contact_phone"],
        "photos": [as_photo(photo) for photo in photos],
        "createdAt": row["created_at"],
        "appointment": _json_or_none(row["appointment"]),
        "worker": _json_or_none(row["worker"]),
        "fee": None if cents is None else {"cents": cents, "currency": "CNY"},
        "rating": _json_or_none(row["rating"]),
    }


def as_photo(row: Row) -> dict[str, Any]:
    """A photo's entry; its links need the token like everything else."""
    url = f"{BASE_PATH}/photos/{row['photo_id']}"
    return {"photoId": row["photo_id"], "url": url, "thumbUrl": f"{url}?size=thumb", "size": row["size"]}


def _json_or_none(text: str | None) -> Any:
    return None if text is None else json.loads(text)
