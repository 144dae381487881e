"""To people: when a resident asks for one, and what is said where the assistant cannot help. Next: `loop.py`.

The gateway itself answers a query that is nothing but the wish for a person: that must work with any model, and without
one. In longer queries the model hears the wish; the office stands in its system prompt.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import replace

from agent.context import Turn
from agent.conversation import add_assistant
from schemas.errors import Code
from schemas.messages import text
from schemas.turn import TextDelta, TurnEnded, TurnEvent, TurnFailed

_EDGES = " \t\r\n.,!?;:。，！？；：~～…“”\"'"
_MAX_CHARS = 60
_ASKS = re.compile(
    r"""
    (请|麻烦|你好)? [，,]? \s* (我(要|想|想要|需要)|帮我|给我|能不能|可不可以|可以|能)?
    (直接)? (转接?到?|找|接|联系|叫|换|要)? (一下|一?个|你们的?)?
    ((人工|真人|活人)(客服|服务|坐席|座席)?|客服(人员)?) (吧|吗|谢谢)?
    |
    (please\s)? ((i|we)\s(want|need|would\slike)|i'd\slike|can\si|could\si|may\si|let\sme|connect\sme|transfer\sme)?
    (\s?(to\s)?(speak|talk|chat|be\sconnected|be\stransferred))? (\s?(to|with))? (\s?(a|an|the|some))?
    (\s?(real|live|human))? \s? (person|people|human|human\sbeing|agent|representative|operator) (\snow)? ,?(\splease)?
    """,
    re.VERBOSE,
)
# What the assistant's own failures are; everything else is an answer, or the resident's to mend.
_HELPLESS: frozenset[Code] = frozenset({"model_unavailable", "internal"})


def asks_for_person(query: str) -> bool:
    """Whether a query says nothing but that a person is wanted."""
    if len(query) > _MAX_CHARS:
        return False
    return _ASKS.fullmatch(unicodedata.normalize("NFKC", query).strip(_EDGES).casefold()) is not None


async def to_people(turn: Turn) -> AsyncIterator[TurnEvent]:
    """The whole turn, if that is what was asked for and there is an office to name; no event at all otherwise."""
    if turn.office is not None and asks_for_person(turn.query):
        sentence = with_office(turn, "turn.person")
        add_assistant(turn.conversation, sentence)
        yield turn.say(sentence)
        yield TurnEnded("success", turn.usage)


def sorry(turn: Turn, key: str) -> TextDelta:
    """The gateway's sentence where the assistant cannot help, with whom to ask instead."""
    return turn.say(with_office(turn, key))


def with_office(turn: Turn, key: str) -> str:
    """A sentence of `schemas/messages.py`, and the office's contact if there is one."""
    sentence = text(key, turn.locale)
    if turn.office is None:
        return sentence
    turn.observer.handed_over()
    return sentence + (" " if turn.locale == "en" else "") + turn.office.contact(turn.locale)


def failed(turn: Turn, end: TurnEnded | TurnFailed) -> TurnEnded | TurnFailed:
    """The terminal with the office's contact, where it tells that the assistant has failed."""
    if turn.office is None or not isinstance(end, TurnFailed) or end.code not in _HELPLESS or end.sentence:
        return end
    turn.observer.handed_over()
    sentence = text(f"error.{end.code}", turn.locale, reference=end.reference)
    stop = "" if sentence[-1] in "。." else "。" if turn.locale == "zh" else "."
    space = " " if turn.locale == "en" else ""
    return replace(end, sentence=sentence + stop + space + turn.office.contact(turn.locale))
