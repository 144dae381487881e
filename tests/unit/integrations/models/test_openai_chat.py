"""The model over real sockets against a scripted server: what is sent, what comes out, and in which pieces."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from integrations.models.openai_chat import OpenAIChat
from schemas.deadline import Deadline
from schemas.errors import ConfigurationError
from schemas.model import Message, ModelEnd, ModelRequest
from schemas.tool import ToolCall, ToolSpec
from schemas.turn import TextDelta
from tests.support import chat_server
from tests.support.chat_server import (
    DONE,
    ChatServer,
    Script,
    error_reply,
    event,
    raw_reply,
    resplit,
    text_reply,
    tool_call_reply,
    tool_calls_reply,
)

KEY = "sk-canary-0123456789abcdef"
TOOLS = (
    ToolSpec("getBills", "查询账单", MappingProxyType({"type": "object", "properties": {"page": {"type": "integer"}}})),
)
HELLO: Sequence[Message] = ({"role": "user", "content": "你好"},)


@asynccontextmanager
async def against(script: Script, **more: Any) -> AsyncIterator[tuple[OpenAIChat, ChatServer]]:
    """A model whose provider is a server with this script."""
    async with ChatServer(script) as server:
        model = OpenAIChat(**({"api_key": KEY, "base_url": server.base_url, "model": "m-1"} | more))
        try:
            yield model, server
        finally:
            await model.close()


def request(
    messages: Sequence[Message] = HELLO, tools: Sequence[ToolSpec] = TOOLS, seconds: float = 20
) -> ModelRequest:
    return ModelRequest(messages, tools, Deadline.after(seconds))


async def collect(model: OpenAIChat, asked: ModelRequest | None = None) -> tuple[str, list[ToolCall], ModelEnd]:
    """The whole answer; nothing comes after `ModelEnd`, and it comes once."""
    outputs = [output async for output in model.stream(asked or request())]
    end = outputs.pop()
    assert isinstance(end, ModelEnd)
    text = "".join(output.text for output in outputs if isinstance(output, TextDelta))
    calls = [output for output in outputs if isinstance(output, ToolCall)]
    assert len(outputs) == len(calls) + sum(isinstance(output, TextDelta) for output in outputs)
    return text, calls, end


async def test_text_arrives_while_it_is_written() -> None:
    """The first words are there while the provider has not gone on."""
    unfinished = chat_server.Reply(text_reply("一二三四", pieces=4).pieces[:2], end="hang")
    async with against([unfinished]) as (model, server), aclosing(model.stream(request())) as outputs:  # type: ignore[type-var]
        assert await anext(outputs) == TextDelta("一")
        assert server.open_connections == 1


async def test_an_answer_in_words_with_its_usage() -> None:
    """All deltas in order, then the end with the provider's own counts."""
    async with against([text_reply("您好，世界 😀", usage=(31, 7))]) as (model, _):
        assert await collect(model) == ("您好，世界 😀", [], ModelEnd("stop", 31, 7))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
async def test_pieces_on_the_wire_do_not_matter(size: int) -> None:
    """The same answer from real sockets, whether it comes byte by byte or at once."""
    reply = tool_calls_reply([("getBills", {"note": "é😀"}), ("getOrder", "{}")], text="我查一下。")
    async with against([resplit(reply, size)]) as (model, _):
        text, calls, end = await collect(model)
    assert text == "我查一下。"
    assert [(call.name, call.arguments) for call in calls] == [("getBills", '{"note": "é😀"}'), ("getOrder", "{}")]
    assert end.finish_reason == "tool_calls"


async def test_the_request_is_a_plain_streamed_chat_completion() -> None:
    """Model, messages, tools, stream and usage; no temperature, no max_tokens, no tool_choice."""
    async with against([text_reply("好")]) as (model, server):
        await collect(model)
    (sent,) = server.requests
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.json == {
        "model": "m-1",
        "messages": [{"role": "user", "content": "你好"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "getBills",
                    "description": "查询账单",
                    "parameters": {"type": "object", "properties": {"page": {"type": "integer"}}},
                },
            }
        ],
    }


