"""The residents' chat page in Chromium, on a phone and on a desk, against a really started Steward."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.browser import estate
from tests.browser.chat import Chat
from tests.browser.tab import OpenTab, Tab, chunks
from tests.support.breaking_line import BreakingLine
from tests.support.steward import Steward, warm_steward

TOKEN = "your-token-here"
BILLS, PARKING, REPAIR = "查询我的物业费账单", "帮我查一下停车记录", "我想报修"
SIZES: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True},
    "desktop": {"viewport": {"width": 1280, "height": 800}},
}
AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> str:
    """Phone, then desktop."""
    return str(request.param)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steward]:
    """A Steward whose answers take their time, and whose approvals do not wait for long."""
    pace = {"STEWARD_TYPING_PAUSE_S": "0.03", "STEWARD_APPROVAL_TTL_S": "5"}
    with warm_steward(tmp_path_factory.mktemp("slow"), **pace) as running:
        yield running


async def opened(open_tab: OpenTab, url: str, size: str = "desktop", *, login: str | None = TOKEN, **more: Any) -> Tab:
    """A tab with the page, as a host application that has logged `user123` in would show it."""
    context = {"locale": "zh-CN", "timezone_id": "Asia/Shanghai", **SIZES[size], **more}
    tab: Tab = await open_tab("about:blank", **context)
    if login is not None:
        await tab.page.context.add_init_script(
            f"localStorage.setItem('token', {json.dumps(login)}); localStorage.setItem('user_id', 'user123')"
        )
    await tab.page.goto(url)
    return tab


def hosts(tab: Tab) -> set[str]:
    """Every authority that the page has asked, also for sockets."""
    asked = [url for url in tab.urls + tab.sockets if not url.startswith(("data:", "blob:", "about:"))]
    return {urlsplit(url).netloc for url in asked}


def squeezed(text: str) -> str:
    """Without blanks, which Markdown lays out in its own way."""
    return re.sub(r"\s", "", text)


async def test_the_three_dialogues_from_the_first_visit_to_a_repair(
    steward: Steward, open_tab: OpenTab, size: str
) -> None:
    """The demo's login, bills as table and chart, parking, a repair that is confirmed on its card: everything shown is
    the estate's own, one order is made, nothing is asked of another host, and the page does not scroll sideways."""
    tab = await opened(open_tab, steward.http, size, login=None)
    page, chat = tab.page, Chat(tab.page)
    await page.get_by_role("main").get_by_role("button", name="使用演示账号").click()
    await chat.connected()

    await page.locator(".ideas").get_by_role("button", name=BILLS).click()
    answer = await chat.settled(1)
    panel = answer.get_by_role("region", name="查询账单列表")
    shown = await panel.inner_text()
    bills = estate.bills(steward.database, "user123")
    assert len({bill for bill in bills if all(word in shown for word in bill)}) >= 3
    assert estate.amounts(shown) <= estate.sums(steward.database, "user123")
    await expect(panel.get_by_role("img").locator("rect")).to_have_count(10)
    assert re.search(r"2026-\d\d 250\.60 元", await panel.get_by_role("img").get_attribute("aria-label") or "")
    await expect(answer.locator(".steps li.done")).to_contain_text("查询账单列表：已完成")
    await expect(answer.locator(".steps .took")).to_have_text(re.compile(r"[\d.]+ (毫)?秒"))
    if size == "phone":
        await panel.locator("summary").first.click()
        await expect(panel.locator("details[open]")).to_contain_text(re.compile("ZD20"))
    else:
        await panel.get_by_role("button", name="缴费截止日").click()
        cells = await panel.locator("tbody tr td:first-child").all_text_contents()
        assert cells == sorted(cells)
        await panel.get_by_role("button", name="全部列").click()
        await expect(panel.locator("tbody")).to_contain_text(re.compile("ZD20"))
    await panel.get_by_role("button", name="查看全部 10 条").click()
    await expect(panel.locator("li" if size == "phone" else "tbody tr")).to_have_count(10)

    answer = await chat.ask(PARKING)
    shown = await answer.inner_text()
    assert any(car in shown for car in estate.cars(steward.database, "user123"))
    await chat.press("下一页")

    trouble = "厨房水龙头一直滴水"
    estate.finish_leaks(steward.database, "user123")
    before = estate.repairs(steward.database, "user123")
    for words in (REPAIR, "室内", trouble):
        await chat.ask(words)
    answer = await chat.ask("都可以")
    card = answer.get_by_role("region", name="提交报修单")
    said = dict(
        zip(await card.locator("dt").all_text_contents(), await card.locator("dd").all_text_contents(), strict=True)
    )
    [frame] = [frame for frame in tab.frames() if frame["type"] == "approval"]
    assert said == {line["label"]: line["text"] for line in frame["arguments"]}
    assert said["故障描述"] == trouble
    await expect(card.locator(".left")).to_have_text(re.compile(r"[45]:\d\d 内有效"))
    assert estate.repairs(steward.database, "user123") == before
    if size == "desktop":
        count = await chat.answers.count()
        await page.reload()
        await chat.settled(count)
        card = page.get_by_role("region", name="提交报修单")
        await expect(card).to_have_count(1)
    answer = await chat.press("确认")
    made = dict(estate.repairs(steward.database, "user123").items() - before.items())
    assert list(made.values()) == [trouble]
    await expect(answer.locator(".bubble")).to_contain_text(next(iter(made)))
    await expect(card).to_contain_text("您已确认")
    await expect(card.get_by_role("button")).to_have_count(0)
    if size == "desktop":
        count = await chat.answers.count()
        await page.reload()
        await chat.settled(count)
        await expect(card).to_contain_text("已处理")
        await expect(card.get_by_role("button")).to_have_count(0)

    width = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] == width[1]
    assert hosts(tab) == {urlsplit(steward.http).netloc}
    assert all(TOKEN not in url for url in tab.urls + tab.sockets)
    assert tab.errors == []


