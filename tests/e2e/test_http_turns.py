"""The protocol over HTTP: a turn as server-sent events, approvals, cancel; the same turns as over a socket."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.test_approve import filed, house
from tests.support.estate_data import amounts_in, rows, yuan
from tests.support.http_resident import read_events, refused, resident
from tests.support.steward import Steward
from tests.support.talk import talk

Start = Callable[..., Any]


async def test_a_query_is_answered_by_a_whole_turn(steward: Steward) -> None:
    """`thinking` first, chunks, data, one terminal at the end; real amounts; ids are epoch:seq, seq growing by one."""
    async with resident(steward.http) as anna:
        found = await anna.events("/api/chat", {"query": "查询我的物业费账单"})
    own = rows(steward.database, "SELECT * FROM bills WHERE user_id = 'user123' AND fee_type = 'PROPERTY'")
    assert yuan(max(own, key=lambda row: row["period"])["amount_cents"]) in amounts_in(found.reply.text)
    assert found.frames[0]["status"] == "thinking"
    assert found.reply.outcome == "success"
    assert {"chunk", "status", "data"} <= {frame["type"] for frame in found.frames}
    assert len({frame["turn_id"] for frame in found.frames}) == 1
    numbers = [frame["seq"] for frame in found.frames]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [int(name.partition(":")[2]) for name in found.ids] == numbers
    assert len({name.partition(":")[0] for name in found.ids}) == 1


async def test_a_conversation_goes_on_over_http_and_socket(steward: Steward) -> None:
    """What was begun with one is gone on with by the other; the socket sees the entries of the HTTP turn."""
    async with resident(steward.http) as anna, talk(steward.ws) as socket:
        first = await anna.ask("查询我的物业费账单")
        conversation_id = first.frames[0]["conversation_id"]
        ready = await socket.hello(conversation_id=conversation_id)
        assert ready["conversation_id"] == conversation_id
        second = await anna.ask("那停车记录呢", conversation_id=conversation_id)
        seen = await socket.until(status="completed")
    assert second.frames[0]["conversation_id"] == conversation_id
    assert [frame for frame in seen if "turn_id" in frame and frame["type"] != "snapshot"] == second.frames


async def test_a_turn_may_take_longer_than_its_request_may(start: Start) -> None:
    """A05: the deadline of a request's body is over with the body; the answer streams on."""
    with start(STEWARD_HANDSHAKE_TIMEOUT_S="1", STEWARD_TYPING_PAUSE_S="0.05") as steward:
        async with resident(steward.http) as anna:
            began = asyncio.get_running_loop().time()
            found = await anna.events("/api/chat", {"query": "查询我的物业费账单"})
            assert asyncio.get_running_loop().time() - began > 2, "too fast to show it"
    assert found.reply.outcome == "success"


async def test_a_lost_stream_is_resumed_by_its_last_event_id(start: Start) -> None:
    """The same query under its name gets what was missed, once and in order: no gap, nothing twice, one turn."""
    body = {"query": "帮我查一下停车记录", "client_msg_id": "lost-1"}
    with start(STEWARD_TYPING_PAUSE_S="0.02") as steward:
        async with resident(steward.http) as anna:
            seen: list[dict[str, Any]] = []
            last = ""
            async with anna.stream("/api/chat", body) as response:
                async for name, frame in read_events(response):
                    seen.append(frame)
                    last = name
                    if sum(one["type"] == "chunk" for one in seen) == 3:
                        break
            rest = await anna.events("/api/chat", body, Last_Event_ID=last)
            again = await anna.events("/api/chat", body)
    whole = [*seen, *rest.frames]
    assert [frame["seq"] for frame in whole] == list(range(1, len(whole) + 1))
    assert rest.reply.outcome == "success"
    assert again.frames == whole


