"""How things stand in the process at one moment: what metrics read rather than count. Next: `metrics.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.upstream.client import UpstreamStatus


@dataclass(frozen=True, slots=True)
class Standing:
    """Open connections, running turns, each upstream by its name, and whether the store took what it was last asked."""

    connections: int
    turns: int
    upstreams: Mapping[str, UpstreamStatus]
    store_answers: bool
