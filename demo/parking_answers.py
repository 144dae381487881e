"""How the parking upstream reads requests and answers: envelopes, dialect, tenants; `parking.py` uses it.

Errors are HTTP 200 with a code in the body: 401 login, 403 tenant, 500 business, 601 a warning about the input."""

import json
import re
from datetime import datetime
from typing import Any

from sanic import HTTPResponse, Request

from demo.clock import SHANGHAI
from demo.core import Call, Handler, Refused, json_answer

NO_DATA: Any = object()
PLATE = re.compile(r"[\u4e00-\u9fa5][A-Z][A-Z0-9]{5,6}")
BUSINESS, WARNING, FORBIDDEN, NOT_LOGGED_IN = 500, 601, 403, 401


class ParkingDialect:
    """The token as it is in `X-Access-Token`; a refused login is HTTP 200 with code 401."""

    def token(self, request: Request) -> str | None:
        """The raw token, without any prefix."""
        return request.headers.get("x-access-token", "").strip() or None

    def unauthenticated(self, request: Request) -> HTTPResponse:
        """The gateway of the legacy system names the path as its servers know it, without the public prefix."""
        path = request.path.removeprefix("/prod-api")
        return wrapped(NOT_LOGGED_IN, f"请求访问：{path}，认证失败，无法访问系统资源")

    def failure(self, request: Request, status: int, message: str) -> HTTPResponse:
        """Unknown paths as the framework says them, the rest in the envelope; here the HTTP status is real."""
        if status == 404:
            now = datetime.now(SHANGHAI).isoformat(timespec="milliseconds")
            body = {"timestamp": now, "status": 404, "error": "Not Found", "path": request.path}
            return json_answer(body, 404)
        sentences = {
            405: "请求方式不支持",
            413: "上传内容过大",
            429: "访问过于频繁，请稍候再试",
            500: "系统异常，请联系管理员",
            503: "服务不可用，请稍候再试",
        }
        return json_answer({"code": status, "msg": sentences.get(status, message)}, status)

    def unknown_code(self, request: Request) -> HTTPResponse:
        """A code that nobody has documented."""
        return wrapped(20077, "未知状态")


def wrapped(code: int = 200, msg: str = "操作成功", data: Any = NO_DATA) -> HTTPResponse:
    """The common envelope `{code, msg, data?}` (AjaxResult), always HTTP 200."""
    body: dict[str, Any] = {"code": code, "msg": msg}
    if data is not NO_DATA:
        body["data"] = data
    return json_answer(body)


def refuse(code: int, msg: str) -> Refused:
    """An error in the common envelope, to be raised."""
    return Refused(wrapped(code, msg))


def business_text(sentence: str) -> Refused:
    """A business error in this system's worst manner: HTTP 500 and a bare sentence."""
    return Refused(HTTPResponse(sentence, status=500, content_type="text/plain;charset=UTF-8"))


def tenant_checked(handler: Handler) -> Handler:
    """The handler behind the check of `X-Tenant-Id`: code 403 without one or for another community."""

    async def checked(call: Call) -> HTTPResponse:
        tenant = call.request.headers.get("x-tenant-id", "").strip()
        if not tenant:
            raise refuse(FORBIDDEN, "租户信息缺失，无法访问系统资源")
        if tenant != call.resident.community_id:
            raise refuse(FORBIDDEN, "没有权限访问该租户的数据")
        return await handler(call)

    return checked


def read_object(call: Call) -> dict[str, Any]:
    """The JSON object of a request's body, or the envelope's complaint about it."""
    if call.request.content_type.split(";")[0].strip().lower() != "application/json":
        raise refuse(BUSINESS, "请求内容类型不支持，应为 application/json")
    return parse_object(call.request.body)


def parse_object(content: bytes) -> dict[str, Any]:
    """A JSON object, or the envelope's complaint that it is none."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise refuse(BUSINESS, "请求参数格式错误") from None
    if not isinstance(body, dict):
        raise refuse(BUSINESS, "请求参数格式错误")
    return body


def read_plate(body: dict[str, Any]) -> str:
    """The `carNumber` of a body: a plate such as 粤B12345."""
    plate = body.get("carNumber")
    if plate is None or plate == "":
        raise refuse(WARNING, "车牌号不能为空")
    if not isinstance(plate, str) or not PLATE.fullmatch(plate):
        raise refuse(WARNING, "车牌号格式不正确")
    return plate


def whole_number(text: str, name: str) -> int:
    """A whole number of a path or query, as the framework converts it (64 bits)."""
    if re.fullmatch(r"-?[0-9]{1,19}", text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    raise refuse(BUSINESS, f"请求参数类型不匹配，参数[{name}]要求类型为整数")


def yuan(cents: int) -> int | float:
    """Fen as the yuan number of this upstream's JSON: 1250 → 12.5, 1200 → 12."""
    return cents // 100 if cents % 100 == 0 else cents / 100


def minutes_between(start: str, end: datetime) -> int:
    """Whole minutes from a legacy timestamp to a moment."""
    since = datetime.strptime(start, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    return max(0, int((end - since).total_seconds() // 60))
