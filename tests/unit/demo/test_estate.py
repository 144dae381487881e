"""The estate as a whole: ports, seed, restart, tokens, the controls, and how its process ends."""

import asyncio
import json
import signal
import socket
import sqlite3
import sys
from datetime import date, timedelta
from pathlib import Path

import httpx
import jwt
import pytest

from demo import seed
from demo.database import Database
from demo.estate import start_estate
from tests.unit.demo.running import BASE_PATHS, Running

ROOT = Path(__file__).parents[3]
TABLES = (
    "residents",
    "bills",
    "payments",
    "cars",
    "parking_records",
    "parking_orders",
    "repairs",
    "repair_events",
    "repair_photos",
)
ME = {"bill": "/me", "parking": "/parking/car/list", "repair": "/repairs"}
RUN = """
import sys
from pathlib import Path
from demo.estate import run_estate
run_estate(
    Path(sys.argv[1]), ports=(0, 0, 0), until_stdin_closes=sys.argv[2] == "stdin",
    on_ready=lambda estate: print(*estate.ports, flush=True),
)
"""


def _dump(folder: Path, day: date) -> list[tuple[object, ...]]:
    database = Database(folder)
    seed.fill(database, day)
    rows = [tuple(row) for table in TABLES for row in database.rows(f"SELECT * FROM {table}")]
    database.close()
    return rows


def test_the_same_day_seeds_the_same_estate(tmp_path: Path) -> None:
    """Two estates seeded for one day are equal row by row; another day's differs."""
    first = _dump(tmp_path / "a", date(2026, 11, 22))
    assert first == _dump(tmp_path / "b", date(2026, 11, 22))
    assert first != _dump(tmp_path / "c", date(2026, 11, 23))


@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2026, 2, 28), date(2026, 12, 31), date(2028, 2, 29)])
def test_every_day_gives_a_lively_estate_without_a_future(tmp_path: Path, day: date) -> None:
    """On any day, also the first of a year: bills in each status, cars inside, and nothing from after that day."""
    database = Database(tmp_path)
    seed.fill(database, day)
    open_bills = database.rows("SELECT * FROM bills WHERE user_id = 'user123' AND paid_cents < amount_cents")
    assert {bill["due_date"] < day.isoformat() for bill in open_bills} == {True, False}
    assert any(bill["paid_cents"] > 0 for bill in open_bills)
    inside = database.rows("SELECT * FROM parking_records WHERE out_time IS NULL AND user_id = 'user123'")
    assert {row["car_type"] for row in inside} == {"1001", "1003"}
    end = (day + timedelta(days=1)).isoformat()
    for table, column in (
        ("bills", "created_at"),
        ("payments", "paid_at"),
        ("parking_records", "in_time"),
        ("parking_records", "out_time"),
        ("repair_events", "at"),
    ):
        latest = database.row(f"SELECT max({column}) AS latest FROM {table}")
        assert latest is not None
        assert latest["latest"] < end
    database.close()


def test_a_year_of_bills_adds_up(tmp_path: Path) -> None:
    """Twelve periods; a bill's lines add up to its amount; a bill's payments to what is paid; ids have 19 digits."""
    database = Database(tmp_path)
    seed.fill(database, date(2026, 11, 22))
    bills = database.rows("SELECT * FROM bills")
    assert len({bill["period"] for bill in bills if bill["user_id"] == "user123"}) == 12
    for bill in bills:
        assert len(str(bill["bill_id"])) == 19
        assert sum(line["amountCents"] for line in json.loads(bill["lines"])) == bill["amount_cents"]
        paid = database.row("SELECT sum(amount_cents) AS cents FROM payments WHERE bill_id = ?", bill["bill_id"])
        assert paid is not None
        assert (paid["cents"] or 0) == bill["paid_cents"]
    # An id that a float would change: otherwise nobody notices a lost digit.
    assert any(int(float(bill["bill_id"])) != bill["bill_id"] for bill in bills)
    database.close()


def test_only_the_arrears_room_is_over_the_limit(tmp_path: Path) -> None:
    """The third room of user789 owes more than the limit for room repairs, no other room does."""
    database = Database(tmp_path)
    seed.fill(database, date(2026, 11, 22))
    rows = database.rows(
        "SELECT room_id, sum(amount_cents + late_fee_cents - paid_cents) AS cents FROM bills "
        "WHERE due_date < '2026-11-22' GROUP BY room_id HAVING cents > ?",
        seed.ARREARS_BLOCK_CENTS,
    )
    assert [row["room_id"] for row in rows] == ["RM-1-3-102"]
    database.close()


async def test_the_three_upstreams_have_three_origins(running: Running) -> None:
    """One process, three different ports, each with its own base path."""
    assert len(set(running.estate.ports)) == 3
    for upstream in BASE_PATHS:
        response = await running.client(upstream).get(ME[upstream])
        assert response.status_code == 200
        assert "user456" not in response.text


async def test_what_was_written_survives_a_restart(tmp_path: Path) -> None:
    """A second estate in the same folder keeps data and logins, and seeds nothing again."""
    first = await start_estate(tmp_path)
    first.core.database.run("UPDATE residents SET phone = '13811112222' WHERE user_id = 'user123'")
    bills = first.core.database.row("SELECT count(*) AS number FROM bills")
    token = first.core.tokens.issue("user123")
    await first.stop()
    second = await start_estate(tmp_path)
    phone = second.core.database.row("SELECT phone FROM residents WHERE user_id = 'user123'")
    assert phone is not None
    assert phone["phone"] == "13811112222"
    again = second.core.database.row("SELECT count(*) AS number FROM bills")
    assert bills is not None
    assert again is not None
    assert tuple(again) == tuple(bills)
    assert second.core.tokens.user_of(token) == "user123"
    await second.stop()


