"""The end and the troubles of the process (F62, F64 to F67), as a client, a probe and an operator see them."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import socket
import urllib.error
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.chat_server import ChatServer, Recorded, Reply, scripted, text_reply
from tests.support.rawsocket import raw_socket, raw_tcp
from tests.support.steward import Steward, request_json
from tests.support.talk import Talk, talk

Start = Callable[..., Any]


@asynccontextmanager
async def slow_turn(start: Start, pause_s: float, **environment: str) -> AsyncIterator[tuple[Steward, Talk]]:
    """A Steward whose model pauses that long once the resident's answer has begun."""

    def answer(request: Recorded) -> Reply:
        whole = text_reply("一二三四五六七八", pieces=8)
        return replace(whole, pieces=[*whole.pieces[:2], pause_s, *whole.pieces[2:]])

    async with ChatServer(scripted(answer)) as model:
        with start(OPENAI_API_KEY="k", OPENAI_BASE_URL=model.base_url, **environment) as steward:
            async with talk(steward.ws) as resident:
                await resident.send("你好")
                while (await resident.receive())["type"] != "chunk":
                    pass
                yield steward, resident


async def frames_to_the_end(resident: Talk) -> list[dict[str, Any]]:
    frames = []
    try:
        while True:
            frames.append(await resident.receive())
    except ConnectionClosed:
        return frames


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_turn_under_way_ends_before_the_process_does(start: Start, number: int) -> None:
    """F62: the answer comes whole, then 1012 and exit code 0; nothing new is taken meanwhile."""
    async with slow_turn(start, 3) as (steward, resident):
        async with talk(steward.ws) as other:
            steward.process.send_signal(number)
            await steward.logged("draining")
            assert (await other.ask("你好")).outcome == "shutting_down"
            async with raw_socket(steward.port) as late:
                assert late.status == 503
                assert "Retry-After" in late.head
            with pytest.raises(urllib.error.HTTPError) as caught:
                await asyncio.to_thread(request_json, f"{steward.http}/readyz")
            assert json.loads(caught.value.read())["obstacles"] == ["shutting_down"]
            frames = await frames_to_the_end(resident)
            await other.socket.wait_closed()
            assert other.socket.close_code == 1012
        assert frames[-1]["data"]["outcome"] == "success"
        assert resident.socket.close_code == 1012
        assert await asyncio.to_thread(steward.process.wait, 30) == 0
        assert "Traceback" not in steward.written()


async def test_a_turn_that_outlasts_the_drain_is_told_to_be_interrupted(start: Start) -> None:
    """F62: at the end of `STEWARD_DRAIN_S` the turn gets its terminal, then the connection 1012, never 1000."""
    async with slow_turn(start, 30, STEWARD_DRAIN_S="1", STEWARD_DELTA_TIMEOUT_S="120") as (steward, resident):
        steward.process.send_signal(signal.SIGTERM)
        frames = await frames_to_the_end(resident)
        assert [frame["code"] for frame in frames if frame["type"] == "error"] == ["turn_interrupted"]
        assert resident.socket.close_code == 1012
        assert (await steward.logged("drained"))["complete"] is False
        assert await asyncio.to_thread(steward.process.wait, 30) == 0


async def test_a_second_signal_waits_no_longer(start: Start) -> None:
    """F62: who presses Ctrl-C twice is not kept waiting; the turn still gets its terminal and the client its 1012."""
    async with slow_turn(start, 30, STEWARD_DRAIN_S="600", STEWARD_DELTA_TIMEOUT_S="120") as (steward, resident):
        steward.process.send_signal(signal.SIGINT)
        await steward.logged("draining")
        steward.process.send_signal(signal.SIGINT)
        frames = await frames_to_the_end(resident)
        assert frames[-1]["code"] == "turn_interrupted"
        assert resident.socket.close_code == 1012
        assert await asyncio.to_thread(steward.process.wait, 30) == 0


async def test_clients_that_do_not_answer_do_not_hold_up_the_end(start: Start) -> None:
    """F62: a peer that ignores 1012 is left behind; the process ends all the same."""
    with start() as steward:
        async with raw_socket(steward.port) as mute:
            steward.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(steward.process.wait, 60) == 0
            assert await mute.close_code() == 1012


