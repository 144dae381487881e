"""A connection's queries: whose they are, which conversation they belong to (protocol, rules 2, 7, 8)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from agent.recovery import Recovery
from agent.turns import TurnRunner
from blueprints.connection import Connection
from blueprints.gateway import Gateway
from blueprints.intake import Intake
from integrations.stores.memory_log import MemoryLog
from schemas.client_frames import Approve, Feedback, Query
from schemas.conversation import Conversation, TurnRecord
from schemas.errors import FrameRefused
from schemas.frames import AttachmentLimits, ErrorFrame, Limits
from schemas.tool import Caller, Identity, ToolCall
from tests.support.fakes import (
    FakeConnection,
    FakeTool,
    FakeToolset,
    FakeToolsets,
    ScriptedModel,
    Step,
    ids,
    make_outside,
)
from tests.support.limits import guard
from tests.support.memory_stores import MemoryConversations, MemoryUploads


def resident(subject: str, path_id: str | None = None) -> FakeToolset:
    tools = {"order": FakeTool(effect="write")}
    return FakeToolset(tools, Caller("verified", subject, Identity(subject, path_id, {})))


class Desk:
    """A gateway, and connections to it."""

    def __init__(self, *steps: Step) -> None:
        self.model = ScriptedModel(*steps)
        self.log = MemoryLog(1000, 100, new_epoch=ids("e"))
        self.toolsets = FakeToolsets(
            anna=resident("anna"),
            anna2=resident("anna"),
            bert=resident("bert"),
            carl=resident("carl", path_id="carl"),
            dora=FakeToolset(who=Caller("unknown", "digest-dora")),
        )
        self.conversations = MemoryConversations(ids("c"), 100)
        outside = make_outside(self.model, log=self.log, conversations=self.conversations)
        self.turns = TurnRunner(outside)
        self.gateway = Gateway(
            toolsets=self.toolsets,
            conversations=self.conversations,
            approvals=outside.approvals,
            turn_store=outside.turns,
            uploads=MemoryUploads(ids("u")),
            entries=self.log,
            turns=self.turns,
            recovery=Recovery(outside),
            guard=guard(),
            limits=Limits(4000, 65536, AttachmentLimits(0, 0, [])),
            locale="zh",
        )

    def connect(self, path_id: str = "user123") -> Client:
        return Client(self, path_id)


class Client:
    """One connection with its intake."""

    def __init__(self, desk: Desk, path_id: str) -> None:
        self.desk, self.connection = desk, FakeConnection()
        self.intake = Intake(desk.gateway, cast(Connection, self.connection), path_id)

    async def ask(self, query: str = "x", **fields: Any) -> str:
        """Send a query, wait until its turn or refusal is complete; returns the conversation that is followed."""
        before = self.done()
        self.intake.put(Query(query=query, **fields))
        await until(lambda: self.done() > before)
        return self.connection.followed[-1] if self.connection.followed else ""

    def done(self) -> int:
        """Refusals and terminals so far."""
        ends = [
            frame
            for conversation_id in dict.fromkeys(self.connection.followed)
            for frame in (json.loads(entry.text) for entry in self.desk.log.after(conversation_id, 0))
            if frame["type"] == "error" or frame.get("status") == "completed"
        ]
        return len(ends) + len(self.connection.sent)

    @property
    def codes(self) -> list[str]:
        return [frame.code for frame in self.connection.sent if isinstance(frame, ErrorFrame)]

    def conversation(self) -> Conversation:
        found = self.desk.conversations._live.get(self.connection.followed[-1])
        assert found is not None
        return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk whose turns are ended with the test."""
    made = Desk()
    yield made
    await made.turns.close()


async def test_queries_of_one_connection_are_one_conversation(desk: Desk) -> None:
    """The token is that of the first frame, which the later ones leave out."""
    client = desk.connect()
    first = await client.ask("a", token="anna")
    second = await client.ask("b")
    assert first == second
    assert client.conversation().owner == "anna"
    assert [m["content"] for m in client.conversation().messages if m["role"] == "user"] == ["a", "b"]


