"""The tutorial's three clients, as written, in Chromium against a really started Steward."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.browser import estate
from tests.browser.tab import OpenTab, Tab, Tutorial, chunks
from tests.support.steward import Steward

BILLS = "查询我的物业费账单"
MOUNT_REACT = """
import { createRoot } from 'react-dom/client'
createRoot(document.getElementById('app')).render(<Chat />)
"""


def assert_true_bills(answer: str, steward: Steward, user_id: str) -> None:
    """The answer names bills of this resident, and no amount that his bills do not yield."""
    named = {bill for bill in estate.bills(steward.database, user_id) if all(word in answer for word in bill)}
    assert len(named) >= 3, answer
    assert estate.amounts(answer) <= estate.sums(steward.database, user_id), answer


async def typed(tab: Tab, query: str) -> str:
    """The query, put into the component's only input key by key and sent with Enter; the whole answer to it."""
    before = len(tab.turns())
    await tab.page.locator("input").press_sequentially(query)
    await tab.page.locator("input").press("Enter")
    assert await tab.page.locator("input").input_value() == ""
    return (await tab.answered(before + 1))[-1]


async def open_vue(open_tab: OpenTab, frontend: str, tutorial: Tutorial, token: str | None) -> Tab:
    """A tab that shows the tutorial's Vue component, connected."""
    return await _mounted(await open_tab(f"{frontend}/pages/vue.html", token=token), tutorial("vue"))


async def open_react(open_tab: OpenTab, frontend: str, tutorial: Tutorial, token: str | None) -> Tab:
    """A tab that shows the tutorial's React component, connected. The tutorial leaves mounting it to the reader."""
    return await _mounted(await open_tab(f"{frontend}/pages/react.html", token=token), tutorial("jsx") + MOUNT_REACT)


async def _mounted(tab: Tab, source: str) -> Tab:
    tab.errors.clear()  # the loader has looked for `x.js` before it found `x/index.js`
    async with tab.page.expect_websocket():
        await tab.page.evaluate("source => mount(source)", source)
    await tab.page.locator("input").wait_for()
    return tab


@pytest.fixture(params=[open_vue, open_react], ids=["vue", "react"])
def component(request: pytest.FixtureRequest, open_tab: OpenTab, frontend: str, tutorial: Tutorial) -> OpenTab:
    """`tab = await component(token)`: the tutorial's Vue or React component."""

    async def open_it(token: str | None) -> Tab:
        tab = await request.param(open_tab, frontend, tutorial, token)
        assert isinstance(tab, Tab)
        return tab

    return open_it


async def test_the_20_lines_of_javascript_log_the_residents_real_bills_chunk_by_chunk(
    steward: Steward, open_tab: OpenTab, tutorial: Tutorial, tmp_path: Path
) -> None:
    """The tutorial's script, unchanged, in a page opened from disk: console.log gets the real bills piece by piece.

    Its last line runs while the socket is still CONNECTING, where the WebSockets standard makes `send` throw, in every
    browser and with any server. So a reader of the tutorial sees that one error and calls `sendMessage` again in the
    console, as this test does once the socket is open.
    """
    snippet = tutorial("javascript")
    last_line = snippet.strip().splitlines()[-1]
    assert last_line == f"sendMessage('{BILLS}');"
    file = tmp_path / "client.html"
    file.write_text(f'<!DOCTYPE html><meta charset="utf-8"><script>\n{snippet}</script>', encoding="utf-8")

    tab = await open_tab(file.as_uri())
    await tab.page.wait_for_function("ws.readyState === WebSocket.OPEN")
    assert len(tab.errors) == 1
    assert "CONNECTING" in tab.errors[0]
    assert tab.sent == []

    await tab.page.evaluate(last_line)
    [answer] = await tab.answered()
    [turn] = tab.turns()
    assert tab.sockets == ["ws://localhost:8001/ws/chat/user123"]
    assert [json.loads(frame) for frame in tab.sent] == [{"query": BILLS, "token": "your-token-here"}]
    assert tab.logged == [chunk["content"] for chunk in chunks(turn)]
    assert len(tab.logged) > 3
    assert_true_bills(answer, steward, "user123")
    assert len(tab.errors) == 1


