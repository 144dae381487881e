"""Starts the three upstreams on three ports in one process and stops them; next: `core.py`, `bill.py`."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sanic import Sanic
from sanic.server import AsyncioServer

from demo import UPSTREAMS, bill, controls, parking, repair, seed
from demo.clock import Clock, now
from demo.core import Core
from demo.database import Database
from demo.faults import Faults
from demo.requestlog import RequestLog
from demo.tokens import Tokens

logger = logging.getLogger("demo")

App = Sanic[Any, Any]
_INSTALL: dict[str, Callable[[App, Core], None]] = {
    "bill": bill.install,
    "parking": parking.install,
    "repair": repair.install,
}
LARGEST_REQUEST_BYTES = 64 * 1024 * 1024
FAR_AWAY_S = 24 * 3600

Ports = tuple[int, int, int]


@dataclass
class Estate:
    """A running estate. `ports` are those of bill, parking and repair, in this order."""

    ports: Ports
    core: Core
    _running: list[tuple[App, AsyncioServer]]

    async def stop(self) -> None:
        """Closes the ports, cuts what is still connected, closes the database. A second call does nothing."""
        running, self._running = self._running, []
        for app, server in running:
            await _stop_server(app, server)
        # The handlers of cut connections end before the database is gone.
        await asyncio.sleep(0.01)
        self.core.database.close()


async def start_estate(
    data_dir: Path,
    host: str = "127.0.0.1",
    ports: Ports = (0, 0, 0),
    clock: Clock = now,
) -> Estate:
    """Starts the three upstreams in the running loop; port 0 takes a free one.

    An empty database is seeded relative to the clock's day.

    Raises:
        OSError: a port is taken; the message names it, and nothing was started."""
    sockets = _bind_all(host, ports)
    estate = None
    try:
        estate = Estate(_ports_of(sockets), _open_core(data_dir, clock), [])
        for name, bound in zip(UPSTREAMS, sockets, strict=True):
            app = _application(name, _INSTALL[name], estate.core)
            estate._running.append((app, await _serve(app, bound)))
    except BaseException:
        if estate is not None:
            await estate.stop()
        for bound in sockets:
            bound.close()
        raise
    return estate


def run_estate(
    data_dir: Path,
    host: str = "127.0.0.1",
    ports: Ports = (8101, 8102, 8103),
    *,
    until_stdin_closes: bool = False,
    on_ready: Callable[[Estate], None] | None = None,
) -> None:
    """Runs the estate until SIGINT or SIGTERM, or until stdin reaches its end if asked; then stops it cleanly.

    A parent that gives a pipe as stdin and asks for `until_stdin_closes` leaves no estate behind, however it ends.
    `on_ready` is called once all three ports answer.

    Raises:
        OSError: a port is taken."""
    asyncio.run(_run(data_dir, host, ports, until_stdin_closes, on_ready))


async def _run(
    data_dir: Path,
    host: str,
    ports: Ports,
    until_stdin_closes: bool,
    on_ready: Callable[[Estate], None] | None,
) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    estate = await start_estate(data_dir, host, ports)
    try:
        if until_stdin_closes:
            threading.Thread(target=_wait_for_end_of_stdin, args=(loop, ended), daemon=True).start()
        if on_ready is not None:
            on_ready(estate)
        await ended.wait()
    finally:
        await estate.stop()


def _wait_for_end_of_stdin(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    # os.read, not sys.stdin: a daemon thread inside a buffered read can hang the interpreter's exit.
    try:
        while os.read(0, 4096):
            pass
    except OSError as error:
        logger.warning("stdin cannot be read (%s); the estate ends", error)
    with contextlib.suppress(RuntimeError):  # the loop is closed already: the estate ended for another reason
        loop.call_soon_threadsafe(ended.set)


def _open_core(data_dir: Path, clock: Clock) -> Core:
    database = Database(data_dir)
    if database.row("SELECT 1 FROM residents") is None:
        seed.fill(database, clock().date())
    return Core(database, Tokens(data_dir, clock), Faults(UPSTREAMS), RequestLog(clock), clock)


def _application(name: str, install: Callable[[App, Core], None], core: Core) -> App:
    # Sanic knows applications by name: several estates may follow each other in one process.
    app: App = Sanic(f"demo-{name}-{uuid.uuid4().hex}", configure_logging=False)
    app.config.AUTO_EXTEND = False
    app.config.ACCESS_LOG = False
    app.config.MOTD = False
    # Sanic rewrites its own classes at the start of an application and cannot do so twice in one process.
    app.config.TOUCHUP = False
    app.config.REQUEST_MAX_SIZE = LARGEST_REQUEST_BYTES
    # A slow answer is a fault that is asked for, never one of the server.
    app.config.RESPONSE_TIMEOUT = FAR_AWAY_S
    install(app, core)
    controls.install(app, core, name)
    return app


async def _serve(app: App, bound: socket.socket) -> AsyncioServer:
    with _without_advice():
        server = await app.create_server(sock=bound, return_asyncio_server=True, access_log=False)
    if server is None:
        raise RuntimeError("Sanic gave no server")
    # Sanic's own types end here: AsyncioServer is not annotated.
    for step in ("startup", "before_start", "after_start", "start_serving"):
        await getattr(server, step)()
    return server


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """On a terminal Sanic warns, once per application, that it is not in debug mode."""
    sanic_errors = logging.getLogger("sanic.error")
    level = sanic_errors.level
    sanic_errors.setLevel(logging.ERROR)
    try:
        yield
    finally:
        sanic_errors.setLevel(level)


async def _stop_server(app: App, server: Any) -> None:
    await server.before_stop()
    server.server.close()
    for connection in list(server.connections):
        connection.abort()
    await server.server.wait_closed()
    await server.after_stop()
    Sanic.unregister_app(app)


def _bind_all(host: str, ports: Ports) -> list[socket.socket]:
    """All three or none: a port that is taken is found before anything starts."""
    sockets: list[socket.socket] = []
    for port in ports:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sockets.append(bound)
        try:
            bound.bind((host, port))
        except OSError as error:
            for opened in sockets:
                opened.close()
            reason = (
                f"the embedded estate cannot use {host}:{port}: {error.strerror}. Set STEWARD_DEMO_PORT to a free port"
            )
            raise OSError(error.errno, reason) from error
    return sockets


def _ports_of(sockets: list[socket.socket]) -> Ports:
    bill_port, parking_port, repair_port = (int(bound.getsockname()[1]) for bound in sockets)
    return bill_port, parking_port, repair_port
