"""The docs pages in Chromium: they show what they should, ask no other host for anything, break no policy."""

from __future__ import annotations

import re

import pytest

from tests.browser.tab import KeepPicture, OpenTab, Tab
from tests.support.steward import Steward, request_json

BASE = "http://localhost:8001"
UPSTREAMS = ["物业缴费系统 (bill)", "停车系统 (parking)", "报修系统 (repair)"]


def stayed_home(tab: Tab) -> None:
    """No request to any other host, no error and no warning (a breach of the policy is one)."""
    strangers = [url for url in tab.urls if not url.startswith((f"{BASE}/docs", "data:", "blob:"))]
    assert strangers == []
    assert tab.errors == []


async def docs(open_tab: OpenTab, path: str = "/docs/") -> Tab:
    return await open_tab(f"{BASE}{path}", locale="zh-CN", viewport={"width": 1200, "height": 900})


async def test_the_own_api_is_shown_first(open_tab: OpenTab, picture: KeepPicture, steward: Steward) -> None:
    """`/docs` leads to it; every operation of the own document is there, and the drop-down names each upstream."""
    tab = await docs(open_tab, "/docs")
    await tab.page.wait_for_selector(".opblock-summary-path")
    document = request_json(f"{steward.http}/docs/openapi/steward.json")
    operations = sum(method in ("get", "post", "delete") for path in document["paths"].values() for method in path)
    assert await tab.page.locator(".opblock").count() == operations
    assert await tab.page.locator("#select option").all_inner_texts() == ["Steward", *UPSTREAMS]
    await picture(tab, "docs-own")
    stayed_home(tab)


async def test_the_own_api_can_be_tried_out(open_tab: OpenTab) -> None:
    """The server is the one that serves the page, wherever that is: a real answer comes."""
    tab = await docs(open_tab)
    operation = tab.page.locator("#operations-catalogue-catalogue")
    await operation.locator(".opblock-summary-control").click()
    await operation.get_by_role("button", name="Try it out").click()
    await operation.get_by_role("button", name="Execute").click()
    status = operation.locator(".live-responses-table .response .response-col_status")
    await status.filter(has_text="200").wait_for()
    tab.urls.remove(f"{BASE}/api/catalogue")
    stayed_home(tab)


@pytest.mark.parametrize("name", ["bill", "parking", "repair"])
async def test_an_upstreams_document_is_shown_as_it_is_understood(
    open_tab: OpenTab, picture: KeepPicture, steward: Steward, name: str
) -> None:
    """Each operation with its effect, its envelope and its tool; what was left out and mended with the reason; nothing
    of it can be tried out, which would go round the gateway."""
    tab = await docs(open_tab)
    await tab.page.wait_for_selector(".opblock-summary-path")
    await tab.page.select_option("#select", f"openapi/{name}.json")
    document = request_json(f"{steward.http}/docs/openapi/{name}.json")
    await tab.page.get_by_role("heading", name=document["info"]["title"]).wait_for()
    summaries = tab.page.locator(".opblock-summary-description")
    written = [operation for path in document["paths"].values() for operation in path.values()]
    await tab.page.wait_for_function("n => document.querySelectorAll('.opblock').length === n", arg=len(written))
    assert sorted(await summaries.all_inner_texts()) == sorted(one["summary"] for one in written)
    assert all(re.search(r" · (read|write)$", text) for text in await summaries.all_inner_texts())
    if name == "parking":
        said = await tab.page.locator(".information-container").inner_text()
        assert "GET /parking/record/export" in said
        assert "the path parameter 'recordId' was not declared" in said
    await tab.page.locator(".opblock-summary-control").first.click()
    shown = tab.page.locator(".opblock.is-open")
    await shown.get_by_text("x-steward-effect").wait_for()
    await shown.get_by_text("x-steward-envelope").wait_for()
    assert await shown.get_by_role("button", name="Try it out").count() == 0
    await picture(tab, f"docs-{name}")
    stayed_home(tab)


async def test_the_websocket_is_shown_too(open_tab: OpenTab, picture: KeepPicture) -> None:
    """Every operation and every message of docs/asyncapi.yaml."""
    tab = await docs(open_tab, "/docs/websocket")
    await tab.page.get_by_text("/ws/chat/{user_id}").first.wait_for()
    shown = await tab.page.locator("#protocol").text_content() or ""
    for operation in ("ask", "begin", "decide", "stop", "rate", "beat", "tell"):
        assert re.search(rf"Operation ID\s*{operation}(?![a-z])", shown), operation
    for message in ("query", "hello", "chunk", "snapshot", "approval", "data"):
        assert re.search(rf"(?<![a-z]){message}(?![a-z])", shown), message
    await picture(tab, "docs-websocket")
    await tab.page.set_viewport_size({"width": 390, "height": 844})
    await picture(tab, "docs-websocket-phone")
    stayed_home(tab)


@pytest.mark.parametrize("path", ["/docs/", "/docs/websocket"])
async def test_the_policy_stops_what_a_page_would_ask_another_host(open_tab: OpenTab, path: str) -> None:
    """A fetch, a picture, a script and code from text are refused by the browser itself."""
    tab = await docs(open_tab, path)
    await tab.page.wait_for_load_state("networkidle")
    refused = await tab.page.evaluate(
        """async () => {
            const broken = []
            document.addEventListener('securitypolicyviolation', event => broken.push(event.effectiveDirective))
            await fetch('https://outside.example/x').catch(() => null)
            for (const name of ['img', 'script']) {
                const element = document.createElement(name)
                element.src = 'https://outside.example/x'
                document.body.append(element)
            }
            const wanted = ['connect-src', 'img-src', 'script-src-elem']
            while (!wanted.every(name => broken.includes(name))) await new Promise(go => setTimeout(go, 10))
            try { return eval('"code from text ran"') } catch (error) { return error.name }
        }"""
    )
    assert refused == "EvalError"


@pytest.mark.parametrize(
    "name", ["oauth2-redirect.html", "vendor/README.md", "vendor/refresh.sh", "%2e%2e/docs.js", "x"]
)
async def test_nothing_else_is_served(open_tab: OpenTab, name: str) -> None:
    """Least of all the page that makes sanic-ext's server ask a CDN."""
    tab = await docs(open_tab)
    assert await tab.page.evaluate(f"fetch('{name}').then(response => response.status)") == 404
