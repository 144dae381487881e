"""The own HTTP API against its own document: schemathesis finds no failure, with all of its checks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.steward import ROOT

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# Enough for a gateway that is asked a thousand times in a few seconds by one resident from one address.
ROOM = {
    "STEWARD_RATE_CONNECTION": "100000/second",
    "STEWARD_MAX_UPLOADS_PER_SUBJECT": "100000",
    "STEWARD_TYPING_PAUSE_S": "0",
}


def test_schemathesis_finds_no_failure(start: Callable[..., Any], tmp_path: Path) -> None:
    """Examples, every constraint at its edge, generated requests good and bad, sequences by links: the same ones in
    every run. Statuses, schemas, headers and events are those of the document; what is wrong is refused, what is right
    is taken, nothing is a 500."""
    with start(**ROOM) as steward:
        program = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
        options = ["--url", steward.http, "--checks", "all", "--generation-deterministic", "--max-examples", "10"]
        options += ["--header", "Authorization: Bearer your-token-here", "--no-color"]
        options += ["--suppress-health-check", "all"]
        found = subprocess.run(
            [
                *program,
                "--config-file",
                str(CONFIGURATION),
                "run",
                f"{steward.http}/docs/openapi/steward.json",
                *options,
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks"},
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]
        assert "9 selected / 9 total" in found.stdout
        assert "request_defect" not in steward.written()
