"""Every fault of the estate, seen from a client at a real socket; and which of them let a write happen."""

import asyncio
import gzip
import itertools
import json
import zlib
from typing import Any

import httpx
import pytest

from demo.faults import NAMES, FaultError, Faults, parse
from tests.unit.demo.running import BASE_PATHS, COMMUNITIES, TOKEN_HEADERS, Running

# A reading operation of each upstream, and where its rows are.
READ = {"bill": "/bills", "parking": "/parking/record/list", "repair": "/repairs"}
ROWS = {"bill": "items", "parking": "rows", "repair": "data"}
TOTALS = {"bill": ("page", "total"), "parking": ("total",), "repair": ("meta", "total")}


async def _open_bill(running: Running) -> tuple[int, int]:
    row = running.core.database.row(
        "SELECT bill_id, amount_cents + late_fee_cents - paid_cents AS due FROM bills "
        "WHERE user_id = 'user123' AND due > 0"
    )
    assert row is not None
    return row["bill_id"], row["due"]


async def _pay(running: Running, key: str = "key-00001") -> httpx.Response:
    bill_id, due = await _open_bill(running)
    return await running.client("bill").post(
        f"/bills/{bill_id}/payments",
        json={"channel": "WECHAT", "amountCents": due},
        headers={"Idempotency-Key": key},
    )


def _pending(running: Running) -> int:
    row = running.core.database.row("SELECT count(*) AS number FROM payments WHERE status = 'PENDING'")
    assert row is not None
    return int(row["number"])