async def test_an_answer_is_stopped_repeated_typed_cancelled_and_late(slow: Steward, open_tab: OpenTab) -> None:
    """Stop ends an answer that a slow system keeps waiting, 重试 asks the same again, and its text grows;
    a card answered with 取消 writes nothing, one that was left too long cannot be answered."""
    tab = await opened(open_tab, slow.http)
    page, chat = tab.page, Chat(tab.page)
    await chat.connected()
    await chat.field.fill("你好")
    await page.keyboard.press("Shift+Enter")
    assert await chat.field.input_value() == "你好\n"
    slow.fault("bill", "slow:60", operation="listBills")
    await chat.field.fill(BILLS)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="停止回答").click()
    answer = await chat.settled(1)
    await expect(answer.locator(".note")).to_have_text("已停止")
    assert tab.frames()[-1]["data"]["outcome"] == "cancelled"

    slow.control("/demo/faults", method="DELETE")
    await page.get_by_role("button", name="重试").click()
    await page.locator(".bubble.writing").wait_for()
    lengths = await page.evaluate(
        """() => new Promise(done => {
            const seen = new Set()
            const look = () => {
                seen.add([...document.querySelectorAll('.assistant .bubble')].at(-1).textContent.length)
                seen.size < 3 ? requestAnimationFrame(look) : done([...seen])
            }
            look()
        })"""
    )
    assert lengths == sorted(lengths)
    await chat.settled(2)
    assert await page.locator(".message.user").all_text_contents() == [BILLS, BILLS]

    before = estate.repairs(slow.database, "user123")
    for words in (REPAIR, "室内", "厨房水龙头一直滴水", "都可以"):
        await chat.ask(words)
    answer = await chat.press("取消")
    await expect(answer).to_contain_text("已取消")
    for words in (REPAIR, "室内", "厨房水龙头一直滴水"):
        await chat.ask(words)
    answer = await chat.ask("都可以")
    await expect(answer.locator(".approval")).to_contain_text("已过确认时间，没有提交")
    await expect(answer.locator(".approval button")).to_have_count(0)
    assert estate.repairs(slow.database, "user123") == before
    assert tab.errors == []


