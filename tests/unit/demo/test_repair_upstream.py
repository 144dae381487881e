"""The repair upstream of a started estate over real sockets: orders, uploads, problems, ETags and changes."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.repair_multipart import MultipartError, Part, parse

# `running` is the started estate of `conftest.py`.
Running = Any
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
JPEG = b"\xff\xd8\xff\xe0" + b"\r\n--not-the-boundary\r\n" + bytes(range(256))
MEGABYTE = 1024 * 1024


def order(**changes: Any) -> dict[str, Any]:
    """A good order for user123's room, changed; a value of `...` takes a member away."""
    whole: dict[str, Any] = {
        "targetType": "ROOM",
        "roomId": "RM-3-2-501",
        "typeCode": "WATER",
        "description": "厨房水龙头一直滴水",
        "appointment": None,
    }
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def hours(running: Running, start: float, end: float) -> dict[str, str]:
    """An appointment so many hours from the estate's now."""
    now: datetime = running.clock.at
    return {"from": (now + timedelta(hours=start)).isoformat(), "to": (now + timedelta(hours=end)).isoformat()}


async def create(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """A new order through the API."""
    response = await client.post("/repairs", json={"order": order(**changes)})
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


def form(content: Any, *photos: tuple[str, bytes, str], media_type: str = "application/json") -> list[Any]:
    """The parts of a multipart order, as httpx takes them."""
    parts: list[Any] = [("order", (None, json.dumps(content), media_type))]
    return parts + [("photos", photo) for photo in photos]


def assert_problem(response: httpx.Response, status: int, type_: str = "about:blank") -> dict[str, Any]:
    """A problem of RFC 9457 with this status and type; its body."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["status"], body["type"]) == (status, type_)
    return body


def orders_in(running: Running, user_id: str = "user123") -> int:
    """How many orders of the resident the database holds."""
    (row,) = running.core.database.rows("SELECT count(*) AS n FROM repairs WHERE user_id = ?", user_id)
    return int(row["n"])


def set_status(running: Running, repair_id: str, status: str) -> None:
    """What the estate's own people do: move an order on."""
    running.core.database.run("UPDATE repairs SET status = ? WHERE repair_id = ?", status, repair_id)


async def test_the_kinds_of_repair_are_public(running: Running) -> None:
    """Nine kinds with the hours within which somebody comes, without a token."""
    types = (await running.client("repair", None).get("/repair-types")).json()
    assert len(types) == 9
    assert {"typeCode": "ELEVATOR", "name": "电梯", "slaHours": 2} in types


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/repairs"),
        ("GET", "/repairs"),
        ("GET", "/repairs/BX20261101-0001"),
        ("PATCH", "/repairs/BX20261101-0001"),
        ("GET", "/repairs/BX20261101-0001/events"),
        ("POST", "/repairs/BX20261101-0001/photos"),
        ("POST", "/repairs/BX20261101-0001/cancel"),
        ("POST", "/repairs/BX20261101-0001/rating"),
        ("GET", "/photos/1"),
    ],
)
async def test_without_a_valid_token_every_other_operation_is_a_401_problem(
    running: Running, method: str, path: str
) -> None:
    """about:blank and a challenge; the token must be raw in `satoken`."""
    real = running.core.tokens.issue("user123")
    for headers in ({}, {"satoken": "garbage"}, {"satoken": f"Bearer {real}"}, {"Authorization": f"Bearer {real}"}):
        response = await running.client("repair", None).request(method, path, headers=headers)
        assert_problem(response, 401)
        assert response.headers["www-authenticate"].startswith("satoken")


