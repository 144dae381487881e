"""The bench's processes: servers on one core, what loads them on another; all end with the run, however it ends.

Next: `servers.py`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import msgspec

from bench.speed.job import Job, Told

ROOT = Path(__file__).resolve().parents[2]
SPEED_PYTHON = ROOT / ".venv-speed" / "bin" / "python"
_PATIENCE_S = 60


class LabError(Exception):
    """A process of the bench did not start or failed; the sentence has the end of what it wrote."""


def cores() -> tuple[int, int]:
    """The server's core, and that of everything else. Raises `LabError` where there is only one."""
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise LabError("two cores are needed: one for the server, one for what loads it")
    return first, others[0]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes that are started within run on that core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def process(
    command: Sequence[str], core: int, log: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, which is ended with it."""
    with log.open("wb") as output, on_core(core):
        running = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield running
    finally:
        end(running)


def end(running: subprocess.Popen[bytes]) -> None:
    """End a process with its group, in the end by force."""
    try:
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    except ProcessLookupError:
        running.wait()


def wait_for_port(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    """Until it listens. Raises `LabError` where it ends, or does not within a minute."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        if running.poll() is not None:
            raise LabError(f"{running.args!r} ended with {running.returncode}:\n{log.read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise LabError(f"{running.args!r} does not listen on {port}:\n{log.read_text()[-2000:]}")


def load(job: Job, core: int) -> Told:
    """Run the load client. Raises `LabError` where it fails, with what it wrote."""
    if not SPEED_PYTHON.exists():
        raise LabError("the load client's environment is missing: make bench-speed-peers")
    with on_core(core):
        client = subprocess.Popen(
            [str(SPEED_PYTHON), "-m", "bench.speed.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    try:
        written, errors = client.communicate(msgspec.json.encode(job), timeout=600)
    finally:
        end(client)
    if client.returncode:
        raise LabError(f"the load client failed:\n{errors.decode()[-2000:]}")
    return msgspec.json.decode(written, type=Told)


def end_on_signals() -> None:
    """SIGINT, SIGTERM and SIGHUP end the run with everything that it has started."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
