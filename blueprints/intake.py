"""A client's frames in their order: whose they are, which conversation they belong to; then the turn runner.

Who a token is may take an upstream call, so this runs beside the reader, which never stops reading.
Next: `greeting.py` for `hello`, `agent/turns.py` for the rest.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass

import structlog

from agent.approval import decided, decision
from agent.context import Answer
from agent.ownership import decide
from agent.ports import Toolset
from agent.running import Asked
from agent.turns import Admitted
from blueprints.callers import caller_of, count, toolset_of
from blueprints.follower import Follower
from blueprints.gateway import Gateway
from blueprints.greeting import greet, show_again
from schemas.client_frames import Approve, Cancel, Feedback, Hello, Query
from schemas.conversation import Approval, Conversation
from schemas.errors import FrameRefused, StoreUnavailable
from schemas.frames import error_frame
from schemas.messages import language_of, text
from schemas.tool import Caller
from schemas.turn import Locale
from schemas.upload import Upload

log = structlog.get_logger(__name__)

# Frames that wait until it is known who sent them; of those that become turns one would run and one wait.
_MAX_WAITING, _MAX_TURNS = 8, 2
IDENTITY_MISMATCH_CLOSE = 4501

Frame = Query | Hello | Approve | Cancel | Feedback


@dataclass(frozen=True, slots=True)
class _Job:
    """A frame with what it came with: the toolset of its token, its language, and the newest entry that its
    conversation's log had when it was sent."""

    frame: Frame
    toolset: Toolset
    locale: Locale
    seen: int


