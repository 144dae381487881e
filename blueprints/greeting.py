"""`ready` and `snapshot`: where a conversation stands, for a client that says `hello` (protocol, rules 3 to 5).

Used by `intake.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from agent.cards import approval_card
from agent.turns import Admitted
from blueprints.follower import Follower
from blueprints.gateway import Gateway
from schemas.client_frames import VERSION, Hello
from schemas.conversation import Conversation, TurnRecord
from schemas.errors import StoreUnavailable
from schemas.frames import ApprovalCard, Chunk, Frame, Ready, Snapshot, Status, StatusData, error_frame
from schemas.messages import text
from schemas.turn import OUTCOMES, Locale

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Standing:
    """The running turn or the last one, and its bubble. `outcome` is None while it runs."""

    turn_id: str | None
    content: str
    outcome: str | None


async def greet(gateway: Gateway, connection: Follower, conversation: Conversation, hello: Hello) -> None:
    """Answer `hello` and follow the conversation from where the client has it; else from now on, with a snapshot."""
    entries = gateway.entries
    for _ in range(20):  # again where the conversation went on while the store was being asked
        before = entries.last_seq(conversation.id)
        latest = await _latest(gateway, conversation)
        cards = await waiting_cards(gateway, conversation)
        if entries.last_seq(conversation.id) == before:
            break
    # From here on nothing is awaited: what is said and what is followed are of one moment.
    epoch, last = entries.epoch(conversation.id), entries.last_seq(conversation.id)
    after = hello.after if hello.epoch == epoch else None
    if after is None and last == 0 and hello.epoch is None and latest is None:
        after = 0  # it has missed nothing of what has just begun
    recovered = after is not None and entries.reaches(conversation.id, after)
    running = gateway.turns.running(conversation.id)
    connection.whole = True
    connection.follow(conversation.id, after if recovered else last)
    connection.send(
        Ready(
            v=VERSION,
            conversation_id=conversation.id,
            epoch=epoch,
            seq=last,
            recovered=recovered,
            turn_id=running.id if running else None,
            approvals=cards,
            limits=gateway.limits,
        )
    )
    log.info("resumed" if hello.epoch else "greeted", conversation_id=conversation.id, recovered=recovered)
    if not recovered:
        standing = _standing(gateway, conversation, latest)
        connection.send(_snapshot(conversation.id, standing, cards, last))


def show_again(gateway: Gateway, connection: Follower, admitted: Admitted, locale: Locale) -> None:
    """A turn whose beginning the log has forgotten: a snapshot, or the tutorial's frames for a client that knows only
    those. Nothing of one that has not begun: all of it is still to come."""
    running, earlier = gateway.turns.running(admitted.conversation_id), admitted.earlier
    if running is not None and running.id == admitted.turn_id:
        standing = _Standing(running.id, running.content, None)
    elif earlier is not None and earlier.outcome:
        standing = _Standing(earlier.id, earlier.content, earlier.outcome)
    else:
        return
    if connection.whole:
        connection.send(_snapshot(admitted.conversation_id, standing, [], connection.seq))
        return
    for frame in _told(standing, locale):
        frame.conversation_id, frame.turn_id = admitted.conversation_id, admitted.turn_id
        connection.send(frame)


def _told(standing: _Standing, locale: Locale) -> list[Frame]:
    """What stands in the bubble, and the end if there was one, in frames that the tutorial's client knows."""
    frames: list[Frame] = [Chunk(content=standing.content, is_final=False)] if standing.content else []
    if standing.outcome is None:
        return frames
    if frames:
        frames.append(Chunk(content="", is_final=True))
    outcome = next((one for one in OUTCOMES if one == standing.outcome), None)
    if outcome is not None:
        data = StatusData(message=text("status.completed", locale), outcome=outcome)
        return [*frames, Status(status="completed", data=data)]
    return [*frames, error_frame("turn_interrupted", text("error.turn_interrupted", locale))]


def _snapshot(conversation_id: str, standing: _Standing, cards: list[ApprovalCard], seq: int) -> Snapshot:
    return Snapshot(
        conversation_id=conversation_id,
        turn_id=standing.turn_id,
        content=standing.content,
        outcome=standing.outcome,
        approvals=cards,
        seq=seq,
    )


def _standing(gateway: Gateway, conversation: Conversation, latest: TurnRecord | None) -> _Standing:
    running = gateway.turns.running(conversation.id)
    if running is not None:
        return _Standing(running.id, running.content, None)
    if latest is None:
        return _Standing(None, "", None)
    return _Standing(latest.id, latest.content, latest.outcome or None)


async def waiting_cards(gateway: Gateway, conversation: Conversation) -> list[ApprovalCard]:
    """The write that waits for a yes in this conversation, as a client shows it."""
    try:
        waiting = await gateway.approvals.pending(conversation.id)
    except StoreUnavailable as error:
        log.error("store_unavailable", reason=error.reason)
        return []
    return [approval_card(waiting)] if waiting is not None and not waiting.expires.passed else []


async def _latest(gateway: Gateway, conversation: Conversation) -> TurnRecord | None:
    """The last turn; asked again where it ended while the store was being asked."""
    try:
        for _ in range(3):
            latest = await gateway.turn_store.latest(conversation.id)
            if latest is None or latest.outcome or gateway.turns.runs(conversation.id):
                break
    except StoreUnavailable as error:
        log.error("store_unavailable", reason=error.reason)
        return None
    return latest
