"""The played model speaks as a provider does: the SDK reads its answers, and they are those that were asked for."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
import pytest

from bench.fake_deltas import Shape
from bench.fake_model import Connection, Model
from bench.speed.delivery import Bubble

TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": {}}} for name in ("search_tools", "list_bills")
]


@asynccontextmanager
async def played(tool: str = "") -> AsyncIterator[tuple[openai.AsyncOpenAI, Model]]:
    model = Model(tool, '{"page": 1}')
    server = await model.loop.create_server(lambda: Connection(model), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        yield client, model
    server.close()


async def answer(client: openai.AsyncOpenAI, messages: Any, **more: Any) -> list[Any]:
    stream = await client.chat.completions.create(model="fake", messages=messages, stream=True, **more)
    return [event async for event in stream]


@pytest.mark.parametrize("deltas", ["fake:n=30", "fake:n=30,ms=1", "fake:n=30,ms=1,size=24,stamp=1"])
async def test_an_answer_is_the_deltas_that_the_question_asks_for(deltas: str) -> None:
    """At once, paced and stamped: every delta once, in order, then the reason why it ended."""
    bubble = Bubble(Shape.of(deltas))
    async with played() as (client, _):
        events = await answer(client, [{"role": "user", "content": f"show my bills {deltas}"}])
    for event in events:
        bubble.add(event.choices[0].delta.content or "", asyncio.get_running_loop().time())
    assert bubble.verdict().whole
    assert events[-1].choices[0].finish_reason == "stop"


async def test_a_tool_is_called_once_and_its_result_is_answered_in_deltas() -> None:
    """The first tool with the pattern in its name; the arguments come in pieces."""
    question = {"role": "user", "content": "fake:n=3"}
    async with played("bills") as (client, model):
        events = await answer(client, [question], tools=TOOLS, stream_options={"include_usage": True})
        calls = [call for event in events if event.choices for call in event.choices[0].delta.tool_calls or ()]
        done = [question, {"role": "tool", "tool_call_id": calls[0].id, "content": "{}"}]
        told = await answer(client, done, tools=TOOLS)
    assert calls[0].function.name == "list_bills"
    assert json.loads("".join(call.function.arguments for call in calls)) == {"page": 1}
    assert [event.usage.total_tokens for event in events if event.usage] == [20]
    assert sum(bool(event.choices[0].delta.content) for event in told) == 3
    assert (model.counts["requests"], model.counts["calls"]) == (2, 1)


async def test_it_says_what_it_was_asked() -> None:
    """`GET /stats`, from which the bench sees that a gateway asked twice in a turn."""
    async with played() as (client, _):
        await answer(client, [{"role": "user", "content": "hi"}])
        async with httpx2.AsyncClient() as http:
            counts = (await http.get(str(client.base_url.copy_with(path="/stats")))).json()
    assert counts["requests"] == 1
