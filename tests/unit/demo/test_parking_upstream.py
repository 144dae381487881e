"""The parking upstream of a started estate over real sockets: envelopes, tenants, records, cars, fees and orders."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

# `running` is the started estate of `conftest.py`.
Running = Any
OWN_PLATE, HOURLY_PLATE = "粤B12345", "粤BD06688"


async def ask(client: httpx.AsyncClient, path: str, **query: str | int) -> Any:
    """The body of a GET that is HTTP 200, whatever its code says."""
    response = await client.get(path, params=query)
    assert response.status_code == 200
    return response.json()


async def send(client: httpx.AsyncClient, path: str, body: Any) -> Any:
    """The body of a POST that is HTTP 200, whatever its code says."""
    response = await client.post(path, json=body)
    assert response.status_code == 200
    return response.json()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/parking/record/list"),
        ("GET", "/parking/record/1"),
        ("GET", "/parking/record/stat"),
        ("GET", "/parking/record/export"),
        ("POST", "/parking/fee/query"),
        ("POST", "/parking/fee/pay"),
        ("POST", "/parking/monthCard/renew"),
        ("GET", "/parking/car/list"),
        ("POST", "/parking/car/bind"),
        ("GET", "/parking/car/unbind"),
        ("DELETE", "/parking/anything/else"),
    ],
)
async def test_without_a_valid_token_every_operation_says_401_in_http_200(
    running: Running, method: str, path: str
) -> None:
    """The envelope names the path without the public prefix; the token must be raw in X-Access-Token."""
    real = running.core.tokens.issue("user123")
    for headers in ({}, {"X-Access-Token": "garbage"}, {"X-Access-Token": f"Bearer {real}"}, {"Authorization": real}):
        client = running.client("parking", None)
        response = await client.request(method, path, headers=headers)
        assert response.status_code == 200
        assert response.json() == {"code": 401, "msg": f"请求访问：{path}，认证失败，无法访问系统资源"}


async def test_a_missing_or_foreign_tenant_is_code_403(running: Running) -> None:
    """The resident's own community is the only tenant that he may name."""
    token = running.core.tokens.issue("user123")
    for tenant in ("", "C002"):
        client = running.client("parking", None)
        headers = {"X-Access-Token": token, "X-Tenant-Id": tenant}
        body = (await client.get("/parking/car/list", headers=headers)).json()
        assert body["code"] == 403
        assert "data" not in body


async def test_free_spaces_are_public_json_as_gbk_text(running: Running) -> None:
    """No token, no tenant; the bytes are GBK and the media type says text."""
    async with httpx.AsyncClient(trust_env=False) as stranger:
        response = await stranger.get(f"{running.origin('parking')}/prod-api/parking/space/free")
    assert response.headers["content-type"] == "text/plain;charset=GBK"
    with pytest.raises(UnicodeDecodeError):
        response.content.decode("utf-8")
    body = json.loads(response.content.decode("gbk"))
    assert body["code"] == 200
    assert 0 < body["data"]["free"] < body["data"]["total"]


async def test_records_are_the_residents_own_newest_first(running: Running) -> None:
    """Ids have 19 digits, a car inside has no exit and its duration runs on, amounts are yuan."""
    mine = await ask(running.client("parking"), "/parking/record/list", pageSize=100)
    theirs = await ask(running.client("parking", "user456"), "/parking/record/list", pageSize=100)
    assert mine["code"] == 200
    assert {row["carNumber"] for row in mine["rows"]} == {OWN_PLATE, HOURLY_PLATE}
    assert not {row["recordId"] for row in mine["rows"]} & {row["recordId"] for row in theirs["rows"]}
    entries = [row["inTime"] for row in mine["rows"]]
    assert entries == sorted(entries, reverse=True)
    inside = mine["rows"][0]
    assert (inside["state"], inside["outTime"]) == ("100300", None)
    assert inside["duration"] == "13小时24分"
    assert len(str(inside["recordId"])) == 19
    stored = running.core.database.rows("SELECT pay_amount_cents AS c FROM parking_records WHERE user_id = 'user123'")
    assert sorted(row["payAmount"] for row in mine["rows"]) == sorted(row["c"] / 100 for row in stored)