async def test_a_killed_process_leaves_no_port_behind(start: Start) -> None:
    """F64, F65: there is one process and no worker: killed, its port refuses at once, and the estate's follow."""
    with start() as steward:
        async with talk(steward.ws) as resident:
            await resident.ask("你好")
            steward.process.kill()
            steward.process.wait()
            await resident.socket.wait_closed()
            assert resident.socket.close_code == 1006
        assert refuses(steward.port)
        async with asyncio.timeout(30):
            while not all(refuses(port) for port in steward.estate_ports):
                await asyncio.sleep(0.1)


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_out_of_descriptors_turns_go_on_and_the_probe_says_so(start: Start) -> None:
    """F67: clients cannot take the last descriptors: new WebSockets get 503, then connections are closed at once;
    a resident who is connected is answered by upstreams that need new ones; with room again all is as before."""
    with start(STEWARD_RESERVED_DESCRIPTORS="32", STEWARD_HANDSHAKE_TIMEOUT_S="600") as steward:
        async with talk(steward.ws) as resident, AsyncExitStack() as stack:
            assert (await resident.ask("查询我的物业费账单")).outcome == "success"
            keep = await stack.enter_async_context(raw_tcp(steward.port))  # a probe's kept connection
            assert (await probe(keep))[0] == 200
            taken = len(list(Path(f"/proc/{steward.process.pid}/fd").iterdir()))
            hard = resource.prlimit(steward.process.pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(steward.process.pid, resource.RLIMIT_NOFILE, (taken + 48, hard))
            upgraded = [await stack.enter_async_context(raw_socket(steward.port)) for _ in range(40)]
            assert {raw.status for raw in upgraded} == {101, 503}
            mute = [await stack.enter_async_context(raw_tcp(steward.port)) for _ in range(40)]
            assert await mute[-1].read_all() == b""
            assert (await resident.ask("查询我的物业费账单")).outcome == "success"
            status, state = await probe(keep)
            assert (status, state["obstacles"]) == (503, ["descriptors"])
            for raw in (*upgraded, *mute):
                raw.sock.close()
            async with asyncio.timeout(60):
                while (await probe(keep))[0] != 200:
                    await asyncio.sleep(0.1)
            async with raw_socket(steward.port) as again:
                assert again.status == 101
            assert "Traceback" not in steward.written()


BLOCKS = """
import time
from sanic.response import text
import assembly
make = assembly.create_app
def create_app(*given):
    made = make(*given)
    @made.get("/block")
    async def blocks_the_loop(_):
        time.sleep(5)
        return text("done")
    return made
assembly.create_app = create_app
"""


async def test_a_blocked_loop_is_told_with_its_stack_and_survived(start: Start) -> None:
    """F66: the log names the line that blocks, the probe that was waiting gets 503 and a later one 200; a client whose
    pongs could not be read for many times the ping timeout is still there."""
    settings = {"STEWARD_PING_INTERVAL_S": "0.5", "STEWARD_PING_TIMEOUT_S": "0.5", "STEWARD_BLOCKED_LOOP_S": "1"}
    with start(preamble=BLOCKS, **settings) as steward:
        async with talk(steward.ws) as resident, raw_tcp(steward.port) as keep:
            assert (await probe(keep))[0] == 200
            async with raw_tcp(steward.port) as blocker:
                await blocker.send(b"GET /block HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await steward.logged("loop_blocked")
                status, state = await probe(keep)
                assert (status, state["obstacles"]) == (503, ["blocked"])
            assert "blocks_the_loop" in (await steward.logged("loop_blocked"))["stack"]
            await steward.logged("loop_runs_again")
            assert (await probe(keep))[0] == 200
            assert (await resident.ask("你好")).outcome == "success"


async def test_a_defect_in_the_handler_is_an_error_frame_and_1011(start: Start) -> None:
    """The client gets `internal` with a reference that the log knows, then 1011; the next connection is served."""
    broken = """
import blueprints.chat as chat
decode = chat.decode_frame
def decode_frame(message, **given):
    if message == "break":
        raise RuntimeError("a defect")
    return decode(message, **given)
chat.decode_frame = decode_frame
"""
    with start(preamble=broken) as steward:
        async with raw_socket(steward.port) as raw:
            await raw.send_text("break")
            frame = json.loads(await raw.read_message())
            assert (frame["type"], frame["code"], frame["retryable"]) == ("error", "internal", True)
            assert await raw.close_code() == 1011
        defect = await steward.logged("connection_defect")
        assert defect["reference"] in frame["content"]
        assert "a defect" in defect["exception"]
        async with talk(steward.ws) as resident:
            assert (await resident.ask("你好")).outcome == "success"


async def probe(raw: Any) -> tuple[int, dict[str, Any]]:
    """`/readyz` on a connection that is kept."""
    await raw.send(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await raw._exactly(1)
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return int(head.split()[1]), json.loads(await raw._exactly(length))


async def test_near_its_memory_limit_the_process_takes_in_nothing_new(start: Start, tmp_path: Path) -> None:
    """F68: from 80 % on a new WebSocket gets 503, a new question `busy` with a time to wait, and the probe says so; a
    resident who is connected stays so, and with room again all is as before."""
    in_use = tmp_path / "in_use"
    in_use.write_text("0")
    played = f"from blueprints import memory\nmemory.resident_bytes = lambda: int(open({str(in_use)!r}).read())"
    with start(preamble=played, STEWARD_MEMORY_LIMIT_MB="1000") as steward:
        async with talk(steward.ws) as resident, raw_tcp(steward.port) as keep:
            assert (await resident.ask("你好")).outcome == "success"
            in_use.write_text(str(800 << 20))
            async with asyncio.timeout(60):
                while (await probe(keep))[0] != 503:
                    await asyncio.sleep(0.1)
            assert (await probe(keep))[1]["obstacles"] == ["memory"]
            async with raw_socket(steward.port) as newcomer:
                assert newcomer.status == 503
            await resident.send("你好")
            refused = await resident.receive()
            assert (refused["code"], refused["retryable"]) == ("busy", True)
            assert refused["retry_after_ms"] > 0
            in_use.write_text("0")
            async with asyncio.timeout(60):
                while (await probe(keep))[0] != 200:
                    await asyncio.sleep(0.1)
            assert (await resident.ask("你好")).outcome == "success"
            async with raw_socket(steward.port) as again:
                assert again.status == 101