async def test_a_component_shows_the_bills_of_whoever_is_logged_in(steward: Steward, component: OpenTab) -> None:
    """Vue and React: the question goes out with the token of localStorage, and the answer is rendered whole.

    The tutorial's Vue component adds chunks to an object that Vue does not watch (the raw one, not its proxy), so the
    screen follows with the next render, for which a key in the input is enough. React's renders every chunk.
    """
    token = steward.login("user123")
    tab = await component(token)
    answer = await typed(tab, BILLS)
    assert json.loads(tab.sent[0]) == {"query": BILLS, "token": token}
    assert_true_bills(answer, steward, "user123")

    shown = tab.page.locator("#app > div > div")
    if tab.page.url.endswith("vue.html"):
        begun = await shown.text_content()
        assert begun
        assert answer.startswith(begun)
        await tab.page.locator("input").press("x")
    await shown.filter(has_text=answer[-8:].strip()).wait_for()
    assert await shown.all_text_contents() == [answer]
    assert tab.errors == []


async def test_a_component_keeps_a_dialogue_in_separate_bubbles(steward: Steward, component: OpenTab) -> None:
    """Three questions in a row are three rendered messages, in order: `is_final` closed each bubble."""
    tab = await component(steward.login("user123"))
    answers = [await typed(tab, query) for query in (BILLS, "帮我查一下停车记录", "Show my property fee bills")]
    await tab.page.locator("input").press("x")
    shown = tab.page.locator("#app > div > div")
    await shown.nth(2).filter(has_text=answers[2][-8:].strip()).wait_for()
    assert await shown.all_text_contents() == answers
    assert tab.errors == []


async def test_a_component_without_a_login_shows_a_sentence_and_no_ones_bills(
    steward: Steward, component: OpenTab
) -> None:
    """`localStorage.getItem('token')` of nobody is null: the bubble says that he has to log in, and names no amount."""
    tab = await component(None)
    answer = await typed(tab, BILLS)
    await tab.page.locator("input").press("x")
    assert json.loads(tab.sent[0]) == {"query": BILLS, "token": None}
    assert "登录" in answer
    assert estate.amounts(answer) == set()
    assert await tab.page.locator("#app > div > div").all_text_contents() == [answer]
    assert tab.errors == []


async def test_the_react_component_outlives_a_short_answer_on_a_slow_phone(
    steward: Steward, open_tab: OpenTab, frontend: str, tutorial: Tutorial
) -> None:
    """A page that gets to its messages ten times a second hands React the bubble and its closing chunk at once, and the
    component reads `id` of null; so the gateway leaves a bubble open for a while."""
    slow = """() => {
        window.WebSocket = class extends WebSocket {
          set onmessage(handler) {
            const waiting = []
            this.addEventListener('message', event => waiting.push(event))
            setInterval(() => waiting.splice(0).forEach(event => handler(event)), 100)
          }
        }
    }"""
    tab = await open_tab(f"{frontend}/pages/react.html")
    await tab.page.evaluate(slow)
    await _mounted(tab, tutorial("jsx") + MOUNT_REACT)
    answer = await typed(tab, BILLS)
    await tab.page.locator("#app > div > div").filter(has_text=answer).wait_for()
    assert tab.errors == []


async def test_a_bubble_never_consists_of_its_closing_chunk_alone(steward: Steward, component: OpenTab) -> None:
    """The first chunk of a bubble is never its last.

    The tutorial's React component reads its current message only when React renders, so that a bubble of one final
    chunk would be null by then and take the whole page down. Short answers are where that could happen.
    """
    tab = await component(None)
    for query in ("你好", "???", BILLS):
        await typed(tab, query)
    for turn in tab.turns():
        finals = [chunk["is_final"] for chunk in chunks(turn)]
        assert len(finals) > 1
        assert finals == [False] * (len(finals) - 1) + [True]
    assert tab.errors == []
