"""The JavaScript of docs/protocol.md, to the letter, resumes as the page says; the gateway is played by the test."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from tests.browser.tab import OpenTab

PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
TURN = {"conversation_id": "c", "turn_id": "t"}
END = {"outcome": "success", "usage": {"input_tokens": 1, "output_tokens": 1, "steps": 1, "tool_calls": 0}}
ENTRIES: list[dict[str, Any]] = [
    {"type": "status", **TURN, "seq": 1, "status": "thinking", "data": {"message": "…"}},
    {"type": "chunk", **TURN, "seq": 2, "content": "您有", "is_final": False},
    {"type": "chunk", **TURN, "seq": 3, "content": "账单。", "is_final": False},
    {"type": "chunk", **TURN, "seq": 4, "content": "", "is_final": True},
    {"type": "status", **TURN, "seq": 5, "status": "completed", "data": {"message": "", **END}},
]
LIMITS = {"max_query_chars": 4000, "max_frame_bytes": 65536, "attachments": {"max": 0, "max_bytes": 0, "types": []}}
# Keeps what the example shows, and asks once more when the turn has ended.
CLIENT = """
window.shown = [];
connect(url, 'T', frame => {
  window.shown.push(frame);
  if (frame.status !== 'completed') return;
  ask('再查一次');
  socket.addEventListener('close', () => { window.over = true; });
});
"""


def example() -> str:
    found = re.search(r"^```javascript\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found, "the page has no JavaScript"
    return found[1]


async def test_the_pages_javascript_resumes_without_loss_or_repetition(open_tab: OpenTab, frontend: str) -> None:
    """The connection is lost after every entry in turn, once before `ready`: each entry is shown once, in order."""
    hellos: list[dict[str, Any]] = []

    async def gateway(socket: ServerConnection) -> None:
        """Sends one new entry a connection and drops it."""
        hello = json.loads(await socket.recv())
        hellos.append(hello)
        if len(hellos) == 2:
            await socket.close(1012)
            return
        after = hello.get("after", 0)
        ready = {"type": "ready", "conversation_id": "c", "seq": len(ENTRIES), "v": 1, "epoch": "e", "approvals": []}
        await socket.send(json.dumps({**ready, "recovered": True, "limits": LIMITS}))
        for entry in ENTRIES[max(0, after - 1) : after + 1]:  # one that was seen before, and the next
            await socket.send(json.dumps(entry))
        if after == len(ENTRIES) - 1:
            assert json.loads(await socket.recv())["query"] == "再查一次"
            await socket.close(4501)
        elif after % 2:
            await socket.close(1012)
        else:
            socket.transport.abort()

    async with serve(gateway, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        tab = await open_tab(f"{frontend}/pages/commonjs.js")
        await tab.page.evaluate(f"{example()}\nconst url = 'ws://127.0.0.1:{port}/ws/chat/user123';\n{CLIENT}")
        await tab.page.wait_for_function("window.over", timeout=60_000)
        shown = await tab.page.evaluate("window.shown")
    assert [frame for frame in shown if frame["type"] != "ready"] == ENTRIES
    assert [hello.get("after") for hello in hellos] == [None, 1, 1, 2, 3, 4]
    assert all(hello["type"] == "hello" and hello["v"] == 1 and hello["token"] == "T" for hello in hellos)
    assert [hello.get("epoch") for hello in hellos] == [None, *["e"] * 5]


def test_the_example_is_short() -> None:
    """Twenty lines."""
    assert len(example().splitlines()) <= 20