async def test_the_page_size_is_capped_at_100_in_silence(running: Running) -> None:
    """1,000 rows asked for are 100, the total stays true, and nothing says so."""
    with running.core.database.transaction():
        (row,) = running.core.database.rows("SELECT * FROM parking_records WHERE user_id = 'user123' LIMIT 1")
        for place in range(150):
            columns = dict(row) | {"record_id": 10**18 + place}
            running.core.database.insert("parking_records", **columns)
    client = running.client("parking")
    first = await ask(client, "/parking/record/list", pageSize=1000)
    assert len(first["rows"]) == 100
    assert first["total"] > 150
    default = await ask(client, "/parking/record/list")
    assert len(default["rows"]) == 10
    pages = [await ask(client, "/parking/record/list", pageSize=100, pageNum=page) for page in (1, 2, 3)]
    ids = [row["recordId"] for page in pages for row in page["rows"]]
    assert len(ids) == len(set(ids)) == first["total"]


async def test_records_are_filtered_by_plate_state_park_and_time(running: Running) -> None:
    """Each filter of the exploded bean holds; a bare date ends with its day; noise does nothing."""
    client = running.client("parking")
    everything = (await ask(client, "/parking/record/list", pageSize=100))["rows"]
    oldest = min(row["inTime"] for row in everything)[:10]
    cases: list[tuple[dict[str, str | int], Any]] = [
        ({"carNumber": HOURLY_PLATE}, lambda row: row["carNumber"] == HOURLY_PLATE),
        ({"state": "100600"}, lambda row: row["state"] == "100600"),
        ({"parkId": "P001"}, lambda row: True),
        ({"parkId": "P999"}, lambda row: False),
        ({"params[beginTime]": "2026-06-01 00:00:00"}, lambda row: row["inTime"] >= "2026-06-01 00:00:00"),
        ({"params[endTime]": oldest}, lambda row: row["inTime"][:10] <= oldest),
        ({"searchValue": "x", "createBy": "x", "remark": "x", "userId": "user123"}, lambda row: True),
    ]
    for query, expected in cases:
        rows = (await ask(client, "/parking/record/list", pageSize=100, **query))["rows"]
        assert rows == [row for row in everything if expected(row)], query
    ascending = await ask(client, "/parking/record/list", pageSize=100, orderByColumn="inTime", isAsc="asc")
    assert [row["inTime"] for row in ascending["rows"]] == sorted(row["inTime"] for row in everything)


async def test_wrong_parameters_of_the_list_are_told_in_the_envelope(running: Running) -> None:
    """HTTP stays 200; a foreign userId is 403, a column out of the list never reaches the database."""
    client = running.client("parking")
    for query, code in (
        ({"userId": "user456"}, 403),
        ({"pageNum": "one"}, 500),
        ({"pageSize": "9" * 30}, 500),
        ({"params[beginTime]": "yesterday"}, 601),
        ({"orderByColumn": "user_id; DROP TABLE cars"}, 500),
    ):
        assert (await ask(client, "/parking/record/list", **query))["code"] == code, query
    assert (await ask(client, "/parking/record/list", pageNum=2**62))["rows"] == []


async def test_one_record_by_its_exact_id_and_never_anothers(running: Running) -> None:
    """All 19 digits count; a neighbour's record is answered as if it did not exist."""
    client = running.client("parking")
    row = (await ask(client, "/parking/record/list", pageSize=1))["rows"][0]
    assert (await ask(client, f"/parking/record/{row['recordId']}")) == {"code": 200, "msg": "操作成功", "data": row}
    foreign = (await ask(running.client("parking", "user456"), "/parking/record/list"))["rows"][0]["recordId"]
    for wrong in (row["recordId"] + 1, foreign, 0):
        assert await ask(client, f"/parking/record/{wrong}") == {"code": 500, "msg": "停车记录不存在"}
    assert (await ask(client, "/parking/record/abc"))["code"] == 500


async def test_the_statistics_are_the_months_sums_from_a_body_or_a_query(running: Running) -> None:
    """The GET's body, as documented, and the query, as servers of this kind also take it, mean the same."""
    client = running.client("parking")
    rows = (await ask(client, "/parking/record/list", pageSize=100))["rows"]
    month = rows[-1]["inTime"][:7]
    of_month = [row for row in rows if row["inTime"].startswith(month)]
    expected = {"month": month, "count": len(of_month), "totalAmount": sum(row["payAmount"] for row in of_month)}
    by_body = await client.request("GET", "/parking/record/stat", json={"month": month})
    assert by_body.json()["data"] == expected
    assert (await ask(client, "/parking/record/stat", month=month))["data"] == expected
    assert (await ask(client, "/parking/record/stat"))["data"]["month"] == "2026-11"
    assert (await ask(client, "/parking/record/stat", month="2026-13"))["code"] == 601
    broken = await client.request("GET", "/parking/record/stat", content=b"{")
    assert broken.json()["code"] == 500