async def test_a_room_order_is_created_with_number_location_and_event(running: Running) -> None:
    """Number of the day, name of the room, the resident as contact, the fault as title, status WAIT."""
    client = running.client("repair")
    appointment = hours(running, 24, 27)
    response = await client.post("/repairs", json={"order": order(appointment=appointment)})
    assert response.status_code == 201
    body = response.json()
    assert re.fullmatch(r"BX20261122-\d{4}", body["no"])
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", body["repairId"])
    assert response.headers["location"] == f"/repair-api/v2/repairs/{body['repairId']}"
    assert body["target"] == {"targetType": "ROOM", "roomId": "RM-3-2-501", "roomName": "3栋2单元501"}
    assert (body["contactName"], body["contactPhone"], body["title"]) == ("张三", "13800138000", "厨房水龙头一直滴水")
    assert (body["status"], body["worker"], body["fee"], body["rating"], body["photos"]) == (
        "WAIT",
        None,
        None,
        None,
        [],
    )
    assert body["appointment"] == appointment
    row = running.core.database.row("SELECT * FROM repairs WHERE no = ?", body["no"])
    assert (row["user_id"], row["description"]) == ("user123", "厨房水龙头一直滴水")
    events = (await client.get(f"/repairs/{body['no']}/events")).json()
    assert events == [{"at": "2026-11-22T09:30:00+08:00", "event": "提交报修", "by": "张三"}]


async def test_public_and_vehicle_orders_keep_what_was_said(running: Running) -> None:
    """The other two variants, with title and contact of their own; numbers of one day count up."""
    client = running.client("repair")
    public = await create(
        client,
        targetType="PUBLIC",
        roomId=...,
        location="5号楼大堂",
        areaId=None,
        typeCode="ELECTRIC",
        title="灯坏了",
        contactName="李太太",
        contactPhone="13712345678",
    )
    vehicle = await create(client, targetType="VEHICLE", roomId=..., carNumber="粤B12345", typeCode="CHARGING")
    assert public["target"] == {"targetType": "PUBLIC", "location": "5号楼大堂", "areaId": None}
    assert (public["title"], public["contactName"], public["contactPhone"]) == ("灯坏了", "李太太", "13712345678")
    assert vehicle["target"] == {"targetType": "VEHICLE", "carNumber": "粤B12345"}
    assert int(vehicle["no"][-4:]) == int(public["no"][-4:]) + 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"targetType": "MOON"}, "/order/targetType"),
        ({"targetType": ...}, "/order/targetType"),
        ({"roomId": ...}, "/order/roomId"),
        ({"roomId": "RM-7-1-1203"}, "/order/roomId"),
        ({"roomId": 5}, "/order/roomId"),
        ({"location": "楼道"}, "/order/location"),
        ({"typeCode": "PAINT"}, "/order/typeCode"),
        ({"typeCode": []}, "/order/typeCode"),
        ({"typeCode": "ELEVATOR"}, "/order/typeCode"),
        ({"title": "长" * 51}, "/order/title"),
        ({"description": "长" * 201}, "/order/description"),
        ({"description": "   "}, "/order/description"),
        ({"description": ...}, "/order/description"),
        ({"contactPhone": "110"}, "/order/contactPhone"),
        ({"appointment": ...}, "/order/appointment"),
        ({"appointment": "tomorrow"}, "/order/appointment"),
        ({"appointment": {"from": "2026-11-24T09:00:00+08:00"}}, "/order/appointment/to"),
        (
            {"appointment": {"from": "2026-11-24T09:00:00", "to": "2026-11-24T12:00:00+08:00"}},
            "/order/appointment/from",
        ),
        (
            {"appointment": {"from": "2026-11-24T12:00:00+08:00", "to": "2026-11-24T09:00:00+08:00"}},
            "/order/appointment/to",
        ),
        (
            {"appointment": {"from": "2026-11-01T09:00:00+08:00", "to": "2026-11-01T12:00:00+08:00"}},
            "/order/appointment/to",
        ),
        ({"status": "DONE"}, "/order/status"),
        ({"a/b~": 1}, "/order/a~1b~0"),
        (
            {"targetType": "VEHICLE", "roomId": ..., "typeCode": "CHARGING", "carNumber": "粤A67Q21"},
            "/order/carNumber",
        ),
        ({"targetType": "VEHICLE", "roomId": ..., "carNumber": "12345"}, "/order/carNumber"),
        ({"targetType": "PUBLIC", "roomId": ...}, "/order/location"),
    ],
)
async def test_each_mistake_in_an_order_is_pointed_at(running: Running, changes: dict[str, Any], pointer: str) -> None:
    """400 /problems/validation names the member; nothing is written, neither by JSON nor by a form."""
    client = running.client("repair")
    before = orders_in(running)
    for request in (
        {"json": {"order": order(**changes)}},
        {"files": form(order(**changes))},
    ):
        body = assert_problem(await client.post("/repairs", **request), 400, "/problems/validation")
        assert pointer in [error["pointer"] for error in body["errors"]]
    assert orders_in(running) == before


