"""A deploy under load (F70): the old process drains with many turns under way, the new one takes its residents on."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.support.chat_server import ChatServer, Recorded, Reply, scripted, text_reply
from tests.support.talk import Talk, talk

Start = Callable[..., Any]
RESIDENTS = 200


def answer(request: Recorded) -> Reply:
    """To 快 within the drain, to 慢 long after it."""
    whole = text_reply("一二三四五六七八", pieces=8)
    pause_s = 1 if json.loads(request.body)["messages"][-1]["content"] == "快" else 100
    return replace(whole, pieces=[*whole.pieces[:2], pause_s, *whole.pieces[2:]])


async def to_its_close(resident: Talk) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = []
    try:
        while True:
            frames.append(await resident.receive())
    except ConnectionClosed:
        return frames


async def test_every_turn_of_a_deploy_ends_once_and_is_found_after_one_reconnect(start: Start) -> None:
    """F70, 200 turns under way: those that end within the drain come whole, the others end with `turn_interrupted`;
    each client is closed with 1012 once, and one connection to the new process shows it the end of its own turn."""
    raised = {"STEWARD_MAX_CONNECTIONS_PER_ADDRESS": "1000", "STEWARD_DELTA_TIMEOUT_S": "200"}
    places: list[tuple[dict[str, Any], dict[str, Any]]] = []
    async with ChatServer(scripted(answer)) as model:
        environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.base_url, **raised}
        with start(**environment, STEWARD_DRAIN_S="5") as steward:
            token = steward.login("user123")
            async with AsyncExitStack() as stack:
                residents = [
                    await stack.enter_async_context(talk(steward.ws, "user123", token)) for _ in range(RESIDENTS)
                ]
                ready = [await one.hello() for one in residents]
                for number, one in enumerate(residents):
                    await one.send("快" if number % 2 else "慢")
                for one in residents:
                    await one.until(type="chunk")
                steward.process.send_signal(signal.SIGTERM)
                ends = await asyncio.gather(*map(to_its_close, residents))
                assert {one.socket.close_code for one in residents} == {1012}
            assert await asyncio.to_thread(steward.process.wait, 30) == 0
        for number, frames in enumerate(ends):
            terminals = [one for one in frames if one["type"] == "error" or one.get("status") == "completed"]
            assert len(terminals) == 1
            assert terminals[0].get("code") == (None if number % 2 else "turn_interrupted")
            places.append((ready[number], terminals[0]))
        with start(**environment) as steward:

            async def come_back(before: dict[str, Any], last: dict[str, Any]) -> None:
                async with talk(steward.ws, "user123", token) as again:
                    known = {"conversation_id": before["conversation_id"], "epoch": before["epoch"]}
                    assert not (await again.hello(**known, after=last["seq"]))["recovered"]
                    snapshot = await again.receive()
                    assert snapshot["turn_id"] == last["turn_id"]
                    assert snapshot["outcome"] == last.get("code", "success")
                    assert snapshot["content"] == ("一二三四五六七八" if "code" not in last else "一")

            for first in range(0, RESIDENTS, 50):
                await asyncio.gather(*(come_back(*place) for place in places[first : first + 50]))
