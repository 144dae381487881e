"""A client of one frame, as over HTTP: what it is told before its own turn, and the uploads that its query names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from blueprints.intake import Intake
from blueprints.stream import TurnStream
from schemas.client_frames import Approve, Query
from schemas.conversation import TurnRecord
from schemas.errors import FrameRefused
from schemas.frames import AttachmentLimits, Limits
from tests.support.stores import BEGAN
from tests.unit.blueprints.test_intake import Desk


async def ask(desk: Desk, token: str | None, **fields: Any) -> list[dict[str, Any]]:
    """The frames of a query, to the end of its stream."""
    stream = TurnStream(desk.log)
    intake = Intake(desk.gateway, stream, None, "en", desk.toolsets.for_token(token))
    admitted = await intake.admit(Query(**{"query": "x", **fields}))
    under_way = desk.turns.under_way
    events = stream.events(admitted.turn_id, lambda: under_way(admitted.conversation_id, admitted.turn_id), 60)
    return [json.loads(event.partition("data: ")[2]) async for event in events]


@pytest.fixture
def desk() -> Desk:
    made = Desk(["answer"], ["answer"])
    object.__setattr__(made.gateway, "limits", Limits(4000, 65536, AttachmentLimits(2, 1000, ["image/png"])))
    return made


async def test_what_an_earlier_process_left_is_told_before_the_answer(desk: Desk) -> None:
    """Its own turn with its own terminal, then the query's; told once, so the next query begins with itself."""
    conversation = desk.conversations.create("anna")
    await desk.conversations.save(conversation)
    await desk.gateway.turn_store.claim(TurnRecord("old", conversation.id, "anna", None, BEGAN))
    frames = await ask(desk, "anna", conversation_id=conversation.id)
    assert frames[0]["turn_id"] == "old"
    assert [frame["code"] for frame in frames if frame["type"] == "error"] == ["turn_interrupted"]
    assert frames[-1]["data"]["outcome"] == "success"
    again = await ask(desk, "anna", conversation_id=conversation.id)
    assert len({frame["turn_id"] for frame in again}) == 1
    await desk.turns.close()


async def test_a_path_is_not_compared_where_there_is_none(desk: Desk) -> None:
    """Carl's login must match an address over a socket; over HTTP there is nothing to match."""
    assert (await ask(desk, "carl"))[-1]["data"]["outcome"] == "success"
    await desk.turns.close()


async def test_own_uploads_go_with_the_query(desk: Desk) -> None:
    """Named twice they go once; also one from before it could be asked who he is; the model reads their ids."""
    upload = await desk.gateway.uploads.add("anna", "a.png", "image/png", b"1")
    await ask(desk, "anna", attachments=[upload.id, upload.id])
    said = str(desk.model.requests[0].messages[-1]["content"])
    assert said.count(upload.id) == 1
    await desk.turns.close()


@pytest.mark.parametrize(
    ("token", "ids", "code"),
    [
        ("anna", ["u1", "u2", "u3"], "too_large"),
        ("anna", ["never"], "not_found"),
        ("bert", ["u1"], "not_found"),
        (None, ["u1"], "not_found"),
    ],
)
async def test_what_is_not_the_callers_is_not_there(desk: Desk, token: str | None, ids: list[str], code: str) -> None:
    """Too many, unknown, foreign, without a login: no turn begins, no model is asked."""
    await desk.gateway.uploads.add("anna", "a.png", "image/png", b"1")
    with pytest.raises(FrameRefused) as refused:
        await ask(desk, token, attachments=ids)
    assert (refused.value.code, refused.value.field) == (code, "attachments")
    assert desk.model.requests == []


async def test_a_login_that_is_refused_cannot_approve(desk: Desk) -> None:
    """`login_required`, before anything is looked up."""
    intake = Intake(desk.gateway, TurnStream(desk.log), None, "en", desk.toolsets.for_token("nobody-knows"))
    with pytest.raises(FrameRefused) as refused:
        await intake.admit(Approve(approval_id="a1", approved=True))
    assert refused.value.code == "login_required"
