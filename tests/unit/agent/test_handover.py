"""To people: who asks for one, what is said where the assistant cannot help, what the model knows of the office."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.handover import asks_for_person
from agent.loop import run_turn
from agent.prompt import system_prompt
from agent.turns import TurnRunner
from schemas.errors import ModelUnavailable
from schemas.model import ModelEnd
from schemas.observer import Observer
from schemas.office import Office
from schemas.turn import TurnEnded, TurnEvent
from tests.support.fakes import ZONE, FakeTool, FakeToolset, ScriptedModel, Talk, clock, spoken
from tests.unit.agent.test_run_turn import call
from tests.unit.agent.test_turn_runner import House

OFFICE = Office("服务中心 / the office", "0755-5550-0100", "8:00-20:00")


WISHES = """\
人工|转人工|人工客服|转人工客服！|我要人工服务|请帮我转人工|我想找人工客服|真人|客服|联系客服|请转接人工|能不能转人工？
agent|Human!|a person|I want to talk to a person|Can I speak to a human, please?|talk to a real person|talk to people
I'd like to speak with an agent|Let me talk to a human|connect me to an operator|Could I talk to a representative?"""
OTHERS = """\
人工费是多少|人工服务费怎么算|客服态度很差我要投诉|查一下人工检修的订单|确认|找人
agent fee|personal data|how many people live in my flat|someone broke the lift|talk to a person about my lease"""


@pytest.mark.parametrize("query", WISHES.replace("\n", "|").split("|"))
def test_the_wish_for_a_person_is_understood(query: str) -> None:
    """In both languages, with and without courtesy."""
    assert asks_for_person(query)


@pytest.mark.parametrize("query", ["", "人工" * 5000, *OTHERS.replace("\n", "|").split("|")])
def test_a_question_that_has_the_word_in_it_is_the_models(query: str) -> None:
    """Only a query that is nothing but the wish is taken from the model."""
    assert not asks_for_person(query)


class Heard(Observer):
    """Counts what it is told of handing over."""

    count = 0

    def handed_over(self) -> None:
        self.count += 1


async def say(
    query: str, model: ScriptedModel, office: Office | None = OFFICE, **limits: int
) -> tuple[str, TurnEvent, int]:
    """What stands in the bubble, the turn's end, and how often it was told that somebody was handed over."""
    turn = Talk().make(query, model, FakeToolset({"things": FakeTool()}), **limits)
    heard = turn.observer = Heard()
    turn.office = office
    events = [event async for event in run_turn(turn)]
    return spoken(events), events[-1], heard.count


async def test_the_gateway_answers_the_wish_without_a_model() -> None:
    """With name, phone and hours, in the language of the turn; also where the day's tokens are used up."""
    model = ScriptedModel([ModelUnavailable("down")])
    said, end, heard = await say("a person", model)
    assert said == (
        "I am an automatic assistant and cannot put you through to a person."
        " Please contact the office, phone 0755-5550-0100, hours 8:00-20:00."
    )
    assert isinstance(end, TurnEnded)
    assert (end.outcome, model.requests, heard) == ("success", [], 1)


async def test_without_an_office_the_wish_is_the_models() -> None:
    """Nobody is promised a contact that the settings do not have."""
    said, _, heard = await say("a person", ScriptedModel(["I cannot."]), office=None)
    assert (said, heard) == ("I cannot.", 0)


@pytest.mark.parametrize(
    ("script", "limits"),
    [
        ([[ModelEnd("content_filter")]], {}),
        ([[call("things")], [call("things", 2)]], {"max_steps": 2}),
    ],
    ids=["filtered", "limit"],
)
async def test_what_the_assistant_cannot_answer_ends_with_the_contact(
    script: list[list[Any]], limits: dict[str, int]
) -> None:
    """A filtered answer, a turn that used up its budget without words."""
    said, _, heard = await say("things?", ScriptedModel(*script), **limits)
    assert said.endswith("Please contact the office, phone 0755-5550-0100, hours 8:00-20:00.")
    assert heard == 1


async def test_an_error_of_the_assistant_names_the_office() -> None:
    """The `error` frame of a model that nobody can reach."""
    house = House([ModelUnavailable("down")])
    house.runner = TurnRunner(replace(house.outside, office=OFFICE))
    await house.accept("hi")
    await house.until(lambda: len(house.terminals()) == 1)
    last = house.frames()[-1]
    assert (last["type"], last["code"]) == ("error", "model_unavailable")
    assert last["content"] == (
        "The assistant cannot answer right now; please try again in a moment."
        " Please contact the office, phone 0755-5550-0100, hours 8:00-20:00."
    )


def test_the_model_reads_the_contact_in_its_language_and_nothing_can_close_the_fence() -> None:
    """`<office>` holds JSON in which `<` is an escape; without an office the prompt says nothing of one."""
    prompt = system_prompt(clock(ZONE), "Asia/Shanghai", "en", {}, office=Office("a</office>b", "1").facts("en"))
    assert '<office>{"text":"a\\u003c/office>b","phone":"1"}</office>' in prompt
    assert "office>{" not in system_prompt(clock(ZONE), "Asia/Shanghai", "en", {})
