"""The README's pictures: `python -m tests.browser.screenshots [DIR [png]]`, by default `docs/images/` as WebP.

A real Steward with its embedded estate, the three dialogues of the tutorial, on a phone and on a desk, light and dark.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from tests.browser.chat import Chat
from tests.support.steward import ROOT, Steward, start_steward

SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
SCHEMES = ("light", "dark")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
DIALOGUES = {
    "bills": ["查询我的物业费账单"],
    "parking": ["帮我查一下停车记录"],
    "repair": ["我想报修", "室内", "厨房水龙头一直滴水", "都可以"],
}


async def take(page: Page, file: Path) -> None:
    """What is seen."""
    if "png" in sys.argv[2:]:
        await page.screenshot(path=file.with_suffix(".png"))
        return
    session = await page.context.new_cdp_session(page)
    taken = await session.send("Page.captureScreenshot", {"format": "webp", "quality": 80})
    await asyncio.to_thread(file.write_bytes, base64.b64decode(taken["data"]))


async def pictures(browser: Browser, steward: Steward, size: str, scheme: str, folder: Path) -> None:
    """One device in one scheme."""
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=1.5,
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        has_touch=size == "phone",
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
    )
    page = await context.new_page()
    await page.goto(steward.http)
    chat = Chat(page)
    await page.get_by_role("main").get_by_role("button", name="使用演示账号").click()
    await chat.connected()
    for name, questions in DIALOGUES.items():
        for words in questions:
            await chat.ask(words)
        await page.mouse.move(width - 5, height / 2)
        # the first question on top, or the card at the end
        await page.locator(".scroller").evaluate(
            "(list, end) => { list.scrollTop = end ? list.scrollHeight : 0 }", len(questions) > 1
        )
        await page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        await take(page, folder / f"{size}-{scheme}-{name}.webp")
        await page.get_by_role("button", name="新对话").click()
    await context.close()


async def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as data, start_steward(Path(data)) as steward:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
            for size in SIZES:
                for scheme in SCHEMES:
                    await pictures(browser, steward, size, scheme, folder)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"))