async def test_the_export_is_a_gbk_file(running: Running) -> None:
    """An octet-stream attachment with all records of the resident."""
    response = await running.client("parking").get("/parking/record/export")
    assert response.headers["content-type"] == "application/octet-stream"
    lines = response.content.decode("gbk").splitlines()
    assert lines[0].startswith("记录编号,车牌号")
    assert all(OWN_PLATE in line or HOURLY_PLATE in line for line in lines[1:])


async def test_a_car_is_bound_once_and_unbound_by_a_get(running: Running) -> None:
    """The estate's table follows; a plate that anybody holds is refused, another's car cannot be taken away."""
    client, other = running.client("parking"), running.client("parking", "user456")
    new = {"carNumber": "粤B77A88", "carType": "1003"}
    assert (await send(client, "/parking/car/bind", new))["code"] == 200
    assert await send(other, "/parking/car/bind", new) == {"code": 500, "msg": "车牌已绑定"}
    cars = (await ask(client, "/parking/car/list"))["data"]
    assert [set(car) for car in cars] == [{"carId", "carNumber", "bindTime"}] * 3
    (car,) = [car for car in cars if car["carNumber"] == "粤B77A88"]
    assert len(str(car["carId"])) == 19
    assert (await ask(other, "/parking/car/unbind", carId=car["carId"]))["code"] == 500
    assert (await ask(client, "/parking/car/unbind", carId=car["carId"]))["code"] == 200
    assert (await ask(client, "/parking/car/unbind", carId=car["carId"]))["code"] == 500
    assert len((await ask(client, "/parking/car/list"))["data"]) == 2


async def test_what_cannot_be_bound_or_unbound_is_told(running: Running) -> None:
    """Missing, malformed and mistyped input is a warning or an error of the envelope, never a crash."""
    client = running.client("parking")
    for body, code in (
        ({}, 601),
        ({"carNumber": "12345", "carType": "1001"}, 601),
        ({"carNumber": 5, "carType": "1001"}, 601),
        ({"carNumber": "粤B77A88"}, 601),
        ({"carNumber": "粤B77A88", "carType": ["1001"]}, 601),
        ([], 500),
    ):
        assert (await send(client, "/parking/car/bind", body))["code"] == code, body
    no_json = await client.post("/parking/car/bind", content=b"carNumber=1", headers={"Content-Type": "text/plain"})
    assert no_json.json()["code"] == 500
    assert (await ask(client, "/parking/car/unbind"))["code"] == 500
    assert (await ask(client, "/parking/car/unbind", carId="x"))["code"] == 500


async def test_the_fee_query_has_its_own_envelope_and_repeats_its_quote(running: Running) -> None:
    """The code is the text "0", the amount is fen, the time epoch milliseconds; a standing quote is given again."""
    client = running.client("parking")
    question = {"data": {"carNumber": HOURLY_PLATE}}
    answer = await send(client, "/parking/fee/query", question)
    assert (answer["code"], answer["message"]) == ("0", "查询成功")
    assert answer["data"]["minutes"] == 13 * 60 + 24
    assert answer["data"]["amount"] == 2500
    assert answer["data"]["expireAt"] == int((running.clock.at + timedelta(minutes=15)).timestamp() * 1000)
    assert await send(client, "/parking/fee/query", question) == answer
    running.clock.at += timedelta(minutes=16)
    assert (await send(client, "/parking/fee/query", question))["data"]["orderId"] != answer["data"]["orderId"]


async def test_the_fee_of_an_absent_foreign_or_misspelt_car_is_a_text_code(running: Running) -> None:
    """Another resident's car inside is as unknown as one that is not there."""
    client = running.client("parking")
    for plate, code in (("粤B00000", "1001"), ("粤A67Q21", "1001"), ("x", "1002"), (None, "1002")):
        answer = await send(client, "/parking/fee/query", {"data": {"carNumber": plate}})
        assert (answer["code"], answer["data"]) == (code, None)
    assert (await send(client, "/parking/fee/query", {"carNumber": HOURLY_PLATE}))["code"] == "1002"


async def test_paying_makes_a_new_order_each_time_but_not_within_five_seconds(running: Running) -> None:
    """The repetition is refused in the system's own words and writes nothing."""
    client = running.client("parking")
    quote = (await send(client, "/parking/fee/query", {"data": {"carNumber": HOURLY_PLATE}}))["data"]
    order = {"orderId": quote["orderId"], "payType": "WECHAT"}
    first = await send(client, "/parking/fee/pay", order)
    running.clock.at += timedelta(seconds=4)
    assert await send(client, "/parking/fee/pay", order) == {"code": 500, "msg": "不允许重复提交，请稍候再试"}
    running.clock.at += timedelta(seconds=2)
    second = await send(client, "/parking/fee/pay", order)
    numbers = {first["data"]["orderNo"], second["data"]["orderNo"]}
    created = running.core.database.rows("SELECT * FROM parking_orders WHERE state = 'CREATED'")
    assert {row["order_no"] for row in created} == numbers
    assert [row["amount_cents"] for row in created] == [2500, 2500]
    assert len(numbers) == 2


