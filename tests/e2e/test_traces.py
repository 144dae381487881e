"""Traces of a really started Steward at a collector of the test's own, and the context that an upstream is told."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.talk import talk


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """The address of an OTLP collector, and the bodies that it was sent."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_a_turn_reaches_the_collector_without_its_content(start: Callable[..., Any]) -> None:
    """`invoke_agent`, `chat`, `execute_tool` in one trace; the bill system was told that tool call's context, and no
    token, query or user is in what the collector got. All of it is sent before the process ends."""
    with collector() as (endpoint, bodies):
        with start(STEWARD_OTLP_ENDPOINT=endpoint) as steward:
            token = steward.login("user123")
            async with talk(steward.ws, token=token) as resident:
                reply = await resident.ask("查询我的物业费账单 canary-words")
            requests = steward.control("/demo/requests")
            assert steward.stop() == 0
        sent = b"".join(bodies)
    spans = [
        span
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert {span.name.split()[0] for span in spans} == {"invoke_agent", "chat", "execute_tool"}
    assert len({span.trace_id for span in spans}) == 1
    tools = {span.name.split()[1]: span for span in spans if span.name.startswith("execute_tool ")}
    assert set(tools) == set(reply.tools)
    told = {r["headers"]["traceparent"].split("-")[2] for r in requests if "traceparent" in r["headers"]}
    assert told == {span.span_id.hex() for span in tools.values()}
    for secret in (token, "canary-words", "查询", "user123"):
        assert secret.encode() not in sent
