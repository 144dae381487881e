"""`test/websocket_test.html` in Chromium, opened from disk and served, against a really started Steward."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Locator

from tests.browser import estate
from tests.browser.tab import KeepPicture, OpenTab, Tab, chunks
from tests.support.steward import Steward

PAGE = Path(__file__).parents[2] / "test" / "websocket_test.html"
SERVED = "/test/websocket_test.html"
PROMPTS = ("查询我的物业费账单", "帮我查一下停车记录", "我想报修")
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(params=["disk", SERVED])
def address(request: pytest.FixtureRequest, steward: Steward) -> str:
    """Where the page is opened: from disk, or served by the gateway."""
    return PAGE.as_uri() if request.param == "disk" else steward.http + request.param


def bubbles(tab: Tab, kind: str = "assistant") -> Locator:
    """The bubbles of `user`, `assistant` or `error`."""
    return tab.page.locator(f".message.{kind} .bubble")


async def connected(tab: Tab) -> Tab:
    """The tab, once its page shows an open connection."""
    await tab.page.locator("#state[data-state=open]").wait_for()
    return tab


async def pressed(tab: Tab, label: str) -> str:
    """Presses a button and waits for the turn that it starts; the answer, as the frames had it."""
    before = len(tab.turns())
    await tab.page.get_by_role("button", name=label, exact=True).click()
    return (await tab.answered(before + 1))[-1]


async def said(tab: Tab, words: str) -> str:
    """Types a sentence, sends it with Enter and waits for the turn that it starts; the answer, as the frames had it."""
    before = len(tab.turns())
    field = tab.page.locator("#query")
    await field.fill(words)
    await field.press("Enter")
    return (await tab.answered(before + 1))[-1]


async def test_the_three_prompts_are_answered_with_the_residents_own_data(
    steward: Steward, open_tab: OpenTab, picture: KeepPicture, address: str
) -> None:
    """Each prompt's button brings a true answer in several chunks, shown as it was sent, and asks no other host."""
    tab = await connected(await open_tab(address, viewport=DESK))
    name = "served" if address.startswith("http") else "disk"
    answers = []
    for place, prompt in enumerate(PROMPTS, 1):
        answers.append(await pressed(tab, prompt))
        await tab.page.locator("#status:not(.busy)").wait_for()
        await picture(tab, f"{name}-{place}")

    bills, parking, repair = answers
    named = {bill for bill in estate.bills(steward.database, "user123") if all(word in bills for word in bill)}
    assert len(named) >= 3
    assert estate.amounts(bills) <= estate.sums(steward.database, "user123")
    assert any(car in parking for car in estate.cars(steward.database, "user123"))
    assert "报修" in repair
    assert "请告诉我" in repair
    assert await bubbles(tab, "user").all_text_contents() == list(PROMPTS)
    assert await bubbles(tab).all_text_contents() == answers
    assert await tab.page.locator(".bubble.writing").count() == 0
    assert all(len(chunks(turn)) > 1 for turn in tab.turns())

    assert tab.errors == []
    authority = urlsplit(steward.http).netloc if address.startswith("http") else "localhost:8001"
    assert tab.sockets == [f"ws://{authority}/ws/chat/user123"]
    assert {urlsplit(url)._replace(path="").geturl() for url in tab.urls if not url.startswith("data:")} == {
        urlsplit(address)._replace(path="").geturl()
    }


@pytest.mark.parametrize("confirmed", [True, False], ids=["confirm", "cancel"])
async def test_a_repair_is_ordered_by_the_confirm_button_and_by_nothing_else(
    start: Callable[..., AbstractContextManager[Steward]], open_tab: OpenTab, picture: KeepPicture, confirmed: bool
) -> None:
    """A parked request puts two buttons on the page: 确认 makes one order, whose number is shown; 取消 makes none."""
    with start() as own:
        before = estate.repairs(own.database, "user123")
        tab = await connected(await open_tab(own.http + SERVED, viewport=DESK))
        buttons = tab.page.locator("#prompts button")
        await pressed(tab, PROMPTS[2])
        for words in ("室内", "厨房水龙头一直滴水", "都可以"):
            assert await buttons.count() == len(PROMPTS)
            shown = await said(tab, words)
        assert "厨房水龙头一直滴水" in shown
        assert await buttons.all_text_contents() == ["确认", "取消", *PROMPTS]
        assert estate.repairs(own.database, "user123") == before

        answer = await pressed(tab, "确认" if confirmed else "取消")
        await buttons.nth(len(PROMPTS)).wait_for(state="detached")
        await picture(tab, "repair-confirmed" if confirmed else "repair-cancelled")
        made = estate.repairs(own.database, "user123").items() - before.items()
        assert [description for _, description in made] == (["厨房水龙头一直滴水"] if confirmed else [])
        assert all(number in answer for number, _ in made)
        assert tab.errors == []


