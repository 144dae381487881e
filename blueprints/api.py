"""The protocol over HTTP: a turn as server-sent events, approvals, cancel, own history, the catalogue.

Each route does what its frame does, through the same `intake.py`. Next: `stream.py`; photos are in `uploads.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from sanic import Blueprint, HTTPResponse
from sanic.response import empty

from agent.turns import Admitted
from blueprints.bodies import json_text
from blueprints.door import Door, Visit
from blueprints.gateway import Gateway
from blueprints.greeting import waiting_cards
from blueprints.intake import Intake
from blueprints.stream import TurnStream, last_event_id
from schemas.api import (
    ApprovalAnswer,
    Attachment,
    CatalogueAnswer,
    CatalogueUpstream,
    ConversationHistory,
    ConversationLine,
    ConversationList,
    HistoryMessage,
    TurnAccepted,
)
from schemas.client_frames import Approve, Query, decode_frame, decode_members
from schemas.conversation import Conversation
from schemas.errors import FrameRefused
from schemas.jsontext import to_json
from schemas.model import Message
from schemas.turn import Locale

log = structlog.get_logger(__name__)

MAX_LISTED = 100
_NO_STORE = {"Cache-Control": "no-store"}
_EVENTS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiBounds:
    """The settings of the same names; times in seconds. `heartbeat_s`: the longest silence of a stream."""

    max_frame_bytes: int
    max_query_chars: int
    message_timeout_s: float
    send_timeout_s: float
    heartbeat_s: float


def api_blueprint(
    gateway: Gateway, door: Door, bounds: ApiBounds, catalogue: Callable[[Locale], list[CatalogueUpstream]]
) -> Blueprint:
    """The routes under `/api`. `catalogue` says what the assistant can do."""
    blueprint = Blueprint("api", url_prefix="/api")
    turns = _Turns(bounds)
    history = _History()

    @door
    async def show_catalogue(visit: Visit) -> HTTPResponse:
        return answer(CatalogueAnswer(upstreams=catalogue(visit.locale), limits=gateway.limits))

    @door
    async def cancel(visit: Visit, turn_id: str) -> HTTPResponse:
        caller = await visit.owner()
        if not gateway.turns.cancel_own(turn_id, str(caller.owner)):
            raise FrameRefused("not_found", "frame.no_turn", field="turn_id")
        return empty()

    add: Any = blueprint.add_route
    add(show_catalogue, "/catalogue", methods=["GET"], name="catalogue")
    add(door(turns.chat), "/chat", methods=["POST"], name="chat", stream=True)
    add(door(turns.approve), "/approvals/<approval_id:str>", methods=["POST"], name="approve", stream=True)
    add(cancel, "/turns/<turn_id:str>/cancel", methods=["POST"], name="cancel")
    add(door(history.all), "/conversations", methods=["GET"], name="conversations")
    add(door(history.forget_all), "/conversations", methods=["DELETE"], name="forget_all")
    add(door(history.one), "/conversations/<conversation_id:str>", methods=["GET"], name="conversation")
    add(door(history.forget), "/conversations/<conversation_id:str>", methods=["DELETE"], name="forget")
    return blueprint


def answer(value: msgspec.Struct, status: int = 200) -> HTTPResponse:
    """A JSON answer that no cache keeps."""
    return HTTPResponse(to_json(value), status, dict(_NO_STORE), content_type="application/json")


class _Turns:
    """What becomes a turn."""

    def __init__(self, bounds: ApiBounds) -> None:
        self._bounds = bounds

    async def chat(self, visit: Visit) -> HTTPResponse | None:
        """A query; its turn as events. With `Last-Event-ID` it is one that was sent before."""
        last = last_event_id(visit.request.headers.get("last-event-id"))
        frame = decode_frame(await self._body(visit), max_query_chars=self._bounds.max_query_chars)
        if not isinstance(frame, Query):
            raise FrameRefused("unsupported", "frame.unknown_type", field="type")
        if last is not None and frame.client_msg_id is None:
            # without its name it would be asked, and paid for, a second time
            raise FrameRefused("bad_request", "frame.missing", field="client_msg_id")
        stream = TurnStream(visit.gateway.entries, last)
        await self._follow(visit, stream, await self._admit(visit, stream, frame))
        return None

    async def approve(self, visit: Visit, approval_id: str) -> HTTPResponse | None:
        """A yes or no; the turn that it becomes, as events where the client takes them."""
        said = decode_members(await self._body(visit), ApprovalAnswer)
        stream = TurnStream(visit.gateway.entries)
        frame = Approve(approval_id=approval_id, approved=said.approved)
        admitted = await self._admit(visit, stream, frame, said.locale)
        if "text/event-stream" not in str(visit.request.headers.get("accept", "")).lower():
            stream.leave()
            return answer(TurnAccepted(conversation_id=admitted.conversation_id, turn_id=admitted.turn_id), 202)
        await self._follow(visit, stream, admitted)
        return None

    async def _body(self, visit: Visit) -> str:
        return await json_text(visit.request, self._bounds.max_frame_bytes, self._bounds.message_timeout_s)

    async def _admit(
        self, visit: Visit, stream: TurnStream, frame: Query | Approve, locale: Locale | None = None
    ) -> Admitted:
        """By the header's token, which is the connection's; one in the frame counts before it, as on a socket."""
        intake = Intake(visit.gateway, stream, None, locale or visit.locale, visit.toolset())
        try:
            return await intake.admit(frame)
        except BaseException:
            stream.leave()
            raise

    async def _follow(self, visit: Visit, stream: TurnStream, admitted: Admitted) -> None:
        """Send the turn. A client that leaves, or does not read, does not end it."""
        turns = visit.gateway.turns
        response = await visit.request.respond(content_type="text/event-stream; charset=utf-8", headers=dict(_EVENTS))
        assert response is not None

        def under_way() -> bool:
            return turns.under_way(admitted.conversation_id, admitted.turn_id)

        try:
            async for event in stream.events(admitted.turn_id, under_way, self._bounds.heartbeat_s):
                async with asyncio.timeout(self._bounds.send_timeout_s):
                    await response.send(event)
            await response.eof()
        except TimeoutError:
            log.warning("slow_client_dropped", timeout_s=self._bounds.send_timeout_s)
            if visit.request.transport is not None:
                visit.request.transport.abort()  # type: ignore[attr-defined]
        finally:
            stream.leave()


class _History:
    """A subject's own conversations."""

    async def all(self, visit: Visit) -> HTTPResponse:
        """The latest used ones."""
        caller = await visit.owner()
        listed = await visit.gateway.conversations.of(str(caller.owner), MAX_LISTED)
        lines = [
            ConversationLine(
                conversation_id=one.id,
                title=one.title,
                created_at=_rfc3339(one.created_at),
                updated_at=_rfc3339(one.updated_at),
            )
            for one in listed
        ]
        return answer(ConversationList(conversations=lines))

    async def one(self, visit: Visit, conversation_id: str) -> HTTPResponse:
        """What was said, and where the conversation stands."""
        gateway, conversation = visit.gateway, await self._own(visit, conversation_id)
        running = gateway.turns.running(conversation.id)
        history = ConversationHistory(
            conversation_id=conversation.id,
            messages=[said for message in conversation.messages if (said := _said(message)) is not None],
            turn_id=running.id if running is not None else None,
            approvals=await waiting_cards(gateway, conversation),
            epoch=gateway.entries.epoch(conversation.id),
            seq=gateway.entries.last_seq(conversation.id),
        )
        return answer(history)

    async def forget(self, visit: Visit, conversation_id: str) -> HTTPResponse:
        """Forget one, with its turns and approvals."""
        conversation = await self._own(visit, conversation_id)
        if not await self._forgotten(visit.gateway, conversation.id, str(conversation.owner)):
            raise FrameRefused("not_found", "frame.not_found", field="conversation_id")
        return empty()

    async def forget_all(self, visit: Visit) -> HTTPResponse:
        """Forget all of them, and the uploads."""
        gateway, owner = visit.gateway, str((await visit.owner()).owner)
        while listed := await gateway.conversations.of(owner, MAX_LISTED):
            for one in listed:
                await self._forgotten(gateway, one.id, owner)
        await gateway.uploads.forget(owner)
        return empty()

    async def _own(self, visit: Visit, conversation_id: str) -> Conversation:
        caller = await visit.owner()
        found = await visit.gateway.conversations.open(conversation_id, str(caller.owner))
        if found is None:
            raise FrameRefused("not_found", "frame.not_found", field="conversation_id")
        return found

    async def _forgotten(self, gateway: Gateway, conversation_id: str, owner: str) -> bool:
        """Not while a turn is under way: a write of it must not lose its record."""
        if gateway.turns.runs(conversation_id):
            raise FrameRefused("busy", "frame.busy")
        deleted = await gateway.conversations.delete(conversation_id, owner)
        if deleted:
            gateway.entries.clear(conversation_id)
        return deleted


def _said(message: Message) -> HistoryMessage | None:
    """A message as its people read it; None for what only a model reads."""
    role, content = message["role"], message.get("content")
    if role not in ("user", "assistant") or not content:
        return None
    attachments = [
        Attachment(upload_id=one["id"], filename=one["filename"], type=one["type"], size=one["size"])
        for one in message.get("attachments") or ()
    ]
    return HistoryMessage(role=role, content=str(content), attachments=attachments)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
