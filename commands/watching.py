"""Who hears what happens in a gateway: metrics and traces, as the settings ask for them. `assembly.py` joins them.

Their libraries are imported only where they are asked for: a gateway without them does not pay for them.
"""

from __future__ import annotations

from collections.abc import Callable

from integrations.standing import Standing
from schemas.errors import ConfigurationError
from schemas.observer import Observer
from schemas.settings import Settings
from schemas.tracing import Tracer


def observer_of(settings: Settings, standing: Callable[[], Standing]) -> Observer:
    """Who hears what happens: metrics where they have a port."""
    if not settings.metrics_port:
        return Observer()
    from integrations.metrics import Metrics

    return Metrics(standing, settings.metrics_host, settings.metrics_port)


def tracer_of(settings: Settings, model: str) -> Tracer:
    """Who keeps traces: OpenTelemetry where there is a collector. Raises `ConfigurationError` without its packages."""
    if not settings.otlp_endpoint:
        return Tracer()
    try:
        from integrations.tracing import OtelTracer, otlp_processor
    except ImportError as error:
        reason = f"STEWARD_OTLP_ENDPOINT needs packages ({error.name}): pip install -r requirements-otel.txt"
        raise ConfigurationError(reason) from error
    provider = "steward.embedded" if settings.uses_embedded_model else "openai"
    return OtelTracer(otlp_processor(settings.otlp_endpoint), provider_name=provider, model=model)
