"""A guard of connections whose limits a test names one by one, on a clock that a test moves."""

from __future__ import annotations

from dataclasses import dataclass

from limits import parse

from blueprints.limits import Bounds, Guard


@dataclass
class Clock:
    """Seconds; it stands still until it is moved."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def guard(
    clock: Clock | None = None,
    *,
    connection: str = "20/10 seconds",
    subject: str = "60/minute",
    address: str = "600/minute",
    connections: int = 10000,
    per_address: int = 200,
    silent: int = 2000,
    idle_timeout_s: float = 1800,
    silent_timeout_s: float = 300,
) -> Guard:
    """The product's defaults but for what is named."""
    bounds = Bounds(
        rate_connection=parse(connection),
        rate_subject=parse(subject),
        rate_address=parse(address),
        max_connections=connections,
        max_connections_per_address=per_address,
        max_silent_connections=silent,
        idle_timeout_s=idle_timeout_s,
        silent_timeout_s=silent_timeout_s,
    )
    return Guard(bounds, clock or Clock())