class Intake:
    """One client's side of the conversation. `path_id` is the user id of its address, None where it has none;
    `locale` the language where nothing shows one; `toolset` that of the token that came before any frame."""

    def __init__(
        self,
        gateway: Gateway,
        connection: Follower,
        path_id: str | None,
        locale: Locale | None = None,
        toolset: Toolset | None = None,
    ) -> None:
        self._gateway, self._connection, self._path_id = gateway, connection, path_id
        self._locale: Locale = locale or gateway.locale
        self._toolset: Toolset = toolset or gateway.toolsets.for_token(None)
        self._conversation: Conversation | None = None
        self._conversation_toolset = self._toolset
        self._queue: deque[_Job] = deque()
        self._worker: asyncio.Task[None] | None = None

    @property
    def locale(self) -> Locale:
        """The language of what is said outside turns: that of the last query."""
        return self._locale

    def put(self, frame: Frame) -> None:
        """Take a frame. Raises `FrameRefused` for a token that cannot be one, and `busy` when too many wait."""
        if isinstance(frame, Cancel) and self._cancel(frame):
            return
        self._hear(frame)
        turns = sum(isinstance(job.frame, Query | Approve) for job in self._queue)
        if len(self._queue) >= _MAX_WAITING or (isinstance(frame, Query | Approve) and turns >= _MAX_TURNS):
            raise FrameRefused("busy", "frame.busy")
        self._queue.append(self._job(frame))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())

    async def admit(self, frame: Query | Approve) -> Admitted:
        """Take the only frame of a client and wait until it has become a turn. Raises `FrameRefused` and
        `StoreUnavailable`."""
        self._hear(frame)
        admitted = await self._admit(self._job(frame))
        assert admitted is not None
        return admitted

    def _hear(self, frame: Frame) -> None:
        """Its token and its language hold from now on."""
        token = frame.token if isinstance(frame, Query | Hello | Approve) else None
        if token is not None:
            self._bind(token)
        self._listen(frame)

    def _job(self, frame: Frame) -> _Job:
        # noted now, not when it is admitted: to ask who a token is may outlast the turn that runs
        place = (frame.conversation_id if isinstance(frame, Query) else None) or (
            self._conversation.id if self._conversation is not None else ""
        )
        return _Job(frame, self._toolset, self._locale, self._gateway.entries.last_seq(place))

    def close(self) -> None:
        """The connection is gone: what was not yet accepted is dropped, what became a turn goes on."""
        if self._worker is not None:
            self._worker.cancel()

    def _listen(self, frame: Frame) -> None:
        """Which language the resident speaks. A yes or no does not say: "ok" is said in all of them."""
        if isinstance(frame, Query):
            spoken = language_of(frame.query, self._locale)
            if spoken == "en" and decision(frame.query) is not None:
                spoken = self._locale
            self._locale = frame.locale or spoken
        elif isinstance(frame, Hello):
            self._locale = frame.locale or self._locale

    def _bind(self, token: str) -> None:
        toolset = toolset_of(self._gateway, token)
        if toolset != self._toolset:
            self._toolset = toolset

    def _cancel(self, frame: Cancel) -> bool:
        """Stop the turn at once if it is under way."""
        current = self._conversation
        return current is not None and self._gateway.turns.cancel(current.id, frame.turn_id)

    async def _work(self) -> None:
        while self._queue:
            job = self._queue[0]
            try:
                await self._admit(job)
            except FrameRefused as refused:
                self._gateway.observer.refused(refused.code)
                sentence = text(refused.key, job.locale, field=refused.field, **refused.params)
                retry_ms = refused.retry_after_ms
                self._connection.send(error_frame(refused.code, sentence, field=refused.field, retry_after_ms=retry_ms))
                if refused.code == "identity_mismatch":
                    self._queue.clear()
                    self._connection.close(IDENTITY_MISMATCH_CLOSE, "identity_mismatch")
                    return
            except StoreUnavailable as error:
                log.error("store_unavailable", reason=error.reason)
                self._connection.send(error_frame("internal", text("frame.store", job.locale)))
            except Exception:  # a defect: it must not stay at the head of the queue and fail for ever
                reference = secrets.token_hex(4)
                log.exception("intake_defect", reference=reference)
                self._connection.send(error_frame("internal", text("error.internal", job.locale, reference=reference)))
            self._queue.popleft()

    async def _admit(self, job: _Job) -> Admitted | None:
        """Do what a frame asks for; the turn that it became, if it is one that becomes a turn."""
        frame = job.frame
        if isinstance(frame, Cancel):  # it waited for the query before it to become a turn
            if not self._cancel(frame):
                raise FrameRefused("not_found", "frame.no_turn", field="turn_id")
            return None
        caller = await caller_of(self._gateway, job.toolset, self._path_id)
        if isinstance(frame, Hello | Approve) and caller.state == "refused":
            raise FrameRefused("login_required", "frame.login_required", field="token")
        if isinstance(frame, Query | Approve):
            count(self._gateway, caller)
        match frame:
            case Query():
                return await self._ask(frame, caller, job)
            case Hello():
                conversation = await self._conversation_of(frame.conversation_id, caller, job)
                await greet(self._gateway, self._connection, conversation, frame)
            case Approve():
                return await self._answer(frame, caller, job)
            case Feedback():
                await self._rate(frame, caller)
        return None

    async def _ask(self, frame: Query, caller: Caller, job: _Job) -> Admitted:
        attachments = await self._attachments(frame, caller)
        conversation = await self._conversation_of(frame.conversation_id, caller, job)
        self._connection.follow(conversation.id)
        asked = Asked(
            conversation=conversation,
            query=frame.query,
            locale=job.locale,
            caller=caller,
            toolset=job.toolset,
            seen=job.seen,
            client_msg_id=frame.client_msg_id,
            attachments=attachments,
        )
        admitted = await self._accept(asked)
        if admitted.again:
            await self._show_again(admitted, asked, job)
        return admitted

    async def _attachments(self, frame: Query, caller: Caller) -> tuple[Upload, ...]:
        """The caller's own uploads that a query names."""
        ids = tuple(dict.fromkeys(frame.attachments or ()))
        if len(ids) > self._gateway.limits.attachments.max:
            most = self._gateway.limits.attachments.max
            raise FrameRefused("too_large", "frame.too_many_attachments", field="attachments", max=most)
        owners = [owner for owner in (caller.owner, caller.provisional) if owner] if caller.owner else []
        found = [await self._gateway.uploads.get(one, owners) for one in ids]
        if None in found:
            raise FrameRefused("not_found", "frame.not_found", field="attachments")
        return tuple(one for one in found if one is not None)

    async def _accept(self, asked: Asked) -> Admitted:
        """It becomes a turn even where the connection is lost meanwhile: half accepted, it would never have an end."""
        return await asyncio.shield(self._gateway.turns.accept(asked))

    async def _show_again(self, admitted: Admitted, asked: Asked, job: _Job) -> None:
        """The turn that the query was before: its entries while the log has them, what came of it afterwards."""
        assert self._conversation is not None
        if admitted.conversation_id != self._conversation.id:
            await self._conversation_of(admitted.conversation_id, asked.caller, job)
        if self._connection.replay(admitted.conversation_id, admitted.turn_id):
            return
        unfinished = admitted.earlier is not None and not admitted.earlier.outcome
        if unfinished and not self._gateway.turns.under_way(admitted.conversation_id, admitted.turn_id):
            admitted = await self._accept(asked)  # it has ended since the store was asked: now the store knows how
        show_again(self._gateway, self._connection, admitted, job.locale)

    async def _answer(self, frame: Approve, caller: Caller, job: _Job) -> Admitted:
        """The resident's yes or no by the approval's id: only its owner's, only while it waits."""
        approval = await self._gateway.approvals.get(frame.approval_id)
        conversation = None if approval is None else await self._where(approval, caller, job)
        if approval is None or conversation is None:
            raise FrameRefused("not_found", "frame.not_found", field="approval_id")
        runs = self._gateway.turns.runs(conversation.id)
        if approval.state != "pending" and not (approval.state == "approved" and approval.outcome is None and runs):
            how = decided(approval, job.locale)
            raise FrameRefused("approval_used", "error.approval_used", field="approval_id", how=how)
        if approval.state == "pending" and approval.expires.passed:
            await self._gateway.approvals.settle(approval.id, "expired")
            raise FrameRefused("approval_expired", "error.approval_expired", field="approval_id")
        self._connection.follow(conversation.id)
        word = text("approval.yes" if frame.approved else "approval.no", job.locale)
        return await self._accept(
            Asked(
                conversation=conversation,
                query=word,
                locale=job.locale,
                caller=caller,
                toolset=job.toolset,
                answer=Answer(approval.id, frame.approved),
            )
        )

    async def _where(self, approval: Approval, caller: Caller, job: _Job) -> Conversation | None:
        """The conversation of an approval that is the caller's; None where it is not. One without an owner is that of
        the connection on which it was parked."""
        current = self._conversation
        if current is not None and current.id == approval.conversation_id:
            verdict = decide(current.owner, caller, same_credential=job.toolset == self._conversation_toolset)
            return None if verdict == "new" else await self._conversation_of(None, caller, job)
        if approval.owner is None or caller.owner is None or approval.owner not in (caller.owner, caller.provisional):
            return None
        try:
            return await self._conversation_of(approval.conversation_id, caller, job)
        except FrameRefused:
            return None

    async def _rate(self, frame: Feedback, caller: Caller) -> None:
        rated = await self._gateway.turn_store.rate(frame.turn_id, caller.owner, frame.score, frame.comment or "")
        if not rated:
            raise FrameRefused("not_found", "frame.not_found", field="turn_id")
        log.info("feedback", turn_id=frame.turn_id, score=frame.score)

    async def _tell_what_was_left(self, conversation: Conversation, job: _Job) -> None:
        """What an earlier process left unfinished; a client that asks on is sent it before its own turn (one that says
        `hello` is told where the conversation stands)."""
        entries, before = self._gateway.entries, self._gateway.entries.last_seq(conversation.id)
        waits = not conversation.recovered
        await asyncio.shield(self._gateway.recovery.tell(conversation, job.toolset, job.locale))
        if waits and isinstance(job.frame, Query | Approve) and entries.last_seq(conversation.id) > before:
            self._connection.follow(conversation.id, before)

    async def _conversation_of(self, named_id: str | None, caller: Caller, job: _Job) -> Conversation:
        """The conversation that a frame belongs to (rule 7); what an earlier process left of it is told first."""
        gateway, current = self._gateway, self._conversation
        if named_id is not None and (current is None or named_id != current.id):
            named = await gateway.conversations.open(named_id, caller.owner) if caller.owner is not None else None
            if named is None:
                raise FrameRefused("not_found", "frame.not_found", field="conversation_id")
            await self._tell_what_was_left(named, job)
            current = named
        elif current is not None:
            verdict = decide(current.owner, caller, same_credential=job.toolset == self._conversation_toolset)
            if verdict == "adopt":
                current.owner = caller.owner
            elif verdict == "new":
                if named_id is not None:
                    raise FrameRefused("not_found", "frame.not_found", field="conversation_id")
                current = None
        if current is None:
            current = gateway.conversations.create(caller.owner)
        self._conversation, self._conversation_toolset = current, job.toolset
        return current
