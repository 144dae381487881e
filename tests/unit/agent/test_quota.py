"""A subject's tokens of a day (attack A25: a question that makes the model work for ever, asked again and again)."""

from __future__ import annotations

from agent.quota import DailyTokens
from agent.turns import TurnRunner
from schemas.conversation import Conversation
from schemas.tool import ToolCall
from tests.support.fakes import FakeToolset, StoppedClock, ids, make_outside
from tests.unit.agent.test_turn_runner import House


def test_a_day_is_used_up_and_begins_anew() -> None:
    """The day is the subject's own: 24 hours from his first turn."""
    clock = StoppedClock()
    quota = DailyTokens(100, clock=clock)
    quota.add("anna", 60)
    assert not quota.used_up("anna")
    quota.add("anna", 60)
    assert quota.used_up("anna")
    assert not quota.used_up("bert")
    clock.now += 86399
    assert quota.used_up("anna")
    clock.now += 1
    assert not quota.used_up("anna")
    quota.add("anna", 60)
    assert not quota.used_up("anna")


def test_without_a_limit_or_a_subject_nothing_is_counted() -> None:
    """0 switches it off; who has not logged in has no name to count under."""
    quota = DailyTokens(0)
    quota.add("anna", 10**9)
    assert not quota.used_up("anna")
    quota = DailyTokens(1)
    quota.add(None, 10**9)
    assert not quota.used_up(None)


def test_the_number_of_subjects_is_bounded() -> None:
    """The one whose day began first is forgotten."""
    quota = DailyTokens(1, max_subjects=2)
    for subject in ("a", "b", "c"):
        quota.add(subject, 1)
    assert [quota.used_up(subject) for subject in ("a", "b", "c")] == [False, True, True]


async def test_a25_a_turn_beyond_the_day_ends_with_limit_and_asks_no_model() -> None:
    """In a sentence (rule 1); another resident is answered."""
    house = House(["one"], ["for bert"])
    house.outside = make_outside(house.model, log=house.log, new_id=ids(), quota=DailyTokens(13))
    house.runner = TurnRunner(house.outside)
    house.toolset = FakeToolset()
    await house.accept("a")
    await house.until(lambda: len(house.terminals()) == 1)
    await house.accept("b")
    await house.until(lambda: len(house.terminals()) == 2)
    assert [outcome for _, outcome in house.terminals()] == ["success", "limit"]
    assert len(house.model.requests) == 1
    await house.accept("c", Conversation("c2", "bert"))
    await house.until(lambda: len(house.terminals("c2")) == 1)
    assert [outcome for _, outcome in house.terminals("c2")] == ["success"]


async def test_what_was_proposed_can_still_be_confirmed() -> None:
    """A yes needs no model: the write is sent and the gateway says what came of it."""
    house = House([ToolCall("call1", "order", "{}")])
    house.outside = make_outside(house.model, log=house.log, new_id=ids(), quota=DailyTokens(13))
    house.runner = TurnRunner(house.outside)
    await house.accept("order")
    await house.until(lambda: len(house.terminals()) == 1)
    await house.accept("yes")
    await house.until(lambda: len(house.terminals()) == 2)
    assert [outcome for _, outcome in house.terminals()] == ["approval", "success"]
    assert len(house.toolset.sent) == 1
    assert len(house.model.requests) == 1
