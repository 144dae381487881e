"""What a gateway does seldom, or should never do: played to the chat page frame by frame, on the page's own socket."""

from __future__ import annotations

import base64
import json
from typing import Any

from playwright.async_api import FilePayload, Page, Route, WebSocketRoute, expect

from tests.browser.chat import Chat
from tests.browser.tab import OpenTab
from tests.browser.test_chat_page import opened
from tests.support.steward import Steward

ATTACK = (
    "<img src=https://evil.example/x onerror=window.harmed=1><script>window.harmed=1</script> **粗**\n"
    "[点](javascript:window.harmed=1) ![图](https://evil.example/y) [站](https://estate.example/pay)"
)
LIMITS = {"max_query_chars": 4000, "max_frame_bytes": 65536}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def play(page: Page, answer: list[dict[str, Any]], *, photos: int = 0) -> list[dict[str, Any]]:
    """Every question gets the frames of `answer`; what the page sent."""
    sent: list[dict[str, Any]] = []

    def connected(socket: WebSocketRoute) -> None:
        seq = 0

        def received(message: str | bytes) -> None:
            nonlocal seq
            frame = json.loads(message)
            sent.append(frame)
            if frame["type"] == "hello":
                attachments = {"max": photos, "max_bytes": 100_000, "types": ["image/jpeg", "image/png"]}
                ready = {"type": "ready", "v": 1, "conversation_id": "c", "epoch": "e", "seq": 0, "recovered": True}
                socket.send(json.dumps({**ready, "approvals": [], "limits": {**LIMITS, "attachments": attachments}}))
            elif frame["type"] == "query":
                thinking = {"message": "…", "client_msg_id": frame["client_msg_id"]}
                begun = {"type": "status", "status": "thinking", "data": thinking}
                for entry in [begun, *answer]:
                    seq += 1
                    named = {"conversation_id": "c", "turn_id": f"t{len(sent)}", "seq": seq}
                    socket.send(json.dumps({**entry, **named}))

        socket.on_message(received)

    await page.route_web_socket("**/ws/chat/**", connected)
    return sent


def chunk(content: str) -> list[dict[str, Any]]:
    return [
        {"type": "chunk", "content": content, "is_final": False},
        {"type": "chunk", "content": "", "is_final": True},
    ]


def completed(outcome: str = "success") -> dict[str, Any]:
    return {"type": "status", "status": "completed", "data": {"message": "", "outcome": outcome}}


async def test_whatever_an_answer_holds_stays_text(steward: Steward, open_tab: OpenTab) -> None:
    """Markup, scripts, pictures and links to code, in text, tables, cards, charts, approvals and errors: shown, never
    run, and nothing is asked of another host. Markdown is laid out; an ordinary link stays one."""
    cell = {"text": ATTACK, "value": ATTACK}
    column = {"key": "k", "label": ATTACK, "kind": "text"}
    data: list[dict[str, Any]] = [
        {
            "kind": "table",
            "payload": {"title": ATTACK, "columns": [column], "rows": [{"k": cell}], "shown": 1, "total": 1},
        },
        {"kind": "card", "payload": {"title": ATTACK, "fields": [{"label": ATTACK, **cell}]}},
        {
            "kind": "chart",
            "payload": {"title": ATTACK, "x": [ATTACK], "series": [{"label": ATTACK, "unit": ATTACK, "values": [1]}]},
        },
    ]
    approval = {"approval_id": "a", "tool": "t", "summary": ATTACK, "arguments": [{"label": ATTACK, "text": ATTACK}]}
    tab = await open_tab("about:blank", locale="zh-CN", viewport={"width": 1280, "height": 800})
    answer = [
        {"type": "status", "status": "tool_calling", "data": {"message": ATTACK, "tool": "t", "tool_call_id": "1"}},
        *[{"type": "data", "tool_call_id": "1", **one} for one in data],
        {"type": "approval", "expires_at": "2999-01-01T00:00:00Z", **approval},
        *chunk(ATTACK),
        {"type": "error", "content": ATTACK, "code": "internal", "retryable": True},
    ]
    await play(tab.page, answer)
    await tab.page.goto(steward.http)
    shown = await Chat(tab.page).ask(ATTACK)
    assert await tab.page.locator("img, script:not([src]), iframe").count() == 0
    links = await shown.locator("a").evaluate_all("all => all.map(one => [one.href, one.rel, one.target])")
    assert ["https://estate.example/pay", "noopener noreferrer", "_blank"] in links
    assert all(href.startswith("https://") or not href for href, _, _ in links)
    await expect(shown.locator(".bubble strong")).to_have_text("粗")
    await expect(shown.locator(".bubble")).to_contain_text("<img src=https://evil.example/x onerror=window.harmed=1>")
    assert await shown.get_by_text("onerror").count() >= 8
    assert await tab.page.evaluate("window.harmed") is None
    assert all(url.startswith((steward.http, "about:")) for url in tab.urls)
    assert tab.errors == []


