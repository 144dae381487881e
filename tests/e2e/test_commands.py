"""The command line as a process: `python app.py tools | request | check | call`, beside the running estate."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.support.steward import ROOT, Steward

TOKEN = "your-token-here"


def app(steward: Steward, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One command beside the running gateway, on the same estate."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STEWARD_")}
    settings = {"STEWARD_DEMO_PORT": str(steward.estate_ports[0]), "STEWARD_DATA_DIR": str(steward.data_dir)}
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py"), *words],
        env=inherited | settings | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", [("tools",), ("tools", "openapi/bill.yaml", "--json"), ("check",)])
def test_documents_are_read_without_a_running_estate(steward: Steward, words: tuple[str, ...]) -> None:
    """Exit code 0, something on standard output, nothing on standard error."""
    done = subprocess.run(
        [sys.executable, "app.py", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert done.stdout
    assert done.stderr == ""


def test_a_call_shows_request_line_outcome_and_result(steward: Steward) -> None:
    """As a conversation would make it: bound parameters filled, envelope opened, times with a zone; never the token."""
    token = steward.login("user123")
    done = app(steward, "call", "list_parking_records", '{"pageSize": 2}', STEWARD_TOKEN=token)
    assert done.returncode == 0
    line, outcome, result = done.stdout.splitlines()
    assert line.startswith(f"GET http://127.0.0.1:{steward.estate_ports[1]}/prod-api/parking/record/list?")
    assert "userId=user123" in line
    assert outcome.startswith("ok, ")
    assert json.loads(result)["shown"] == 2
    assert token not in done.stdout + done.stderr


def test_a_call_that_is_refused_before_sending_exits_2(steward: Steward) -> None:
    """Unknown tools and arguments that do not fit: the sentence a model would read."""
    done = app(steward, "call", "listBills", '{"x": 1}', "--token", TOKEN, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"] == "invalid_arguments"
    assert app(steward, "call", "noSuchTool", "--token", TOKEN).returncode == 2
    assert app(steward, "call", "listBills", "--token", "a\nb").returncode == 2


def test_a_call_without_a_token_says_that_a_login_is_needed(steward: Steward) -> None:
    """Exit code 1, nothing sent."""
    done = app(steward, "call", "listBills", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"] == "login_required"


def test_a_write_is_shown_and_sent_only_with_yes(steward: Steward) -> None:
    """Without --yes nothing reaches the upstream; with it the write is done once."""
    steward.control("/demo/requests", method="DELETE")
    order = ["call", "bind_car", '{"carNumber": "粤B77777", "carType": "1003"}', "--token", TOKEN]
    shown = app(steward, *order)
    assert shown.returncode == 2
    assert "--yes" in shown.stderr
    assert "粤B77777" in shown.stderr
    sent = [r for r in steward.control("/demo/requests") if r["path"].endswith("/car/bind")]
    assert sent == []
    done = app(steward, *order, "--yes")
    assert done.returncode == 0, done.stdout
    assert len([r for r in steward.control("/demo/requests") if r["path"].endswith("/car/bind")]) == 1