async def test_a_token_of_another_subject_starts_another_conversation(desk: Desk) -> None:
    """Nothing of the first one is shown to the model, and its log is no longer followed."""
    client = desk.connect()
    first = await client.ask("anna's secret", token="anna")
    second = await client.ask("who am I", token="bert")
    assert first != second
    assert client.connection.followed == [first, second]
    assert "secret" not in str(desk.model.requests[-1].messages)
    assert client.conversation().owner == "bert"


async def test_a_new_token_of_the_same_subject_goes_on(desk: Desk) -> None:
    """A login that was renewed."""
    client = desk.connect()
    assert await client.ask(token="anna") == await client.ask(token="anna2")


async def test_logging_out_starts_another_conversation(desk: Desk) -> None:
    """An empty token: whoever sits there now sees nothing of before."""
    client = desk.connect()
    first = await client.ask("anna's secret", token="anna")
    second = await client.ask("hello", token="")
    assert first != second
    assert client.conversation().owner is None
    assert "secret" not in str(desk.model.requests[-1].messages)


async def test_logging_in_makes_the_conversation_the_subjects(desk: Desk) -> None:
    """What was said without a token goes on."""
    client = desk.connect()
    first = await client.ask("hello")
    assert client.conversation().owner is None
    assert await client.ask("and my bills", token="anna") == first
    assert client.conversation().owner == "anna"


async def test_an_expired_token_keeps_the_conversation(desk: Desk) -> None:
    """The same token, refused by now: still the same person."""
    client = desk.connect()
    first = await client.ask(token="anna")
    desk.toolsets.by_token["anna"].who = Caller("refused", None)
    assert await client.ask() == first
    assert client.conversation().owner == "anna"
    assert await client.ask(token="anna2") == first


async def test_another_refused_token_does_not_get_the_conversation(desk: Desk) -> None:
    """A guess reaches nothing."""
    client = desk.connect()
    first = await client.ask("anna's secret", token="anna")
    assert await client.ask(token="guess") != first
    assert "secret" not in str(desk.model.requests[-1].messages)


async def test_the_same_unknown_token_is_adopted_once_it_can_be_verified(desk: Desk) -> None:
    """The identity upstream was down and is back."""
    client = desk.connect()
    first = await client.ask(token="dora")
    assert client.conversation().owner == "digest-dora"
    desk.toolsets.by_token["dora"].who = Caller("verified", "dora", provisional="digest-dora")
    assert await client.ask() == first
    assert client.conversation().owner == "dora"


async def test_a_conversation_is_opened_by_its_id_by_its_owner_alone(desk: Desk) -> None:
    """The owner on another connection goes on; unknown and foreign ids are the same `not_found`."""
    mine = await desk.connect().ask("first", token="anna")
    tab = desk.connect()
    assert await tab.ask("second", token="anna2", conversation_id=mine) == mine
    stranger = desk.connect()
    await stranger.ask(token="bert", conversation_id=mine)
    await stranger.ask(conversation_id="no-such-id")
    assert stranger.codes == ["not_found", "not_found"]
    foreign, unknown = stranger.connection.sent
    assert foreign == unknown
    assert stranger.connection.followed == []


async def test_an_unowned_conversation_is_its_connections_alone(desk: Desk) -> None:
    """Its id opens nothing elsewhere, with a token or without."""
    unowned = await desk.connect().ask("hello")
    other = desk.connect()
    await other.ask(conversation_id=unowned)
    await other.ask(conversation_id=unowned, token="anna")
    assert other.codes == ["not_found", "not_found"]


async def test_a_refused_conversation_id_changes_nothing(desk: Desk) -> None:
    """Rule 2: the connection's own conversation goes on."""
    client = desk.connect()
    mine = await client.ask(token="anna")
    await client.ask(conversation_id="no-such-id")
    assert await client.ask() == mine