async def test_a_lost_connection_and_a_reload_lose_no_character(slow: Steward, open_tab: OpenTab) -> None:
    """The line breaks in the middle of the answer: the page says so, comes back, and the bubble is whole. After a
    reload the same questions and answers stand there."""
    async with BreakingLine(slow.port, []) as line:
        tab = await opened(open_tab, f"http://127.0.0.1:{line.port}")
        page, chat = tab.page, Chat(tab.page)
        await chat.connected()
        await chat.field.fill(BILLS)
        await page.keyboard.press("Enter")
        await page.locator(".bubble.writing").wait_for()
        line.drop()
        await page.locator(".connection.waiting").wait_for()
        await chat.connected()
        answer = await chat.settled(1)
        await answer.get_by_role("button", name="展开全文").click()
        said = {frame["seq"]: frame["content"] for frame in tab.frames() if frame["type"] == "chunk"}
        whole = squeezed("".join(said[seq] for seq in sorted(said)))
        assert estate.amounts(whole) <= estate.sums(slow.database, "user123")
        assert squeezed(await answer.locator(".rich").inner_text()) == whole
        assert len(tab.sockets) == 2

        await page.reload()
        answer = await chat.settled(1)
        await answer.get_by_role("button", name="展开全文").click()
        assert squeezed(await answer.locator(".rich").inner_text()) == whole
        assert await page.locator(".message.user").all_text_contents() == [BILLS]
        await page.get_by_role("button", name="新对话").click()
        await page.locator(".welcome").wait_for()
        assert [error for error in tab.errors if "WebSocket" not in error] == []


async def test_an_answer_is_rated_and_copied(steward: Steward, open_tab: OpenTab) -> None:
    """The thumb goes to the gateway, which logs it; what is copied is the answer's text as it came."""
    tab = await opened(open_tab, steward.http, permissions=["clipboard-read", "clipboard-write"])
    answer = await Chat(tab.page).ask(BILLS)
    [turn] = tab.turns()
    await answer.get_by_role("button", name="没有帮助").click()
    await expect(answer.get_by_role("button", name="没有帮助")).to_have_attribute("aria-pressed", "true")
    assert json.loads(tab.sent[-1]) == {"type": "feedback", "turn_id": turn[-1]["turn_id"], "score": -1}
    logged = await steward.logged("feedback")
    assert logged["score"] == -1
    await answer.get_by_role("button", name="复制").click()
    await answer.get_by_role("button", name="已复制").wait_for()
    assert await tab.page.evaluate("navigator.clipboard.readText()") == "".join(c["content"] for c in chunks(turn))
    assert tab.errors == []


