"""The process: starts and stops cleanly, says what runs, keeps its log readable, names a mistake in a sentence."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.steward import ROOT, Steward, free_ports, request_json, start_steward
from tests.support.talk import talk

DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "T", "version": "1"},
    "paths": {
        "/things": {
            "get": {"operationId": "listThings", "summary": "Things", "responses": {"200": {"description": "ok"}}}
        }
    },
}


def _run_to_its_end(
    folder: Path, *, program: Sequence[str] = (str(ROOT / "app.py"),), **environment: str
) -> tuple[int, str, list[int]]:
    """Start what cannot start: its exit code, what it wrote, and which of its processes are left."""
    first = free_ports(4)
    settings = {
        "STEWARD_DATA_DIR": str(folder),
        "STEWARD_PORT": str(first),
        "STEWARD_DEMO_PORT": str(first + 1),
        **environment,
    }
    mark = f"mark-{secrets.token_hex(8)}"
    done = subprocess.run(
        [sys.executable, *program],
        env=os.environ | settings | {"STEWARD_TEST_MARK": mark},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr, _started_with(mark)


def _started_with(mark: str) -> list[int]:
    """The processes that have the mark in their environment, as their children have it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_all_of_it_cleanly(tmp_path: Path, number: int) -> None:
    """Exit code 0, the client is told 1012, every port is free again, no traceback anywhere."""
    with start_steward(tmp_path) as steward:
        async with talk(steward.ws) as resident:
            await resident.ask("你好")
            assert steward.stop(number) == 0
            await resident.socket.wait_closed()
            assert resident.socket.close_code == 1012
        for port in (steward.port, *steward.estate_ports):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        assert "Traceback" not in steward.written()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_moment_of_ready_is_obeyed(tmp_path: Path, number: int) -> None:
    """Bare Sanic answers requests before it obeys: a signal in between is lost, and the process runs for ever."""
    with start_steward(tmp_path) as steward:
        assert steward.stop(number) == 0
        assert '"event": "stopped"' in steward.written()


async def test_the_log_is_json_lines_and_the_start_says_what_to_try(tmp_path: Path) -> None:
    """A few plain lines name page, socket and a demo token; every other line is one JSON event without the query."""
    with start_steward(tmp_path) as steward:
        async with talk(steward.ws) as resident:
            await resident.ask("查询我的物业费账单 independent-mark")
        steward.stop()
        lines = steward.written().splitlines()
    plain = [line for line in lines if line and not line.startswith("{")]
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert f"http://localhost:{steward.port}/" in "\n".join(plain)
    assert "your-token-here" in "\n".join(plain)
    assert len(plain) <= 8, plain
    assert {"started", "turn_started", "turn_ended", "stopped"} <= {event["event"] for event in events}
    assert [event for event in events if event["level"] in ("error", "critical")] == []
    assert "independent-mark" not in "\n".join(lines)


async def test_queries_are_logged_only_where_somebody_asked_for_it_and_masked(start: Callable[..., Any]) -> None:
    """`STEWARD_LOG_QUERIES`: what was asked, without the number in it, in the event of its turn."""
    with start(STEWARD_LOG_QUERIES="true") as steward:
        async with talk(steward.ws) as resident:
            await resident.ask("我的电话是13800138000，查询我的物业费账单")
        asked = await steward.logged("turn_asked")
        assert asked["query"] == "我的电话是***，查询我的物业费账单"
        assert asked["turn_id"]
        assert "13800138000" not in steward.written()


def test_livez_and_readyz_answer(steward: Steward) -> None:
    """`/livez` says that the process runs, `/readyz` which upstreams it has tools of."""
    assert request_json(f"{steward.http}/livez") == {"live": True}
    ready = request_json(f"{steward.http}/readyz")
    assert ready["ready"] is True
    assert all(upstream["tools"] > 0 for upstream in ready["upstreams"].values())


async def test_readyz_tells_what_is_degraded(start: Callable[..., Any]) -> None:
    """An upstream whose breaker is open and a store that takes nothing are named, with 200: other residents are still
    answered, and another instance would have the same neighbours."""
    with start(STEWARD_STORE_TIMEOUT_S="0.3") as steward:
        ready = request_json(f"{steward.http}/readyz")
        assert ready["degraded"] == []
        assert ready["model"] == {"name": "embedded", "state": "untried"}
        async with talk(steward.ws) as resident:
            await resident.ask("查询我的物业费账单")
            assert request_json(f"{steward.http}/readyz")["model"]["state"] == "answering"
            steward.fault("bill", "down")
            for _ in range(20):
                await resident.ask("查询我的物业费账单")
                ready = request_json(f"{steward.http}/readyz")
                if ready["upstreams"]["bill"]["breaker"] == "open":
                    break
            assert "upstream:bill" in ready["degraded"]
            locker = sqlite3.connect(steward.data_dir / "steward.sqlite3", isolation_level=None)
            locker.execute("BEGIN EXCLUSIVE")
            await resident.ask("你好")
            ready = request_json(f"{steward.http}/readyz")
            assert (ready["ready"], ready["store"]) == (True, {"answers": False})
            assert "store" in ready["degraded"]
            locker.close()
            await resident.ask("你好")
            assert request_json(f"{steward.http}/readyz")["store"] == {"answers": True}