async def test_a_path_that_contradicts_the_subject_closes_with_4501(desk: Desk) -> None:
    """The error first, then the close; no turn."""
    client = desk.connect("user123")
    await client.ask(token="carl")
    assert client.codes == ["identity_mismatch"]
    assert client.connection.closed == [(4501, "identity_mismatch")]
    assert client.connection.followed == []
    assert desk.model.requests == []


async def test_a_path_that_equals_the_subject_is_fine(desk: Desk) -> None:
    """And where the identity has no path id, the path is a label."""
    client = desk.connect("carl")
    await client.ask(token="carl")
    await desk.connect("anything").ask(token="anna")
    assert client.codes == []
    assert client.connection.closed == []


async def test_what_cannot_be_a_token_is_refused_and_the_old_one_stays(desk: Desk) -> None:
    """`bad_request` with the field, before anything is queued."""
    client = desk.connect()
    mine = await client.ask(token="anna")
    with pytest.raises(FrameRefused) as refused:
        client.intake.put(Query(query="x", token="bad"))
    assert (refused.value.code, refused.value.field) == ("bad_request", "token")
    assert await client.ask() == mine


async def test_more_queries_than_may_wait_are_busy() -> None:
    """One turn runs, one waits; a further query is refused in the resident's language, and both go on."""
    gate = asyncio.Event()
    desk = Desk([gate, "one"], ["two"])
    client = desk.connect()
    client.intake.put(Query(query="a", token="anna"))
    await until(lambda: len(desk.model.requests) == 1 and not client.intake._queue)
    client.intake.put(Query(query="b"))
    await client.ask("one more question")
    assert client.codes == ["busy"]
    assert "earlier question" in str(client.connection.sent)
    gate.set()
    await until(lambda: client.done() == 3)


async def test_queries_behind_a_slow_identity_are_bounded() -> None:
    """Who he is takes long: two are held, the third is busy at once, and both become turns in their order."""
    desk = Desk()
    gate = desk.toolsets.by_token["anna"].caller_gate = asyncio.Event()
    client = desk.connect()
    client.intake.put(Query(query="a", token="anna"))
    client.intake.put(Query(query="b"))
    with pytest.raises(FrameRefused) as refused:
        client.intake.put(Query(query="c"))
    assert refused.value.code == "busy"
    gate.set()
    await until(lambda: client.done() == 2)
    assert [m["content"] for m in client.conversation().messages if m["role"] == "user"] == ["a", "b"]


async def test_each_query_runs_with_the_token_it_came_with() -> None:
    """Two queries in one breath with two tokens: each has its own conversation and caller."""
    desk = Desk(["for anna"], ["for bert"])
    gate = desk.toolsets.by_token["anna"].caller_gate = asyncio.Event()
    client = desk.connect()
    client.intake.put(Query(query="a", token="anna"))
    client.intake.put(Query(query="b", token="bert"))
    gate.set()
    await until(lambda: client.done() == 2)
    owners = [desk.conversations._live.get(followed) for followed in client.connection.followed]
    assert [conversation and conversation.owner for conversation in owners] == ["anna", "bert"]


async def test_another_resident_on_the_same_connection_cannot_confirm(desk: Desk) -> None:
    """The write of the first waits for the first: the second's 确认 is an ordinary query of another conversation."""
    desk = Desk([ToolCall("call1", "order", "{}")], ["yes what?"])
    client = desk.connect()
    await client.ask("order it", token="anna")
    await client.ask("确认", token="bert")
    assert desk.toolsets.by_token["anna"].sent == []
    assert desk.toolsets.by_token["bert"].sent == []


async def test_a_defect_refuses_one_query_and_the_connection_goes_on(desk: Desk) -> None:
    """`internal` with a reference; the query behind it is answered."""
    anna = desk.toolsets.by_token["anna"]
    anna.caller_defect = ZeroDivisionError("a defect")
    client = desk.connect()
    await client.ask("x", token="anna")
    assert client.codes == ["internal"]
    assert "a defect" not in str(client.connection.sent)
    anna.caller_defect = None
    await client.ask("y")
    assert client.codes == ["internal"]
    assert client.conversation().owner == "anna"


