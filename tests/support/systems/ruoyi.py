"""A system in RuoYi's dialect: HTTP 200 for everything, `{code, msg, rows, total}`, an expired login as code 401."""

from __future__ import annotations

from typing import Any

from tests.support.systems.server import Asked, System, Told, as_json

TOKENS = {"ruoyi-token-of-zhang": "101", "ruoyi-token-of-li": "102"}
FEES: list[dict[str, Any]] = [
    {
        "searchValue": None,
        "createBy": "admin",
        "createTime": f"2026-{month:02}-01 08:30:00",
        "remark": None,
        "params": {},
        "feeId": 1790000000000000000 + month * 10 + int(user),
        "userId": int(user),
        "feeName": f"{month}月物业费",
        "amount": 128.5 + month if user == "101" else 99.9,
        "status": "1" if month < 11 else "0",
    }
    for user in TOKENS.values()
    for month in range(12, 0, -1)
]


class RuoYi(System):
    """`mixed_up`: a cache in front of it answers with another resident's rows as well."""

    def __init__(self) -> None:
        super().__init__()
        self.complaints: list[dict[str, Any]] = []
        self.mixed_up = False

    def answer(self, asked: Asked) -> Told:
        user = TOKENS.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if user is None:
            return as_json({"code": 401, "msg": f"请求访问：{asked.path}，认证失败，无法访问系统资源"})
        path = asked.path.removeprefix("/prod-api")
        if path == "/getInfo":
            info = {"userId": int(user), "userName": f"user{user}", "nickName": "张三", "deptId": 7}
            return as_json({"code": 200, "msg": "操作成功", "user": info, "roles": ["owner"], "permissions": []})
        if path == "/estate/fee/list":
            return self._fees(asked, user)
        if path.startswith("/estate/fee/"):
            wanted = path.rpartition("/")[2]
            fee = next((f for f in FEES if str(f["feeId"]) == wanted and str(f["userId"]) == user), None)
            return as_json({"code": 200, "msg": "操作成功", "data": fee} if fee else {"code": 500, "msg": "费用不存在"})
        if path == "/estate/complaint" and asked.method == "POST":
            return self._complain(asked)
        return as_json({"code": 404, "msg": "路径不存在"})

    def _fees(self, asked: Asked, user: str) -> Told:
        rows = [fee for fee in FEES if self.mixed_up or str(fee["userId"]) == user]
        if asked.query.get("status"):
            rows = [fee for fee in rows if fee["status"] == asked.query["status"]]
        page, size = int(asked.query.get("pageNum", "1")), int(asked.query.get("pageSize", "10"))
        shown = rows[(page - 1) * size : page * size]
        return as_json({"total": len(rows), "rows": shown, "code": 200, "msg": "查询成功"})

    def _complain(self, asked: Asked) -> Told:
        if any(one["content"] == asked.body["content"] for one in self.complaints):
            return as_json({"code": 500, "msg": "您有一条相同的投诉正在处理，请勿重复提交"})
        self.complaints.append(asked.body)
        return as_json({"code": 200, "msg": "操作成功"})
