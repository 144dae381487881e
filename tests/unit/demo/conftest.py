"""A really started estate on three free ports, its database in a fresh folder, for the tests of the three upstreams."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from demo.estate import start_estate
from tests.unit.demo.running import Running, SettableClock


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A fresh estate, seeded on 22 November 2026; its clock stands still until a test moves it."""
    clock = SettableClock()
    started = Running(await start_estate(tmp_path / "estate", clock=clock), clock)
    yield started
    await started.close()