async def test_a_stopped_estate_refuses_connections(tmp_path: Path) -> None:
    """After `stop` nobody listens, and stopping again does nothing."""
    estate = await start_estate(tmp_path)
    await estate.stop()
    await estate.stop()
    for port in estate.ports:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """A port that is in use ends the start with a sentence that names it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}.*STEWARD_DEMO_PORT"):
            await start_estate(tmp_path, ports=(0, port, 0))


async def test_a_login_gives_a_signed_token_of_that_resident(running: Running) -> None:
    """`/demo/login` on every port; no two tokens are equal; unknown residents get none."""
    tokens = set()
    for upstream in BASE_PATHS:
        response = await running.controls(upstream).post("/demo/login", json={"user_id": "user456"})
        token = response.json()["token"]
        tokens.add(token)
        assert jwt.get_unverified_header(token)["alg"] == "HS256"
        me = await running.client("bill", user_id=None, token=token).get("/me")
        assert me.json()["userId"] == "user456"
    assert len(tokens) == 3
    unknown = await running.controls().post("/demo/login", json={"user_id": "nobody"})
    assert unknown.status_code == 404
    assert (await running.controls().post("/demo/login", content=b"not json")).status_code == 404


async def test_the_tutorials_token_stands_for_user123(running: Running) -> None:
    """`your-token-here` is accepted by all three upstreams."""
    me = await running.client("bill", token="your-token-here").get("/me")
    assert me.json()["userId"] == "user123"
    for upstream in ("parking", "repair"):
        response = await running.client(upstream, token="your-token-here").get(ME[upstream])
        assert response.status_code == 200


async def test_expired_and_forged_tokens_are_nobody(running: Running) -> None:
    """An expired token, one signed by another, one without a signature and garbage are not logged in."""
    answer = await running.controls().post("/demo/login", json={"user_id": "user123", "expires_in_s": 5})
    short = answer.json()["token"]
    assert running.core.tokens.user_of(short) == "user123"
    running.clock.at += timedelta(seconds=5)
    claims = {"iss": "demo-estate", "sub": "user123", "exp": 9_999_999_999}
    other = jwt.encode(claims, "another key of sufficient length, 32+ bytes", algorithm="HS256")
    for token in (short, other, jwt.encode(claims, None, algorithm="none"), "garbage", "", "a.b.c", "令牌"):
        assert running.core.tokens.user_of(token) is None
        if token.isascii() and token:
            assert (await running.client("bill", token=token).get("/me")).status_code == 401


async def test_the_request_log_names_upstream_and_operation(running: Running) -> None:
    """What arrived at any port is in one log, also unknown paths and refused requests; it can be emptied."""
    await running.client("bill").get("/bills?status=PAID&page=2")
    await running.client("parking", user_id=None).get("/parking/car/list")
    await running.client("repair").get("/nothing/here")
    await running.client("bill").post("/bills/1/payments", content=b"abc")
    entries = await running.requests()
    assert [(entry["upstream"], entry["operation"]) for entry in entries] == [
        ("bill", "listBills"),
        ("parking", "listUsingGET_5"),
        ("repair", None),
        ("bill", "createPayment"),
    ]
    first, last = entries[0], entries[-1]
    assert set(first) == {"upstream", "operation", "method", "path", "query", "headers", "body_sha256", "at"}
    assert first["path"] == "/bill-api/v1/bills"
    assert first["query"] == "status=PAID&page=2"
    assert first["headers"]["authorization"].startswith("Bearer ey")
    assert last["method"] == "POST"
    assert last["body_sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (await running.controls("repair").delete("/demo/requests")).status_code == 204
    assert await running.requests() == []


async def _start_process(folder: Path, mode: str) -> tuple[asyncio.subprocess.Process, list[int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        RUN,
        str(folder),
        mode,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 30)
    return process, [int(port) for port in line.split()]


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "stdin"])
async def test_the_process_ends_cleanly(tmp_path: Path, ending: str) -> None:
    """SIGINT, SIGTERM and the end of stdin each end it with status 0 and nothing on stderr, while a request hangs."""
    process, ports = await _start_process(tmp_path, ending)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[0]}", trust_env=False) as client:
        fault = {"upstream": "bill", "operation": None, "fault": "slow:300", "times": 1}
        await client.post("/demo/faults", json=fault)
        hanging = asyncio.create_task(
            client.get("/bill-api/v1/me", headers={"Authorization": "Bearer your-token-here"}, timeout=60)
        )
        while not (await client.get("/demo/requests")).json():
            await asyncio.sleep(0.01)
        if ending == "stdin":
            assert process.stdin is not None
            process.stdin.close()
        else:
            process.send_signal(signal.Signals[ending])
        _, errors = await asyncio.wait_for(process.communicate(), 30)
        assert errors.decode() == ""
        assert process.returncode == 0
        with pytest.raises(httpx.TransportError):
            await hanging
    reader = sqlite3.connect(tmp_path / "estate.sqlite3")
    assert reader.execute("SELECT count(*) FROM residents").fetchone() == (3,)
    reader.close()