async def test_unknown_frames_and_kinds_change_nothing(steward: Steward, open_tab: OpenTab) -> None:
    """The protocol grows: another type, another kind of data, more fields."""
    tab = await open_tab("about:blank", locale="zh-CN")
    strange: list[dict[str, Any]] = [
        {"type": "later", "x": 1},
        {"type": "data", "tool_call_id": "1", "kind": "map", "payload": {}},
    ]
    await play(tab.page, [*strange, *chunk("好"), completed()])
    await tab.page.goto(steward.http)
    await expect((await Chat(tab.page).ask("?")).locator(".bubble")).to_have_text("好")
    assert tab.errors == []


async def test_photos_go_up_and_their_ids_into_the_question(steward: Steward, open_tab: OpenTab) -> None:
    """`POST /api/uploads` with the login in its header; one can be taken back; a refusal is shown; where there is no
    such endpoint the button goes. What is larger than the limit is made smaller first."""
    tab = await opened(open_tab, "about:blank", "phone")
    page, chat = tab.page, Chat(tab.page)
    sent = await play(page, [*chunk("好"), completed()], photos=3)
    uploads: list[dict[str, Any]] = []
    refusals = [(413, json.dumps({"type": "error", "content": "照片太大", "code": "too_large"})), (404, "")]

    async def upload(route: Route) -> None:
        request = route.request
        body = request.post_data_buffer or b""
        uploads.append({"authorization": request.headers["authorization"], "size": len(body), "body": body})
        if len(uploads) <= 3:
            await route.fulfill(status=201, json={"upload_id": f"u{len(uploads)}"})
        else:
            status, told = refusals.pop(0)
            await route.fulfill(status=status, body=told, content_type="application/json")

    await page.route("**/api/uploads", upload)
    await page.goto(steward.http)
    await chat.connected()
    picker = page.locator("input[type=file]")
    small = FilePayload(name="a.png", mimeType="image/png", buffer=PIXEL)
    large = FilePayload(name="b.png", mimeType="image/png", buffer=PIXEL + bytes(200_000))
    await picker.set_input_files([small, large, small])
    await expect(page.locator(".thumb")).to_have_count(3)
    await expect(page.get_by_role("button", name="添加照片")).to_be_disabled()
    await page.get_by_role("button", name="移除照片").last.click()
    await chat.ask("厨房漏水")
    assert [frame["attachments"] for frame in sent if frame["type"] == "query"] == [["u1", "u2"]]
    assert all(one["authorization"] == "Bearer your-token-here" for one in uploads)
    assert uploads[1]["size"] < 100_000
    assert b'name="file"' in uploads[0]["body"]
    await expect(page.locator(".message.user img")).to_have_count(2)

    await picker.set_input_files([small])
    await expect(page.locator(".composer").get_by_role("alert")).to_have_text("照片太大")
    await picker.set_input_files([small])
    await expect(page.get_by_role("button", name="添加照片")).to_have_count(0)


async def test_without_room_for_photos_there_is_no_button(steward: Steward, open_tab: OpenTab) -> None:
    """`ready.limits.attachments.max` of 0."""
    tab = await opened(open_tab, "about:blank", "phone")
    await play(tab.page, [completed()])
    await tab.page.goto(steward.http)
    await Chat(tab.page).connected()
    assert await tab.page.get_by_role("button", name="添加照片").count() == 0