async def test_a_body_that_is_no_order_at_all_is_refused(running: Running) -> None:
    """Not JSON, no object, no order, an unknown member: 400; another media type: 415."""
    client = running.client("repair")
    json_type = {"Content-Type": "application/json"}
    for content in (b"", b"{", b"[]", b"null", b"{}", b'{"order": null}', b'{"order": {}, "more": 1}', b"[" * 100_000):
        response = await client.post("/repairs", content=content, headers=json_type)
        assert_problem(response, 400, "/problems/validation")
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/merge-patch+json"):
        response = await client.post("/repairs", content=b"{}", headers={"Content-Type": media_type})
        assert_problem(response, 415)


async def test_a_form_carries_photos_and_gives_them_back(running: Running) -> None:
    """Binary content with line breaks and dashes comes back byte by byte, to the owner alone."""
    client = running.client("repair")
    response = await client.post(
        "/repairs", files=form(order(), ("a.png", PNG, "image/png"), ("b.jpg", JPEG, "image/jpeg"))
    )
    assert response.status_code == 201
    photos = response.json()["photos"]
    assert [photo["size"] for photo in photos] == [len(PNG), len(JPEG)]
    for photo, content, media_type in zip(photos, (PNG, JPEG), ("image/png", "image/jpeg"), strict=True):
        for link in (photo["url"], photo["thumbUrl"]):
            shown = await client.get(f"{running.origin('repair')}{link}")
            assert (shown.content, shown.headers["content-type"]) == (content, media_type)
        assert_problem(await running.client("repair", "user456").get(f"{running.origin('repair')}{photo['url']}"), 404)


@pytest.mark.parametrize(
    ("photos", "status", "type_"),
    [
        ([("a.png", PNG, "image/png")] * 4, 400, "/problems/validation"),
        ([("a.png", PNG + b"\0" * 5 * MEGABYTE, "image/png")], 413, "about:blank"),
        ([("a.gif", b"GIF89a", "image/gif")], 415, "about:blank"),
        ([("a.png", JPEG, "image/png")], 415, "about:blank"),
        ([("a.png", b"", "image/png")], 415, "about:blank"),
        ([(None, PNG, "image/png")], 415, "about:blank"),
    ],
)
async def test_photos_are_judged_before_anything_is_written(
    running: Running, photos: list[Any], status: int, type_: str
) -> None:
    """Four, too large, of another kind, or not what they say they are."""
    before = orders_in(running)
    assert_problem(await running.client("repair").post("/repairs", files=form(order(), *photos)), status, type_)
    assert orders_in(running) == before


async def test_the_order_part_must_say_that_it_is_json(running: Running) -> None:
    """The document's encoding is held to: 415 for text/plain and for none, 400 for a broken or doubled part."""
    client = running.client("repair")
    assert_problem(await client.post("/repairs", files=form(order(), media_type="text/plain")), 415)
    doubled = await client.post("/repairs", files=[*form(order()), *form(order())])
    assert_problem(doubled, 400, "/problems/validation")
    for body in (b"", b"--x\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--"):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        assert_problem(await client.post("/repairs", content=body, headers=headers), 400, "/problems/validation")
    without = await client.post("/repairs", content=b"--x--", headers={"Content-Type": "multipart/form-data"})
    assert_problem(without, 400, "/problems/validation")
    empty = await client.post("/repairs", files=[("photos", ("a.png", PNG, "image/png"))])
    assert_problem(empty, 400, "/problems/validation")


