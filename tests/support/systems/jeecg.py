"""A system in JeecgBoot's dialect: `X-Access-Token`, `{success, code, message, result}`, pages in `result.records`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.systems.server import HANG_UP, Asked, System, Told, as_json

TOKENS = {"jeecg-token-of-wang": "e9ca23d68d884d4ebb19d07889727dae"}
STATES = {"1": "待处理", "2": "处理中", "3": "已完成"}


def wrapped(result: Any, message: str = "", code: int = 200, status: int = 200) -> Told:
    body = {"success": code == 200, "message": message, "code": code, "result": result, "timestamp": 1795600000000}
    return as_json(body, status)


def _now() -> str:
    """As the system writes times: Beijing's, to the second, without a zone."""
    return datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%d %H:%M:%S")


class Jeecg(System):
    """`silent`: the next writes are done, and the connection ends before it is said."""

    def __init__(self) -> None:
        super().__init__()
        self.silent = False
        self.repairs: list[dict[str, Any]] = [
            {
                "id": str(1580000000000000000 + number),
                "content": f"第{number}次报修",
                "phone": "13800000000",
                "status": "3",
                "status_dictText": STATES["3"],
                "costFen": 3550 + number,
                "createTime": f"2026-10-{number:02} 09:05:00",
            }
            for number in range(23, 0, -1)
        ]

    def answer(self, asked: Asked) -> Told:
        user = TOKENS.get(asked.headers.get("x-access-token", ""))
        if user is None:
            return wrapped(None, "Token失效，请重新登录", 401, 401)
        if asked.headers.get("x-tenant-id") != "1001":
            return wrapped(None, "租户不存在", 500)
        path = asked.path.removeprefix("/jeecg-boot")
        if path == "/sys/user/getUserInfo":
            info = {"id": user, "username": "wang", "realname": "王五", "orgCode": "A01"}
            return wrapped({"userInfo": info, "sysAllDictItems": {}})
        if path == "/estate/repair/list":
            page, size = int(asked.query.get("pageNo", "1")), int(asked.query.get("pageSize", "10"))
            records = self.repairs[(page - 1) * size : page * size]
            found = {"records": records, "total": len(self.repairs), "size": size, "current": page, "pages": 3}
            return wrapped(found)
        if path == "/estate/repair/add" and asked.method == "POST":
            return self._add(asked)
        return wrapped(None, "路径不存在，请检查路径是否正确", 404)

    def _add(self, asked: Asked) -> Told:
        if any(one["content"] == asked.body["content"] and one["status"] == "1" for one in self.repairs):
            return wrapped(None, "该报修正在处理中，请勿重复提交", 500)
        made = {"id": str(1590000000000000000 + len(self.repairs)), **asked.body}
        made |= {"status": "1", "status_dictText": STATES["1"], "costFen": None, "createTime": _now()}
        self.repairs.insert(0, made)
        return HANG_UP if self.silent else wrapped("添加成功！", "添加成功！")
