"""`/metrics` of a really started Steward: what it counts after turns, and what is never in it."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.steward import ROOT, Steward, free_ports, request_json
from tests.support.talk import talk


def scrape(port: int) -> tuple[str, dict[tuple[str, frozenset[tuple[str, str]]], float]]:
    """The text of a scrape, and its samples by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    samples = {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}
    return text, samples


def value(samples: dict[Any, float], name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


async def test_turns_calls_and_connections_are_counted(start: Callable[..., Any]) -> None:
    """After two turns and an upstream that fails: turns by outcome, steps, tool calls by upstream and outcome, retries,
    tokens, latencies, connections, breaker, event loop; neither the login nor what was asked is anywhere in it."""
    port = free_ports(1)
    with start(STEWARD_METRICS_PORT=str(port)) as steward:
        token = steward.login("user123")
        async with talk(steward.ws, token=token) as resident:
            await resident.ask("查询我的物业费账单 canary-words")
            steward.fault("bill", "down", times=1000)
            await resident.ask("查询我的物业费账单")
            await resident.socket.send(json.dumps({"type": "nonsense"}))
            await resident.receive()
            _, during = scrape(port)
        text, after = scrape(port)
    assert value(during, "steward_connections") == 1
    assert value(after, "steward_turns_total", outcome="success") == 2
    assert value(after, "steward_steps_total", outcome="ok") >= 4
    assert value(after, "steward_tool_calls_total", upstream="bill", outcome="ok") == 1
    assert value(after, "steward_tool_calls_total", upstream="bill", outcome="unavailable") == 1
    assert value(after, "steward_upstream_retries_total", upstream="bill") >= 1
    assert value(after, "steward_tool_call_seconds_count", upstream="bill") == 2
    assert value(after, "steward_turn_seconds_count") == value(after, "steward_first_text_seconds_count") == 2
    assert value(after, "steward_connections_opened_total") == 1
    assert value(after, "steward_frames_refused_total", code="unsupported") == 1
    assert value(after, "steward_breaker_state", upstream="parking", state="closed") == 1
    assert value(after, "steward_event_loop_lag_seconds_count") > 0
    assert value(after, "steward_store_answers") == 1
    assert value(after, "steward_model_failing") == 0
    for secret in (token, "canary-words", "user123", "查询"):
        assert secret not in text


async def test_no_client_can_make_labels(start: Callable[..., Any]) -> None:
    """Close codes that are a client's own, types and tools that nobody knows: all become one label."""
    port = free_ports(1)
    with start(STEWARD_METRICS_PORT=str(port)) as steward:
        for number in range(6):
            async with talk(steward.ws) as resident:
                await resident.socket.send(json.dumps({"type": f"invented-{number}"}))
                await resident.receive()
                await resident.socket.close(4000 + number)
        await closed(steward, 6)
        text, samples = scrape(port)
    assert value(samples, "steward_connections_closed_total", code="other") == 6
    assert "invented" not in text
    assert not re.search(r'code="400\d"', text)


async def closed(steward: Steward, count: int) -> None:
    """Wait until so many connections are over."""
    async with asyncio.timeout(60):
        while steward.written().count('"event": "disconnected"') < count:
            await asyncio.sleep(0.05)


def test_the_port_is_on_loopback_and_the_gateways_own_port_has_no_metrics(start: Callable[..., Any]) -> None:
    """What an operator reads is not what a resident can reach (A81)."""
    port = free_ports(1)
    with start(STEWARD_METRICS_PORT=str(port)) as steward:
        scrape(port)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            request_json(f"{steward.http}/metrics")
        outside = [address for address in own_addresses() if not address.startswith("127.")]
        for address in outside:
            with pytest.raises(OSError):  # noqa: PT011 - refused or unreachable: whichever it is
                socket.create_connection((address, port), timeout=5)


def own_addresses() -> set[str]:
    return {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}


def test_a_taken_metrics_port_is_named(tmp_path: Path) -> None:
    """One sentence with the setting, exit code 1."""
    first = free_ports(4)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {
            "STEWARD_PORT": str(first),
            "STEWARD_DEMO_PORT": str(first + 1),
            "STEWARD_DATA_DIR": str(tmp_path),
            "STEWARD_METRICS_PORT": str(taken.getsockname()[1]),
        }
        done = subprocess.run(
            [sys.executable, str(ROOT / "app.py")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "STEWARD_METRICS_PORT" in done.stderr
    assert "Traceback" not in done.stderr