async def test_a_question_travels_as_the_tutorials_frame(steward: Steward, open_tab: OpenTab) -> None:
    """What the page sends is the tutorial's frame: the query and the token of the field."""
    tab = await connected(await open_tab(steward.http + SERVED))
    assert await tab.page.get_by_label("令牌（可选）").input_value() == "your-token-here"
    await pressed(tab, PROMPTS[0])
    assert [json.loads(frame) for frame in tab.sent] == [{"query": PROMPTS[0], "token": "your-token-here"}]


async def test_the_address_is_the_tutorials_on_disk_and_the_servers_when_served(
    steward: Steward, open_tab: OpenTab, address: str
) -> None:
    """From disk the address field holds the tutorial's address; over HTTP, the host that served the page."""
    tab = await open_tab(address)
    expected = f"{steward.ws}/ws/chat/user123" if address.startswith("http") else "ws://localhost:8001/ws/chat/user123"
    assert await tab.page.get_by_label("WebSocket 地址").input_value() == expected


async def test_the_log_holds_every_raw_frame_with_time_and_direction(steward: Steward, open_tab: OpenTab) -> None:
    """The log's rows are the frames on the wire, letter by letter, sent ones marked ↑ and received ones ↓."""
    tab = await connected(await open_tab(steward.http + SERVED, viewport=DESK))
    await pressed(tab, PROMPTS[0])
    rows = tab.page.locator("#frames li")
    assert await rows.locator("code").all_text_contents() == tab.sent + tab.received
    ways = await rows.locator(".way").all_text_contents()
    assert ways == ["↑"] * len(tab.sent) + ["↓"] * len(tab.received)
    assert await rows.locator("time").evaluate_all(
        "all => all.every(one => /^\\d\\d:\\d\\d:\\d\\d\\.\\d{3}$/.test(one.textContent))"
    )
    assert await tab.page.locator("#count").text_content() == str(len(ways))

    await tab.page.get_by_role("button", name="清空").click()
    assert await rows.count() == 0


async def test_the_status_line_and_the_steps_tell_what_is_being_done(steward: Steward, open_tab: OpenTab) -> None:
    """The status line shows each status frame in turn, and every tool call is a step that ends up done."""
    tab = await connected(await open_tab(steward.http + SERVED))
    await tab.page.evaluate(
        """() => {
            window.seen = []
            const note = () => window.seen.push(document.getElementById('status').textContent)
            new MutationObserver(note).observe(document.getElementById('status'), { childList: true })
        }"""
    )
    await pressed(tab, PROMPTS[0])
    statuses = [frame for frame in tab.frames() if frame["type"] == "status"]
    assert statuses[0]["status"] == "thinking"
    assert await tab.page.evaluate("seen") == [frame["data"]["message"] for frame in statuses]
    called = [frame["data"]["tool"] for frame in statuses if frame["status"] == "tool_calling"]
    steps = await tab.page.locator(".step.done").all_text_contents()
    assert called
    assert [step.split(" · ")[0] for step in steps] == called
    assert await tab.page.locator(".step:not(.done)").count() == 0


async def test_an_error_frame_is_shown_with_its_code(steward: Steward, open_tab: OpenTab, picture: KeepPicture) -> None:
    """A query beyond the limit is refused by the gateway, and its sentence and code are on the page."""
    tab = await connected(await open_tab(steward.http + SERVED, viewport=DESK))
    await tab.page.get_by_label("输入问题，按回车发送").fill("长" * 4001)
    await tab.page.get_by_role("button", name="发送", exact=True).click()
    await bubbles(tab, "error").wait_for()
    [frame] = [frame for frame in tab.frames() if frame["type"] == "error"]
    assert frame["code"] == "too_large"
    assert await bubbles(tab, "error").all_text_contents() == [frame["content"]]
    assert await tab.page.locator(".message.error .note").all_text_contents() == ["too_large"]
    await picture(tab, "error")

    await pressed(tab, PROMPTS[0])
    assert await bubbles(tab).count() == 1