async def test_no_tools_are_sent_where_there_are_none() -> None:
    """An empty list is refused by some providers."""
    async with against([text_reply("好")]) as (model, server):
        await collect(model, request(tools=()))
    assert "tools" not in server.requests[0].json


async def test_the_environment_of_the_sdk_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the constructor was not given does not come from variables: address, organisation, project, proxy."""
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "from-the-environment")
    async with against([text_reply("好")]) as (model, server):
        await collect(model)
    assert "from-the-environment" not in str(server.requests[0].headers)


async def test_a_history_is_sent_in_the_form_that_strict_providers_take() -> None:
    """No null content, arguments that are JSON, names of legal characters, no half surrogate pairs."""
    call = {"id": "c1", "type": "function", "function": {"name": "get bills!", "arguments": "{page"}}
    messages: list[Message] = [
        {"role": "user", "content": "half \ud83d pair"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "<data>{}</data>"},
        {"role": "assistant", "content": "好", "tool_calls": []},
    ]
    async with against([text_reply("好")]) as (model, server):
        await collect(model, request(messages))
    assert server.requests[0].messages == [
        {"role": "user", "content": "half \ufffd pair"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "get_bills_", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "<data>{}</data>"},
        {"role": "assistant", "content": "好"},
    ]
    assert call["function"] == {"name": "get bills!", "arguments": "{page"}


async def test_a_call_id_that_the_history_has_is_not_used_again() -> None:
    """Two calls of one conversation never share an id, even if the provider starts again at call_0."""
    history: list[Message] = [
        *HELLO,
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "getBills", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_0", "content": "{}"},
    ]
    async with against([tool_call_reply("getBills", {}, call_id="call_0")]) as (model, _):
        _, calls, _ = await collect(model, request(history))
    assert len(calls) == 1
    assert calls[0].id != "call_0"


@pytest.mark.parametrize("tail", ["", "/", "/chat/completions", "/chat/completions/"])
async def test_a_base_url_may_have_a_path_and_what_people_paste_with_it(tail: str) -> None:
    """`/compatible-mode/v1`, with or without a slash or the operation's own path."""
    async with ChatServer([text_reply("好")]) as server:
        base = server.base_url.removesuffix("/v1") + "/compatible-mode/v1"
        model = OpenAIChat(api_key=KEY, base_url=base + tail, model="m")
        await collect(model)
        await model.close()
    assert server.requests[0].path == "/compatible-mode/v1/chat/completions"


@pytest.mark.parametrize("wrong", ["localhost:8000/v1", "ftp://host/v1", "http:///v1", "/v1"])
def test_an_address_that_cannot_be_one_is_refused_at_once(wrong: str) -> None:
    """At start-up, not at the first question."""
    with pytest.raises(ConfigurationError, match="base URL"):
        OpenAIChat(api_key=KEY, base_url=wrong, model="m")