async def _raw(running: Running, upstream: str, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request by hand, for answers that no client library shows as they are."""
    port = running.estate.ports[list(BASE_PATHS).index(upstream)]
    token = running.core.tokens.issue("user123")
    prefix = "Bearer " if upstream == "bill" else ""
    head = f"GET {BASE_PATHS[upstream]}{path} HTTP/1.1\r\nHost: x\r\nX-Community-Id: {COMMUNITIES['user123']}\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head}{TOKEN_HEADERS[upstream]}: {prefix}{token}\r\n\r\n".encode())
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize("upstream", BASE_PATHS)
async def test_an_expired_token_is_said_in_the_upstreams_own_way(running: Running, upstream: str) -> None:
    """`expired-token` gives a valid login exactly the answer that no login gets."""
    refused = await running.client(upstream, user_id=None).get(READ[upstream])
    await running.fault(upstream, "expired-token")
    faulty = await running.client(upstream).get(READ[upstream])
    assert faulty.status_code == refused.status_code
    assert faulty.headers["content-type"] == refused.headers["content-type"]
    assert faulty.json().keys() == refused.json().keys()
    assert (await running.client(upstream).get(READ[upstream])).json().keys() != faulty.json().keys()


@pytest.mark.parametrize("upstream", BASE_PATHS)
async def test_answers_instead_of_the_handler(running: Running, upstream: str) -> None:
    """Text with 500, a redirect to an HTML login page, nginx' 502, 503, and 429 with Retry-After."""
    client = running.client(upstream)
    await running.fault(upstream, "http-500-text")
    text = await client.get(READ[upstream])
    assert (text.status_code, text.text) == (500, "收费已经结束，不能再缴费")
    assert text.headers["content-type"].startswith("text/plain")
    await running.fault(upstream, "login-302")
    redirect = await client.get(READ[upstream])
    assert (redirect.status_code, redirect.headers["location"]) == (302, "/login")
    login = await running.controls(upstream).get("/login")
    assert login.headers["content-type"].startswith("text/html")
    await running.fault(upstream, "html-502")
    gateway = await client.get(READ[upstream])
    assert gateway.status_code == 502
    assert "nginx" in gateway.text
    await running.fault(upstream, "503")
    assert (await client.get(READ[upstream])).status_code == 503
    await running.fault(upstream, "429:7")
    busy = await client.get(READ[upstream])
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize("upstream", BASE_PATHS)
async def test_an_unknown_code_is_none_that_is_known(running: Running, upstream: str) -> None:
    """`unknown-code` is JSON in the upstream's dialect and neither its success nor its "not logged in"."""
    client = running.client(upstream)
    good = await client.get(READ[upstream])
    refused = await running.client(upstream, user_id=None).get(READ[upstream])
    await running.fault(upstream, "unknown-code")
    unknown = await client.get(READ[upstream])

    def code(response: httpx.Response) -> Any:
        body = response.json()
        return response.status_code, body.get("code"), body.get("type"), (body.get("error") or {}).get("code")

    assert code(unknown) not in (code(good), code(refused))


@pytest.mark.parametrize("upstream", BASE_PATHS)
async def test_bytes_that_are_spoiled(running: Running, upstream: str) -> None:
    """GBK without a charset, a byte order mark, nothing at all, and JSON that ends too early."""
    client = running.client(upstream)
    good = await client.get(READ[upstream])
    await running.fault(upstream, "gbk")
    gbk = await client.get(READ[upstream])
    with pytest.raises(UnicodeDecodeError):
        gbk.content.decode("utf-8")
    assert json.loads(gbk.content.decode("gb18030")) == good.json()
    assert "charset" not in gbk.headers["content-type"].lower()
    await running.fault(upstream, "bom")
    assert (await client.get(READ[upstream])).content == b"\xef\xbb\xbf" + good.content
    await running.fault(upstream, "empty")
    empty = await client.get(READ[upstream])
    assert (empty.status_code, empty.content) == (200, b"")
    await running.fault(upstream, "malformed-json")
    malformed = await client.get(READ[upstream])
    with pytest.raises(ValueError, match=r".+"):
        json.loads(malformed.content)


@pytest.mark.parametrize("upstream", BASE_PATHS)
async def test_a_big_page_has_2000_rows(running: Running, upstream: str) -> None:
    """`big-page` has 2,000 rows of the usual kind and says so."""
    client = running.client(upstream)
    good = await client.get(READ[upstream])
    await running.fault(upstream, "big-page")
    page = (await client.get(READ[upstream])).json()
    rows = page[ROWS[upstream]]
    assert len(rows) == 2_000
    assert rows[0] == good.json()[ROWS[upstream]][0]
    total = page
    for key in TOTALS[upstream]:
        total = total[key]
    assert total == 2_000


async def test_what_has_no_rows_is_no_big_page(running: Running) -> None:
    """`big-page` leaves a 204 as it is: a write that was done must not be answered with 500."""
    await running.fault("repair", "big-page")
    client = running.client("repair")
    waiting = (await client.get("/repairs?status=TO_RATE")).json()["data"][0]["no"]
    rated = await client.post(f"/repairs/{waiting}/rating", json={"score": 5, "speed": 4, "service": 5})
    assert (rated.status_code, rated.content) == (204, b"")


async def test_a_gzip_bomb_inflates_a_thousandfold(running: Running) -> None:
    """A quarter of a megabyte of valid gzip that becomes 256 MB of valid JSON."""
    await running.fault("parking", "gzip-bomb")
    async with running.client("parking").stream("GET", READ["parking"]) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    assert response.headers["content-encoding"] == "gzip"
    assert len(raw) < 300_000
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    size, data = 0, raw
    first = last = b""
    while data:
        piece = inflate.decompress(data, 16 * 1024 * 1024)
        first, last = first or piece[:12], (last + piece)[-12:]
        size, data = size + len(piece), inflate.unconsumed_tail
    assert inflate.eof  # its checksum is right too
    assert size > 256 * 1024 * 1024
    assert first.startswith(b'{"data":"0')
    assert last.endswith(b'0"}')
    assert gzip.decompress(gzip.compress(b"")) == b""


async def test_drops_before_and_after_the_commit(running: Running) -> None:
    """Both look alike to the client; only `drop-after-commit` leaves a payment behind."""
    for fault, written in (("drop-before", 0), ("down", 0), ("drop-after-commit", 1)):
        await running.fault("bill", fault, "createPayment")
        with pytest.raises(httpx.RemoteProtocolError):
            await _pay(running)
        assert _pending(running) == written
    # The key makes the retry safe: the same payment is answered.
    assert (await _pay(running)).status_code == 201
    assert _pending(running) == 1


@pytest.mark.parametrize(
    "fault", ["expired-token", "503", "429:1", "http-500-text", "html-502", "login-302", "unknown-code"]
)
async def test_refusals_write_nothing(running: Running, fault: str) -> None:
    """Where the fault answers instead of the handler, nothing was written."""
    await running.fault("bill", fault, "createPayment")
    await _pay(running)
    assert _pending(running) == 0


@pytest.mark.parametrize("fault", ["slow:0.01", "gbk", "bom", "empty", "malformed-json", "gzip-bomb"])
async def test_spoiled_answers_have_written(running: Running, fault: str) -> None:
    """Where the fault spoils the answer, the write has happened."""
    await running.fault("bill", fault, "createPayment")
    await _pay(running)
    assert _pending(running) == 1


async def test_a_drop_in_the_middle_promises_everything(running: Running) -> None:
    """`drop-at:20`: the whole length is announced, 20 bytes come, the connection ends; `drop-at:0`: the head only."""
    good = await running.client("bill").get(READ["bill"])
    for stop_at in (20, 0):
        await running.fault("bill", f"drop-at:{stop_at}")
        reader, writer = await _raw(running, "bill", READ["bill"])
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert f"content-length: {len(good.content)}".encode() in head
        assert body == good.content[:stop_at]


async def test_a_drip_comes_byte_by_byte(running: Running) -> None:
    """`drip` sends the head and then single bytes of the true answer."""
    good = await running.client("bill").get("/me")
    await running.fault("bill", "drip", "getCurrentResident")
    reader, writer = await _raw(running, "bill", "/me")
    await reader.readuntil(b"\r\n\r\n")
    pieces = [await reader.read(1_000) for _ in range(2)]
    writer.close()
    assert b"".join(pieces) == good.content[:2]


async def test_an_endless_answer_goes_on_until_the_client_leaves(running: Running) -> None:
    """`endless` is JSON that never ends; a client that leaves harms nobody."""
    await running.fault("bill", "endless")
    async with running.client("bill").stream("GET", READ["bill"]) as response:
        received = b""
        async for chunk in response.aiter_bytes():
            received += chunk
            if len(received) > 200_000:
                break
    assert received.startswith(b'{"data":[')
    assert (await running.client("bill").get("/me")).status_code == 200


async def test_slow_answers_wait(running: Running) -> None:
    """A client that is not patient enough gives up on `slow`, and its request has arrived."""
    await running.fault("bill", "slow:60", "getCurrentResident")
    with pytest.raises(httpx.ReadTimeout):
        await running.client("bill").get("/me", timeout=0.2)
    assert [entry["operation"] for entry in await running.requests()] == ["getCurrentResident"]


async def test_a_fault_hits_its_operation_so_many_times(running: Running) -> None:
    """`times` counts the requests that are hit; others are left alone; without it the fault stands."""
    await running.fault("bill", "503", "listBills", times=2)
    bill = running.client("bill")
    assert (await bill.get("/me")).status_code == 200
    assert (await running.client("parking").get(READ["parking"])).status_code == 200
    assert [(await bill.get("/bills")).status_code for _ in range(3)] == [503, 503, 200]
    await running.fault("bill", "down", times=None)
    for path in itertools.chain(["/me", "/bills"] * 2):
        with pytest.raises(httpx.RemoteProtocolError):
            await bill.get(path)
    # The controls of that port still answer.
    assert (await running.controls("bill").delete("/demo/faults")).status_code == 204
    assert (await bill.get("/me")).status_code == 200


async def test_a_shared_operation_id_can_be_told_apart_by_its_path(running: Running) -> None:
    """Two operations of one operationId: `"METHOD path"` names one of them."""
    await running.fault("parking", "503", "POST /parking/fee/pay", times=None)
    client = running.client("parking")
    assert (await client.post("/parking/fee/pay", json={})).status_code == 503
    assert (await client.post("/parking/monthCard/renew", json={})).status_code != 503


async def test_mistaken_faults_are_refused(running: Running) -> None:
    """What is no fault is answered with what would be one."""
    for body in (
        {},
        {"upstream": "gas", "fault": "gbk"},
        {"upstream": "bill", "fault": "explode"},
        {"upstream": "bill", "fault": "slow"},
        {"upstream": "bill", "fault": "gbk", "times": 0},
        {"upstream": "bill", "fault": "gbk", "operation": 5},
    ):
        response = await running.controls().post("/demo/faults", json=body)
        assert response.status_code == 400
        assert response.json()["error"]


def test_every_named_fault_can_be_asked_for() -> None:
    """The list of names is the list of what is understood."""
    for name in NAMES:
        kind, _, unit = name.partition(":")
        assert parse(f"{kind}:3" if unit else name) == (kind, 3.0 if unit else 0.0)
    for wrong in ("slow:", "slow:-1", "slow:nan", "slow:inf", "drop-at:1.5", "429:x", "gbk:1", "", None, 5):
        with pytest.raises(FaultError):
            parse(wrong)


def test_the_oldest_fitting_fault_comes_first() -> None:
    """One fault per request, in the order in which they were asked for."""
    faults = Faults(("bill", "parking"))
    faults.add("bill", "a", "503", 1)
    faults.add("bill", None, "gbk", 1)
    faults.add("parking", None, "bom", None)
    taken = [faults.take("bill", "a"), faults.take("bill", "a"), faults.take("bill", "a"), faults.take("parking", "x")]
    assert [fault.kind if fault else None for fault in taken] == ["503", "gbk", None, "bom"]
