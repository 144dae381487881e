"""The model when its provider fails: what is tried again, what is not, and that a key is never told."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from structlog.testing import capture_logs

from integrations.models.failure import from_status, retry_after_s, scrubber
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
    cut,
    error_reply,
    event,
    paused,
    raw_reply,
    sse,
    text_reply,
    tool_call_reply,
)

KEY = "canary-0123456789abcdef"
Logs = list[Any]


@pytest.fixture(autouse=True)
def logs() -> Iterator[Logs]:
    with capture_logs() as captured:
        yield captured


@asynccontextmanager
async def against(script: Script, **more: Any) -> AsyncIterator[tuple[OpenAIChat, ChatServer]]:
    async with ChatServer(script) as server:
        model = OpenAIChat(**({"api_key": KEY, "base_url": server.base_url, "model": "m"} | more))
        try:
            yield model, server
        finally:
            await model.close()


async def collect(model: OpenAIChat, seconds: float = 20) -> tuple[list[Any], ModelUnavailable | None]:
    """All outputs and the error that ended them, if one did."""
    tools = (ToolSpec("getBills", "", {"type": "object"}),)
    outputs: list[Any] = []
    try:
        async for output in model.stream(
            ModelRequest([{"role": "user", "content": "你好"}], tools, Deadline.after(seconds))
        ):
            outputs.append(output)
    except ModelUnavailable as error:
        return outputs, error
    return outputs, None


def text_of(outputs: list[Any]) -> str:
    return "".join(output.text for output in outputs if isinstance(output, TextDelta))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529, 408, 429])
async def test_a_failing_provider_is_asked_again_in_silence(status: int, logs: Logs) -> None:
    """F36: before the first text a failure of the provider's is retried and seen only in the log."""
    async with against([error_reply(status, "try later"), text_reply("好")]) as (model, server):
        outputs, error = await collect(model)
    assert error is None
    assert text_of(outputs) == "好"
    assert len(server.requests) == 2
    assert [entry["event"] for entry in logs] == ["model_retry"]


async def test_a_provider_that_goes_on_failing_is_given_up(logs: Logs) -> None:
    """F34: after the last attempt the turn is told that there is no model."""
    async with against(lambda _: error_reply(500, "broken"), attempts=3) as (model, server):
        outputs, error = await collect(model)
    assert outputs == []
    assert type(error) is ModelUnavailable
    assert "HTTP 500" in error.reason
    assert len(server.requests) == 3
    assert [entry["event"] for entry in logs] == ["model_retry", "model_retry", "model_unavailable"]


