"""The servers that are compared, and the model and the upstream that they ask: each in a process of its own.

Next: `parts.py`, which loads them.
"""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.fake_upstream import Upstream
from bench.speed.lab import SPEED_PYTHON, LabError, cores, on_core, process, wait_for_port
from tests.support.steward import free_ports, start_steward

HERE = Path(__file__).resolve().parent
MANY = "1000000"
# What stands in the way of one client that asks without pause: limits, raised by their settings alone.
RAISED = {
    "STEWARD_RATE_CONNECTION": f"{MANY}/second",
    "STEWARD_RATE_SUBJECT": f"{MANY}/second",
    "STEWARD_RATE_ADDRESS": f"{MANY}/second",
    "STEWARD_MAX_CONNECTIONS": MANY,
    "STEWARD_MAX_CONNECTIONS_PER_ADDRESS": MANY,
    "STEWARD_MAX_SILENT_CONNECTIONS": MANY,
}
# As users have them; `start_steward` has others for tests.
AS_DELIVERED = {"STEWARD_BUBBLE_S": "0.1", "STEWARD_TYPING_PAUSE_S": "0.02", "STEWARD_DRAIN_S": "1"}
# PR_SET_PTRACER of any process, where Yama would let only a parent look (prctl(2)); elsewhere it does nothing.
_TRACEABLE = "import ctypes; ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)"


@dataclass(frozen=True)
class Kind:
    """A server of the comparison. `script` is what is run, None for Steward; `hello`: its clients greet. `works`: it
    asks a model and an upstream, so its answers may be stamped."""

    name: str
    script: str | None
    python: Path = Path(sys.executable)
    hello: bool = False
    works: bool = True


KINDS = {
    kind.name: kind
    for kind in (
        Kind("steward", None, hello=True),
        Kind("tutorial", None),  # Steward, asked by the tutorial's clients, which do not greet
        Kind("hand", "hand_written.py"),
        Kind("agents", "with_openai_agents.py", SPEED_PYTHON),
        Kind("pydantic", "with_pydantic_ai.py", SPEED_PYTHON),
        Kind("raw", "raw_sanic.py", works=False),
    )
}


@dataclass(frozen=True)
class World:
    """What the servers ask: the base URL of the played model, and the upstream. `folder` is for logs and data."""

    model: str
    upstream: Upstream
    folder: Path

    def asked(self) -> tuple[int, int, int]:
        """How many requests the model and the upstream have had, and those to the upstream that brought a token."""
        with urllib.request.urlopen(f"{self.model.removesuffix('/v1')}/stats", timeout=10) as answer:
            requests = json.loads(answer.read()).get("requests", 0)
        return requests, self.upstream.turn("ok"), self.upstream.authorised()


@dataclass(frozen=True)
class Server:
    """A running server."""

    kind: Kind
    port: int
    pid: int

    @property
    def url(self) -> str:
        """With the place of the user's name in it."""
        return f"ws://127.0.0.1:{self.port}/ws/chat/{{user}}"


@contextmanager
def world(folder: Path, *, tool: str = "") -> Iterator[World]:
    """Model and upstream on the core of the load. `tool` is the pattern of the one that the model calls."""
    log, core = folder / "model.log", cores()[1]
    command = [sys.executable, "-m", "bench.fake_model", "--tool", tool]
    with ExitStack() as stack:
        with on_core(core):
            upstream = stack.enter_context(Upstream())
        running = stack.enter_context(process(command, core, log, {}))
        for _ in range(600):
            if found := re.search(r"http://\S+", log.read_text()):
                break
            if running.poll() is not None:
                raise LabError(f"the played model ended:\n{log.read_text()}")
            time.sleep(0.05)
        assert found is not None
        yield World(found[0], upstream, folder)


@contextmanager
def server(
    kind: Kind, world: World, settings: Mapping[str, str] | None = None, *, traced: bool = False
) -> Iterator[Server]:
    """One of them on its core; `settings` are Steward's, and `traced` lets a profiler of another process look at it
    where the system asks for that. Raises `LabError` where it does not start."""
    folder = world.folder / f"{kind.name}-{time.time_ns()}"
    folder.mkdir()
    core = cores()[0]
    if kind.script is None:
        environment = {
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": world.model,
            "STEWARD_MODEL": "fake",
            "STEWARD_UPSTREAMS": str(HERE / "upstreams.yaml"),
            "BENCH_UPSTREAM": world.upstream.url,
            **RAISED,
            **AS_DELIVERED,
            **(settings or {}),
        }
        with ExitStack() as stack:
            with on_core(core):
                steward = stack.enter_context(
                    start_steward(folder, preamble=_TRACEABLE if traced else "", **environment)
                )
            yield Server(kind, steward.port, steward.process.pid)
        return
    port, log = free_ports(1), folder / "log"
    environment = {"LLM_BASE": world.model, "UPSTREAM": world.upstream.url, "MODEL": "fake", "PORT": str(port)}
    command = [str(kind.python), str(HERE / "peers" / kind.script)]
    with process(command, core, log, environment) as running:
        wait_for_port(port, running, log)
        yield Server(kind, port, running.pid)