async def test_a_lost_connection_does_not_end_its_turn() -> None:
    """Rule 5: what was accepted runs to its terminal."""
    gate = asyncio.Event()
    desk = Desk(["half", gate, "whole"])
    client = desk.connect()
    client.intake.put(Query(query="a", token="anna"))
    await until(lambda: len(desk.model.requests) == 1)
    client.intake.close()
    gate.set()
    await until(lambda: client.done() == 1)
    assert client.conversation().messages[-1]["content"] == "halfwhole"


async def test_the_language_is_that_of_the_query(desk: Desk) -> None:
    """Chinese by default, English for an English query, `locale` above both; kept where a query shows none."""
    client = desk.connect()
    assert client.intake.locale == "zh"
    for query, locale, expected in [
        ("my bills", None, "en"),
        ("12", None, "en"),
        ("账单", None, "zh"),
        ("账单", "en", "en"),
    ]:
        client.intake.put(Query(query=query, locale=locale))  # type: ignore[arg-type]
        assert client.intake.locale == expected
        await until(lambda: client.intake._worker is None or client.intake._worker.done())
        await until(lambda: not desk.turns._lanes)


async def test_a_restart_is_told_to_every_connection() -> None:
    """1012: reconnect."""
    desk = Desk()
    clients = [desk.connect(), desk.connect()]
    desk.gateway.connections.update(cast(Connection, client.connection) for client in clients)
    desk.gateway.close_connections()
    assert [client.connection.closed for client in clients] == [[(1012, "service restart: reconnect and resume")]] * 2


async def test_while_it_shuts_down_no_query_is_taken(desk: Desk) -> None:
    """`shutting_down`, without a turn."""
    await desk.turns.close()
    client = desk.connect()
    await client.ask("x", token="anna")
    assert client.codes == ["shutting_down"]


async def test_a_yes_sent_before_the_write_was_shown_is_no_yes_to_it() -> None:
    """Asking who he is outlasts the turn that parks the write: when it was sent counts, not when it was admitted."""
    thought = asyncio.Event()
    desk = Desk([thought, ToolCall("1", "order", "{}")])
    anna, client = desk.toolsets.by_token["anna"], desk.connect()
    client.intake.put(Query(query="order it", token="anna"))
    await until(lambda: len(desk.model.requests) == 1)
    gate = anna.caller_gate = asyncio.Event()
    client.intake.put(Query(query="yes"))
    thought.set()
    await until(lambda: client.done() == 1)
    gate.set()
    await until(lambda: client.done() == 2)
    assert anna.sent == []
    await client.ask("yes")
    assert [name for name, _, _ in anna.sent] == ["order"]
    await desk.turns.close()


async def test_a_yes_that_waited_for_its_identity_is_no_yes_to_what_another_tab_was_shown_meanwhile() -> None:
    """A19: when it was sent, nothing was parked."""
    desk = Desk()
    anna, one, two = desk.toolsets.by_token["anna"], desk.connect(), desk.connect()
    mine = await one.ask("hello", token="anna")
    desk.model._steps = [[ToolCall("1", "order", "{}")]]
    gate = desk.toolsets.by_token["anna2"].caller_gate = asyncio.Event()
    desk.toolsets.by_token["anna2"].tools = anna.tools
    two.intake.put(Query(query="yes", token="anna2", conversation_id=mine))
    await one.ask("order it")
    ends = one.done()
    gate.set()
    await until(lambda: one.done() == ends + 1)
    assert anna.sent == desk.toolsets.by_token["anna2"].sent == []
    await one.ask("yes")
    assert [name for name, _, _ in anna.sent] == ["order"]
    await desk.turns.close()