async def test_a_refused_connection_is_model_unavailable() -> None:
    """F34: nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        model = OpenAIChat(api_key=KEY, base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1", model="m", attempts=2)
        outputs, error = await collect(model)
        await model.close()
    assert outputs == []
    assert type(error) is ModelUnavailable
    assert "no connection" in error.reason


async def test_retry_after_is_kept(logs: Logs) -> None:
    """F35: what the provider asks for is what is waited."""
    refusal = error_reply(429, "slow down", headers={"retry-after-ms": "30"})
    async with against([refusal, text_reply("好")]) as (model, _):
        outputs, _ = await collect(model)
    assert text_of(outputs) == "好"
    assert [entry["wait_s"] for entry in logs] == [0.03]


async def test_a_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    """F35: a wait that cannot end in time is not begun."""
    async with against([error_reply(429, "slow down", headers={"Retry-After": "3600"})]) as (model, server):
        _, error = await collect(model, seconds=30)
    assert type(error) is ModelUnavailable
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refused_key_is_never_tried_again_and_said_loudly_once(status: int, logs: Logs) -> None:
    """F35: somebody has to act; a second question does not ring the bell again."""
    async with against(lambda _: error_reply(status, f"Incorrect API key provided: {KEY}")) as (model, server):
        for _ in range(2):
            outputs, error = await collect(model)
            assert outputs == []
            assert type(error) is ModelUnavailable
            assert str(status) in error.reason
    assert len(server.requests) == 2
    assert [entry["log_level"] for entry in logs] == ["critical", "warning"]


async def test_a_quota_that_is_used_up_is_not_a_rate_limit() -> None:
    """429 with `insufficient_quota` does not go away by waiting."""
    reply = error_reply(429, "You exceeded your current quota", code="insufficient_quota")
    async with against([reply, text_reply("好")]) as (model, server):
        _, error = await collect(model)
    assert type(error) is ModelUnavailable
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 422, 302])
async def test_a_refused_request_is_not_repeated(status: int) -> None:
    """The same request would be refused again; a redirect is not followed, the key would go along."""
    reply = error_reply(status, "no", headers={"location": "http://127.0.0.1:9/v1"})
    async with against([reply, text_reply("好")]) as (model, server):
        _, error = await collect(model)
    assert type(error) is ModelUnavailable
    assert len(server.requests) == 1


async def test_a_stream_cut_before_any_text_is_asked_for_again() -> None:
    """Nothing was shown: the resident sees only the second answer."""
    whole = text_reply("你好世界", pieces=1)
    async with against([cut(whole, 150), text_reply("好")]) as (model, _):
        outputs, error = await collect(model)
    assert error is None
    assert text_of(outputs) == "好"


async def test_a_stream_that_is_always_cut_before_any_text_is_model_unavailable() -> None:
    """And not interrupted: there was nothing to interrupt."""
    async with against(lambda _: cut(text_reply("你好世界"), 150), attempts=2) as (model, server):
        outputs, error = await collect(model)
    assert outputs == []
    assert type(error) is ModelUnavailable
    assert len(server.requests) == 2


async def test_a_stream_cut_after_text_is_interrupted_and_not_begun_again(logs: Logs) -> None:
    """F37: what was shown is never started again in silence."""
    pieces = text_reply("你好世界", pieces=4).pieces[:3]
    async with against([paused(Reply(pieces, end="cut"), 0.05), text_reply("好")]) as (model, server):
        outputs, error = await collect(model)
    assert "你好世界".startswith(text_of(outputs))
    assert text_of(outputs)
    assert type(error) is ModelInterrupted
    assert len(server.requests) == 1
    assert [entry["event"] for entry in logs] == ["model_interrupted"]


async def test_a_clean_end_without_finish_reason_counts_as_a_cut() -> None:
    """A proxy may end a body politely in the middle of a sentence."""
    async with against([Reply(text_reply("你好").pieces[:2]), text_reply("好")]) as (model, _):
        outputs, error = await collect(model)
    assert text_of(outputs) == "你"
    assert type(error) is ModelInterrupted


@pytest.mark.parametrize("end", ["close", "cut"])
async def test_a_partial_tool_call_is_never_yielded(end: Any) -> None:
    """F38: the step is repeated; only the whole call of the second answer comes out."""
    pieces = tool_call_reply("getBills", {"page": 1}, pieces=5).pieces[:5]
    async with against([Reply(pieces, end=end), tool_call_reply("getBills", {"page": 2})]) as (model, server):
        outputs, error = await collect(model)
    assert error is None
    assert [output.arguments for output in outputs if isinstance(output, ToolCall)] == ['{"page": 2}']
    assert len(server.requests) == 2


async def test_a_call_after_text_that_is_cut_is_not_yielded() -> None:
    """F38 after text: interrupted, and without the call, though its arguments look whole."""
    pieces = tool_call_reply("getBills", {"page": 1}, text="我查一下。").pieces[:-3]
    async with against([paused(Reply(pieces, end="cut"), 0.02)]) as (model, _):
        outputs, error = await collect(model)
    assert text_of(outputs) == "我查一下。"
    assert not [output for output in outputs if isinstance(output, ToolCall)]
    assert type(error) is ModelInterrupted


async def test_silence_before_the_first_text_is_a_failure_that_is_retried() -> None:
    """F39: headers came, then not a byte within the limit."""
    async with against([Reply([], end="hang"), text_reply("好")], delta_timeout_s=0.3) as (model, server):
        outputs, error = await collect(model)
    assert error is None
    assert text_of(outputs) == "好"
    assert len(server.requests) == 2


async def test_a_model_that_is_silent_before_its_first_word_lives_while_its_provider_says_so() -> None:
    """F39: comments that keep the connection alive are signs of life of a model that has not begun to write."""
    alive = [item for _ in range(12) for item in (b": PROCESSING\n\n", 0.05)]
    async with against([Reply([*alive, *text_reply("好").pieces])], delta_timeout_s=0.3) as (model, server):
        outputs, error = await collect(model)
    assert error is None
    assert text_of(outputs) == "好"
    assert len(server.requests) == 1


async def test_comments_alone_are_not_waited_for_longer_than_the_first_delta_may_take() -> None:
    """F39: a provider that only says that it lives has a limit of its own."""
    endless = Reply([item for _ in range(1000) for item in (b": keep-alive\n\n", 0.05)])
    limits = {"delta_timeout_s": 0.3, "first_delta_timeout_s": 0.4}
    async with against([endless, text_reply("好")], **limits) as (model, _):
        outputs, error = await collect(model, seconds=8)
    assert error is None
    assert text_of(outputs) == "好"


async def test_comments_after_the_model_began_are_silence() -> None:
    """F39: between two deltas only deltas count."""
    endless = Reply([event({"content": "你"}), *(item for _ in range(1000) for item in (b": keep-alive\n\n", 0.05))])
    async with against([endless], delta_timeout_s=0.3) as (model, _):
        outputs, error = await collect(model, seconds=8)
    assert text_of(outputs) == "你"
    assert type(error) is ModelInterrupted


async def test_silence_after_text_is_an_interruption() -> None:
    """F39: between two deltas."""
    silent = Reply([event({"content": "你"})], end="hang")
    async with against([silent, text_reply("好")], delta_timeout_s=0.2) as (model, server):
        outputs, error = await collect(model)
    assert text_of(outputs) == "你"
    assert type(error) is ModelInterrupted
    assert "no delta for 0.2 s" in error.reason
    assert len(server.requests) == 1


async def test_a_slow_reader_of_ours_is_not_the_providers_silence() -> None:
    """The limit counts what is waited for the provider, not what the turn does in between."""
    reply = paused(text_reply("一二三四五六", pieces=6), 0.01)
    async with against([reply], delta_timeout_s=0.2) as (model, _):
        text = ""
        async for output in model.stream(ModelRequest([{"role": "user", "content": "a"}], (), Deadline.after(20))):
            if isinstance(output, TextDelta):
                text += output.text
                await asyncio.sleep(0.25)
    assert text == "一二三四五六"


async def test_reasoning_that_is_not_shown_is_no_silence() -> None:
    """A model that thinks for longer than the limit, but thinks aloud, is waited for."""
    thinking = [item for _ in range(8) for item in (event({"reasoning_content": "嗯"}), 0.05)]
    async with against([Reply([*thinking, *text_reply("好").pieces])], delta_timeout_s=0.2) as (model, _):
        outputs, error = await collect(model)
    assert error is None
    assert text_of(outputs) == "好"


@pytest.mark.parametrize(("pieces", "kind"), [([], ModelUnavailable), ([event({"content": "你"})], ModelInterrupted)])
async def test_the_deadline_ends_every_wait(pieces: list[bytes], kind: type[ModelUnavailable]) -> None:
    """However patient the limits are: before the first delta and after it."""
    async with against(lambda _: Reply(pieces, end="hang"), delta_timeout_s=600) as (model, _):
        _, error = await asyncio.wait_for(collect(model, seconds=0.3), 20)
    assert type(error) is kind
    assert "deadline" in error.reason


async def test_a_deadline_that_has_passed_asks_nothing_twice() -> None:
    """No attempt is made after it."""
    async with against([paused(text_reply("好"), 1.0)]) as (model, server):
        _, error = await collect(model, seconds=0.0)
    assert type(error) is ModelUnavailable
    assert len(server.requests) <= 1


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        ({"error": {"message": "overloaded", "code": 503}}, 2),
        ({"error": {"message": "overloaded", "type": "overloaded_error"}}, 2),
        ({"error": {"message": "wrong key", "code": "invalid_api_key"}}, 1),
        ({"error": {"message": "no money", "code": 402}}, 1),
        ({"error": {"message": "too long", "code": "context_length_exceeded"}}, 1),
    ],
)
async def test_an_error_inside_a_200_stream_is_judged_like_a_status(fault: dict[str, Any], requests: int) -> None:
    """Before any text: retried where that may help, else told."""
    async with against([raw_reply(sse(fault)), text_reply("好")]) as (model, server):
        outputs, error = await collect(model)
    assert len(server.requests) == requests
    assert (error is None) == (requests == 2)
    assert text_of(outputs) == ("好" if requests == 2 else "")


async def test_an_error_inside_a_stream_after_text_is_an_interruption() -> None:
    """The provider gave up in the middle."""
    async with against([[event({"content": "你"}), 0.05, sse({"error": {"message": "x", "code": 500}})]]) as (model, _):
        outputs, error = await collect(model)
    assert text_of(outputs) == "你"
    assert type(error) is ModelInterrupted


async def test_garbage_with_status_200_is_model_unavailable() -> None:
    """A captive portal's page is no answer."""
    page = raw_reply(b"<html><body>Please log in</body></html>", content_type="text/html")
    async with against(lambda _: page, attempts=2) as (model, _):
        outputs, error = await collect(model)
    assert outputs == []
    assert type(error) is ModelUnavailable


