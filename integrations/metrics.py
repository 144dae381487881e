"""What is counted for Prometheus, and the port of its own on which it is read. `assembly.py` joins it.

Labels have few values and all of them are ours: names of upstreams.yaml, outcomes and codes of the protocol. No id, no
token, no text of a resident, a model or an upstream is ever a label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from integrations.standing import Standing
from schemas.errors import ConfigurationError
from schemas.observer import Observer
from schemas.turn import Usage

# from a hit in memory to the turn's own limit
_TURN_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 45, 60, 90)
_CALL_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30)
_LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
# A client may say any code from 3000 to 4999: what is not in the protocol counts as one.
_CLOSE_CODES = frozenset(
    {1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 4408, 4409, 4429, 4501}
)  # fmt: skip
_BREAKER_STATES = ("closed", "half_open", "open")


class Metrics(Observer):
    """Counters of one process in a registry of their own, read on `host` and `port`.

    `standing` is asked with each scrape, in another thread.
    """

    def __init__(self, standing: Callable[[], Standing], host: str, port: int) -> None:
        super().__init__()
        self._standing, self._host, self._port = standing, host, port
        self._server: tuple[Any, Any] | None = None
        registry = self.registry = CollectorRegistry()
        self._connected = Counter("steward_connections_opened", "WebSockets that were let in", registry=registry)
        self._closed = Counter("steward_connections_closed", "WebSockets by close code", ["code"], registry=registry)
        self._refused = Counter("steward_frames_refused", "Frames answered with an error", ["code"], registry=registry)
        self._turns = Counter("steward_turns", "Turns by outcome or error code", ["outcome"], registry=registry)
        self._turn_s = Histogram(
            "steward_turn_seconds", "From the start of a turn to its terminal", buckets=_TURN_S, registry=registry
        )
        self._first_text_s = Histogram(
            "steward_first_text_seconds", "To the first words of the answer", buckets=_TURN_S, registry=registry
        )
        self._steps = Counter("steward_steps", "Model calls by outcome", ["outcome"], registry=registry)
        self._step_s = Histogram(
            "steward_step_seconds", "One model call to the end of its answer", buckets=_TURN_S, registry=registry
        )
        self._model_retries = Counter("steward_model_retries", "Requests to a provider made again", registry=registry)
        self._tokens = Counter("steward_tokens", "Tokens asked and answered", ["direction"], registry=registry)
        self._calls = Counter("steward_tool_calls", "Tool calls", ["upstream", "outcome"], registry=registry)
        self._call_s = Histogram(
            "steward_tool_call_seconds", "Tool calls that were sent", ["upstream"], buckets=_CALL_S, registry=registry
        )
        self._asked = Counter(
            "steward_upstream_calls",
            "Calls of an upstream, those that say who a resident is included",
            ["upstream", "outcome"],
            registry=registry,
        )
        self._retries = Counter(
            "steward_upstream_retries", "Further attempts of a call", ["upstream"], registry=registry
        )
        self._handed_over = Counter("steward_handovers", "Answers with the office's contact", registry=registry)
        self._lag_s = Histogram(
            "steward_event_loop_lag_seconds", "How late the event loop runs", buckets=_LAG_S, registry=registry
        )
        registry.register(_Gauges(self))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

    def start(self) -> None:
        """Answer on `/metrics`, in a thread: also while the event loop is stuck. Raises `ConfigurationError`."""
        try:
            self._server = start_http_server(self._port, addr=self._host, registry=self.registry)
        except OSError as error:
            where = f"{self._host}:{self._port}"
            reason = f"cannot listen on {where}: {error.strerror}. Set STEWARD_METRICS_PORT to a free port"
            raise ConfigurationError(reason) from error

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join()
            self._server = None

    def standing(self) -> Standing:
        """How things stand now."""
        return self._standing()

    def connected(self) -> None:
        self._connected.inc()

    def disconnected(self, close_code: int) -> None:
        self._closed.labels(str(close_code) if close_code in _CLOSE_CODES else "other").inc()

    def refused(self, code: str) -> None:
        self._refused.labels(code).inc()

    def turn_ended(self, outcome: str, took_s: float, first_text_s: float | None, usage: Usage) -> None:
        self._turns.labels(outcome).inc()
        self._turn_s.observe(took_s)
        if first_text_s is not None:
            self._first_text_s.observe(first_text_s)
        self._tokens.labels("input").inc(usage.input_tokens)
        self._tokens.labels("output").inc(usage.output_tokens)

    def step_ended(self, took_s: float, *, answered: bool) -> None:
        super().step_ended(took_s, answered=answered)
        self._steps.labels("ok" if answered else "model_unavailable").inc()
        self._step_s.observe(took_s)

    def model_retried(self) -> None:
        self._model_retries.inc()

    def tool_called(self, upstream: str, outcome: str, took_s: float | None) -> None:
        self._calls.labels(upstream or "none", outcome).inc()
        if took_s is not None:
            self._call_s.labels(upstream).observe(took_s)

    def upstream_asked(self, upstream: str, outcome: str, attempts: int) -> None:
        self._asked.labels(upstream, outcome).inc()
        self._retries.labels(upstream).inc(max(0, attempts - 1))

    def handed_over(self) -> None:
        self._handed_over.inc()

    def loop_lagged(self, lag_s: float) -> None:
        self._lag_s.observe(lag_s)


class _Gauges:
    """What is read rather than counted, as one collector of the registry."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[GaugeMetricFamily]:
        standing = self._metrics.standing()
        yield GaugeMetricFamily("steward_connections", "WebSockets open now", standing.connections)
        yield GaugeMetricFamily("steward_turns_running", "Turns that run now", standing.turns)
        yield GaugeMetricFamily(
            "steward_store_answers", "1 if the store took what it was last asked", standing.store_answers
        )
        failing = self._metrics.model_state == "failing"
        yield GaugeMetricFamily("steward_model_failing", "1 if the model's last call failed", failing)
        breaker = GaugeMetricFamily(
            "steward_breaker_state", "1 for the state that the circuit breaker is in", labels=["upstream", "state"]
        )
        in_flight = GaugeMetricFamily("steward_upstream_in_flight", "Calls under way", labels=["upstream"])
        waiting = GaugeMetricFamily("steward_upstream_waiting", "Calls waiting for a place", labels=["upstream"])
        for name, status in standing.upstreams.items():
            for state in _BREAKER_STATES:
                breaker.add_metric([name, state], float(status.breaker == state))
            in_flight.add_metric([name], status.in_flight)
            waiting.add_metric([name], status.waiting)
        yield from (breaker, in_flight, waiting)
