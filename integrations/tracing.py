"""Traces by OpenTelemetry and its GenAI semantic conventions, sent to a collector over OTLP; `assembly.py` joins it.

`invoke_agent` is a turn, `chat` a step of the model, `execute_tool` a tool call. Content is never an attribute,
whatever the conventions allow; the context (`traceparent`) goes to upstreams and to nobody else. The packages are an
extra (requirements-otel.txt) and imported where `STEWARD_OTLP_ENDPOINT` is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schemas.tracing import Span, Tracer
from schemas.turn import Usage

_AGENT = "steward"
_FLUSH_MS = 5_000
# outcomes of a turn that are no errors of it
_FINE = frozenset({"success", "approval", "login_required", "cancelled", "limit"})


class OtelTracer(Tracer):
    """Spans of this process for one collector. `provider_name` and `model` name the model as the conventions do."""

    def __init__(self, processor: SpanProcessor, *, provider_name: str, model: str) -> None:
        self._provider = TracerProvider(resource=Resource({"service.name": _AGENT}), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self.tracer = self._provider.get_tracer(_AGENT)
        self.provider_name, self.model = provider_name, model
        self._propagator = TraceContextTextMapPropagator()

    def turn(self, conversation_id: str) -> Span:
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": self.provider_name,
            "gen_ai.agent.name": _AGENT,
            "gen_ai.request.model": self.model,
            "gen_ai.conversation.id": conversation_id,
        }
        return _OtelSpan(self, self.tracer.start_span(f"invoke_agent {_AGENT}", attributes=attributes))

    def headers(self) -> Mapping[str, str]:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier

    def close(self) -> None:
        self._provider.force_flush(_FLUSH_MS)
        self._provider.shutdown()


def otlp_processor(endpoint: str) -> SpanProcessor:
    """Sends spans in a thread, in batches; a collector that is down costs spans and nothing else."""
    return BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=5))


class _OtelSpan(Span):
    def __init__(self, owner: OtelTracer, span: trace.Span) -> None:
        self._owner, self._span = owner, span
        self._entered: AbstractContextManager[trace.Span] | None = None

    def step(self) -> Span:
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self._owner.provider_name,
            "gen_ai.request.model": self._owner.model,
        }
        return self._child(f"chat {self._owner.model}", trace.SpanKind.CLIENT, attributes)

    def tool(self, name: str) -> Span:
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
        }
        return self._child(f"execute_tool {name}", trace.SpanKind.CLIENT, attributes)

    def end(self, error: str | None = None, usage: Usage | None = None) -> None:
        if not self._span.is_recording():
            return
        if usage is not None:
            self._span.set_attribute("gen_ai.usage.input_tokens", usage.input_tokens)
            self._span.set_attribute("gen_ai.usage.output_tokens", usage.output_tokens)
        if error is not None and error not in _FINE:
            self._span.set_attribute("error.type", error)
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()

    def __enter__(self) -> Span:
        self._entered = trace.use_span(self._span, record_exception=False, set_status_on_exception=False)
        self._entered.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._entered is not None:
            self._entered.__exit__(kind, error, at)
        super().__exit__(kind, error, at)

    def _child(self, name: str, kind: trace.SpanKind, attributes: Mapping[str, str]) -> Span:
        within = trace.set_span_in_context(self._span)
        return _OtelSpan(self._owner, self._owner.tracer.start_span(name, within, kind, attributes))