async def test_an_open_order_of_the_same_kind_and_place_is_a_duplicate(running: Running) -> None:
    """409 names the standing order; another kind, another place or a cancelled order is none."""
    client = running.client("repair")
    standing = await create(client)
    body = assert_problem(
        await client.post("/repairs", json={"order": order(description="又漏了")}),
        409,
        "/problems/duplicate-open-repair",
    )
    assert body["existingRepairId"] == standing["repairId"]
    assert standing["no"] in body["detail"]
    await create(client, typeCode="ELECTRIC")
    await create(client, targetType="PUBLIC", roomId=..., location="大堂")
    assert (await client.post(f"/repairs/{standing['no']}/cancel", json={"reason": "好了"})).status_code == 200
    await create(client)


async def test_a_room_in_arrears_is_blocked_but_not_the_lobby(running: Running) -> None:
    """422 says how much is owed for that room; it is user789's third room."""
    client = running.client("repair", "user789")
    blocked = await client.post("/repairs", json={"order": order(roomId="RM-1-3-102")})
    owed = assert_problem(blocked, 422, "/problems/arrears-block")["oweCents"]
    rows = running.core.database.rows("SELECT * FROM bills WHERE room_id = 'RM-1-3-102' AND due_date < '2026-11-22'")
    assert owed == sum(row["amount_cents"] + row["late_fee_cents"] - row["paid_cents"] for row in rows)
    await create(client, roomId="RM-5-1-802")
    await create(client, targetType="PUBLIC", roomId=..., location="大堂")


