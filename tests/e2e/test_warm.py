"""A process forked for a test (`tests/support/warm.py`) is what `python app.py` would be, and ends as it would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.warm import WarmProcess, start_warm


def run(program: str, folder: Path, **environment: str) -> tuple[WarmProcess, Path]:
    """The process, and the file of what it writes."""
    told = folder / "told"
    with told.open("wb") as output:
        process = start_warm(program, cwd=folder, env={"PATH": os.environ["PATH"], **environment}, output=output)
    assert isinstance(process, WarmProcess)
    return process, told


def test_its_arguments_environment_folder_and_descriptors_are_its_own(tmp_path: Path) -> None:
    """Nothing of the process that forks is seen: no variable, no descriptor, no handler of a signal."""
    program = """
import json, os, pathlib, signal, sys
opened = sorted(int(name) for name in os.listdir('/proc/self/fd'))
print(json.dumps([sys.argv, dict(os.environ), os.getcwd(), opened, os.readlink('/proc/self/fd/1'), sys.path[0],
    signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL]))
"""
    process, told = run(program, tmp_path, STEWARD_PORT="1")
    assert process.wait(30) == 0
    arguments, environment, folder, opened, output, first_path, interrupted, childless = json.loads(told.read_text())
    root = Path(__file__).resolve().parents[2]
    assert arguments == [str(root / "app.py")]
    assert environment == {"PATH": os.environ["PATH"], "STEWARD_PORT": "1"}
    assert (folder, output, first_path) == (str(tmp_path), str(told), str(root))
    assert opened[:3] == [0, 1, 2]
    assert len(opened) == 4, "the fourth is the listed folder's own"
    assert interrupted
    assert childless


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [("print('done')", 0, "done\n"), ("raise SystemExit(3)", 3, ""), ("1 / 0", 1, "ZeroDivisionError")],
)
def test_its_end_is_a_programs_end(tmp_path: Path, program: str, code: int, said: str) -> None:
    """The exit code, what it wrote and the traceback of a defect."""
    process, told = run(program, tmp_path)
    assert process.wait(30) == code
    assert said in told.read_text()


def test_a_signal_ends_it_and_is_told(tmp_path: Path) -> None:
    """It runs until then; a second signal is for nobody."""
    process, _ = run("import time; time.sleep(60)", tmp_path)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM
    process.kill()
    assert process.poll() == -signal.SIGTERM
