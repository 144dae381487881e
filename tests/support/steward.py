"""Starts the product as a user does, `python app.py` in a process of its own, and says where it listens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tests.support.warm import Process, start_warm

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Steward:
    """A running Steward. `log` is the file of everything it wrote, standard output and error."""

    port: int
    estate_ports: tuple[int, int, int]
    data_dir: Path
    log: Path
    process: Process

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self.data_dir / "estate.sqlite3"

    def login(self, user_id: str, **more: Any) -> str:
        """A login of the embedded estate."""
        return str(self.control("/demo/login", {"user_id": user_id, **more})["token"])

    def control(self, path: str, body: Any = None, *, method: str | None = None) -> Any:
        """A control of the estate: POST with a body, GET without one, or `method`."""
        return request_json(f"http://127.0.0.1:{self.estate_ports[0]}{path}", body, method=method)

    def fault(self, upstream: str, fault: str, *, operation: str | None = None, times: int = 1000) -> None:
        """Break the estate on purpose."""
        self.control("/demo/faults", {"upstream": upstream, "operation": operation, "fault": fault, "times": times})

    def written(self) -> str:
        """All that the process has written so far."""
        return self.log.read_text(encoding="utf-8")

    async def logged(self, event: str) -> dict[str, Any]:
        """The first log event of that name; waits for it."""
        async with asyncio.timeout(60):
            while True:
                for line in self.written().splitlines():
                    if line.startswith("{") and json.loads(line)["event"] == event:
                        found: dict[str, Any] = json.loads(line)
                        return found
                await asyncio.sleep(0.05)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send the signal and wait for the end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(20)


def request_json(url: str, body: Any = None, *, method: str | None = None) -> Any:
    """The JSON answer of a small request; raises `urllib.error.HTTPError` for a refusal."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        text = response.read()
    return json.loads(text) if text else None


def free_ports(count: int) -> int:
    """The first of `count` consecutive free ports."""
    while True:
        with ExitStack() as stack:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
            try:
                for port in range(first + 1, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return first


def start_steward(folder: Path, *, preamble: str = "", **environment: str) -> AbstractContextManager[Steward]:
    """Run `python app.py` with its data in `folder`; `environment` overrides single variables. Stopped at the end.

    `preamble` is Python that runs before it and may break what no client can break.
    """

    def spawn(program: str, variables: dict[str, str], output: BinaryIO) -> Process:
        code = ["-c", f"import sys; sys.path[:1] = [{str(ROOT)!r}]\n{program}"]
        command = [sys.executable, *(code if preamble else [str(ROOT / "app.py")])]
        return subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=output)

    return _started(folder, spawn, preamble, environment)


def warm_steward(folder: Path, *, preamble: str = "", **environment: str) -> AbstractContextManager[Steward]:
    """The same in a process that is forked from one which has imported the program (`warm.py`): for tests of what it
    does, not of how it starts."""

    def spawn(program: str, variables: dict[str, str], output: BinaryIO) -> Process:
        return start_warm(program, cwd=folder, env=variables, output=output)

    return _started(folder, spawn, preamble, environment)


@contextmanager
def _started(
    folder: Path,
    spawn: Callable[[str, dict[str, str], BinaryIO], Process],
    preamble: str,
    environment: dict[str, str],
) -> Iterator[Steward]:
    first = free_ports(4)
    data_dir = folder / "data"
    settings = {
        "STEWARD_PORT": str(first),
        "STEWARD_DEMO_PORT": str(first + 1),
        "STEWARD_DATA_DIR": str(data_dir),
        "STEWARD_TYPING_PAUSE_S": "0.001",
        "STEWARD_BUBBLE_S": "0.01",
        # one server answers a whole file of tests that all speak as the same resident from the same address
        "STEWARD_RATE_SUBJECT": "100000/minute",
        "STEWARD_RATE_ADDRESS": "100000/minute",
        **environment,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("STEWARD_", "OPENAI_"))}
    log = folder / "steward.log"
    with log.open("wb") as output:
        process = spawn(f"import app\n{preamble}\napp.main()", inherited | settings, output)
    running = Steward(
        port=int(settings["STEWARD_PORT"]),
        estate_ports=(first + 1, first + 2, first + 3),
        data_dir=data_dir,
        log=log,
        process=process,
    )
    try:
        _wait_until_ready(running)
        yield running
    finally:
        try:
            running.stop()
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _wait_until_ready(steward: Steward) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if steward.process.poll() is not None:
            raise RuntimeError(f"Steward ended with {steward.process.returncode}:\n{steward.written()}")
        try:
            request_json(f"{steward.http}/readyz")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.03)
        else:
            return
    raise RuntimeError(f"Steward did not become ready:\n{steward.written()}")
