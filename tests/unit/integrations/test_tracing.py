"""Traces of real turns in OpenTelemetry's in-memory exporter: their shape, and what is never in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent.turns import TurnRunner
from integrations.tracing import OtelTracer
from schemas.errors import ModelUnavailable
from schemas.tool import PreparedCall, ToolResult
from tests.support.fakes import FakeTool, FakeToolset
from tests.unit.agent.test_run_turn import call
from tests.unit.agent.test_turn_runner import House, Step

SECRETS = ("canary-query", "canary-answer", "canary-argument", "canary-result", "anna")


class Traced:
    """A house whose turns are traced; `told` is what each tool call would tell its upstream."""

    def __init__(self, *steps: Step) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer = OtelTracer(SimpleSpanProcessor(self.exporter), provider_name="openai", model="m-1")
        self.house = House(*steps)
        self.house.runner = TurnRunner(replace(self.house.outside, tracer=self.tracer))
        self.told: list[str] = []
        self.house.toolset = FakeToolset({"look": FakeTool(result=self._answer), "lost": FakeTool(result=self._fail)})

    async def ask(self, query: str) -> dict[str, list[ReadableSpan]]:
        """The spans of the turn by operation."""
        await self.house.accept(query)
        await self.house.until(lambda: len(self.house.terminals()) == 1)
        spans: Sequence[ReadableSpan] = self.exporter.get_finished_spans()
        found: dict[str, list[ReadableSpan]] = {"invoke_agent": [], "chat": [], "execute_tool": []}
        for span in spans:
            found[str((span.attributes or {})["gen_ai.operation.name"])].append(span)
        return found

    async def _answer(self, _: PreparedCall) -> ToolResult:
        self.told.append(self.tracer.headers()["traceparent"])
        return ToolResult({"ok": True, "data": {"text": "canary-result"}})

    async def _fail(self, _: PreparedCall) -> ToolResult:
        return ToolResult.failure("unavailable", "canary-result")


async def test_a_turn_is_one_trace_of_steps_and_tool_calls() -> None:
    """Names and attributes of the conventions; the tool call's own span is what the upstream is told to belong to."""
    traced = Traced([call("look", 1, '{"x": "canary-argument"}'), call("lost", 2)], ["canary-answer"])
    spans = await traced.ask("canary-query")
    (turn,) = spans["invoke_agent"]
    assert turn.name == "invoke_agent steward"
    assert dict(turn.attributes or {}) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "openai",
        "gen_ai.agent.name": "steward",
        "gen_ai.request.model": "m-1",
        "gen_ai.conversation.id": "c1",
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 6,
    }
    assert [span.name for span in spans["chat"]] == ["chat m-1", "chat m-1"]
    assert [(span.attributes or {})["gen_ai.usage.input_tokens"] for span in spans["chat"]] == [10, 10]
    assert {span.name for span in spans["execute_tool"]} == {"execute_tool look", "execute_tool lost"}
    for span in (*spans["chat"], *spans["execute_tool"]):
        assert span.parent is not None
        assert span.parent.span_id == turn.context.span_id
    look, lost = sorted(spans["execute_tool"], key=lambda span: span.name)
    assert [told.split("-")[1:3] for told in traced.told] == [
        [f"{look.context.trace_id:032x}", f"{look.context.span_id:016x}"]
    ]
    assert ((lost.attributes or {})["error.type"], lost.status.is_ok) == ("unavailable", False)
    assert traced.tracer.headers() == {}


async def test_nothing_that_anybody_said_is_in_a_trace() -> None:
    """Neither query, answer, arguments, result nor whose turn it was: in no name, attribute, event or status."""
    traced = Traced([call("look", 1, '{"x": "canary-argument"}'), call("lost", 2)], ["canary-answer"])
    await traced.ask("canary-query")
    spans = traced.exporter.get_finished_spans()
    assert len(spans) == 5
    written = json.dumps([json.loads(span.to_json()) for span in spans])
    for secret in SECRETS:
        assert secret not in written


@pytest.mark.parametrize("query", ["canary-query"])
async def test_a_model_that_fails_is_an_error_of_step_and_turn(query: str) -> None:
    """`error.type` is our word; the provider's own one, which may quote anything, stays out."""
    traced = Traced([ModelUnavailable("canary-answer")])
    spans = await traced.ask(query)
    for span in (*spans["invoke_agent"], *spans["chat"]):
        assert (span.attributes or {})["error.type"] == "model_unavailable"
        assert span.events == ()
        assert span.status.description is None