async def test_what_the_log_has_lost_comes_as_one_snapshot(start: Start) -> None:
    """After a restart the entries are gone: the bubble as it ended, and the outcome."""
    body = {"query": "查询我的物业费账单", "client_msg_id": "restart-1"}
    with start() as steward:
        async with resident(steward.http) as anna:
            first = await anna.events("/api/chat", body)
    with start() as steward:
        async with resident(steward.http) as anna:
            again = await anna.events("/api/chat", body, Last_Event_ID=first.ids[2])
    assert [frame["type"] for frame in again.frames] == ["snapshot"]
    assert again.frames[0]["content"] == first.reply.text
    assert again.frames[0]["outcome"] == "success"


async def test_last_event_id_alone_does_not_say_which_turn(steward: Steward) -> None:
    """Without the query's own name it would be asked twice; what is no id of ours is refused too."""
    async with resident(steward.http) as anna:
        asked = {"query": "查询我的物业费账单"}
        nameless = await anna.call("POST", "/api/chat", json=asked, headers={"Last-Event-ID": "e:1"})
        strange = await anna.call("POST", "/api/chat", json=asked, headers={"Last-Event-ID": "7"})
    assert refused(nameless) == (400, "bad_request", "client_msg_id")
    assert refused(strange) == (400, "bad_request", "Last-Event-ID")


async def test_an_approval_is_answered_by_its_id(start: Start) -> None:
    """As events where they are asked for, as two ids otherwise; once; foreign and unknown ones are `not_found`."""
    async with house(start) as steward, resident(steward.http) as anna:
        parked = await anna.ask("报修 厨房水龙头漏水")
        (approval,) = [frame for frame in parked.frames if frame["type"] == "approval"]
        path = f"/api/approvals/{approval['approval_id']}"
        async with resident(steward.http, steward.login("user456")) as bert:
            foreign = await bert.call("POST", path, json={"approved": True})
            unknown = await bert.call("POST", "/api/approvals/nothing", json={"approved": True})
        assert refused(foreign) == refused(unknown) == (404, "not_found", "approval_id")
        assert foreign.text == unknown.text
        async with resident(steward.http, None) as nobody:
            assert refused(await nobody.call("POST", path, json={"approved": True}))[0] == 404
        assert filed(steward) == 0
        done = (await anna.events(path, {"approved": True})).reply
        assert done.outcome == "success"
        assert filed(steward) == 1
        used = await anna.call("POST", path, json={"approved": False})
        assert refused(used) == (409, "approval_used", "approval_id")
        second = await anna.ask("报修 楼道灯不亮")
        (other,) = [frame for frame in second.frames if frame["type"] == "approval"]
        accepted = await anna.call("POST", f"/api/approvals/{other['approval_id']}", json={"approved": False})
        assert accepted.status_code == 202
        assert accepted.json()["conversation_id"] == second.frames[0]["conversation_id"]
        assert filed(steward) == 1


async def test_a_turn_is_cancelled_by_its_owner_alone(start: Start) -> None:
    """The stream ends with `cancelled`; another resident and a second time get `not_found`."""
    with start(STEWARD_TYPING_PAUSE_S="0.3") as steward:
        async with (
            resident(steward.http) as anna,
            resident(steward.http, steward.login("user456")) as bert,
            anna.stream("/api/chat", {"query": "查询我的物业费账单"}) as response,
        ):
            frames: list[dict[str, Any]] = []
            async for _, frame in read_events(response):
                frames.append(frame)
                path = f"/api/turns/{frame['turn_id']}/cancel"
                if len(frames) == 1:
                    assert refused(await bert.call("POST", path)) == (404, "not_found", "turn_id")
                    assert (await anna.call("POST", path)).status_code == 204
            again = await anna.call("POST", path)
    assert frames[-1]["data"]["outcome"] == "cancelled"
    assert refused(again) == (404, "not_found", "turn_id")


