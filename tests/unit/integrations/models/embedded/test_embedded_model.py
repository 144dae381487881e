"""The embedded model as the agent's port: pieces of text or tool calls, then the end."""

from __future__ import annotations

from agent.ports import ModelEnd, ModelRequest
from integrations.models.embedded.model import EmbeddedModel
from schemas.deadline import Deadline
from schemas.tool import ToolCall
from schemas.turn import TextDelta
from tests.support.library import SYSTEM, TOOLS


def _request(text: str) -> ModelRequest:
    messages = [{"role": "system", "content": SYSTEM.format(language="Chinese")}, {"role": "user", "content": text}]
    return ModelRequest(messages, TOOLS, Deadline.after(5))


async def test_text_comes_in_small_pieces_and_ends_with_stop() -> None:
    """Typewriter pieces; the end says stop."""
    model = EmbeddedModel(pace_s=0)
    events = [event async for event in model.stream(_request("你能做什么"))]
    texts = [event.text for event in events[:-1] if isinstance(event, TextDelta)]
    assert len(texts) == len(events) - 1 > 3
    assert "查询开馆时间" in "".join(texts)
    assert events[-1] == ModelEnd("stop")
    await model.close()


async def test_a_call_comes_alone_and_ends_with_tool_calls() -> None:
    """A look-up needs no words before it."""
    model = EmbeddedModel(pace_s=0)
    events = [event async for event in model.stream(_request("查询开馆时间"))]
    assert [type(event) for event in events] == [ToolCall, ModelEnd]
    assert events[-1] == ModelEnd("tool_calls")


async def test_the_pause_between_pieces_is_the_constructors() -> None:
    """With a pause the same pieces come."""
    fast = [e async for e in EmbeddedModel(pace_s=0).stream(_request("你好"))]
    slow = [e async for e in EmbeddedModel(pace_s=0.001).stream(_request("你好"))]
    assert fast == slow
