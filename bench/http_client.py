"""What a call of an upstream costs with each HTTP library; run as `python -m bench.http_client [--only NAME,NAME]`.

Prints CPU time per request (the client's process alone; the upstream is another one), requests per second, and p50 and
p99 of the latency, with 1, 50 and 200 in flight on kept connections. Then what each library does with a PUT whose
connection ends without an answer (it must arrive once), with a percent-encoded target, and with a cookie.

`steward` is `integrations/upstream/transport.py`, `steward-call` the whole client with bulkhead, breaker, retries and
bounded reading. The other libraries are used as leanly as they allow. aiohttp is measured where it is installed
(`pip install aiohttp==3.14.5` into an environment of your own); it is no dependency.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import httpx2
import uvloop

from bench.fake_upstream import BODY, Upstream
from integrations.upstream.auth import Outgoing
from integrations.upstream.client import UpstreamClient
from integrations.upstream.config import UpstreamSettings
from integrations.upstream.retry import Repeatability
from integrations.upstream.transport import UpstreamTransport
from schemas.deadline import Deadline

TARGET = "/prod-api/bills?page=1&name=%E7%B2%A4%2fa%7E"
HEADERS = [
    ("Authorization", "Bearer bench-token"),
    ("Accept", "application/json"),
    ("Accept-Encoding", "identity"),
    ("User-Agent", "steward"),
]
# Sends one request with this method and gives the body.
Send = Callable[[str], Awaitable[bytes]]
Close = Callable[[], Awaitable[None]]


def _over_transport(library: Any, transport: Any, url: str) -> tuple[Send, Close]:
    base = library.URL(f"{url}/")

    async def send(method: str) -> bytes:
        extensions = {"target": TARGET.encode(), "timeout": {"connect": 30, "pool": 30}}
        request = library.Request(method, base, headers=HEADERS, extensions=extensions)
        response = await transport.handle_async_request(request)
        try:
            return b"".join([piece async for piece in response.aiter_raw()])
        finally:
            await response.aclose()

    return send, transport.aclose


def _httpx(url: str, limit: int, library: Any = httpx) -> tuple[Send, Close]:
    limits = library.Limits(max_connections=limit, max_keepalive_connections=limit, keepalive_expiry=4)
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _over_transport(library, library.AsyncHTTPTransport(verify=no_tls, trust_env=False, limits=limits), url)


def _httpx2(url: str, limit: int) -> tuple[Send, Close]:
    return _httpx(url, limit, httpx2)


def _settings(url: str, limit: int) -> UpstreamSettings:
    return UpstreamSettings.model_validate(
        {"document": "d", "base_url": url, "concurrency": {"in_flight": limit, "waiting": limit}}
    )


def _steward(url: str, limit: int) -> tuple[Send, Close]:
    return _over_transport(httpx, UpstreamTransport(_settings(url, limit)), url)


def _steward_call(url: str, limit: int) -> tuple[Send, Close]:
    client = UpstreamClient(_settings(url, limit))

    async def send(method: str) -> bytes:
        outgoing = Outgoing(method, url + TARGET, (HEADERS[0],), None)
        repeat = Repeatability("read" if method == "GET" else "write", method)
        return (await client.send(outgoing, repeat, Deadline.after(20), keep=lambda _: False)).body

    return send, client.close


def _session(limit: int) -> Any:
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit, keepalive_timeout=4),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def _aiohttp(url: str, limit: int) -> tuple[Send, Close]:
    import yarl

    session = _session(limit)

    async def send(method: str) -> bytes:
        target = yarl.URL(url + TARGET, encoded=True)
        async with session.request(method, target, headers=HEADERS, allow_redirects=False) as response:
            return b"".join([piece async for piece in response.content.iter_any()])

    return send, session.close


def _httpx_over_aiohttp(url: str, limit: int) -> tuple[Send, Close]:
    import yarl

    session = _session(limit)

    class Body(httpx.AsyncByteStream):
        def __init__(self, response: Any) -> None:
            self.response = response

        async def __aiter__(self) -> Any:
            async for piece in self.response.content.iter_any():
                yield piece

        async def aclose(self) -> None:
            self.response.release()

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            target = yarl.URL(url + request.extensions["target"].decode(), encoded=True)
            response = await session.request(request.method, target, headers=request.headers, allow_redirects=False)
            return httpx.Response(response.status, headers=response.raw_headers, stream=Body(response))

    send, _ = _over_transport(httpx, Transport(), url)
    return send, session.close


LIBRARIES: dict[str, Callable[[str, int], tuple[Send, Close]]] = {
    "httpx": _httpx,
    "httpx2": _httpx2,
    "aiohttp": _aiohttp,
    "httpx-over-aiohttp": _httpx_over_aiohttp,
    "steward": _steward,
    "steward-call": _steward_call,
}


async def _cost(name: str, url: str, in_flight: int, seconds: float) -> str:
    send, close = LIBRARIES[name](url, in_flight)
    took: list[float] = []

    async def calls(until: float) -> None:
        while (began := time.perf_counter()) < until:
            assert await send("GET") == BODY
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(calls(time.perf_counter() + 0.5) for _ in range(in_flight)))
    took.clear()
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(calls(began + seconds) for _ in range(in_flight)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    await close()
    took.sort()
    p50, p99 = took[len(took) // 2] * 1000, took[int(len(took) * 0.99)] * 1000
    cost, rate = cpu / len(took) * 1e6, len(took) / wall
    return f"{name:<20}{in_flight:>10}{cost:>12.0f}{rate:>12.0f}{p50:>9.1f}{p99:>9.1f}"


class _Ending(asyncio.Protocol):
    """Answers the first request of a connection, ends it at the second without an answer; remembers the heads."""

    heads: list[bytes]

    def connection_made(self, transport: Any) -> None:
        self.transport, self.count = transport, 0

    def data_received(self, data: bytes) -> None:
        self.heads.append(data)
        self.count += 1
        if self.count > 1:
            self.transport.abort()
        else:
            self.transport.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: s=alice\r\nContent-Length: 2\r\n\r\n{}")


async def _behaviour(name: str) -> str:
    heads: list[bytes] = []
    kind = type("Ending", (_Ending,), {"heads": heads})
    server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", 0)
    send, close = LIBRARIES[name](f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", 1)
    await send("GET")
    try:
        await send("PUT")
    except Exception as error:
        said = type(error).__name__
    else:
        said = "success"
    await close()
    server.close()
    puts = sum(head.startswith(b"PUT ") for head in heads)
    kept = all(f" {TARGET} ".encode() in head for head in heads)
    cookies = sum(b"\r\ncookie:" in head.lower() for head in heads)
    return f"{name:<20}{puts:>10} {said:<24}{'as built' if kept else 'rewritten':<12}{cookies:>8}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(LIBRARIES))
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    names = [name for name in options.only.split(",") if importlib.util.find_spec("aiohttp") or "aiohttp" not in name]
    print(f"{'library':<20}{'in flight':>10}{'CPU us/req':>12}{'req/s':>12}{'p50 ms':>9}{'p99 ms':>9}")
    with Upstream() as upstream:
        for in_flight in (1, 50, 200):
            for name in names:
                print(uvloop.run(_cost(name, upstream.url, in_flight, options.seconds)), flush=True)
    print(f"\n{'library':<20}{'PUTs sent':>10} {'outcome':<24}{'target':<12}{'cookies':>8}")
    for name in names:
        print(uvloop.run(_behaviour(name)))


if __name__ == "__main__":
    main()
