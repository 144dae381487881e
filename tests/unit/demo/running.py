"""A started estate as tests hold it: its clock, clients for its upstreams, its faults; `conftest.py` starts it."""

from datetime import datetime
from typing import Any

import httpx

from demo.clock import SHANGHAI
from demo.core import Core
from demo.estate import Estate

SEED_MOMENT = datetime(2026, 11, 22, 9, 30, 0, tzinfo=SHANGHAI)
TOKEN_HEADERS = {"bill": "Authorization", "parking": "X-Access-Token", "repair": "satoken"}
BASE_PATHS = {"bill": "/bill-api/v1", "parking": "/prod-api", "repair": "/repair-api/v2"}
COMMUNITIES = {"user123": "C001", "user456": "C002", "user789": "C001"}


class SettableClock:
    """The estate's clock, moved by a test: `clock.at`."""

    def __init__(self) -> None:
        self.at = SEED_MOMENT

    def __call__(self) -> datetime:
        return self.at


class Running:
    """A started estate and clients for it. `client(upstream, user_id)` sends that resident's token and community."""

    def __init__(self, estate: Estate, clock: SettableClock) -> None:
        self.estate = estate
        self.clock = clock
        self._clients: list[httpx.AsyncClient] = []

    @property
    def core(self) -> Core:
        return self.estate.core

    def origin(self, upstream: str) -> str:
        return f"http://127.0.0.1:{self.estate.ports[list(BASE_PATHS).index(upstream)]}"

    def client(self, upstream: str, user_id: str | None = "user123", token: str | None = None) -> httpx.AsyncClient:
        """A client for the upstream's base path; `user_id` None: no token; `token`: exactly this one."""
        headers = {
            "X-Community-Id": COMMUNITIES[user_id or "user123"],
            "X-Tenant-Id": COMMUNITIES[user_id or "user123"],
        }
        if token is None and user_id is not None:
            token = self.core.tokens.issue(user_id)
        if token is not None:
            headers[TOKEN_HEADERS[upstream]] = f"Bearer {token}" if upstream == "bill" else token
        return self._open(self.origin(upstream) + BASE_PATHS[upstream], headers)

    def controls(self, upstream: str = "bill") -> httpx.AsyncClient:
        """A client for that port's `/demo/*`."""
        return self._open(self.origin(upstream), {})

    async def fault(self, upstream: str, fault: str, operation: str | None = None, times: int | None = 1) -> None:
        """Lets a fault stand, through the controls."""
        body: dict[str, Any] = {"upstream": upstream, "operation": operation, "fault": fault, "times": times}
        response = await self.controls().post("/demo/faults", json=body)
        assert response.status_code == 204, response.text

    async def requests(self) -> list[dict[str, Any]]:
        """The request log, through the controls."""
        entries: list[dict[str, Any]] = (await self.controls().get("/demo/requests")).json()
        return entries

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()
        await self.estate.stop()

    def _open(self, base_url: str, headers: dict[str, str]) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=10, trust_env=False)
        self._clients.append(client)
        return client
