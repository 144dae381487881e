"""One tab of Chromium and all that it did: console, errors, requests, frames. `conftest.py` opens it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import ConsoleMessage, Page, WebSocket

from tests.support.frames import BadFrame, Wire

ACTION_TIMEOUT_MS = 15_000
TURN_TIMEOUT_S = 60


@dataclass
class Tab:
    """What a test may judge about a page.

    `logged`: what it wrote with console.log; `errors`: its warnings, errors and uncaught exceptions, and frames of the
    gateway's that break the protocol (`tests/support/frames.py`); `urls`: every
    address it asked for; `sockets`: every WebSocket address; `sent` and `received`: the text frames, in order.
    """

    page: Page
    logged: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(ACTION_TIMEOUT_MS)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.urls.append(request.url))
        self.page.on("websocket", self._on_socket)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "log":
            self.logged.append(message.text)
        elif message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _on_socket(self, socket: WebSocket) -> None:
        self.sockets.append(socket.url)
        wire = Wire()
        socket.on("framesent", lambda payload: self._on_sent(str(payload), wire))
        socket.on("framereceived", lambda payload: self._on_frame(str(payload), wire))

    def _on_sent(self, text: str, wire: Wire) -> None:
        self.sent.append(text)
        with contextlib.suppress(BadFrame, ValueError):  # a page may be made to send what is no frame
            wire.sent(text)

    def _on_frame(self, text: str, wire: Wire) -> None:
        self.received.append(text)
        try:
            wire.received(text)
        except (BadFrame, ValueError) as error:
            self.errors.append(f"{type(error).__name__}: {error}")
        self._arrived.set()

    def frames(self) -> list[dict[str, Any]]:
        """The gateway's frames, decoded."""
        return [json.loads(frame) for frame in self.received]

    def turns(self) -> list[list[dict[str, Any]]]:
        """The frames of every turn that has ended, each with its one terminal frame last (rule 1 of the protocol)."""
        ended: list[list[dict[str, Any]]] = [[]]
        for frame in self.frames():
            ended[-1].append(frame)
            if frame.get("status") == "completed" or (frame["type"] == "error" and "turn_id" in frame):
                ended.append([])
        return ended[:-1]

    async def answered(self, turns: int = 1) -> list[str]:
        """Waits until so many turns have ended; the text of each, put together from its chunks."""
        async with asyncio.timeout(TURN_TIMEOUT_S):
            while len(self.turns()) < turns:
                self._arrived.clear()
                await self._arrived.wait()
        return ["".join(chunk["content"] for chunk in chunks(turn)) for turn in self.turns()]


# What the fixtures of `conftest.py` give: see there.
OpenTab = Callable[..., Awaitable[Tab]]
KeepPicture = Callable[[Tab, str], Awaitable[None]]
Tutorial = Callable[[str], str]


def chunks(turn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The chunk frames among a turn's frames."""
    return [frame for frame in turn if frame["type"] == "chunk"]
