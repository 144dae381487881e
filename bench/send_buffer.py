"""How fast a client that reads gets what it is sent, with Steward's send buffer and without one (bare Sanic).

`python -m bench.send_buffer [--megabytes 300] [--rounds 3]`. The same handler, messages of 60,000 bytes, one client;
both servers in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

from tests.support.plain_server import plain_server
from tests.support.rawsocket import raw_socket


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def read(port: int, size: int) -> None:
    """Take so many bytes."""
    loop = asyncio.get_running_loop()
    buffer = bytearray(1 << 20)
    async with raw_socket(port, "/note") as raw:
        await raw.send_text("fill")
        while size > 0:
            size -= await loop.sock_recv_into(raw.sock, buffer)


def main() -> None:
    """Print megabytes a second, and the server's CPU for a hundred of them."""
    parser = argparse.ArgumentParser(description="Throughput to a client that reads.")
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    for _ in range(given.rounds):
        for kind in ("bare", "ours"):
            with plain_server(kind) as server:
                began, before = time.monotonic(), cpu_s(server.pid)
                asyncio.run(read(server.port, given.megabytes * 1_000_000))
                rate = given.megabytes / (time.monotonic() - began)
                cpu = 100 * (cpu_s(server.pid) - before) / given.megabytes
            print(f"{kind}  {rate:6.0f} MB/s  {cpu:5.2f} s of CPU for 100 MB", flush=True)


if __name__ == "__main__":
    main()
