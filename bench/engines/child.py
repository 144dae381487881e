"""The loop of every engine's child process: one JSON request a line on stdin, one answer a line on stdout.

`{"load": path}` → `{"cpu": seconds, "lines": [...]}` or `{"cpu", "error"}`; `{"call": path, "tool", "arguments",
"base_url"}` → `{"request": {...}}` or `{"error"}`; `{"memory": true}` → `{"bytes": peak}`. Only loading is timed:
imports before it and the answer's own form after it are not. `base_url` null: the document's own servers.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Lines = list[dict[str, Any]]


def serve(
    load: Callable[[Path], Any],
    lines: Callable[[Any], Lines],
    call: Callable[[Any, str, dict[str, Any], str | None], dict[str, Any]],
    version: str,
    started: float,
) -> None:
    """Answers until stdin ends. `started` is the process time before the engine's imports."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _say(out, {"ready": version, "import": time.process_time() - started})
    for text in sys.stdin:
        job = json.loads(text)
        with contextlib.redirect_stdout(io.StringIO()):
            answer = _answer(job, load, lines, call)
        _say(out, answer)


def _answer(job: dict[str, Any], load: Any, lines: Any, call: Any) -> dict[str, Any]:
    if "memory" in job:
        return {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    try:
        if "call" in job:
            loaded = load(Path(job["call"]))
            return {"request": call(loaded, job["tool"], job["arguments"], job["base_url"])}
        gc.collect()
        before = time.process_time()
        try:
            loaded = load(Path(job["load"]))
        finally:
            cpu = time.process_time() - before
        return {"cpu": cpu, "lines": lines(loaded)}
    except Exception as error:
        failed = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        return failed if "call" in job else failed | {"cpu": cpu}


def plain_files(value: Any) -> Any:
    """Arguments for engines that know no file values: the file's content as text."""
    if isinstance(value, dict):
        return value["$file"].get("content", "") if "$file" in value else {k: plain_files(v) for k, v in value.items()}
    return [plain_files(one) for one in value] if isinstance(value, list) else value


def _say(out: Any, answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer, ensure_ascii=True, default=str) + "\n")
    out.flush()