async def test_without_a_login_public_questions_are_answered_and_the_conversation_ends_with_the_stream(
    steward: Steward,
) -> None:
    """Rule 7: a conversation without an owner belongs to its connection, which is the one answer."""
    async with resident(steward.http, None) as nobody:
        free = await nobody.ask("还有空车位吗")
        bills = await nobody.ask("查询我的物业费账单")
        named = {"query": "还有吗", "conversation_id": free.frames[0]["conversation_id"]}
        gone = await nobody.call("POST", "/api/chat", json=named)
    assert free.outcome == "success"
    assert bills.outcome == "login_required"
    assert refused(gone) == (404, "not_found", "conversation_id")


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{", {}, (400, "bad_request", None)),
        (b"[]", {}, (400, "bad_request", None)),
        (b"\xff\xfe", {}, (400, "bad_request", None)),
        (b"{}", {}, (400, "bad_request", "query")),
        (b'{"query": 5}', {}, (400, "bad_request", "query")),
        (b'{"query": "  "}', {}, (400, "bad_request", "query")),
        (b'{"query": "x", "query": "y"}', {}, (400, "bad_request", None)),
        (b'{"query": "x", "locale": "SECRET"}', {}, (400, "bad_request", "locale")),
        (b'{"type": "SECRET"}', {}, (415, "unsupported", "type")),
        (b'{"type": "ping"}', {}, (415, "unsupported", "type")),
        (b'{"query": "x", "attachments": ["SECRET"]}', {}, (404, "not_found", "attachments")),
        (b'{"query": "x", "attachments": ["1", "2", "3", "4"]}', {}, (413, "too_large", "attachments")),
        (b'{"query": "x", "conversation_id": "SECRET"}', {}, (404, "not_found", "conversation_id")),
        (b'{"query": "x", "token": "\\u0007SECRET"}', {}, (400, "bad_request", "token")),
        (b'{"query": "' + b"x" * 4001 + b'"}', {}, (413, "too_large", "query")),
        (b'{"query": "x", "y": "' + b"x" * 65536 + b'"}', {}, (413, "too_large", None)),
        (b'{"query": "x"}', {"Content-Type": "text/plain"}, (415, "unsupported", "Content-Type")),
        (b'{"query": "x"}', {"Authorization": "Basic SECRET"}, (400, "bad_request", "Authorization")),
        (b'{"query": "x"}', {"Authorization": "Bearer two SECRET"}, (400, "bad_request", "Authorization")),
    ],
)
async def test_what_is_wrong_is_refused_with_its_field_and_without_its_value(
    steward: Steward, body: bytes, headers: dict[str, str], expected: tuple[int, str, str | None]
) -> None:
    """The object of an `error` frame; nothing of the request is in it, in neither language."""
    for language in ("zh", "en"):
        async with resident(steward.http) as anna:
            sent = {"Content-Type": "application/json", "Accept-Language": language, **headers}
            response = await anna.call("POST", "/api/chat", content=body, headers=sent)
        assert refused(response) == expected
        assert "SECRET" not in response.text


async def test_a_turn_is_told_to_its_end_when_the_process_ends(start: Start) -> None:
    """SIGTERM in its middle: the stream goes on to the terminal, then the process ends."""
    with start(STEWARD_TYPING_PAUSE_S="0.05") as steward:
        async with (
            resident(steward.http) as anna,
            anna.stream("/api/chat", {"query": "查询我的物业费账单"}) as response,
        ):
            frames: list[dict[str, Any]] = []
            async for _, frame in read_events(response):
                frames.append(frame)
                if len(frames) == 2:
                    steward.process.send_signal(signal.SIGTERM)
        assert frames[-1]["data"]["outcome"] == "success"
        assert await asyncio.to_thread(steward.process.wait, 30) == 0
        assert "Traceback" not in steward.written()


async def test_a_stream_is_a_connection_of_its_address(start: Start) -> None:
    """One more than there may be is refused, and taken once the other has ended."""
    with start(STEWARD_MAX_CONNECTIONS_PER_ADDRESS="1", STEWARD_TYPING_PAUSE_S="0.05") as steward:
        async with resident(steward.http) as anna:
            async with anna.stream("/api/chat", {"query": "查询我的物业费账单"}) as response:
                events = read_events(response)
                _, first = await anext(events)
                more = await anna.call("GET", "/api/catalogue")
                assert refused(more)[:2] == (429, "rate_limited")
                rest = [frame async for _, frame in events]
            again = await anna.call("GET", "/api/catalogue")
    assert first["status"] == "thinking"
    assert rest[-1]["data"]["outcome"] == "success"
    assert again.status_code == 200
