"""A resident over HTTP: asks with server-sent events, uploads, looks at his history. Every frame is checked.

The events are read as WHATWG HTML, 9.2.6 says, so that a client of any kind would read the same.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.frames import check_frame
from tests.support.talk import Reply

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"photo of a tap" * 40 + b"\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + bytes(40)


@dataclass
class Events:
    """The events of one answer: frames with the ids that stood before them. `broken`: it ended in the middle."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    @property
    def reply(self) -> Reply:
        return Reply(self.frames)


async def read_events(response: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """(id, frame) of each event."""
    name = ""
    data: list[str] = []
    async for line in response.aiter_lines():
        if not line and data:
            yield name, check_frame("to_client", "\n".join(data))
            data = []
        elif line.startswith("id: "):
            name = line[4:]
        elif line.startswith("data: "):
            data.append(line[6:])
        else:
            assert not line or line.startswith(":"), f"a line of no event: {line!r}"
    assert not data, "an event without its end"


class Resident:
    """One login. None: no token."""

    def __init__(self, client: httpx.AsyncClient, token: str | None) -> None:
        self.client = client
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **more)

    @asynccontextmanager
    async def stream(self, path: str, body: Any, **headers: str) -> AsyncIterator[httpx.Response]:
        sent = {**self.headers, "Accept": "text/event-stream", **{n.replace("_", "-"): v for n, v in headers.items()}}
        async with self.client.stream("POST", path, json=body, headers=sent) as response:
            yield response

    async def events(self, path: str, body: Any, **headers: str) -> Events:
        """All events of a request that becomes a turn."""
        found = Events()
        async with self.stream(path, body, **headers) as response:
            text = "" if response.status_code == 200 else (await response.aread()).decode()
            assert response.status_code == 200, text
            assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
            async for name, frame in read_events(response):
                found.ids.append(name)
                found.frames.append(frame)
        return found

    async def ask(self, query: str, **fields: Any) -> Reply:
        """A query and its whole turn."""
        return (await self.events("/api/chat", {"query": query, **fields})).reply

    async def upload(self, content: bytes = JPEG, name: str = "tap.jpg", media_type: str = "image/jpeg") -> str:
        response = await self.call("POST", "/api/uploads", files={"file": (name, content, media_type)})
        assert response.status_code == 201, response.text
        return str(response.json()["upload_id"])


@asynccontextmanager
async def resident(base: str, token: str | None = "your-token-here") -> AsyncIterator[Resident]:
    """`async with resident(steward.http) as anna:` requests to a running Steward."""
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=60) as client:
        yield Resident(client, token)


def refused(response: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and field of a refusal, which is an `error` frame outside any turn."""
    frame = check_frame("to_client", response.text)
    assert response.headers["content-type"] == "application/json"
    assert frame["type"] == "error"
    assert "turn_id" not in frame
    return response.status_code, frame["code"], frame.get("field")


def frame_of(response: httpx.Response) -> dict[str, Any]:
    found = json.loads(response.text)
    assert isinstance(found, dict)
    return found
