"""Memory of an idle connection: Steward beside a bare Sanic handler, in one run, each in a process of its own.

`python -m bench.idle_connections [--connections 2000] [--rounds 3]`. A connection is opened, its handshake read, and
nothing is said. The growth of the process's resident memory is divided by their number; a first crowd has come and gone
before.
"""

from __future__ import annotations

import argparse
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.steward import free_ports, start_steward

WARM = 300
ALLOWED = 1.1

BARE = """
import sys
from sanic import Sanic
app = Sanic("bare", configure_logging=False)
@app.websocket("/ws/chat/<user_id:str>")
async def chat(request, ws, user_id):
    while True:
        await ws.send(await ws.recv())
app.run(host="127.0.0.1", port=int(sys.argv[1]), single_process=True, access_log=False, motd=False)
"""


def resident_kib(pid: int) -> int:
    """VmRSS of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def connect(port: int) -> socket.socket:
    """One WebSocket after its handshake."""
    opened = socket.create_connection(("127.0.0.1", port), timeout=30)
    opened.sendall(
        b"GET /ws/chat/user123 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += opened.recv(4096)
    if not head.startswith(b"HTTP/1.1 101"):
        raise RuntimeError(head.decode(errors="replace"))
    return opened


def kib_per_connection(port: int, pid: int, count: int) -> float:
    """The growth of the process with `count` idle connections, each."""
    warm = [connect(port) for _ in range(WARM)]
    for opened in warm:
        opened.close()
    time.sleep(2)
    before = resident_kib(pid)
    crowd = [connect(port) for _ in range(count)]
    time.sleep(2)
    grown = resident_kib(pid) - before
    for opened in crowd:
        opened.close()
    return grown / count


@contextmanager
def bare_sanic() -> Iterator[tuple[int, int]]:
    """Port and process id of a Sanic server with one handler that echoes."""
    port = free_ports(1)
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)], stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def measure(count: int) -> tuple[float, float]:
    """KiB of a connection of bare Sanic, and of one of Steward."""
    with bare_sanic() as (port, pid):
        bare = kib_per_connection(port, pid, count)
    limits = {
        f"STEWARD_{name}": "1000000"
        for name in ("MAX_CONNECTIONS", "MAX_CONNECTIONS_PER_ADDRESS", "MAX_SILENT_CONNECTIONS")
    }
    with tempfile.TemporaryDirectory() as folder, start_steward(Path(folder), **limits) as steward:
        return bare, kib_per_connection(steward.port, steward.process.pid, count)


def main() -> None:
    """Print the figures; exit code 1 where the ratio is above what is allowed."""
    parser = argparse.ArgumentParser(description="Memory of an idle connection, beside bare Sanic.")
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rounds = [measure(given.connections) for _ in range(given.rounds)]
    for bare, steward in rounds:
        print(f"bare Sanic {bare:5.1f} KiB   Steward {steward:5.1f} KiB   ratio {steward / bare:.2f}")
    ratio = statistics.median(steward / bare for bare, steward in rounds)
    print(f"median ratio {ratio:.2f} (allowed {ALLOWED}) with {given.connections} connections")
    sys.exit(ratio > ALLOWED)


if __name__ == "__main__":
    main()
