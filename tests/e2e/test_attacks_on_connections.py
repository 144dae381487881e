"""What a hostile client does to the connection (A01 to A11, A75), against the whole Steward over raw sockets."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.chat_server import ChatServer, resplit, scripted, text_reply
from tests.support.rawsocket import CONT, PING, PONG, TEXT, RawSocket, frame, header, raw_socket, raw_tcp
from tests.support.steward import Steward
from tests.support.talk import talk

Start = Callable[..., Any]

HELLO = json.dumps({"query": "你好"}, ensure_ascii=False)


async def next_frame(raw: RawSocket) -> dict[str, Any]:
    value = json.loads(await raw.read_message())
    assert isinstance(value, dict)
    return value


async def still_answers(steward: Steward) -> None:
    async with talk(steward.ws) as resident:
        assert (await resident.ask("你好")).outcome == "success"


def memory_kib(pid: int) -> int:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


async def test_only_listed_origins_may_connect(start: Start) -> None:
    """A01: 403 before the upgrade for any other Origin, `null` too; without an Origin it is no page."""
    with start(STEWARD_ALLOWED_ORIGINS="https://estate.example, https://App.example/") as steward:
        for origin in ("https://evil.example", "null", "https://estate.example.evil.example", "http://estate.example"):
            async with raw_socket(steward.port, headers={"Origin": origin}) as raw:
                assert raw.status == 403, origin
        for headers in ({"Origin": "https://estate.example"}, {"Origin": "https://app.example"}, {}):
            async with raw_socket(steward.port, headers=headers) as raw:
                assert raw.status == 101
                await raw.send_text('{"type": "ping"}')
                assert await next_frame(raw) == {"type": "pong"}


async def test_any_origin_may_connect_by_default(steward: Steward) -> None:
    """A01: nothing ambient exists that a foreign page could use; the tutorial's page is opened from a file."""
    for origin in ("https://evil.example", "null"):
        async with raw_socket(steward.port, headers={"Origin": origin}) as raw:
            assert raw.status == 101


async def test_a_cookie_is_no_credential(steward: Steward) -> None:
    """A02: with a valid token in every cookie that it could stand in, the caller is nobody until a frame names one."""
    token = steward.login("user123")
    cookies = "; ".join(f"{name}={token}" for name in ("token", "access_token", "satoken", "session", "Authorization"))
    async with raw_socket(steward.port, headers={"Cookie": cookies}) as raw:
        await raw.send_text(json.dumps({"query": "查询我的物业费账单"}))
        while (last := await next_frame(raw)).get("status") != "completed":
            assert last["type"] != "error"
        assert last["data"]["outcome"] == "login_required"


async def test_a_token_in_the_address_is_refused_and_nowhere_logged(start: Start) -> None:
    """A03: 400 before the upgrade, also over plain HTTP; the token is in no line of the log."""
    secret = "do-not-log-me-7f3a"
    with start(STEWARD_LOG_LEVEL="DEBUG") as steward:
        for name in ("token", "access_token", "Token", "authorization"):
            async with raw_socket(steward.port, f"/ws/chat/user123?x=1&{name}={secret}") as raw:
                assert raw.status == 400
            for path in ("/readyz", "/", "/nowhere"):
                with pytest.raises(urllib.error.HTTPError) as caught:
                    await asyncio.to_thread(urllib.request.urlopen, f"{steward.http}{path}?{name}={secret}")
                refusal = json.loads(caught.value.read())
                assert (caught.value.code, refusal["code"], refusal["field"]) == (400, "bad_request", "token")
            async with raw_tcp(steward.port) as raw:  # a head that cannot be parsed is logged by nobody either
                await raw.send(f"GET /ws?{name}={secret} HTTP/9.9\r\n\r\n".encode())
                await raw.read_all()
        await still_answers(steward)
        assert secret not in steward.written()