async def test_a_query_whose_connection_is_lost_while_it_is_taken_becomes_a_turn_all_the_same() -> None:
    """Rule 5: half accepted, it would be known by its name and never have an end."""
    desk = Desk(["hello"])
    claim, claimed, gate = desk.gateway.turn_store.claim, asyncio.Event(), asyncio.Event()

    async def slowly(record: TurnRecord) -> TurnRecord | None:
        found = await claim(record)
        claimed.set()
        await gate.wait()
        return found

    desk.gateway.turn_store.claim = slowly  # type: ignore[method-assign]
    client = desk.connect()
    client.intake.put(Query(query="x", token="anna", client_msg_id="m1"))
    await claimed.wait()
    client.intake.close()
    await asyncio.sleep(0)
    gate.set()
    await until(lambda: client.done() == 1)
    latest = await desk.gateway.turn_store.latest(client.connection.followed[-1])
    assert latest is not None
    assert latest.outcome == "success"
    await desk.turns.close()


async def approval_of(desk: Desk, client: Client, **fields: Any) -> str:
    desk.model._steps = [[ToolCall("1", "order", "{}")]]
    conversation_id = await client.ask("order it", **fields)
    parked = await desk.gateway.approvals.pending(conversation_id)
    assert parked is not None
    return parked.id


async def answer(client: Client, approval_id: str, token: str | None = None) -> None:
    before = client.done()
    client.intake.put(Approve(approval_id=approval_id, approved=True, token=token))
    await until(lambda: client.done() > before)


async def test_another_subjects_approve_is_not_found_and_changes_nothing(desk: Desk) -> None:
    """A14, A17: the connection's conversation stays the first one's; his own yes runs the write."""
    client = desk.connect()
    approval_id = await approval_of(desk, client, token="anna")
    mine = client.connection.followed[-1]
    await answer(client, approval_id, "bert")
    assert client.codes == ["not_found"]
    assert client.connection.followed == [mine]
    await answer(client, approval_id, "anna")
    assert [key for _, _, key in desk.toolsets.by_token["anna"].sent] == [approval_id]
    assert desk.toolsets.by_token["bert"].sent == []


async def test_an_approve_that_logs_in_makes_the_conversation_the_subjects(desk: Desk) -> None:
    """Rule 7: what was parked before the login is his afterwards, by its id as by a word; elsewhere it is not found."""
    desk.toolsets.anonymous.tools = desk.toolsets.by_token["anna"].tools
    client = desk.connect()
    approval_id = await approval_of(desk, client)
    stranger = desk.connect()
    await answer(stranger, approval_id, "bert")
    assert stranger.codes == ["not_found"]
    await answer(client, approval_id, "anna")
    assert client.codes == []
    assert client.conversation().owner == "anna"
    assert [key for _, _, key in desk.toolsets.by_token["anna"].sent] == [approval_id]


async def test_an_approve_counts_while_it_cannot_be_said_who_the_token_is(desk: Desk) -> None:
    """The identity upstream is down; the same token on the same connection is still the one who was asked."""
    client = desk.connect()
    approval_id = await approval_of(desk, client, token="anna")
    desk.toolsets.by_token["anna"].who = Caller("unknown", "digest-anna", provisional="digest-anna")
    await answer(client, approval_id)
    assert client.codes == []
    assert [key for _, _, key in desk.toolsets.by_token["anna"].sent] == [approval_id]


async def test_feedback_is_its_owners_to_give(desk: Desk) -> None:
    """Nothing is answered to the owner's; another subject's turn and an unknown one are the same `not_found`."""
    client, stranger = desk.connect(), desk.connect()
    mine = await client.ask("a", token="anna")
    (turn_id,) = {entry.turn_id for entry in desk.log.after(mine, 0)}
    client.intake.put(Feedback(turn_id=turn_id, score=1, comment="fine"))
    await stranger.ask("b", token="bert")
    stranger.intake.put(Feedback(turn_id=turn_id, score=-1))
    stranger.intake.put(Feedback(turn_id="no-such-turn", score=-1))
    await until(lambda: len(stranger.codes) == 2)
    assert stranger.codes == ["not_found", "not_found"]
    assert await client.ask("c") == mine
    assert client.codes == []
