"""docs/http.md: every command runs as it is written, from top to bottom, and answers what the page shows below it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blueprints.http_errors import STATUSES
from tests.support.http_resident import JPEG
from tests.support.steward import ROOT

PAGE = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```(?:\n\n```(json|text)\n(.*?)^```)?", PAGE, re.DOTALL | re.MULTILINE)
MARK = "=== the next command of the page"


def answers(base: str, folder: Path) -> list[str]:
    """What each command of the page wrote, in one shell, as a reader would run them one after the other."""
    if shutil.which("curl") is None:
        pytest.fail("no curl: install the package curl")
    script = "\n".join(f"{command}\necho\necho '{MARK}'" for command, _, _ in BLOCKS)
    script = script.replace("http://localhost:8001", base)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"exec 2>&1\n{script}"], cwd=folder, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode("utf-8").split(MARK)


def contains(shown: Any, answered: Any) -> bool:
    """Whether the answer has all that the page shows of it; … stands for any text, 0 for any number."""
    if isinstance(shown, dict):
        return isinstance(answered, dict) and all(
            name in answered and contains(value, answered[name]) for name, value in shown.items()
        )
    if isinstance(shown, list):
        return isinstance(answered, list) and all(any(contains(one, two) for two in answered) for one in shown)
    anything = (shown == "…" and isinstance(answered, str)) or (type(shown) is int and shown == 0 and answered > 0)
    return bool(anything or shown == answered)


def test_every_command_answers_what_the_page_shows(start: Callable[..., Any], tmp_path: Path) -> None:
    """JSON member by member; of streams the lines that are shown."""
    (tmp_path / "tap.jpg").write_bytes(JPEG)
    with start() as steward:
        found = answers(steward.http, tmp_path)
    assert len(found) == len(BLOCKS) + 1
    compared = 0
    for (command, kind, shown), answered in zip(BLOCKS, found, strict=False):
        if kind == "json":
            assert contains(json.loads(shown), json.loads(answered.strip())), f"{command}\n{shown}\n{answered}"
        for line in shown.splitlines() if kind == "text" else ():
            pattern = re.escape(line).replace("EPOCH", r"[\w-]+").replace("…", r"[^\"]+")
            assert re.search(pattern, answered), f"{command}\n{line}\n{answered}"
        compared += bool(kind)
    assert compared >= 10
    resumed = next(
        answer for (command, _, _), answer in zip(BLOCKS, found, strict=False) if "Last-Event-ID:" in command
    )
    assert re.search(r"^id: [\w-]+:[123]$", resumed, re.MULTILINE) is None


def test_the_table_of_refusals_is_that_of_the_code() -> None:
    """Each code under its status. `identity_mismatch` needs a user in the address; a turn's codes come as events."""
    rows = re.findall(r"^\| (\d{3}(?:, \d{3})*) \| (.+) \|$", PAGE, re.MULTILINE)
    told: dict[Any, set[int]] = {}
    for statuses, said in rows:
        told |= {code: {int(one) for one in statuses.split(", ")} for code in codes(said)}
    never = {"identity_mismatch", "model_unavailable", "turn_interrupted"}
    assert set(told) == set(STATUSES) - never
    assert all(STATUSES[code] in statuses for code, statuses in told.items())


def codes(text: str) -> list[Any]:
    return [code for code in re.findall(r"`(\w+)`", text) if code in STATUSES]
