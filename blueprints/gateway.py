"""What every connection and every HTTP request shares.

`assembly.py` joins it; `intake.py`, `greeting.py` and `api.py` use it."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.ports import EventLog, Toolsets
from agent.recovery import Recovery
from agent.stores import ApprovalStore, ConversationStore, TurnStore, UploadStore
from agent.turns import TurnRunner
from blueprints.connection import Connection
from blueprints.limits import Guard
from schemas.frames import Limits
from schemas.observer import Observer
from schemas.turn import Locale


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """`limits` is what `ready` tells a client; `locale` the language where nothing shows one."""

    toolsets: Toolsets
    conversations: ConversationStore
    approvals: ApprovalStore
    turn_store: TurnStore
    uploads: UploadStore
    entries: EventLog
    turns: TurnRunner
    recovery: Recovery
    guard: Guard
    limits: Limits
    locale: Locale
    identity_timeout_s: float = 10.0
    observer: Observer = field(default_factory=Observer)
    connections: set[Connection] = field(default_factory=set)

    def close_connections(self) -> None:
        """Tell every client that the service restarts and that it may come back and resume."""
        for connection in list(self.connections):
            connection.close(1012, "service restart: reconnect and resume")