async def test_connections_that_say_nothing_have_a_cap_and_a_short_patience(start: Start) -> None:
    """A04: silent ones are closed with 4408, the oldest with 4429 where there are too many; nobody else is concerned:
    neither a resident who spoke nor a new one."""
    with start(STEWARD_MAX_SILENT_CONNECTIONS="3", STEWARD_SILENT_TIMEOUT_S="4") as steward:
        async with talk(steward.ws) as resident:
            await resident.ask("你好")
            async with raw_socket(steward.port) as one, raw_socket(steward.port) as two, raw_socket(steward.port):
                await still_answers(steward)
                assert await one.close_code() == 4429
                await two.send_text("not a frame")  # refused: that is not to have spoken
                assert await two.close_code() == 4408
            assert (await resident.ask("你好")).outcome == "success"


async def test_an_idle_resident_is_closed_with_4408(start: Start) -> None:
    """A04: the longer patience is for who has spoken; pings of the protocol's own count."""
    with start(STEWARD_IDLE_TIMEOUT_S="2") as steward:
        async with raw_socket(steward.port) as idle, raw_socket(steward.port) as lively:
            await idle.send_text('{"type": "ping"}')
            closing = asyncio.create_task(idle.close_code())
            while not closing.done():
                await lively.send_text('{"type": "ping"}')
                assert await next_frame(lively) == {"type": "pong"}
                await asyncio.sleep(0.6)
            assert closing.result() == 4408


async def test_one_address_has_a_cap_on_connections(start: Start) -> None:
    """A04, A10: the connection beyond it is told 4429; one that leaves makes room."""
    with start(STEWARD_MAX_CONNECTIONS_PER_ADDRESS="2") as steward:
        async with raw_socket(steward.port):
            async with raw_socket(steward.port), raw_socket(steward.port) as third:
                assert await third.close_code() == 4429
            async with asyncio.timeout(30):
                while True:
                    async with raw_socket(steward.port) as again:
                        await again.send_text('{"type": "ping"}')
                        if (await again.read_frame())[0] == TEXT:
                            break


