"""What bounds one answer and one provider: sizes, patience, closed sockets, an alarm that rings again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from integrations.models.openai_chat import OpenAIChat
from schemas.deadline import Deadline
from schemas.errors import ModelInterrupted, ModelUnavailable
from schemas.model import ModelEnd, ModelRequest
from schemas.tool import ToolCall, ToolSpec
from schemas.turn import TextDelta
from tests.support.chat_server import (
    ChatServer,
    Reply,
    Script,
    error_reply,
    event,
    raw_reply,
    text_reply,
    tool_calls_reply,
)

Logs = list[Any]


@pytest.fixture(autouse=True)
def logs() -> Iterator[Logs]:
    with capture_logs() as captured:
        yield captured


@asynccontextmanager
async def against(script: Script, **more: Any) -> AsyncIterator[tuple[OpenAIChat, ChatServer]]:
    async with ChatServer(script) as server:
        model = OpenAIChat(api_key="k", base_url=server.base_url, model="m", **more)
        try:
            yield model, server
        finally:
            await model.close()


async def collect(
    model: OpenAIChat, query: str = "你好", *, max_output_tokens: int = 0, seconds: float = 20
) -> tuple[list[Any], ModelUnavailable | None]:
    """All outputs and the error that ended them, if one did."""
    tools = (ToolSpec("getBills", "", {"type": "object"}),)
    outputs: list[Any] = []
    asked = ModelRequest([{"role": "user", "content": query}], tools, Deadline.after(seconds), max_output_tokens)
    try:
        async for output in model.stream(asked):
            outputs.append(output)
    except ModelUnavailable as error:
        return outputs, error
    return outputs, None


def text_of(outputs: list[Any]) -> str:
    return "".join(output.text for output in outputs if isinstance(output, TextDelta))


async def test_an_answer_without_end_is_cut_at_its_tokens_and_its_socket_closed() -> None:
    """F46: a provider that would write a million tokens is not read further, nor paid for."""
    endless = Reply([event({"content": "字" * 10}) for _ in range(100_000)])
    async with against([endless]) as (model, server):
        outputs, error = await collect(model, max_output_tokens=500)
        await asyncio.wait_for(server.drained(), 5)
    assert error is None
    assert text_of(outputs) == "字" * 500
    assert outputs[-1].finish_reason == "length"
    assert outputs[-1].output_tokens == 500


async def test_hidden_reasoning_without_end_is_cut_too() -> None:
    """F46: a model that only thinks uses up the same tokens; nothing is shown, and the answer ends."""
    endless = Reply([event({"reasoning_content": "想" * 10}) for _ in range(100_000)])
    async with against([endless]) as (model, server):
        outputs, error = await collect(model, max_output_tokens=500)
        await asyncio.wait_for(server.drained(), 5)
    assert error is None
    assert [type(output) for output in outputs] == [ModelEnd]
    assert outputs[0].finish_reason == "length"


async def test_usage_that_is_missing_is_counted_from_what_was_sent_and_read() -> None:
    """F45: the question and the tools count as asked, the text as answered."""
    reply = Reply([event({"content": "字" * 30}), event(finish="stop")])
    async with against(lambda _: reply) as (model, _):
        short, _ = await collect(model, "好")
        long, _ = await collect(model, "好" * 1000)
    assert (short[-1].output_tokens, long[-1].output_tokens) == (30, 30)
    assert short[-1].input_tokens > 0
    assert long[-1].input_tokens - short[-1].input_tokens == 999


async def test_one_line_without_end_is_refused_and_not_collected() -> None:
    """F40: a body of megabytes without a line end is no answer."""
    flood = raw_reply(b"data: " + b"x" * (9 << 20))
    async with against(lambda _: flood, attempts=1) as (model, _):
        outputs, error = await collect(model)
    assert outputs == []
    assert error is not None
    assert "larger than" in error.reason


async def test_a_body_without_end_is_refused() -> None:
    """F40: however short its lines are, when none of them says anything."""
    async with against([Reply([b": nothing\n" * 100_000] * 40)], attempts=1) as (model, server):
        outputs, error = await collect(model)
        await asyncio.wait_for(server.drained(), 5)
    assert outputs == []
    assert error is not None
    assert "larger than" in error.reason


async def test_the_answer_is_not_asked_for_compressed() -> None:
    """A few compressed bytes could be gigabytes; and compressed events come late."""
    async with against([text_reply("好")]) as (model, server):
        await collect(model)
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_cancelled_between_two_deltas_the_socket_is_closed_at_once() -> None:
    """F52: the turn's task ends while the provider goes on writing."""
    writing = Reply([item for _ in range(2000) for item in (event({"content": "字"}), 0.01)])
    async with against([writing]) as (model, server):
        task = asyncio.create_task(collect(model))
        while not server.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.drained(), 5)


