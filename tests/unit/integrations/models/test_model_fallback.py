"""The second model: asked when the first gives no answer, and never to begin again what was shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from assembly import create_model
from integrations.models.fallback import FallbackModel
from integrations.models.openai_chat import OpenAIChat
from schemas.deadline import Deadline
from schemas.errors import ModelInterrupted, ModelUnavailable
from schemas.model import ModelEnd, ModelRequest
from schemas.settings import Settings
from schemas.tool import ToolCall, ToolSpec
from schemas.turn import TextDelta
from tests.support.chat_server import (
    ChatServer,
    Reply,
    Script,
    error_reply,
    event,
    paused,
    text_reply,
    tool_call_reply,
)
from tests.support.fakes import StoppedClock


@asynccontextmanager
async def two(
    first: Script, second: Script, **more: Any
) -> AsyncIterator[tuple[FallbackModel, ChatServer, ChatServer]]:
    """A model with a fallback, each with a provider of its own."""
    async with ChatServer(first) as one, ChatServer(second) as other:
        settings: dict[str, Any] = {"api_key": "k", "attempts": 2}
        model = FallbackModel(
            OpenAIChat(base_url=one.base_url, model="first", **settings),
            OpenAIChat(base_url=other.base_url, model="second", **settings),
            **more,
        )
        try:
            yield model, one, other
        finally:
            await model.close()


async def collect(model: Any) -> tuple[list[Any], ModelUnavailable | None]:
    outputs: list[Any] = []
    tools = (ToolSpec("getBills", "", {"type": "object"}),)
    try:
        async for output in model.stream(ModelRequest([{"role": "user", "content": "好"}], tools, Deadline.after(20))):
            outputs.append(output)
    except ModelUnavailable as error:
        return outputs, error
    return outputs, None


def words(outputs: list[Any]) -> str:
    return "".join(output.text for output in outputs if isinstance(output, TextDelta))


async def test_a_first_model_that_answers_is_the_only_one_asked() -> None:
    """The fallback costs nothing while nothing fails."""
    async with two([text_reply("一")], [text_reply("二")]) as (model, _, second):
        outputs, error = await collect(model)
    assert (words(outputs), error) == ("一", None)
    assert second.requests == []


@pytest.mark.parametrize("reply", [error_reply(503, "down"), error_reply(401, "key"), Reply([event({})], end="cut")])
async def test_the_second_model_answers_where_the_first_gave_nothing(reply: Reply) -> None:
    """F34: after the first one's own attempts, in the same step; a refused key is not tried again there."""
    async with two(lambda _: reply, [text_reply("二")]) as (model, first, second):
        outputs, error = await collect(model)
    assert (words(outputs), error) == ("二", None)
    assert len(first.requests) == (1 if reply.status == 401 else 2)
    assert second.requests[0].json["model"] == "second"


async def test_a_partial_call_of_the_first_is_not_joined_with_the_seconds() -> None:
    """F38: only the whole call of the second one comes out."""
    cut = Reply(tool_call_reply("getBills", {"page": 1}).pieces[:5], end="cut")
    async with two(lambda _: cut, [tool_call_reply("getBills", {"page": 2})]) as (model, _, _second):
        outputs, error = await collect(model)
    assert error is None
    assert [output.arguments for output in outputs if isinstance(output, ToolCall)] == ['{"page": 2}']
    assert sum(isinstance(output, ModelEnd) for output in outputs) == 1


async def test_what_was_shown_is_not_begun_again_by_the_second() -> None:
    """F37: an interrupted answer stays interrupted."""
    broken = paused(Reply([event({"content": "你"})], end="cut"), 0.05)
    async with two([broken], [text_reply("二")]) as (model, _, second):
        outputs, error = await collect(model)
    assert words(outputs) == "你"
    assert type(error) is ModelInterrupted
    assert second.requests == []


async def test_a_first_model_that_failed_rests_before_it_is_asked_again() -> None:
    """An outage costs its attempts once, not in every step; afterwards the first is the first again."""
    clock = StoppedClock()
    replies = [error_reply(500, "down"), error_reply(500, "down"), text_reply("一")]
    async with two(replies, lambda _: text_reply("二"), rest_s=30, clock=clock) as (model, first, _):
        heard = [words((await collect(model))[0]), words((await collect(model))[0])]
        assert len(first.requests) == 2
        clock.now += 31
        heard.append(words((await collect(model))[0]))
    assert heard == ["二", "二", "一"]


async def test_two_models_that_fail_are_model_unavailable() -> None:
    """There is no third."""
    async with two(lambda _: error_reply(500, "a"), lambda _: error_reply(500, "b")) as (model, _, second):
        outputs, error = await collect(model)
    assert outputs == []
    assert type(error) is ModelUnavailable
    assert len(second.requests) == 2


async def test_the_settings_name_the_fallback_and_never_send_one_providers_key_to_another() -> None:
    """STEWARD_FALLBACK_MODEL alone is another model of the same provider; with a URL it has its own key or none."""
    async with ChatServer(lambda _: error_reply(401, "no")) as one, ChatServer(lambda _: text_reply("二")) as other:
        for more, expected in (
            ({}, [one, one]),
            ({"fallback_base_url": other.base_url}, [one, other]),
            ({"fallback_base_url": other.base_url, "fallback_api_key": SecretStr("other-key")}, [one, other]),
        ):
            one.requests.clear()
            other.requests.clear()
            settings = Settings(
                model="first",
                fallback_model="second",
                openai_api_key=SecretStr("first-key"),
                openai_base_url=one.base_url,
                **more,  # type: ignore[arg-type]
            )
            model = create_model(settings)
            await collect(model)
            await model.close()
            sent = [*one.requests, *other.requests]
            assert [request.json["model"] for request in sent] == ["first", "second"]
            assert len(other.requests) == expected.count(other)
            own = more.get("fallback_api_key")
            key = own.get_secret_value() if isinstance(own, SecretStr) else "none" if more else "first-key"
            assert sent[1].headers["authorization"] == f"Bearer {key}"


async def test_without_a_fallback_there_is_one_model() -> None:
    """The setting is optional."""
    model = create_model(Settings(openai_api_key=SecretStr("k"), openai_base_url="http://127.0.0.1:9/v1"))
    assert isinstance(model, OpenAIChat)
    await model.close()
