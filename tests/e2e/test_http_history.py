"""Own history over HTTP, its deletion, the catalogue, CORS, admission; all of it the subject's alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.estate_data import rows
from tests.support.http_resident import JPEG, read_events, refused, resident
from tests.support.steward import Steward
from tests.support.talk import talk

Start = Callable[..., Any]


async def test_a_history_is_listed_shown_and_forgotten(start: Start) -> None:
    """The latest first; what was said without what only a model reads; gone from list, store, socket and log."""
    with start() as steward:
        async with resident(steward.http) as anna:
            first = await anna.ask("查询我的物业费账单")
            second = await anna.ask("帮我查一下停车记录")
            ids = [one.frames[0]["conversation_id"] for one in (second, first)]
            listed = (await anna.call("GET", "/api/conversations")).json()["conversations"]
            shown = (await anna.call("GET", f"/api/conversations/{ids[1]}")).json()
            assert [one["conversation_id"] for one in listed] == ids
            assert listed[1]["title"] == "查询我的物业费账单"
            assert [one["role"] for one in shown["messages"]] == ["user", "assistant"]
            assert shown["messages"][1]["content"] == first.text
            assert (shown["turn_id"], shown["seq"], shown["approvals"]) == (None, first.frames[-1]["seq"], [])
            gone = await anna.call("DELETE", f"/api/conversations/{ids[1]}")
            assert (gone.status_code, gone.text) == (204, "")
            for method in ("GET", "DELETE"):
                again = await anna.call(method, f"/api/conversations/{ids[1]}")
                assert refused(again) == (404, "not_found", "conversation_id")
            left = (await anna.call("GET", "/api/conversations")).json()["conversations"]
            assert [one["conversation_id"] for one in left] == ids[:1]
            async with talk(steward.ws) as socket:
                answer = await socket.hello(conversation_id=ids[1])
                assert answer["code"] == "not_found"


async def test_forgetting_all_takes_uploads_too(start: Start) -> None:
    """Nothing of the resident is in the store any more, and everything of another one is."""
    with start() as steward:
        async with resident(steward.http) as anna, resident(steward.http, steward.login("user456")) as bert:
            await anna.upload()
            await bert.upload()
            await anna.ask("查询我的物业费账单")
            await bert.ask("查询我的物业费账单")
            assert (await anna.call("DELETE", "/api/conversations")).status_code == 204
            assert (await anna.call("GET", "/api/conversations")).json() == {"conversations": []}
            assert len((await bert.call("GET", "/api/conversations")).json()["conversations"]) == 1
        store = steward.data_dir / "steward.sqlite3"
        assert [row["owner"] for row in rows(store, "SELECT owner FROM conversations")] == ["user456"]
        assert [row["owner"] for row in rows(store, "SELECT owner FROM uploads")] == ["user456"]


async def test_a_conversation_is_not_forgotten_while_a_turn_runs(start: Start) -> None:
    """Its write must not lose its record: `busy`, and when it has ended it goes."""
    with start(STEWARD_TYPING_PAUSE_S="0.2") as steward:
        async with (
            resident(steward.http) as anna,
            anna.stream("/api/chat", {"query": "查询我的物业费账单"}) as response,
        ):
            async for _, frame in read_events(response):
                path = f"/api/conversations/{frame['conversation_id']}"
                if frame["type"] == "status" and frame["status"] == "tool_completed":
                    busy = await anna.call("DELETE", path)
                    await anna.call("POST", f"/api/turns/{frame['turn_id']}/cancel")
        assert refused(busy)[:2] == (503, "busy")
        async with resident(steward.http) as anna:
            assert (await anna.call("DELETE", path)).status_code == 204


async def test_a_foreign_conversation_is_as_one_that_never_was(steward: Steward) -> None:
    """Shown, forgotten, asked in: the same refusal as for an unknown id; without a login it is `login_required`."""
    async with resident(steward.http) as anna, resident(steward.http, steward.login("user456")) as bert:
        conversation_id = (await anna.ask("查询我的物业费账单")).frames[0]["conversation_id"]
        for method in ("GET", "DELETE"):
            foreign = await bert.call(method, f"/api/conversations/{conversation_id}")
            unknown = await bert.call(method, "/api/conversations/never")
            assert foreign.text == unknown.text
            assert refused(foreign) == refused(unknown) == (404, "not_found", "conversation_id")
        assert (await anna.call("GET", f"/api/conversations/{conversation_id}")).status_code == 200
    async with resident(steward.http, None) as nobody, resident(steward.http, "wrong") as wrong:
        for one in (nobody, wrong):
            for method, path in (("GET", "/api/conversations"), ("DELETE", f"/api/conversations/{conversation_id}")):
                assert refused(await one.call(method, path)) == (401, "login_required", "Authorization")


async def test_the_catalogue_says_what_the_assistant_can_do(steward: Steward) -> None:
    """Every tool with title, effect and examples, in the language that is asked for; no login is needed."""
    async with resident(steward.http, None) as nobody:
        zh = (await nobody.call("GET", "/api/catalogue", headers={"Accept-Language": "zh-CN,en;q=0.5"})).json()
        en = (await nobody.call("GET", "/api/catalogue", headers={"Accept-Language": "fr,en-GB"})).json()
    assert [one["title"] for one in zh["upstreams"]][2] == "报修系统"
    assert [one["title"] for one in en["upstreams"]][2] == "Repair system"
    tools = {tool["name"]: tool for upstream in en["upstreams"] for tool in upstream["tools"]}
    assert tools["addRepairPhotos"]["effect"] == "write"
    assert tools["get_free_spaces"]["public"] is True
    assert "还有空车位吗" in tools["get_free_spaces"]["examples"]
    assert zh["limits"]["attachments"]["max"] == 3
    assert len(tools) == sum(len(upstream["tools"]) for upstream in zh["upstreams"])


async def test_addresses_and_methods_that_there_are_not_are_error_frames(steward: Steward) -> None:
    """The object of an `error` frame, which repeats nothing; a token in an address is refused before anything else."""
    async with resident(steward.http) as anna:
        nowhere = await anna.call("GET", "/api/SECRET")
        method = await anna.call("PUT", "/api/catalogue")
        token = await anna.call("GET", "/api/catalogue?token=SECRET")
    assert refused(nowhere)[:2] == (404, "not_found")
    assert refused(method)[:2] == (405, "unsupported")
    assert "GET" in method.headers["allow"]
    assert refused(token) == (400, "bad_request", "token")
    assert "SECRET" not in nowhere.text + token.text


async def test_pages_of_other_hosts_may_use_http_where_the_setting_says_so(start: Start) -> None:
    """CORS: preflight and answer name the origin that is listed, and no other; credentials are never allowed."""
    origin = "https://app.estate.example"
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    with start(STEWARD_CORS_ORIGINS=f"{origin}, https://other.example") as steward:
        async with resident(steward.http) as anna:
            preflight = await anna.call("OPTIONS", "/api/chat", headers={"Origin": origin, **ask})
            stream = await anna.call("POST", "/api/chat", json={"query": "你好"}, headers={"Origin": origin})
            refusal = await anna.call("POST", "/api/chat", json={}, headers={"Origin": origin})
            foreign = await anna.call(
                "GET", "/api/catalogue", headers={"Origin": "https://app.estate.example.evil.com"}
            )
    assert preflight.status_code in (200, 204)
    assert preflight.headers["access-control-allow-origin"] == origin
    assert set(preflight.headers["access-control-allow-headers"].split(",")) == {"authorization", "content-type"}
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert stream.headers["access-control-allow-origin"] == origin
    assert refusal.status_code == 400
    assert refusal.headers["access-control-allow-origin"] == origin
    assert "access-control-allow-origin" not in foreign.headers
    assert "access-control-allow-credentials" not in stream.headers


async def test_without_the_setting_no_other_host_may(steward: Steward) -> None:
    """None is the default."""
    async with resident(steward.http) as anna:
        response = await anna.call("GET", "/api/catalogue", headers={"Origin": "https://app.estate.example"})
    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith("access-control")]


async def test_limits_and_admission_are_those_of_the_socket(start: Start) -> None:
    """An origin that may not connect, an address that asks too often, a subject that asks too often."""
    settings = {
        "STEWARD_ALLOWED_ORIGINS": "https://own.example",
        "STEWARD_RATE_ADDRESS": "6/minute",
        "STEWARD_RATE_SUBJECT": "2/minute",
    }
    with start(**settings) as steward:
        async with resident(steward.http) as anna:
            foreign = await anna.call("POST", "/api/chat", json={}, headers={"Origin": "https://evil.example"})
            assert refused(foreign) == (403, "bad_request", "origin")
            files = {"file": ("a.jpg", JPEG)}
            statuses = [(await anna.call("POST", "/api/uploads", files=files)).status_code for _ in range(2)]
            limited = await anna.call("POST", "/api/chat", json={"query": "你好"})
            assert statuses == [201, 201]
            assert refused(limited)[:2] == (429, "rate_limited")
            assert int(limited.headers["retry-after"]) >= 1
            for _ in range(3):
                assert (await anna.call("GET", "/api/catalogue")).status_code == 200
            assert refused(await anna.call("GET", "/api/catalogue"))[:2] == (429, "rate_limited")
