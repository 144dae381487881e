"""Fixtures of the browser tests: Chromium, a front-end developer's page server, the tutorial's text.

The tutorial has `ws://localhost:8001` written in. Chromium is told to reach that authority at the port where the
test's Steward really listens (`--host-resolver-rules`), so the tutorial's code runs without a changed letter, and
nothing takes the place of the browser's own WebSocket. Next: `test_tutorial_clients.py` and `test_websocket_page.py`.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright

from tests.browser.tab import KeepPicture, OpenTab, Tab, Tutorial
from tests.support.steward import Steward, start_steward

HERE = Path(__file__).parent
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--chromium PATH` and `--screenshots DIR`; known when `tests/browser` is named on the command line."""
    group = parser.getgroup("browser")
    group.addoption("--chromium", default=None, help="Chromium's executable (else $CHROMIUM, else chromium)")
    group.addoption("--screenshots", default=None, help="also keep the pictures of the page in this folder")


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> str:
    """Chromium's executable: the option, the environment, or Debian's."""
    named = request.config.getoption("--chromium", default=None) or os.environ.get("CHROMIUM")
    found = named or shutil.which("chromium")
    if not found:
        pytest.fail("no Chromium: install the package chromium, or name another one with CHROMIUM=/path/to/it")
    return str(found)


@pytest.fixture(scope="session")
def steward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steward]:
    """The whole product, which gives a page of a machine that is busy with other tests half a second for a bubble."""
    with start_steward(tmp_path_factory.mktemp("steward"), STEWARD_BUBBLE_S="0.5") as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All browser tests of a process run in one event loop: Chromium belongs to the loop that started it."""
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str, steward: Steward) -> AsyncIterator[Browser]:
    """One Chromium for a test process, in which `localhost:8001` is its Steward; each tab has a profile of its own."""
    rule = f"--host-resolver-rules=MAP localhost:8001 {steward.http.removeprefix('http://')}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, rule])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_tab(browser: Browser) -> AsyncIterator[OpenTab]:
    """`tab = await open_tab(url, token=..., **context)`: a tab in a fresh profile that ends with the test.

    `token` is what localStorage holds for the page's origin, as after a login; `context` is Playwright's.
    """

    profiles: list[BrowserContext] = []

    async def open_it(url: str, *, token: str | None = None, **context: Any) -> Tab:
        profile = await browser.new_context(**context)
        profiles.append(profile)
        tab = Tab(await profile.new_page())
        if token is not None:
            await profile.add_init_script(f"localStorage.setItem('token', '{token}')")
        await tab.page.goto(url)
        return tab

    yield open_it
    for profile in profiles:
        await profile.close()


@pytest.fixture
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> KeepPicture:
    """`await picture(tab, name)`: a screenshot in the test's folder and, with `--screenshots DIR`, in DIR."""
    also = request.config.getoption("--screenshots", default=None)

    async def keep(tab: Tab, name: str) -> None:
        folders = [tmp_path] + ([Path(also)] if also else [])
        taken = await tab.page.screenshot()
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.png").write_bytes(taken)

    return keep


@pytest.fixture(scope="session")
def frontend() -> Iterator[str]:
    """The base URL of a front-end developer's own server, another origin than the gateway: `pages/`, `vendor/`,
    and `web/` with the client library."""

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            found = super().translate_path(path)
            return found.replace(str(HERE / "web"), str(HERE.parents[1] / "web"), 1)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(HERE))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def tutorial() -> Tutorial:
    """`tutorial(language)`: the first code block of that language in the tutorial, to the letter."""
    text = (HERE / "tutorial.md").read_text(encoding="utf-8")

    def first_block(language: str) -> str:
        block = re.search(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        assert block, f"the tutorial has no {language}"
        return block[1]

    return first_block