async def test_enter_sends_and_shift_enter_breaks_the_line(steward: Steward, open_tab: OpenTab) -> None:
    """Enter sends what was typed and empties the field; Shift+Enter makes a line break, which the bubble keeps."""
    tab = await connected(await open_tab(steward.http + SERVED))
    field = tab.page.get_by_label("输入问题，按回车发送")
    await field.press_sequentially("你好")
    await field.press("Shift+Enter")
    await field.press_sequentially(PROMPTS[0])
    assert tab.sent == []
    await field.press("Enter")
    await tab.answered()
    assert json.loads(tab.sent[0])["query"] == f"你好\n{PROMPTS[0]}"
    assert await field.input_value() == ""
    assert await bubbles(tab, "user").inner_text() == f"你好\n{PROMPTS[0]}"


async def test_the_enter_of_an_input_method_sends_nothing(steward: Steward, open_tab: OpenTab) -> None:
    """While a Chinese input method composes, Enter belongs to it."""
    tab = await connected(await open_tab(steward.http + SERVED))
    field = tab.page.get_by_label("输入问题，按回车发送")
    await field.fill("chaxun")
    await field.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True, "cancelable": True})
    assert await field.input_value() == "chaxun"
    assert await bubbles(tab, "user").count() == 0
    assert tab.sent == []


async def test_an_empty_question_is_not_sent(steward: Steward, open_tab: OpenTab) -> None:
    """Blanks alone make neither a bubble nor a frame."""
    tab = await connected(await open_tab(steward.http + SERVED))
    await tab.page.get_by_label("输入问题，按回车发送").fill("  \n ")
    await tab.page.get_by_role("button", name="发送", exact=True).click()
    assert await bubbles(tab, "user").count() == 0
    assert tab.sent == []


async def test_markup_is_shown_as_text(steward: Steward, open_tab: OpenTab) -> None:
    """A41: whatever a frame or a resident says stays text: no element, no script, in any place where it is shown."""
    attack = "<img src=x onerror='window.harmed = 1'><b>粗</b>"
    tab = await connected(await open_tab(steward.http + SERVED))
    await tab.page.get_by_label("输入问题，按回车发送").fill(attack)
    await tab.page.get_by_role("button", name="发送", exact=True).click()
    await tab.answered()
    frames = [
        {"type": "status", "status": "thinking", "data": {"message": attack}},
        {
            "type": "status",
            "status": "tool_calling",
            "data": {"message": attack, "tool": attack, "tool_call_id": attack},
        },
        {"type": "status", "status": "tool_completed", "data": {"tool": attack, "tool_call_id": attack}},
        {"type": "chunk", "content": attack, "is_final": False},
        {"type": "chunk", "content": attack, "is_final": True},
        {"type": "error", "content": attack, "code": attack},
    ]
    await tab.page.evaluate("frames => frames.forEach(one => onFrame({ data: JSON.stringify(one) }))", frames)
    assert await bubbles(tab, "user").text_content() == attack
    assert await bubbles(tab).last.text_content() == attack * 2
    assert await bubbles(tab, "error").last.text_content() == attack
    assert await tab.page.locator("img, b").count() == 0
    assert await tab.page.evaluate("window.harmed") is None
    assert tab.errors == []


async def test_frames_that_the_page_does_not_know_are_only_logged(steward: Steward, open_tab: OpenTab) -> None:
    """A new frame type, a new field or no JSON at all changes only the log: the protocol may grow."""
    tab = await connected(await open_tab(steward.http + SERVED, viewport=DESK))
    frames = [
        '{"type":"ready","v":1}',
        "null",
        "[]",
        "7",
        "no JSON",
        '{"type":"chunk","content":"好","new":[],"is_final":true}',
    ]
    await tab.page.evaluate("frames => frames.forEach(data => onFrame({ data }))", frames)
    assert await tab.page.locator("#frames code").all_text_contents() == frames
    assert await bubbles(tab).all_text_contents() == ["好"]
    assert tab.errors == []


async def test_reconnect_opens_a_new_connection_that_answers(steward: Steward, open_tab: OpenTab) -> None:
    """The reconnect button closes the old socket and opens one to the address in the field, which answers."""
    tab = await connected(await open_tab(steward.http + SERVED, viewport=DESK))
    await tab.page.get_by_label("WebSocket 地址").fill(f"{steward.ws}/ws/chat/user456")
    await tab.page.get_by_label("令牌（可选）").fill(steward.login("user456"))
    async with tab.page.expect_websocket():
        await tab.page.get_by_role("button", name="重新连接").click()
    await connected(tab)
    assert tab.sockets == [f"{steward.ws}/ws/chat/user123", f"{steward.ws}/ws/chat/user456"]
    answer = await pressed(tab, PROMPTS[0])
    assert estate.amounts(answer)
    assert estate.amounts(answer) <= estate.sums(steward.database, "user456")


