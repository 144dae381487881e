"""A connection's queries in their order: whose they are, which conversation they belong to; then the turn runner.

Who a token is may take an upstream call, so this runs beside the reader, which never stops reading.
Next: `agent/turns.py`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass, field

import structlog

from agent.approval import decision
from agent.ownership import decide, may_open
from agent.ports import ConversationStore, Toolset, Toolsets
from agent.turns import TurnRunner
from blueprints.connection import Connection
from blueprints.limits import Guard
from schemas.client_frames import Query
from schemas.conversation import Conversation
from schemas.deadline import Deadline
from schemas.errors import FrameRefused
from schemas.frames import error_frame
from schemas.messages import language_of, text
from schemas.tool import Caller
from schemas.turn import Locale

log = structlog.get_logger(__name__)

_MAX_WAITING = 2
IDENTITY_MISMATCH_CLOSE = 4501


@dataclass(frozen=True, slots=True)
class Gateway:
    """What every connection shares; `app.py` joins it."""

    toolsets: Toolsets
    conversations: ConversationStore
    turns: TurnRunner
    guard: Guard
    locale: Locale
    identity_timeout_s: float = 10.0
    connections: set[Connection] = field(default_factory=set)

    def close_connections(self) -> None:
        """Tell every client that the service restarts and that it may come back."""
        for connection in self.connections:
            connection.close(1012, "service restart")


class Intake:
    """One connection's side of the conversation. `path_id` is the user id of its address."""

    def __init__(self, gateway: Gateway, connection: Connection, path_id: str) -> None:
        self._gateway, self._connection, self._path_id = gateway, connection, path_id
        self._locale: Locale = gateway.locale
        self._toolset: Toolset = gateway.toolsets.for_token(None)
        self._conversation: Conversation | None = None
        self._conversation_toolset = self._toolset
        self._queue: deque[tuple[Query, Toolset, Locale, bool]] = deque()
        self._worker: asyncio.Task[None] | None = None

    @property
    def locale(self) -> Locale:
        """The language of what is said outside turns: that of the last query."""
        return self._locale

    def put(self, query: Query) -> None:
        """Take a query. Raises `FrameRefused` for a token that cannot be one, and `busy` when too many wait."""
        if query.token is not None:
            self._bind(query.token)
        # a yes or no does not say which language the resident speaks: "ok" is said in all of them
        spoken = language_of(query.query, self._locale)
        if spoken == "en" and decision(query.query) is not None:
            spoken = self._locale
        self._locale = query.locale or spoken
        if len(self._queue) >= _MAX_WAITING:
            raise FrameRefused("busy", "frame.busy")
        # said now, not when it is admitted: to ask who a token is may outlast the turn that runs
        waited = bool(self._queue) or (
            self._conversation is not None and self._gateway.turns.runs(self._conversation.id)
        )
        self._queue.append((query, self._toolset, self._locale, waited))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())

    def close(self) -> None:
        """The connection is gone: what was not yet accepted is dropped, what became a turn goes on."""
        if self._worker is not None:
            self._worker.cancel()

    def _bind(self, token: str) -> None:
        try:
            toolset = self._gateway.toolsets.for_token(token or None)
        except ValueError:
            raise FrameRefused("bad_request", "frame.bad_token", field="token") from None
        if toolset != self._toolset:
            self._toolset = toolset

    async def _work(self) -> None:
        while self._queue:
            query, toolset, locale, waited = self._queue[0]
            try:
                await self._admit(query, toolset, locale, waited)
            except FrameRefused as refused:
                sentence = text(refused.key, locale, field=refused.field, **refused.params)
                retry_ms = refused.retry_after_ms
                self._connection.send(error_frame(refused.code, sentence, field=refused.field, retry_after_ms=retry_ms))
                if refused.code == "identity_mismatch":
                    self._queue.clear()
                    self._connection.close(IDENTITY_MISMATCH_CLOSE, "identity_mismatch")
                    return
            except Exception:  # a defect: it must not stay at the head of the queue and fail for ever
                reference = secrets.token_hex(4)
                log.exception("intake_defect", reference=reference)
                self._connection.send(error_frame("internal", text("error.internal", locale, reference=reference)))
            self._queue.popleft()

    async def _admit(self, query: Query, toolset: Toolset, locale: Locale, waited: bool) -> None:
        caller = await toolset.caller(Deadline.after(self._gateway.identity_timeout_s))
        path_id = caller.identity.path_id if caller.identity else None
        if path_id is not None and path_id != self._path_id:
            log.warning("identity_mismatch")
            raise FrameRefused("identity_mismatch", "frame.identity_mismatch")
        if caller.owner is not None:
            self._gateway.guard.subject(caller.owner)
        conversation = self._conversation_of(query, caller, toolset)
        self._connection.follow(conversation.id)
        self._gateway.turns.accept(conversation, query.query, locale, caller, toolset, waited=waited)

    def _conversation_of(self, query: Query, caller: Caller, toolset: Toolset) -> Conversation:
        current = self._conversation
        if query.conversation_id is not None and (current is None or query.conversation_id != current.id):
            named = self._gateway.conversations.get(query.conversation_id)
            if named is None or not may_open(named.owner, caller):
                raise FrameRefused("not_found", "frame.not_found", field="conversation_id")
            current = named
        elif current is not None:
            verdict = decide(current.owner, caller, same_credential=toolset == self._conversation_toolset)
            if verdict == "adopt":
                current.owner = caller.owner
            elif verdict == "new":
                current = None
        if current is None or self._gateway.conversations.get(current.id) is None:
            current = self._gateway.conversations.create(caller.owner)
        self._conversation, self._conversation_toolset = current, toolset
        return current
