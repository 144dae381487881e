"""`/ws/chat/{user_id}`: the reader. Decodes a frame, hands a query on, answers what is wrong. Next: `intake.py`.

The token leaves the frame here: `Intake` binds it into the caller's toolset at once, and nothing else ever holds it.
"""

from __future__ import annotations

import asyncio
import secrets
from urllib.parse import unquote

import structlog
from sanic import Blueprint, Request, Websocket
from sanic.exceptions import WebsocketClosed
from structlog.contextvars import bind_contextvars, clear_contextvars
from websockets.exceptions import ConnectionClosed

from agent.ports import EventLog
from blueprints.address import Addresses
from blueprints.connection import Connection
from blueprints.gateway import Gateway
from blueprints.intake import Intake
from blueprints.limits import FLOOD_CLOSE, TOO_MANY_CLOSE, Seat, TooManyConnections
from schemas.client_frames import Ping, decode_frame
from schemas.errors import FrameRefused
from schemas.frames import Pong, error_frame
from schemas.messages import text
from schemas.observer import Observer

log = structlog.get_logger(__name__)


def chat_blueprint(
    gateway: Gateway,
    entries: EventLog,
    addresses: Addresses,
    *,
    max_query_chars: int,
    send_timeout_s: float,
    bubble_s: float,
) -> Blueprint:
    """The WebSocket route. Limits of frames are those of `sanic_protocol.py`."""
    blueprint = Blueprint("chat")

    @blueprint.websocket("/ws/chat/<user_id:str>")  # type: ignore[untyped-decorator]
    async def chat(request: Request, ws: Websocket, user_id: str) -> None:
        clear_contextvars()
        bind_contextvars(connection=str(request.id)[:8])
        try:
            seat = gateway.guard.enter(addresses.client(request.ip, request.headers.getall(addresses.header, [])))
        except TooManyConnections:
            log.info("too_many_connections")
            gateway.observer.disconnected(TOO_MANY_CLOSE)
            await ws.close(TOO_MANY_CLOSE, "too many connections")
            return
        connection = Connection(ws, entries, send_timeout_s, bubble_s)
        intake = Intake(gateway, connection, unquote(user_id))
        writer = asyncio.create_task(connection.write())
        gateway.connections.add(connection)
        seat.watch(connection.close)
        log.info("connected")
        gateway.observer.connected()
        try:
            await _read(ws, gateway.observer, connection, intake, seat, max_query_chars)
            if seat.floods:
                await asyncio.wait([writer], timeout=send_timeout_s)
        except Exception:  # a defect: Sanic would close with 1000, as if all were well
            reference = secrets.token_hex(4)
            log.exception("connection_defect", reference=reference)
            connection.send(error_frame("internal", text("error.internal", intake.locale, reference=reference)))
            connection.close(1011, "internal error")
            await asyncio.wait([writer], timeout=1)
        finally:
            close_code = _close_code(ws)
            log.info("disconnected", close_code=close_code)
            gateway.observer.disconnected(close_code)
            gateway.connections.discard(connection)
            seat.leave()
            intake.close()
            writer.cancel()

    return blueprint


def _close_code(ws: Websocket) -> int:
    """The peer's word, else ours, else 1006 (RFC 6455, 7.1.5), also while the goodbye is still on its way."""
    said = ws.ws_proto.close_rcvd or ws.ws_proto.close_sent
    return int(said.code) if said is not None else 1006


async def _read(
    ws: Websocket, observer: Observer, connection: Connection, intake: Intake, seat: Seat, max_query_chars: int
) -> None:
    while True:
        try:
            message = await ws.recv()
        except (ConnectionClosed, WebsocketClosed):
            return
        if message is None:
            continue
        try:
            seat.message()
            frame = decode_frame(message, max_query_chars=max_query_chars)
            seat.valid()
            if isinstance(frame, Ping):
                connection.send(Pong())
            else:
                intake.put(frame)
        except FrameRefused as refused:
            observer.refused(refused.code)
            sentence = text(refused.key, intake.locale, field=refused.field, **refused.params)
            retry_ms = refused.retry_after_ms
            connection.send(error_frame(refused.code, sentence, field=refused.field, retry_after_ms=retry_ms))
            if seat.floods:
                connection.close(FLOOD_CLOSE, "too many messages")
                return  # read no more; the writer has the last word