async def test_an_idempotency_key_makes_one_order(running: Running) -> None:
    """The same key and content is the same order, by form too; other content is a conflict; keys are per resident."""
    client, before = running.client("repair"), orders_in(running)
    headers = {"Idempotency-Key": "key-00000001"}
    photo = ("a.png", PNG, "image/png")
    first = await client.post("/repairs", files=form(order(), photo), headers=headers)
    again = await client.post("/repairs", files=form(order(), photo), headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert orders_in(running) == before + 1
    for other in (form(order(description="别的"), photo), form(order())):
        conflict = await client.post("/repairs", files=other, headers=headers)
        assert_problem(conflict, 409, "/problems/idempotency-conflict")
    neighbour = running.client("repair", "user789")
    body = {"order": order(roomId="RM-5-1-802")}
    assert (await neighbour.post("/repairs", json=body, headers=headers)).status_code == 201
    short = await client.post("/repairs", json={"order": order()}, headers={"Idempotency-Key": "short"})
    assert_problem(short, 400, "/problems/validation")


async def test_a_dropped_order_was_committed_once(running: Running) -> None:
    """`drop-after-commit` leaves exactly one order, which the same key finds again."""
    client, before = running.client("repair"), orders_in(running)
    headers = {"Idempotency-Key": "key-00000002"}
    await running.fault("repair", "drop-after-commit", "createRepair")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post("/repairs", json={"order": order()}, headers=headers)
    assert orders_in(running) == before + 1
    assert (await client.post("/repairs", json={"order": order()}, headers=headers)).status_code == 201
    assert orders_in(running) == before + 1


async def test_the_list_is_ones_own_newest_first_and_filtered(running: Running) -> None:
    """Several statuses by repeated parameters, a moment after which, limit and offset with the true total."""
    client = running.client("repair")
    everything = (await client.get("/repairs")).json()
    assert everything["meta"] == {"total": 5, "limit": 20, "offset": 0}
    created = [row["createdAt"] for row in everything["data"]]
    assert created == sorted(created, reverse=True)
    mine = {row["repairId"] for row in everything["data"]}
    theirs = (await running.client("repair", "user456").get("/repairs")).json()["data"]
    assert not mine & {row["repairId"] for row in theirs}
    some = (await client.get("/repairs?status=DONE&status=CANCELLED")).json()
    assert sorted(row["status"] for row in some["data"]) == ["CANCELLED", "DONE", "DONE"]
    middle = created[2]
    later = (await client.get("/repairs", params={"createdAfter": middle})).json()["data"]
    assert [row["createdAt"] for row in later] == created[:2]
    in_utc = datetime.fromisoformat(middle).astimezone(tz=None).isoformat()
    assert (await client.get("/repairs", params={"createdAfter": in_utc})).json()["data"] == later


async def test_the_links_lead_through_all_pages_and_back(running: Running) -> None:
    """Link headers (RFC 8288) keep the filters; following `next` sees every order once."""
    client = running.client("repair")
    url: str | None = "/repair-api/v2/repairs?limit=2&status=DONE&status=CANCELLED&status=TO_RATE&status=PROCESSING"
    seen: list[str] = []
    previous: list[bool] = []
    while url is not None:
        response = await client.get(f"{running.origin('repair')}{url}")
        seen += [row["repairId"] for row in response.json()["data"]]
        links = dict(re.findall(r'<([^>]+)>; rel="(\w+)"', response.headers.get("link", "")))
        by_relation = {relation: target for target, relation in links.items()}
        previous.append("prev" in by_relation)
        url = by_relation.get("next")
    assert len(seen) == len(set(seen)) == 5
    assert previous == [False, True, True]


@pytest.mark.parametrize(
    "query",
    [
        "status=OPEN",
        "status=WAIT,DONE",
        "limit=0",
        "limit=101",
        "limit=x",
        "offset=-1",
        "createdAfter=2026-01-01",
        "createdAfter=2026-01-01T00:00:00+08:00",  # an unencoded plus is a space
    ],
)
async def test_a_wrong_filter_is_a_validation_problem(running: Running, query: str) -> None:
    """The pointer names the parameter."""
    body = assert_problem(await running.client("repair").get(f"/repairs?{query}"), 400, "/problems/validation")
    assert body["errors"][0]["pointer"] == f"/{query.split('=')[0]}"


async def test_one_order_is_found_by_id_and_by_number_with_its_etag(running: Running) -> None:
    """Somebody else's order, and none at all, are the same 404."""
    client = running.client("repair")
    made = await create(client)
    by_id, by_number = await client.get(f"/repairs/{made['repairId']}"), await client.get(f"/repairs/{made['no']}")
    assert by_id.json() == by_number.json() == made
    assert by_id.headers["etag"] == by_number.headers["etag"]
    for path in ("", "/events"):
        assert_problem(await running.client("repair", "user456").get(f"/repairs/{made['no']}{path}"), 404)
        assert_problem(await client.get(f"/repairs/BX20000101-0001{path}"), 404)


async def test_a_reschedule_needs_the_present_etag(running: Running) -> None:
    """428 without If-Match, 412 with a stale, weak or foreign one; each change makes a new tag."""
    client = running.client("repair")
    made = await create(client)
    url = f"/repairs/{made['no']}"
    tag = (await client.get(url)).headers["etag"]
    patch = {"appointment": hours(running, 24, 26)}
    media = {"Content-Type": "application/merge-patch+json"}

    async def send(body: Any, headers: dict[str, str]) -> httpx.Response:
        response: httpx.Response = await client.patch(url, content=json.dumps(body), headers=media | headers)
        return response

    assert_problem(await send(patch, {}), 428)
    for stale in ('"other"', f"W/{tag}", "nonsense"):
        assert_problem(await send(patch, {"If-Match": stale}), 412)
    changed = await send(patch, {"If-Match": f'"other", {tag}'})
    assert changed.status_code == 200
    assert changed.json()["appointment"] == patch["appointment"]
    assert changed.headers["etag"] not in ("", tag)
    assert_problem(await send(patch, {"If-Match": tag}), 412)
    cleared = await send({"appointment": None}, {"If-Match": changed.headers["etag"]})
    assert cleared.json()["appointment"] is None
    wrong: list[Any] = [{}, {"appointment": None, "status": "DONE"}, [], {"appointment": hours(running, -3, -2)}]
    for body in wrong:
        assert_problem(await send(body, {"If-Match": "*"}), 400, "/problems/validation")
    assert_problem(await client.patch(url, json=patch, headers={"If-Match": "*"}), 415)
    set_status(running, made["repairId"], "PROCESSING")
    state = assert_problem(await send(patch, {"If-Match": "*"}), 409, "/problems/state")
    assert state["currentStatus"] == "PROCESSING"


@pytest.mark.parametrize("status", ["WAIT", "TAKEN", "SUSPENDED"])
async def test_an_order_is_cancelled_while_work_has_not_begun(running: Running, status: str) -> None:
    """The reason stands among its events; a second time it is too late."""
    client = running.client("repair")
    made = await create(client)
    set_status(running, made["repairId"], status)
    url = f"/repairs/{made['repairId']}"
    cancelled = await client.post(f"{url}/cancel", json={"reason": "已自行修好"})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "CANCELLED")
    assert "已自行修好" in (await client.get(f"{url}/events")).json()[-1]["event"]
    again = assert_problem(await client.post(f"{url}/cancel", json={"reason": "再来"}), 409, "/problems/state")
    assert again["currentStatus"] == "CANCELLED"