async def test_readyz_tells_of_a_model_that_fails_and_of_a_document_that_does_not_load(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    """A provider that nobody can reach, and one upstream without its document: the others' tools still answer."""
    (tmp_path / "good.json").write_text(json.dumps(DOCUMENT), "utf-8")
    (tmp_path / "bad.json").write_text("{", "utf-8")
    upstreams = tmp_path / "upstreams.yaml"
    upstreams.write_text(
        "upstreams:\n"
        "  good: {document: good.json, base_url: 'http://127.0.0.1:9'}\n"
        "  bad: {document: bad.json, base_url: 'http://127.0.0.1:9'}\n",
        "utf-8",
    )
    model = {"OPENAI_API_KEY": "sk-nothing", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "STEWARD_TURN_TIMEOUT_S": "2"}
    with start(STEWARD_UPSTREAMS=str(upstreams), **model) as steward:
        async with talk(steward.ws) as resident:
            await resident.ask("你好")
        ready = request_json(f"{steward.http}/readyz")
    assert ready["model"]["state"] == "failing"
    assert ready["degraded"] == ["upstream:bad", "model"]
    assert ready["upstreams"]["bad"] == {"tools": 0, "document": "does not load"}


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"STEWARD_PORT": "many"}, "STEWARD_PORT"),
        ({"STEWARD_TIMEZONE": "Mars/Base"}, "Mars/Base"),
        ({"STEWARD_UPSTREAMS": "/nowhere/upstreams.yaml"}, "/nowhere/upstreams.yaml"),
    ],
)
def test_a_mistake_in_a_setting_is_one_sentence_and_exit_code_1(
    tmp_path: Path, environment: dict[str, str], sentence: str
) -> None:
    """No traceback: the message names the setting."""
    code, told, left = _run_to_its_end(tmp_path, **environment)
    assert (code, left) == (1, [])
    assert sentence in told
    assert "Traceback" not in told


@pytest.mark.parametrize("taken", ["gateway", "estate"])
def test_a_taken_port_is_named(steward: Steward, tmp_path: Path, taken: str) -> None:
    """A second Steward on the same ports says which port is taken and how to choose another, and ends with 1."""
    free = free_ports(4)
    port, demo_port = (steward.port, free) if taken == "gateway" else (free, steward.estate_ports[0])
    code, told, left = _run_to_its_end(tmp_path, STEWARD_PORT=str(port), STEWARD_DEMO_PORT=str(demo_port))
    assert (code, left) == (1, [])
    assert str(port if taken == "gateway" else demo_port) in told
    assert ("STEWARD_PORT" if taken == "gateway" else "STEWARD_DEMO_PORT") in told
    assert "Traceback" not in told


@pytest.mark.parametrize("database", ["steward.sqlite3", "estate.sqlite3"])
def test_a_store_that_cannot_be_opened_ends_the_start(tmp_path: Path, database: str) -> None:
    """A folder stands where the file belongs: a sentence that names it, exit code 1, no process is left."""
    (tmp_path / database).mkdir()
    code, told, left = _run_to_its_end(tmp_path)
    assert (code, left) == (1, [])
    sentences = [line for line in told.splitlines() if line.startswith("steward: ")]
    assert str(tmp_path) in sentences[0]
    assert "unable to open database file" in sentences[0]
    assert "Traceback" not in told


@pytest.mark.parametrize("folder", ["/proc/steward", "{file}/data"])
@pytest.mark.parametrize("command", [[], ["demo"]])
def test_a_folder_that_cannot_be_written_ends_the_start(tmp_path: Path, folder: str, command: list[str]) -> None:
    """One sentence with the folder and the setting, exit code 1, no process is left; of the estate alone too."""
    file = tmp_path / "file"
    file.touch()
    where = Path(folder.format(file=file))
    code, told, left = _run_to_its_end(where, program=[str(ROOT / "app.py"), *command])
    assert (code, left) == (1, [])
    (sentence,) = told.splitlines()
    assert sentence.startswith(f"steward: cannot write to the folder {where}: ")
    assert "STEWARD_DATA_DIR" in sentence


CLOSE = """
import assembly
async def close(_):
    raise ValueError("a defect of the end")
assembly.EmbeddedModel.close = close
"""
BANNER = """
import assembly
def banner(*_):
    raise RuntimeError("a defect of the start")
assembly.banner = banner
"""


@pytest.mark.parametrize("broken", [BANNER, BANNER + CLOSE])
def test_a_defect_while_it_starts_ends_the_process(tmp_path: Path, broken: str) -> None:
    """The store's threads run by then, and the estate: all end, even if a part cannot be ended; exit code 1."""
    program = f"import sys; sys.path[:1] = [{str(ROOT)!r}]\nimport app\n{broken}\napp.main()"
    code, told, left = _run_to_its_end(tmp_path, program=["-c", program])
    assert (code, left) == (1, [])
    assert "a defect of the start" in told
    assert "app.py" in told


def test_a_defect_while_it_ends_leaves_nothing_running(tmp_path: Path) -> None:
    """The store is closed all the same: exit code 1, the defect is told, no write-ahead log is left over."""
    with start_steward(tmp_path, preamble=CLOSE) as steward:
        assert steward.stop() == 1
        assert "a defect of the end" in steward.written()
        assert not (steward.data_dir / "steward.sqlite3-wal").exists()


def _listens_on(pid: int) -> set[tuple[str, int]]:
    """(address, port) of every TCP socket that a process listens on, as the kernel tells it."""
    sockets = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            sockets.add(str(link.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                packed = b"".join(bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8))
                found.add(
                    (socket.inet_ntop(socket.AF_INET6 if len(packed) == 16 else socket.AF_INET, packed), int(port, 16))
                )
    return found


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def test_it_listens_on_loopback_and_on_its_documented_ports_alone(steward: Steward) -> None:
    """A81: the gateway's port and the estate's three, on 127.0.0.1: no inspector, metrics or admin port."""
    listening = set().union(*(_listens_on(pid) for pid in _family(steward.process.pid)))
    assert listening == {("127.0.0.1", port) for port in (steward.port, *steward.estate_ports)}
