"""Processes of the product that need not import it: each is forked from one process that has. `steward.py` starts them.

Importing is two thirds of what a start costs, and tests start hundreds. What runs is the same program with the same
arguments, environment, folder, descriptors and end; that it also starts from nothing is seen in `test_process.py`,
`test_first_commands.py` and by every process of tests, whose own Steward starts so.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol

ROOT = Path(__file__).resolve().parents[2]
_REQUEST_BYTES = 1 << 20


class Process(Protocol):
    """What tests use of a process; `subprocess.Popen` has it too."""

    pid: int
    returncode: int | Any

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


class WarmProcess:
    """A forked process, as `subprocess.Popen` shows one. Its exit code comes over `told`."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self.pid = int(told.recv(20))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code (negative: the signal that ended it), or None while it runs."""
        return self._heard(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        code = self._heard(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("app.py", timeout or 0)
        return code

    def _heard(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            self.returncode = int(self._told.recv(20) or b"-9")  # nothing: the process that forks was killed
            self._told.close()
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """Does nothing for one that has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start_warm(program: str, *, cwd: Path, env: Mapping[str, str], output: BinaryIO) -> Process:
    """Run `program`, Python that may use `app`, in a process of its own; both its outputs go to `output`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = json.dumps({"program": program, "cwd": str(cwd), "env": dict(env)}).encode()
    with theirs:
        socket.send_fds(_mother(), [request], [output.fileno(), theirs.fileno()])
    return WarmProcess(ours)


@cache
def _mother() -> socket.socket:
    """The socket to the process that has imported the product; one for a process of tests, with which it ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _REQUEST_BYTES)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith(("STEWARD_", "OPENAI_"))},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _next_program(requests: socket.socket) -> str:
    """Forks for each request and tells how each process ended. Returns in the forked ones alone, with the program."""
    running: dict[int, socket.socket] = {}
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, with which this ends
    signal.set_wakeup_fd(wakes)
    while True:
        if woken in select.select([requests.fileno(), woken], [], [])[0]:
            os.read(woken, 4096)
            _tell_ends(running)
            continue
        request, descriptors, _, _ = socket.recv_fds(requests, _REQUEST_BYTES, 2)
        if not request:
            sys.exit()
        output, told = descriptors
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for end in (requests, *running.values()):
                end.close()
            return _become(json.loads(request), output, [told, woken, wakes])
        os.close(output)
        running[pid] = socket.socket(fileno=told)
        running[pid].send(str(pid).encode())


def _tell_ends(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as told:
            told.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(wanted: dict[str, Any], output: int, close: list[int]) -> str:
    """Makes the forked process what `python app.py` would be."""
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    for descriptor in (output, *close):
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.chdir(wanted["cwd"])
    sys.argv = [str(ROOT / "app.py")]
    return str(wanted["program"])


def main() -> None:
    """Import the product, then fork."""
    sys.path[:1] = [str(ROOT)]
    import app
    import integrations.models.fallback
    import integrations.models.openai_chat  # noqa: F401

    app.load()
    gc.freeze()  # a collection in a forked process would copy every page of what is imported
    program = _next_program(socket.socket(fileno=int(sys.argv[1])))
    exec(program, {"__name__": "__main__"})  # noqa: S102 - the tests' own


if __name__ == "__main__":
    main()