async def test_what_cannot_be_cancelled(running: Running) -> None:
    """Work that began (409), a missing or long reason (400), another's order (404)."""
    client = running.client("repair")
    made = await create(client)
    url = f"/repairs/{made['repairId']}/cancel"
    for body in ({}, {"reason": ""}, {"reason": "长" * 201}, {"reason": 1}, {"reason": "好了", "force": True}):
        assert_problem(await client.post(url, json=body), 400, "/problems/validation")
    assert_problem(await running.client("repair", "user456").post(url, json={"reason": "好了"}), 404)
    for status in ("PROCESSING", "TO_PAY", "TO_RATE", "DONE"):
        set_status(running, made["repairId"], status)
        assert_problem(await client.post(url, json={"reason": "好了"}), 409, "/problems/state")


async def test_an_order_is_rated_once_when_it_is_finished(running: Running) -> None:
    """204 without a body, then DONE; again is /problems/already-rated; before it is /problems/state."""
    client = running.client("repair")
    (waiting,) = (await client.get("/repairs?status=TO_RATE")).json()["data"]
    url = f"/repairs/{waiting['no']}/rating"
    stars = {"score": 5, "speed": 4, "service": 5, "comment": "很快"}
    rated = await client.post(url, json=stars)
    assert (rated.status_code, rated.content) == (204, b"")
    shown = (await client.get(f"/repairs/{waiting['no']}")).json()
    assert (shown["status"], shown["rating"]) == ("DONE", stars)
    assert_problem(await client.post(url, json=stars), 409, "/problems/already-rated")
    made = await create(client)
    early = assert_problem(await client.post(f"/repairs/{made['no']}/rating", json=stars), 409, "/problems/state")
    assert early["currentStatus"] == "WAIT"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"score": 0}, "/score"),
        ({"score": 6}, "/score"),
        ({"speed": 4.5}, "/speed"),
        ({"service": True}, "/service"),
        ({"service": ...}, "/service"),
        ({"comment": "长" * 201}, "/comment"),
        ({"tip": 5}, "/tip"),
    ],
)
async def test_a_wrong_rating_is_a_validation_problem(running: Running, changes: dict[str, Any], pointer: str) -> None:
    """Whole stars from one to five, all three of them."""
    client = running.client("repair")
    (waiting,) = (await client.get("/repairs?status=TO_RATE")).json()["data"]
    whole: dict[str, Any] = {"score": 5, "speed": 5, "service": 5, "comment": None} | changes
    stars = {name: value for name, value in whole.items() if value is not ...}
    body = assert_problem(
        await client.post(f"/repairs/{waiting['no']}/rating", json=stars), 400, "/problems/validation"
    )
    assert [error["pointer"] for error in body["errors"]] == [pointer]


