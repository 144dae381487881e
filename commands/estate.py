"""The embedded estate as a process of its own: run it, or keep it as the gateway's child."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from demo import UPSTREAMS
from demo.people import OFFICE
from schemas.errors import ConfigurationError
from schemas.office import Office
from schemas.settings import PROJECT, Settings

if TYPE_CHECKING:
    from demo.estate import Estate

_READY = "estate ready"
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 10.0


def estate_ports(settings: Settings) -> tuple[int, int, int]:
    """The three ports, in the order of the estate's upstreams."""
    first = settings.demo_port
    return first, first + 1, first + 2


def estate_variables(settings: Settings) -> dict[str, str]:
    """What the shipped upstreams file asks for: `STEWARD_<NAME>_PORT` of each of the estate's upstreams."""
    ports = estate_ports(settings)
    return {f"STEWARD_{name.upper()}_PORT": str(port) for name, port in zip(UPSTREAMS, ports, strict=True)}


def estate_office(settings: Settings) -> Office | None:
    """The office of the settings; the embedded estate has one of its own."""
    return settings.office or (Office(*OFFICE) if settings.runs_estate else None)


def run(settings: Settings, *, until_stdin_closes: bool) -> None:
    """Run the estate until it is interrupted, or standard input ends. Raises `OSError` for a port that is taken,
    `ConfigurationError` for data that cannot be used."""
    from demo.estate import run_estate  # a web server, which the gateway's own process need not load twice

    def ready(estate: Estate) -> None:
        print(_READY, " ".join(map(str, estate.ports)), flush=True)

    folder, ports = settings.data_dir, estate_ports(settings)
    try:
        run_estate(folder, ports=ports, until_stdin_closes=until_stdin_closes, on_ready=ready)
    except sqlite3.Error as error:
        raise ConfigurationError(f"the estate's data in {folder} cannot be used: {error}") from error


@contextmanager
def child(settings: Settings, environment: Mapping[str, str], meanwhile: Callable[[], None]) -> Iterator[None]:
    """The estate as a child process for the length of the context. It ends when its standard input does, so that it is
    not left behind however this process ends. `meanwhile` is called while it starts. Raises `ConfigurationError` if it
    does not start."""
    command = [sys.executable, str(PROJECT / "app.py"), "demo", "--until-stdin-closes"]
    process = subprocess.Popen(  # noqa: S603 - our own command, no shell
        command,
        cwd=Path.cwd(),
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the gateway, which ends the estate after itself
    )
    try:
        meanwhile()
        _wait_until_ready(process)
        yield
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    timer = threading.Timer(_START_TIMEOUT_S, process.kill)
    timer.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        timer.cancel()
    if not line.startswith(_READY):
        raise ConfigurationError("the embedded estate did not start; its own message stands above")