@pytest.mark.parametrize("key", ["sk-密钥", "sk-a b", "sk-a\nb", "sk-a\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_told(key: str) -> None:
    """The message names the rule, not the key."""
    with pytest.raises(ConfigurationError) as caught:
        OpenAIChat(api_key=key, model="m")
    assert "sk-" not in str(caught.value)


async def test_white_space_round_a_key_is_not_part_of_it() -> None:
    """A key read from a file ends with a newline."""
    async with against([text_reply("好")], api_key=f" {KEY}\n") as (model, server):
        await collect(model)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_one_connection_serves_one_answer_after_another() -> None:
    """An answer that was read to its end gives its connection back."""
    async with against([text_reply("一"), tool_call_reply("getBills", {}), text_reply("三")]) as (model, server):
        for _ in range(3):
            await collect(model)
    assert server.connections == 1


async def test_a_reader_that_leaves_closes_the_connection() -> None:
    """Half an answer is not paid for: the provider sees that nobody reads any more."""
    async with against([chat_server.Reply(text_reply("一二三").pieces[:3], end="hang")]) as (model, server):
        async with aclosing(model.stream(request())) as outputs:  # type: ignore[type-var]
            await anext(outputs)
        await asyncio.wait_for(server.drained(), 5)


async def test_a_cancelled_turn_closes_the_connection() -> None:
    """While the model is silent, too."""
    async with against([chat_server.Reply([event({"role": "assistant"})], end="hang")]) as (model, server):
        task = asyncio.create_task(collect(model))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.drained(), 5)


async def test_a_provider_that_ignores_stream_is_understood() -> None:
    """One JSON object instead of events."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "好"}, "finish_reason": "stop"}
    body = {"object": "chat.completion", "choices": [choice], "usage": {"prompt_tokens": 50}}
    async with against([raw_reply(json.dumps(body).encode(), content_type="application/json")]) as (model, _):
        assert await collect(model) == ("好", [], ModelEnd("stop", 50, 1))


async def test_a_provider_that_keeps_the_connection_open_is_not_waited_for() -> None:
    """After the finish reason only usage may follow: neither [DONE] nor an end of the body is needed."""
    reply = chat_server.Reply([event({"content": "好"}), event(finish="stop")], end="hang")
    async with against([reply]) as (model, _):
        assert (await collect(model))[0] == "好"


async def test_a_provider_that_refuses_stream_options_is_asked_without() -> None:
    """Once: from then on they are left out."""
    refusal = error_reply(400, "Unrecognized request argument supplied: stream_options")
    async with against([refusal, text_reply("一"), text_reply("二")]) as (model, server):
        assert [(await collect(model))[0] for _ in range(2)] == ["一", "二"]
    assert ["stream_options" in sent.json for sent in server.requests] == [True, False, False]


async def test_the_same_model_serves_many_at_once() -> None:
    """Answers do not mix."""
    async with against(lambda sent: text_reply(f"{sent.query}!", pieces=3)) as (model, _):
        asked = [request([{"role": "user", "content": f"frage {number}"}]) for number in range(30)]
        answers = await asyncio.gather(*(collect(model, one) for one in asked))
    assert [answer[0] for answer in answers] == [f"frage {number}!" for number in range(30)]


async def test_text_and_calls_of_one_answer_come_in_this_order() -> None:
    """Words first, then whole calls, then the end."""
    async with against([tool_call_reply("getBills", {"page": 1}, text="我查一下。")]) as (model, _):
        kinds = [type(output) async for output in model.stream(request())]
    assert kinds == [*[TextDelta] * (len(kinds) - 2), ToolCall, ModelEnd]


async def test_the_fake_model_calls_a_tool_and_tells_its_result() -> None:
    """What a person can try by hand: the tool that shares words with the question, then the data."""
    script = Path(chat_server.__file__)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), "--port", "0", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 10)).decode()
        model = OpenAIChat(api_key=KEY, base_url=line.split()[-1], model="m")
        _, (call,), _ = await collect(model, request([{"role": "user", "content": "查询我的账单"}]))
        assert (call.name, call.arguments) == ("getBills", "{}")
        history = [
            {"role": "user", "content": "查询我的账单"},
            {"role": "tool", "tool_call_id": call.id, "content": '<data>{"ok":true,"data":{"sum":"12.30"}}</data>'},
        ]
        text, _, _ = await collect(model, request(history))
        assert "12.30" in text
        await model.close()
    finally:
        process.terminate()
        await process.wait()


async def test_done_alone_ends_an_answer() -> None:
    """Whatever follows it is not read."""
    async with against([raw_reply(event({"content": "好"}) + DONE + event({"content": "坏"}))]) as (model, _):
        assert (await collect(model))[0] == "好"
