"""What a hostile answer costs; run as `python -m bench.hostile_responses`.

Prints for each answer of `hostile.py` what came of the call, its time, its CPU time, and by how much the process grew
at most while ten such calls ran one after the other: at the client (the bytes that are kept) and through the toolset
(decoded, shaped, capped). Required: at most 8 MB. Needs Linux: the peak is VmHWM of /proc/self/status.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from bench.fake_upstream import Upstream
from bench.hostile import HOSTILE
from integrations.catalogue import load_catalogue
from integrations.toolset import CatalogueToolsets
from integrations.upstream.auth import Outgoing
from integrations.upstream.client import CallFailed, UpstreamClient
from integrations.upstream.config import UpstreamSettings
from integrations.upstream.retry import Repeatability
from schemas.deadline import Deadline
from schemas.tool import PreparedCall, ToolCall

CALLS = 10
ALLOWED_MB = 8
_PATHS = {
    f"/hostile/{name}": {"get": {"operationId": name, "responses": {"200": {"description": ""}}}} for name in HOSTILE
}
_DOCUMENT = {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": _PATHS}
_NEVER_OPEN = {"failures": 100_000, "min_calls": 100_000}
_MORE = {
    "auth": "none",
    "timeouts": {"attempt_s": 2},
    "retry": {"attempts": 1},
    "breaker": {"failures": 100000, "min_calls": 100000},
}


def _memory_mb(field: str) -> float:
    text = Path("/proc/self/status").read_text("ascii")
    return int(text.partition(f"{field}:")[2].split()[0]) / 1024


def _start_over() -> float:
    """Give back what is free, forget the peak; the size now."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    return _memory_mb("VmRSS")


async def _measure(call: Callable[[], Awaitable[str]]) -> tuple[str, float, float, float]:
    """Outcome, seconds and CPU seconds of a call, and the growth in MB."""
    before = _start_over()
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(CALLS):
        outcome = await call()
    took, used = (time.perf_counter() - began) / CALLS, (time.process_time() - cpu) / CALLS
    return outcome, took, used, _memory_mb("VmHWM") - before


async def _run(url: str, folder: Path) -> bool:
    client = UpstreamClient(UpstreamSettings.model_validate({"document": "d", "base_url": url, **_MORE}))
    (folder / "t.json").write_text(json.dumps(_DOCUMENT), "utf-8")
    upstreams = {"upstreams": {"t": {"document": "t.json", "base_url": url, **_MORE}}}
    (folder / "upstreams.yaml").write_text(json.dumps(upstreams), "utf-8")
    toolsets = CatalogueToolsets(load_catalogue(folder / "upstreams.yaml", {}))
    toolset = toolsets.for_token(None)

    async def at_client(name: str) -> str:
        outgoing = Outgoing("GET", f"{url}/hostile/{name}", (), None)
        try:
            answer = await client.send(outgoing, Repeatability("read", "GET"), Deadline.after(10), keep=lambda _: False)
        except CallFailed as failed:
            return failed.code
        return "too_large" if answer.oversized else str(answer.status)

    async def at_toolset(name: str) -> str:
        deadline = Deadline.after(10)
        prepared = await toolset.prepare(ToolCall("c", name, "{}"), "en", deadline)
        assert isinstance(prepared, PreparedCall), prepared.content
        return (await toolset.call(prepared, "en", deadline)).error or "ok"

    figures = f"{'ms':>6}{'CPU ms':>8}{'MB':>7}   "
    print(f"{'answer':<28}{'at the client':<24}{figures}{'result':<24}{figures}")
    kept = True
    for name in HOSTILE:
        line = f"{name:<28}"
        for at in (at_client, at_toolset):
            await at(name)  # what is loaded and allocated once is no growth
            outcome, took, used, grown = await _measure(lambda at=at, name=name: at(name))  # type: ignore[misc]
            line += f"{outcome:<24}{took * 1000:>6.0f}{used * 1000:>8.0f}{grown:>7.1f}   "
            kept &= grown <= ALLOWED_MB
        print(line, flush=True)
    await client.close()
    await toolsets.close()
    print(f"at most {ALLOWED_MB} MB: {'yes' if kept else 'NO'}")
    return kept


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with Upstream() as upstream, tempfile.TemporaryDirectory() as folder:
        return 0 if asyncio.run(_run(upstream.url, Path(folder))) else 1


if __name__ == "__main__":
    raise SystemExit(main())