async def test_photos_are_added_up_to_three_while_the_order_is_open(running: Running) -> None:
    """201 with the new ones; a fourth is refused; a closed order takes none; each addition changes the ETag."""
    client = running.client("repair")
    made = await create(client)
    url = f"/repairs/{made['no']}"
    tag = (await client.get(url)).headers["etag"]
    two = [("photos", ("a.png", PNG, "image/png")), ("photos", ("b.jpg", JPEG, "image/jpeg"))]
    added = await client.post(f"{url}/photos", files=two)
    assert added.status_code == 201
    assert [set(photo) for photo in added.json()] == [{"photoId", "url", "thumbUrl", "size"}] * 2
    shown = await client.get(url)
    assert shown.json()["photos"] == added.json()
    assert shown.headers["etag"] != tag
    assert_problem(await client.post(f"{url}/photos", files=two), 400, "/problems/validation")
    wrong = [("photo", ("a.png", PNG, "image/png"))]
    assert_problem(await client.post(f"{url}/photos", files=wrong), 400, "/problems/validation")
    assert_problem(await client.post(f"{url}/photos", json={}), 415)
    assert_problem(await running.client("repair", "user456").post(f"{url}/photos", files=two[:1]), 404)
    set_status(running, made["repairId"], "DONE")
    assert_problem(await client.post(f"{url}/photos", files=two[:1]), 409, "/problems/state")


async def test_faults_speak_this_upstreams_dialect(running: Running) -> None:
    """Problems throughout; an internal error gives no detail."""
    client = running.client("repair")
    for fault, status in (("expired-token", 401), ("429:2", 429), ("503", 503)):
        await running.fault("repair", fault, "listRepairs")
        body = assert_problem(await client.get("/repairs"), status)
        assert ("detail" in body) == (status < 500)
    await running.fault("repair", "unknown-code", "listRepairs")
    assert_problem(await client.get("/repairs"), 460, "/problems/unheard-of")
    assert_problem(await client.get("/nowhere"), 404)
    assert_problem(await client.delete("/repairs"), 405)


@given(
    st.lists(
        st.tuples(
            st.text("abcdefg", min_size=1, max_size=8),
            st.none() | st.text('abc.\\" 中', max_size=8),
            st.sampled_from(["", "application/json", "image/png"]),
            st.binary(max_size=200),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_form_is_taken_apart_as_it_was_put_together(parts: list[tuple[str, str | None, str, bytes]]) -> None:
    """RFC 7578: names, filenames (quoted-pair), media types and every byte of the contents survive."""
    boundary = "bOuNdArY-that-random-bytes-do-not-hold"
    body = b""
    for name, filename, media_type, content in parts:
        head = f'Content-Disposition: form-data; name="{name}"'
        if filename is not None:
            quoted = filename.replace("\\", "\\\\").replace('"', '\\"')
            head += f'; filename="{quoted}"'
        if media_type:
            head += f"\r\nContent-Type: {media_type}"
        body += f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    assert parse(f'multipart/form-data; boundary="{boundary}"', body) == [Part(*part) for part in parts]


@given(st.binary(max_size=300))
def test_a_broken_form_is_an_error_of_its_own_kind(body: bytes) -> None:
    """Whatever arrives: parts, or MultipartError, and nothing else."""
    try:
        parts = parse("multipart/form-data; boundary=x", body)
    except MultipartError:
        return
    assert all(part.name for part in parts)