async def test_an_empty_answer_is_an_end_and_not_a_failure() -> None:
    """What to do with it is the agent's to decide."""
    async with against([text_reply("")]) as (model, _):
        outputs, error = await collect(model)
    assert error is None
    assert outputs == [ModelEnd("stop", 20, 10)]


@pytest.mark.parametrize(
    "script",
    [
        [error_reply(401, f"Incorrect API key provided: {KEY}. Bearer {KEY}")],
        [error_reply(500, f"echo of your header: Bearer {KEY}")] * 2,
        [raw_reply(sse({"error": {"message": f"bad key {KEY}", "code": KEY}}))] * 2,
        [raw_reply(event({"content": "好"}) + sse({"error": f"{KEY}"}))] * 2,
    ],
)
async def test_the_key_is_told_nowhere(script: Any, logs: Logs) -> None:
    """Not in an exception with all that hangs on it, not in the log, not in a repr, whatever the provider echoes."""
    async with against(script, attempts=2) as (model, server):
        _, error = await collect(model)
        assert KEY not in repr(model) + str(vars(model))
    assert error is not None
    told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    link: BaseException | None = error
    while link is not None:
        told += f"{link!r} {vars(link)}"
        assert not isinstance(link, openai.OpenAIError)
        link = link.__cause__ or link.__context__
    assert KEY in str([sent.headers for sent in server.requests])
    assert KEY not in error.reason + repr(error) + str(logs)
    assert "self = OpenAIChat(model='m'" in told
    assert KEY not in told