async def test_paying_a_quote_that_is_over_is_http_500_in_plain_text(running: Running) -> None:
    """The business error of the worst manner: real HTTP 500, no JSON, a sentence for the resident."""
    client = running.client("parking")
    quote = (await send(client, "/parking/fee/query", {"data": {"carNumber": HOURLY_PLATE}}))["data"]
    running.clock.at += timedelta(minutes=15)
    response = await client.post("/parking/fee/pay", json={"orderId": quote["orderId"]})
    assert response.status_code == 500
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text == "收费已经结束，不能再缴费"


async def test_orders_that_cannot_be_paid_or_renewed_are_told(running: Running) -> None:
    """Unknown and foreign orders, a month card's free stay, wrong months, cars without a card."""
    client, other = running.client("parking"), running.client("parking", "user456")
    quote = (await send(client, "/parking/fee/query", {"data": {"carNumber": HOURLY_PLATE}}))["data"]
    free = (await send(client, "/parking/fee/query", {"data": {"carNumber": OWN_PLATE}}))["data"]
    assert free["amount"] == 0
    assert await send(other, "/parking/fee/pay", {"orderId": quote["orderId"]}) == {"code": 500, "msg": "订单不存在"}
    assert (await send(client, "/parking/fee/pay", {"orderId": free["orderId"]}))["code"] == 500
    assert (await send(client, "/parking/fee/pay", {"orderId": quote["orderId"], "payType": "CASH"}))["code"] == 601
    assert (await send(client, "/parking/fee/pay", {}))["code"] == 601
    for body, code in (
        ({"carNumber": OWN_PLATE, "months": 0}, 601),
        ({"carNumber": OWN_PLATE, "months": 13}, 601),
        ({"carNumber": OWN_PLATE, "months": True}, 601),
        ({"carNumber": HOURLY_PLATE, "months": 1}, 500),
        ({"carNumber": "粤A67Q21", "months": 1}, 500),
    ):
        assert (await send(client, "/parking/monthCard/renew", body))["code"] == code, body
    assert running.core.database.row("SELECT 1 FROM parking_orders WHERE state = 'CREATED'") is None


async def test_a_month_card_order_costs_its_months(running: Running) -> None:
    """300 yuan a month; the second operation under the operationId payUsingPOST."""
    answer = await send(running.client("parking"), "/parking/monthCard/renew", {"carNumber": OWN_PLATE, "months": 3})
    row = running.core.database.row("SELECT * FROM parking_orders WHERE order_no = ?", answer["data"]["orderNo"])
    assert (row["kind"], row["months"], row["amount_cents"]) == ("MONTH_CARD", 3, 90_000)
    logged = (await running.requests())[-1]
    assert (logged["operation"], logged["path"]) == ("payUsingPOST", "/prod-api/parking/monthCard/renew")


async def test_a_dropped_payment_was_committed_and_its_repetition_is_refused(running: Running) -> None:
    """`drop-after-commit` leaves one order; the guard remembers it although nobody heard the answer."""
    client = running.client("parking")
    body = {"carNumber": OWN_PLATE, "months": 1}
    await running.fault("parking", "drop-after-commit", "POST /parking/monthCard/renew")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post("/parking/monthCard/renew", json=body)
    assert (await send(client, "/parking/monthCard/renew", body))["code"] == 500
    assert len(running.core.database.rows("SELECT 1 FROM parking_orders WHERE kind = 'MONTH_CARD'")) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_the_catch_all_answers_under_seven_methods(running: Running, method: str) -> None:
    """Each method has its own operation in the log, as the document has."""
    response = await running.client("parking").request(method, "/parking/some/where")
    assert response.status_code == 200
    assert (await running.requests())[-1]["operation"] == f"indexUsing{method}"


async def test_faults_speak_this_upstreams_dialect(running: Running) -> None:
    """An expired token is code 401 in HTTP 200; 429 and 503 are real statuses with the envelope."""
    client = running.client("parking")
    seen = []
    for fault in ("expired-token", "unknown-code", "429:2", "503"):
        await running.fault("parking", fault, "listUsingGET_5")
        response = await client.get("/parking/car/list")
        seen.append((response.status_code, response.json()["code"]))
    assert seen == [(200, 401), (200, 20077), (429, 429), (503, 503)]
    assert (await client.get("/parking/car/list")).json()["code"] == 200