async def test_without_a_server_the_page_says_so_and_sends_after_reconnecting(
    steward: Steward, open_tab: OpenTab
) -> None:
    """No server: a sentence says what to check; a question asked meanwhile is sent as soon as there is a connection."""
    tab = await connected(await open_tab(steward.http + SERVED, viewport=DESK))
    address = tab.page.get_by_label("WebSocket 地址")
    working = await address.input_value()
    await address.fill("ws://127.0.0.1:9/ws/chat/user123")
    await address.press("Enter")
    await tab.page.get_by_text("请确认服务已启动").wait_for()
    assert await tab.page.locator("#state").text_content() == "未连接"

    await tab.page.get_by_role("button", name=PROMPTS[0]).click()
    await tab.page.locator("#state[data-state=closed]").wait_for()
    await address.fill(working)
    await address.press("Enter")
    await tab.answered()
    assert await bubbles(tab, "user").all_text_contents() == [PROMPTS[0]]
    assert await bubbles(tab).count() == 1


async def test_an_emptied_token_field_logs_out(steward: Steward, open_tab: OpenTab) -> None:
    """The field shows who is asking: emptied, the next question is asked by nobody and the answer is to log in."""
    tab = await connected(await open_tab(steward.http + SERVED, viewport=DESK))
    assert estate.amounts(await pressed(tab, PROMPTS[0]))
    await tab.page.get_by_label("令牌（可选）").fill("")
    answer = await pressed(tab, PROMPTS[0])
    assert "登录" in answer
    assert estate.amounts(answer) == set()


async def test_english_labels_and_english_prompts(steward: Steward, open_tab: OpenTab, picture: KeepPicture) -> None:
    """One button turns the page to English, and its English prompts bring true answers."""
    tab = await connected(await open_tab(steward.http + SERVED, viewport=DESK))
    await tab.page.get_by_role("button", name="English").click()
    assert await tab.page.locator("html").get_attribute("lang") == "en"
    assert await tab.page.locator("#state").text_content() == "Connected"
    for label in ("WebSocket address", "Token (optional)", "Type a question, Enter sends"):
        await tab.page.get_by_label(label).wait_for()
    bills = await pressed(tab, "Show my property fee bills")
    parking = await pressed(tab, "Look up my parking records")
    await picture(tab, "english")
    assert estate.amounts(bills)
    assert estate.amounts(bills) <= estate.sums(steward.database, "user123")
    assert any(car in parking for car in estate.cars(steward.database, "user123"))

    await tab.page.get_by_role("button", name="中文").click()
    assert await tab.page.locator("#state").text_content() == "已连接"


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_control_has_a_name_for_a_screen_reader(steward: Steward, open_tab: OpenTab, language: str) -> None:
    """Fields, buttons, the conversation and the log are named, in both languages."""
    tab = await connected(await open_tab(steward.http + SERVED, viewport=DESK))
    if language == "en":
        await tab.page.get_by_role("button", name="English").click()
    controls = tab.page.locator("button, input, textarea, summary, [role=log], [role=group], #frames")
    for control in await controls.all():
        name = await control.evaluate(
            "e => (e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent).trim()"
        )
        assert name, await control.evaluate("e => e.outerHTML")
    assert await controls.count() >= 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    steward: Steward, open_tab: OpenTab, picture: KeepPicture, scheme: str
) -> None:
    """On 390 by 844 points nothing is wider than the screen, the field stays in view, and the log is folded away."""
    tab = await connected(await open_tab(steward.http + SERVED, viewport=PHONE, color_scheme=scheme, has_touch=True))
    for prompt in PROMPTS:
        await pressed(tab, prompt)
    await picture(tab, f"phone-{scheme}")
    width, height = await tab.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert (width, height) == (PHONE["width"], PHONE["height"])
    field = await tab.page.locator("#query").bounding_box()
    assert field
    assert field["y"] + field["height"] < PHONE["height"]
    assert not await tab.page.locator("#frames").is_visible()
    await tab.page.locator("#log summary").click()
    assert await tab.page.locator("#frames").is_visible()


def test_the_page_has_no_way_to_turn_data_into_markup() -> None:
    """A41: the file names none of the ways by which text becomes elements or code, and no address of another host."""
    source = PAGE.read_text(encoding="utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser"):
        assert way not in source
    assert "https://" not in source
    assert source.count("http://") == source.count("http://www.w3.org/2000/svg")