def test_a_scrubber_hides_what_looks_like_a_key_too() -> None:
    """A provider may echo another key, or half of ours."""
    scrub = scrubber("secret-value")
    assert scrub("secret-value and sk-abcdef123456 and sk-ab***yz") == "*** and *** and ***"
    assert "secret" not in repr(scrub)
    assert len(scrub("x" * 10_000)) <= 500


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], expected: float | None) -> None:
    """RFC 9110, 10.2.3; whatever else it says is not heard."""
    assert retry_after_s(headers) == expected


@pytest.mark.parametrize(
    ("status", "body", "reason", "retry", "refused"),
    [
        (500, b"", "HTTP 500", True, False),
        (502, b"<html>bad gateway</html>", "HTTP 502: <html>bad gateway</html>", True, False),
        (400, b'{"error": {"message": "too long", "code": "context_length_exceeded"}}', "too long", False, False),
        (429, b'{"error": {"message": "no money", "type": "insufficient_quota"}}', "no money", False, True),
        (429, b'{"error": "slow down"}', "HTTP 429: slow down", True, False),
        (503, b'{"message": "busy", "code": 7}', "HTTP 503: busy", True, False),
        (503, b"[" * 100_000, "HTTP 503: [[", True, False),
        (503, b"\xff\xfe", "HTTP 503", True, False),
        (302, b"", "HTTP 302", False, False),
    ],
)
def test_a_refusals_reason_is_what_its_body_says(
    status: int, body: bytes, reason: str, retry: bool, refused: bool
) -> None:
    """Whatever form it has, and none at all; a word of the account is somebody's to act on."""
    failure = from_status(status, body, {}, scrubber())
    assert reason in failure.reason
    assert (failure.retry, failure.refused) == (retry, refused)
