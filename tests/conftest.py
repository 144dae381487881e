"""Fixtures of all tests: a really started Steward with its estate, and `sanic_client` for one blueprint at a time."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sanic import Sanic
from sanic_testing.reusable import ReusableClient

from tests.support.steward import Steward, start_steward, warm_steward

# In CI the same examples every time: a change is judged by itself. Elsewhere new ones are looked for in each run.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def steward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steward]:
    """The whole product as its own process on free ports, with the embedded estate and model; one for a test process.

    Tests that change what others see (faults, a restart) start their own with `start`.
    """
    with start_steward(tmp_path_factory.mktemp("steward")) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Any]:
    """`with start(STEWARD_...="...") as steward:` a Steward of the test's own, in a process that need not import it."""
    return lambda **environment: warm_steward(tmp_path, **environment)


@pytest.fixture
def sanic_client() -> Iterator[Callable[[Sanic[Any, Any]], ReusableClient]]:
    """`client = sanic_client(app)`: requests to a Sanic application on a real socket, in the spirit of pytest-sanic.

    pytest-sanic fails with every Sanic from 22 on; this is sanic-testing's client, started and stopped for the test.
    """
    clients: list[ReusableClient] = []

    def make(app: Sanic[Any, Any]) -> ReusableClient:
        # a port of its own: the one that sanic-testing would draw at random may be taken
        bound = socket.socket()
        bound.bind(("127.0.0.1", 0))
        client = ReusableClient(app, port=bound.getsockname()[1], server_kwargs={"sock": bound})
        client.run()
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.stop()
