"""Below a path of a host that is shared (`STEWARD_BASE_PATH`): socket, HTTP, pages and their files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from tests.support.http_resident import resident
from tests.support.talk import talk

Start = Callable[..., Any]
BASE = "/estate-1/steward"


async def test_everything_is_below_the_base_path_and_where_a_proxy_takes_it_off(start: Start) -> None:
    """A turn over socket and HTTP both ways; without the last slash a page's visitor is sent on; a path
    that only begins like it is not found."""
    with start(STEWARD_BASE_PATH=BASE + "/") as steward:
        for ws, http in ((steward.ws + BASE, steward.http + BASE), (steward.ws, steward.http)):
            async with talk(ws) as socket, resident(http) as anna:
                assert (await socket.ask("你好")).terminal["status"] == "completed"
                assert (await anna.ask("你好")).outcome == "success"
        async with httpx.AsyncClient(base_url=steward.http) as client:
            for path in ("/", "/web/page.json", "/web/steward-client.js", "/docs/", "/docs/asyncapi.yaml", "/livez"):
                below, bare = await client.get(BASE + path), await client.get(path)
                assert below.status_code == 200, path
                assert below.content == bare.content
            entrance = await client.get(BASE)
            assert (entrance.status_code, entrance.headers["location"]) == (308, "steward/")
            assert str(entrance.url.join(entrance.headers["location"])) == f"{steward.http}{BASE}/"
            for path in (f"{BASE}-2/", f"{BASE}{BASE}/", f"/x{BASE}/", "/estate-1/"):
                assert (await client.get(path)).status_code == 404, path