async def test_a_body_that_never_ends_is_closed_in_time(start: Start) -> None:
    """A05: refused at once, for nothing takes a body; what is left of it is not waited for beyond the limit."""
    with start(STEWARD_HANDSHAKE_TIMEOUT_S="1") as steward:
        async with raw_tcp(steward.port) as raw:
            await raw.send(b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
            assert (await raw.read_all()).startswith(b"HTTP/1.1 405")
        await still_answers(steward)
        assert "Traceback" not in steward.written()


@pytest.mark.parametrize("said", [b"", b"GET /ws/chat/u HTTP/1.1\r\nHost: x\r\n"])
async def test_half_a_handshake_is_closed_in_time(start: Start, said: bytes) -> None:
    """A05: by the limit (here a second) it is over, with a 408 where a request had begun; others are served."""
    with start(STEWARD_HANDSHAKE_TIMEOUT_S="1") as steward:
        async with raw_tcp(steward.port) as raw:
            if said:
                await raw.send(said)
            await still_answers(steward)
            answer = await raw.read_all()
        assert answer.startswith(b"HTTP/1.1 408") if said else answer == b""
        assert "Traceback" not in steward.written()


async def test_one_address_has_a_cap_on_half_handshakes(start: Start) -> None:
    """A05: the one beyond the cap is cut off at once, long before the limit of time."""
    with start(STEWARD_MAX_CONNECTIONS_PER_ADDRESS="3", STEWARD_HANDSHAKE_TIMEOUT_S="600") as steward:
        async with raw_tcp(steward.port) as one, raw_tcp(steward.port) as two, raw_tcp(steward.port) as three:
            for raw in (one, two, three):
                await raw.send(b"GET / HTTP/1.1\r\n")
            async with raw_tcp(steward.port) as four:
                assert await four.read_all() == b""
        await still_answers(steward)


async def test_a_ping_flood_is_ended_and_costs_no_memory(start: Start) -> None:
    """A06: 200,000 pings whose pongs nobody reads: 1008, and the process has grown by at most 1 MB."""
    with start() as steward:
        for _ in range(3):
            await still_answers(steward)
            async with raw_socket(steward.port) as raw:
                await raw.send(*[frame(PING, b"x" * 125)] * 30)
                assert await raw.close_code() == 1008
        before = memory_kib(steward.process.pid)
        async with raw_socket(steward.port, receive_buffer=4096) as raw:
            try:
                for _ in range(100):
                    await raw.send(*[frame(PING, b"x" * 125)] * 2000)
            except (ConnectionError, TimeoutError):
                pass  # cut off while it was still sending
            assert await raw.close_code() in (1008, None)
        grown = memory_kib(steward.process.pid) - before
        await still_answers(steward)
        assert grown <= 1024, f"{grown} KiB"


@pytest.mark.parametrize("length", [1 << 62, 65537, 1 << 20])
async def test_a_header_that_declares_too_much_is_enough_to_close_with_1009(steward: Steward, length: int) -> None:
    """A07: not a byte of the payload is waited for."""
    async with raw_socket(steward.port) as raw:
        await raw.send(header(TEXT, length))
        assert await raw.close_code() == 1009
    await still_answers(steward)


async def test_fragments_that_are_too_much_together_close_with_1009(steward: Steward) -> None:
    """A07: the second 60 KB fragment of an unfinished message passes the limit by its header alone."""
    async with raw_socket(steward.port) as raw:
        await raw.send(frame(TEXT, b"x" * 60000, fin=False), header(CONT, 60000, fin=False))
        assert await raw.close_code() == 1009


async def test_a_message_that_never_ends_is_closed_with_1008(start: Start) -> None:
    """A08: endless empty fragments by their number; a message, or a frame, that stays incomplete by its time."""
    with start(STEWARD_MESSAGE_TIMEOUT_S="1") as steward:
        for endless in (
            [frame(TEXT, fin=False), *[frame(CONT, fin=False)] * 100],
            [frame(TEXT, b"x", fin=False)],
            [header(TEXT, 1000), bytes(4), b"x" * 999],
        ):
            async with raw_socket(steward.port) as raw:
                await raw.send(*endless)
                assert await raw.close_code() == 1008
        await still_answers(steward)


async def test_a_message_in_fragments_is_answered(steward: Steward) -> None:
    """A08: what is whole in time is a message like any other, with a ping between its fragments."""
    async with raw_socket(steward.port) as raw:
        text = b'{"type": "ping"}'
        await raw.send(frame(TEXT, text[:5], fin=False), frame(PING, b"?"), frame(CONT, text[5:]))
        assert await raw.read_frame() == (PONG, b"?")
        assert await next_frame(raw) == {"type": "pong"}


async def test_no_compression_is_negotiated(steward: Steward) -> None:
    """A09: the extension is not offered back, and a frame that claims to be compressed closes with 1002."""
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    async with raw_socket(steward.port, headers=offer) as raw:
        assert raw.status == 101
        assert "extensions" not in raw.head.lower()
        await raw.send(b"\xc1" + frame(TEXT, b"\xaaV*\xa9,HU\xb2R\x00")[1:])
        assert await raw.close_code() == 1002


async def test_a_flood_of_messages_is_refused_then_closed(start: Start) -> None:
    """A10, F50: `rate_limited` with `retry_after_ms`, then 1008 for who goes on; others are not concerned."""
    with start() as steward:
        async with raw_socket(steward.port) as raw:
            await raw.send(*[frame(TEXT, b'{"type": "ping"}')] * 60)
            frames: list[dict[str, Any]] = []
            while len(frames) < 41:
                frames.append(await next_frame(raw))
            assert await raw.close_code() == 1008
        assert [each["type"] for each in frames] == ["pong"] * 20 + ["error"] * 21
        for refusal in frames[20:]:
            assert (refusal["code"], refusal["retryable"]) == ("rate_limited", True)
            assert 0 < refusal["retry_after_ms"] <= 10001
            assert "turn_id" not in refusal
        await still_answers(steward)


async def test_to_wait_as_long_as_told_is_enough(start: Start) -> None:
    """A10: the message after `retry_after_ms` is taken, on the connection that was refused."""
    with start(STEWARD_RATE_CONNECTION="2/2 seconds") as steward:
        async with raw_socket(steward.port) as raw:
            await raw.send(*[frame(TEXT, b'{"type": "ping"}')] * 3)
            frames = [await next_frame(raw) for _ in range(3)]
            assert [each["type"] for each in frames] == ["pong", "pong", "error"]
            await asyncio.sleep(frames[2]["retry_after_ms"] / 1000)
            await raw.send_text('{"type": "ping"}')
            assert await next_frame(raw) == {"type": "pong"}


async def test_connections_of_one_resident_share_his_rate(start: Start) -> None:
    """A10: the third query in a minute is refused, whichever connection it comes on; another resident asks on."""
    with start(STEWARD_RATE_SUBJECT="2/minute") as steward:
        async with talk(steward.ws) as one, talk(steward.ws) as two:
            assert (await one.ask("你好")).outcome == "success"
            assert (await two.ask("你好")).outcome == "success"
            refused = (await one.ask("你好")).terminal
            assert refused["code"] == "rate_limited"
            assert 0 < refused["retry_after_ms"] <= 60001
            assert (await two.ask("你好")).outcome == "rate_limited"
        async with talk(steward.ws, "user456", steward.login("user456")) as other:
            assert (await other.ask("你好")).outcome == "success"


async def test_an_address_is_that_of_the_connection_unless_a_proxy_is_trusted(start: Start) -> None:
    """A10, A75: a forged header gives a client no address of its own; from a trusted proxy it does."""
    with start(STEWARD_RATE_ADDRESS="1/minute") as steward:
        outcomes = [await ping_from(steward, f"203.0.113.{number}") for number in range(2)]
    assert outcomes == ["pong", "error"]


async def test_a_trusted_proxy_names_the_address(start: Start) -> None:
    """A75: two clients behind one proxy have a rate each; what one of them writes itself is not believed."""
    with start(STEWARD_RATE_ADDRESS="1/minute", STEWARD_TRUSTED_PROXIES="127.0.0.0/8, ::1") as steward:
        sources = ["203.0.113.1", "203.0.113.2", "203.0.113.1", "9.9.9.9, 203.0.113.1"]
        outcomes = [await ping_from(steward, source) for source in sources]
    assert outcomes == ["pong", "pong", "error", "error"]


async def ping_from(steward: Steward, forwarded: str) -> str:
    async with raw_socket(steward.port, headers={"X-Forwarded-For": forwarded}) as raw:
        await raw.send_text('{"type": "ping"}')
        return str((await next_frame(raw))["type"])


async def test_a_client_that_reads_nothing_is_cut_off_and_its_turn_goes_on(start: Start) -> None:
    """A11, F49: cut off by the send timeout while a long answer streams; the turn ends well, others are answered."""
    long_answer = resplit(text_reply("长" * 2_000_000, pieces=2000), 60000)
    async with ChatServer(scripted(lambda _: long_answer)) as model:
        with start(
            OPENAI_API_KEY="k",
            OPENAI_BASE_URL=model.base_url,
            STEWARD_SEND_TIMEOUT_S="1",
            STEWARD_MAX_OUTPUT_TOKENS="10000000",
            STEWARD_MAX_TURN_TOKENS="10000000",
        ) as steward:
            async with raw_socket(steward.port, receive_buffer=2048) as raw:
                await raw.send_text(HELLO)
                await steward.logged("slow_client_dropped")
                ended = await steward.logged("turn_ended")
                assert ended["outcome"] == "success"
                await steward.logged("disconnected")
            model.script = scripted(lambda _: text_reply("还在"))
            await still_answers(steward)
            assert "Traceback" not in steward.written()


async def test_a_dead_peer_is_found(start: Start) -> None:
    """A11: nothing is read, nothing is sent, no pong comes: the heartbeat ends the connection with 1011."""
    with start(STEWARD_PING_INTERVAL_S="0.5", STEWARD_PING_TIMEOUT_S="0.5") as steward:
        async with raw_socket(steward.port) as dead, raw_socket(steward.port) as lively:
            reading = asyncio.create_task(dead.close_code())
            while not reading.done():
                opcode, payload = await lively.read_frame()
                assert opcode == PING
                await lively.send(frame(PONG, payload))
            assert reading.result() == 1011
            await lively.send_text('{"type": "ping"}')
            assert await next_frame(lively) == {"type": "pong"}
