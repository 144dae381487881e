"""Every example of docs/clients.md, to the letter, against a really started Steward."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path

from playwright.async_api import expect

from tests.browser import estate
from tests.browser.tab import OpenTab, Tab
from tests.support.steward import ROOT, Steward

DOCS = ROOT / "docs" / "clients.md"
MINI = Path(__file__).parent / "client" / "miniprogram.mjs"
BILLS = "查询我的物业费账单"
TOKEN = "your-token-here"
TROUBLE = "厨房水龙头一直滴水"
REPAIR = ("我想报修", "室内", TROUBLE, "都可以")


def example(heading: str, language: str) -> str:
    """The code block of that language below that heading."""
    section = DOCS.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.search(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert found, f"no {language} below {heading}"
    return found[1]


async def typed(tab: Tab, words: str) -> str:
    """A question by the page's input; the text of the last bubble once its turn has ended."""
    before = len(tab.turns())
    await tab.page.locator("input").fill(words)
    await tab.page.locator("input").press("Enter")
    return (await tab.answered(before + 1))[-1]


async def dialogue(tab: Tab, steward: Steward) -> None:
    """Bills, then a repair that is confirmed with the example's own button."""
    answer = await typed(tab, BILLS)
    assert estate.amounts(answer) <= estate.sums(steward.database, "user123")
    await expect(tab.page.locator("article .text").last).to_have_text(answer)
    await expect(tab.page.locator("article .mine").last).to_have_text(BILLS)
    estate.finish_leaks(steward.database, "user123")
    before = estate.repairs(steward.database, "user123")
    for words in REPAIR:
        await typed(tab, words)
    await expect(tab.page.locator("article").last).to_contain_text("故障描述")
    turns = len(tab.turns())
    await tab.page.get_by_role("button", name="确认").click()
    answer = (await tab.answered(turns + 1))[-1]
    made = dict(estate.repairs(steward.database, "user123").items() - before.items())
    assert list(made.values()) == [TROUBLE]
    await expect(tab.page.locator("article .text").last).to_have_text(answer)
    assert next(iter(made)) in answer
    await expect(tab.page.get_by_role("button", name="确认")).to_have_count(0)
    assert tab.errors == []


async def test_vue(steward: Steward, open_tab: OpenTab, frontend: str) -> None:
    """The component shows state, text, table and approval."""
    tab = await open_tab(f"{frontend}/pages/vue.html", token=TOKEN)
    await tab.page.evaluate("source => mount(source)", example("Vue 3", "vue"))
    await expect(tab.page.locator(".state")).to_have_text("open")
    await dialogue(tab, steward)
    assert await tab.page.locator("table tr").count() > 5


async def test_react(steward: Steward, open_tab: OpenTab, frontend: str) -> None:
    """The component, mounted as any other."""
    mount = """
        import { createRoot } from 'react-dom/client'
        createRoot(document.getElementById('app')).render(<Chat />)
    """
    tab = await open_tab(f"{frontend}/pages/react.html", token=TOKEN)
    tab.errors.clear()
    await tab.page.evaluate("source => mount(source)", example("React", "jsx") + mount)
    tab.errors.clear()  # the loader has looked for `x.js` before it found `x/index.js`
    await dialogue(tab, steward)


async def test_a_mini_program(steward: Steward, tmp_path: Path) -> None:
    """The page of the mini program in Node, by `wx.connectSocket`: bills, and a repair that is dropped on its card."""
    program = shutil.which("node")
    assert program, "no Node: install the package nodejs"
    page = tmp_path / "pages" / "chat" / "chat.js"
    page.parent.mkdir(parents=True)
    page.write_text(example("WeChat mini program", "javascript"), "utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}', "utf-8")
    shutil.copy(ROOT / "web" / "steward-client.js", tmp_path)
    words = [BILLS, *REPAIR]
    given = {"port": steward.port, "token": TOKEN, "steps": [*({"query": one} for one in words), {"approved": False}]}
    process = await asyncio.create_subprocess_exec(
        program, str(MINI), str(page), json.dumps(given), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    told = json.loads(out)
    assert told["state"] == "open"
    assert [message["mine"] for message in told["messages"]] == [*words, "取消"]
    assert estate.amounts(told["messages"][0]["text"]) <= estate.sums(steward.database, "user123")
    assert told["messages"][4]["approval"]["arguments"]
    assert "已取消" in told["messages"][5]["text"]


async def test_a_page_without_a_framework(steward: Steward, open_tab: OpenTab, tmp_path: Path) -> None:
    """One file from disk, which imports the library from the gateway."""
    file = tmp_path / "chat.html"
    file.write_text(example("A page without a framework", "html"), "utf-8")
    tab = await open_tab(file.as_uri())
    answer = await typed(tab, BILLS)
    assert estate.amounts(answer)
    await expect(tab.page.locator("pre")).to_have_text(answer)
    assert tab.errors == []


async def test_plain_websocket(steward: Steward, open_tab: OpenTab, tmp_path: Path) -> None:
    """The script logs the bills piece by piece and the size of their table, and leaves."""
    file = tmp_path / "client.html"
    script = example("Plain WebSocket", "javascript")
    file.write_text(f'<!DOCTYPE html><meta charset="utf-8"><script>\n{script}</script>', "utf-8")
    tab = await open_tab(file.as_uri())
    [answer] = await tab.answered()
    await tab.page.wait_for_function("socket.readyState === WebSocket.CLOSED")
    assert "".join(tab.logged).replace("查询账单列表 10", "") == answer
    assert estate.amounts(answer) <= estate.sums(steward.database, "user123")
    assert tab.errors == []