async def test_a_refused_login_asks_for_another_one(steward: Steward, open_tab: OpenTab, size: str) -> None:
    """A token that the estate refuses opens the login with the reason; the right one answers, and logging out forgets
    it."""
    tab = await opened(open_tab, steward.http, size, login=None)
    page, chat = tab.page, Chat(tab.page)
    await chat.connected()
    await page.get_by_role("main").get_by_role("button", name="登录", exact=True).last.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("住户编号").fill("user456")
    await dialog.get_by_label("登录凭证").fill("no-such-token")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("登录")
    await dialog.get_by_label("登录凭证").fill(steward.login("user456"))
    await dialog.get_by_role("button", name="登录", exact=True).click()
    await expect(dialog).to_be_hidden()
    await chat.connected()
    answer = await chat.ask(BILLS)
    shown = estate.amounts(await answer.inner_text())
    assert shown
    assert shown <= estate.sums(steward.database, "user456")

    await page.get_by_role("button", name="user456" if size == "desktop" else "账号").click()
    await dialog.get_by_role("button", name="退出登录").click()
    await page.locator(".invitation").wait_for()
    assert await page.evaluate("localStorage.getItem('token')") is None
    assert estate.amounts(await (await chat.ask(BILLS)).inner_text()) == set()
    assert tab.errors == []


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("desktop", "light")])
async def test_axe_finds_nothing(steward: Steward, open_tab: OpenTab, size: str, scheme: str) -> None:
    """WCAG 2.2 AA by axe-core: the welcome, the login, an answer with table and chart, an open approval."""
    tab = await opened(
        open_tab, steward.http, size, login=None, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
    )
    page, chat = tab.page, Chat(tab.page)
    await page.add_script_tag(path=AXE)

    async def check(what: str) -> None:
        found = await page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        )
        told = [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found["violations"]]
        assert told == [], what
        assert len(found["passes"]) > 10

    await chat.connected()
    await check("welcome")
    await page.get_by_role("main").get_by_role("button", name="登录", exact=True).last.click()
    await check("login")
    await page.get_by_role("dialog").get_by_role("button", name="使用演示账号").click()
    await chat.connected()
    await check("ideas")
    await chat.ask(BILLS)
    for words in (REPAIR, "室内", "厨房水龙头一直滴水", "都可以"):
        await chat.ask(words)
    await page.locator(".approval.pending").wait_for()
    await check("dialogue")


async def test_english_and_the_other_theme_are_kept(steward: Steward, open_tab: OpenTab) -> None:
    """One button each; both are as they were after a reload. English questions are answered in English."""
    tab = await opened(open_tab, steward.http, "desktop")
    page = tab.page
    await page.get_by_role("button", name="English").click()
    await page.get_by_role("button", name="Light or dark").click()
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(page).to_have_title("Steward")
    await page.get_by_role("navigation").get_by_role("button", name="show my bills").click()
    await page.locator(".assistant .actions").wait_for()
    await expect(page.locator(".assistant .steps")).to_contain_text("done")
    assert estate.amounts(await page.locator(".assistant").inner_text()) <= estate.sums(steward.database, "user123")
    assert tab.errors == []


async def test_the_keyboard_is_enough(steward: Steward, open_tab: OpenTab) -> None:
    """The first stop skips to the question; Enter while an input method is open sends nothing; Escape closes the
    login."""
    tab = await opened(open_tab, steward.http, "desktop")
    page, chat = tab.page, Chat(tab.page)
    await chat.connected()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.keyboard.type(BILLS)
    await chat.field.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    assert await chat.field.input_value() == BILLS
    await page.keyboard.press("Enter")
    await chat.settled(1)
    await page.get_by_role("button", name="user123").click()
    await page.get_by_role("dialog").wait_for()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("path", ["/", "/test/websocket_test.html"])
async def test_no_page_asks_another_host(steward: Steward, open_tab: OpenTab, path: str) -> None:
    """While it loads and while it answers; what is cut off is what Chromium would send, not only what it was told."""
    tab = await opened(open_tab, steward.http + path)
    await tab.page.get_by_role("button", name=BILLS).first.click()
    await tab.answered()
    await tab.page.wait_for_load_state("networkidle")
    assert hosts(tab) == {urlsplit(steward.http).netloc}
    assert len(tab.urls) >= (15 if path == "/" else 1)
    assert tab.errors == []


async def test_the_page_works_below_a_path_of_a_shared_host(open_tab: OpenTab, tmp_path: Path) -> None:
    """From the address without its last slash on: page, socket and files are below it, and nothing beside it is
    asked for."""
    with warm_steward(tmp_path, STEWARD_BASE_PATH="/estate/steward") as steward:
        tab = await opened(open_tab, f"{steward.http}/estate/steward")
        chat = Chat(tab.page)
        await chat.connected()
        await expect(await chat.ask(BILLS)).to_contain_text("250.60")
        asked = [urlsplit(url).path for url in tab.urls + tab.sockets if url.startswith(("http", "ws"))]
        assert len(asked) > 5
        assert [path for path in asked if not path.startswith("/estate/steward")] == []