async def test_cancelled_before_the_headers_the_socket_is_closed_at_once() -> None:
    """F52: while the provider has not even begun to answer."""
    arrived, left = asyncio.Event(), asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        while await reader.read(65536):
            pass
        left.set()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    model = OpenAIChat(api_key="k", base_url=address, model="m")
    task = asyncio.create_task(collect(model))
    await asyncio.wait_for(arrived.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(left.wait(), 5)
    await model.close()
    server.close()


async def test_no_attempt_is_begun_after_the_patience_is_over(logs: Logs) -> None:
    """F34: where another model waits, the first one does not use up the turn; a long Retry-After is not waited for."""
    refusal = error_reply(429, "slow down", headers={"Retry-After": "10"})
    async with against(lambda _: refusal, patience_s=2) as (model, server):
        _, error = await collect(model)
    assert type(error) is ModelUnavailable
    assert len(server.requests) == 1
    assert [entry["event"] for entry in logs] == ["model_unavailable"]


async def test_the_alarm_rings_again_after_the_key_had_worked(logs: Logs) -> None:
    """F35: a quota that was filled up and is used up again needs somebody again."""
    refusal = error_reply(402, "insufficient balance")
    async with against([refusal, refusal, text_reply("好"), refusal]) as (model, server):
        for _ in range(4):
            await collect(model)
    assert len(server.requests) == 4
    assert [entry["log_level"] for entry in logs] == ["critical", "warning", "critical"]


async def test_two_calls_with_one_id_leave_with_two() -> None:
    """F42: results would find the wrong call otherwise; an empty name stays for the agent to answer."""
    reply = tool_calls_reply([("getBills", {}), ("getOrder", {}), ("", {"a": 1})], ids=["same", "same", "other"])
    async with against([reply]) as (model, _):
        outputs, error = await collect(model)
    calls = [output for output in outputs if isinstance(output, ToolCall)]
    assert error is None
    assert [call.name for call in calls] == ["getBills", "getOrder", ""]
    assert len({call.id for call in calls}) == 3


async def test_a_provider_that_goes_away_between_two_answers_is_asked_on_a_new_connection() -> None:
    """A kept connection that died in the meantime costs an attempt and no answer."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    model = OpenAIChat(api_key="k", base_url=f"http://127.0.0.1:{port}/v1", model="m")
    try:
        for words in ("一", "二"):
            async with ChatServer([text_reply(words)], port=port):
                outputs, error = await collect(model)
            assert (text_of(outputs), error) == (words, None)
    finally:
        await model.close()


async def test_a_stream_that_breaks_http_is_an_interruption_after_text() -> None:
    """F37: not chunks any more but garbage, in the middle of the body; at the latest the silence after it tells."""

    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        part = event({"content": "你"})
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(part), part))
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(b"zzz not a chunk\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(broken, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    model = OpenAIChat(api_key="k", base_url=address, model="m", delta_timeout_s=0.5)
    outputs, error = await collect(model)
    await model.close()
    server.close()
    assert text_of(outputs) == "你"
    assert type(error) is ModelInterrupted
