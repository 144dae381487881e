"""A system in the dialect of java110's MicroCommunity: bare `{fees, total, records}`, refusals as plain text."""

from __future__ import annotations

from typing import Any

import jwt

from tests.support.systems.server import Asked, System, Told, as_json, as_text

KEY = "a-shared-secret-of-java110-that-is-long-enough"
COMMUNITY = "2024010100000001"
FEES: list[dict[str, Any]] = [
    {
        "feeId": f"90202400000000{number:02}",
        "feeName": "物业费" if number % 2 else "停车费",
        "amount": f"{300 + number}.20",
        "endTime": f"2026-{1 + number % 12:02}-28 23:59:59",
        "state": "2008001" if number > 3 else "2009001",
        "roomName": "1-1-1001",
    }
    for number in range(1, 14)
]


def token(user_id: str, community: str = COMMUNITY, expires: int = 4_000_000_000) -> str:
    """As its login gives it."""
    claims = {"iss": "java110", "userId": user_id, "communityId": community, "exp": expires}
    return jwt.encode(claims, KEY, algorithm="HS256")


class Java110(System):
    """Believes a token by its signature, in the cookie `_java110_token_`."""

    def __init__(self) -> None:
        super().__init__()
        self.paid: list[str] = []

    def answer(self, asked: Asked) -> Told:
        cookie = asked.headers.get("cookie", "").removeprefix("_java110_token_=")
        try:
            claims = jwt.decode(cookie, KEY, algorithms=["HS256"], options={"verify_iss": False})
        except jwt.InvalidTokenError:
            return as_text("用户未登录，请先登录！", 401)
        if asked.headers.get("user-id") != claims["userId"] or asked.headers.get("app-id") != "8000418004":
            return as_text("请求报文格式错误", 400)
        if asked.path == "/app/fee.listFee":
            return self._fees(asked, claims["communityId"])
        if asked.path == "/app/fee.payFee" and asked.method == "POST":
            return self._pay(asked)
        return as_text("服务不存在", 404)

    def _fees(self, asked: Asked, community: str) -> Told:
        if asked.query.get("communityId") != community:
            return as_text("您没有权限访问该小区", 500)
        page, size = int(asked.query.get("page", "1")), int(asked.query.get("row", "10"))
        fees = FEES[(page - 1) * size : page * size]
        pages = -(-len(FEES) // size)
        return as_json({"fees": fees, "page": 0, "records": pages, "rows": 0, "total": len(FEES)})

    def _pay(self, asked: Asked) -> Told:
        fee = asked.body["feeId"]
        if fee in self.paid or any(one["feeId"] == fee and one["state"] == "2009001" for one in FEES):
            return as_text("收费已经结束，不能再缴费", 500)
        self.paid.append(fee)
        return as_text("成功")
