"""`python app.py hello`: the gateway as `serve` starts it, and one question to it with its answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

from commands.banner import DEMO_QUESTION, pages
from schemas.settings import PROJECT, Settings

_START_TIMEOUT_S = 60.0


def hello(settings: Settings, environment: Mapping[str, str], serve: Callable[[], None], *, stay: bool) -> int:
    """Ask; with `stay` serve on until Ctrl-C. The exit code of the question. A gateway that runs on this port already
    is asked instead, and left as it is."""
    if _is_ready(settings):
        return _ask(settings, environment)
    asked = _Asked(settings, environment, stay=stay)
    thread = threading.Thread(target=asked.run, name="hello", daemon=True)
    thread.start()
    serve()
    return asked.code


class _Asked:
    """The question, in a thread beside the server."""

    def __init__(self, settings: Settings, environment: Mapping[str, str], *, stay: bool) -> None:
        self._settings, self._environment, self._stay = settings, environment, stay
        self.code = 1

    def run(self) -> None:
        """Wait for the gateway, ask it, and end the process unless it is to stay."""
        until = time.monotonic() + _START_TIMEOUT_S
        while not _is_ready(self._settings):
            if time.monotonic() > until:
                break
            time.sleep(0.05)
        else:
            self.code = _ask(self._settings, self._environment)
        if not self._stay:
            os.kill(os.getpid(), signal.SIGTERM)


def _is_ready(settings: Settings) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _ask(settings: Settings, environment: Mapping[str, str]) -> int:
    """The question through the terminal client, as anybody would ask it; then where to go on."""
    print(f"\n> {DEMO_QUESTION}\n", flush=True)
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [sys.executable, str(PROJECT / "app.py"), "chat"],
        env=dict(environment),
        input=DEMO_QUESTION + "\n",
        text=True,
        encoding="utf-8",
        check=False,
    )
    print("\n" + pages(settings), flush=True)
    return done.returncode
