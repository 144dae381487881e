"""The embedded model behind the agent's `Model` port: messages and tools in, typewriter text or tool calls out.

No state but the messages; the compiled form of the last few sets of tools is kept, which changes nothing but the time.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.models.embedded import sentences
from integrations.models.embedded.dialogue import Dialogue
from integrations.models.embedded.history import History, read
from integrations.models.embedded.phrase import phrase
from integrations.models.embedded.rank import Catalogue
from integrations.models.embedded.state import Ask, Call, Say
from schemas.jsontext import to_json
from schemas.model import ModelEnd, ModelRequest
from schemas.tool import ToolCall, ToolSpec
from schemas.turn import TextDelta

_CATALOGUES_KEPT = 8
_PUBLIC_TOOLS = re.compile(r"Without a login only these tools answer: ([^\n]*)\.")


@dataclass(frozen=True, slots=True)
class Answer:
    """One step's outcome. `pending` says which tool is being asked for and what it still needs (argument names)."""

    text: str = ""
    calls: Sequence[ToolCall] = ()
    pending: Mapping[str, Any] | None = None


class EmbeddedModel:
    """Implements `agent.ports.Model`. `pace_s` is the pause between pieces of text; 0 for none."""

    def __init__(self, pace_s: float = 0.02) -> None:
        self._pace_s = pace_s
        self._catalogues: OrderedDict[tuple[tuple[str, str, int, str], ...], tuple[Sequence[ToolSpec], Catalogue]] = (
            OrderedDict()
        )

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ToolCall | ModelEnd]:
        """Text in pieces of about eight characters, or tool calls; then the end. Never raises for what the
        messages say.
        """
        answer = self.answer(request.messages, request.tools)
        for i, piece in enumerate(pieces(answer.text)):
            if i and self._pace_s and not request.deadline.passed:
                await asyncio.sleep(self._pace_s)
            yield TextDelta(piece)
        for call in answer.calls:
            yield call
        yield ModelEnd("tool_calls" if answer.calls else "stop")

    async def close(self) -> None:
        """Nothing is held."""

    def answer(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[ToolSpec]) -> Answer:
        """One step: results are phrased, a sentence is understood."""
        history = read(messages)
        dialogue = Dialogue(self._catalogue(tools), history)
        reply = dialogue.replay()
        if history.pending:
            text = phrase(history.pending, dialogue.catalogue.by_name, history.now, history.locale)
            if dialogue.state.form is not None and not any(c.parked for c in history.pending):
                form = dialogue.state.form
                ask = dialogue.open_question(form)
                text += "\n\n" + sentences.resume(ask, history.locale, history.facts)
            return Answer(text)
        if isinstance(reply, Call):
            return Answer(calls=_calls(reply, messages))
        if isinstance(reply, Ask) and _needs_login(reply, messages):
            return Answer(calls=[ToolCall(f"call_{len(messages)}_0", reply.form.tool.name, "{}")])
        if isinstance(reply, Ask):
            return Answer(sentences.asked(reply, history.locale, history.facts), pending=_pending(reply))
        return self._say(reply, history)

    def _say(self, reply: Say, history: History) -> Answer:
        text = sentences.reply(reply, history.locale, history.facts)
        return Answer(text, pending=_pending(reply.resume) if reply.resume is not None else None)

    def _catalogue(self, tools: Sequence[ToolSpec]) -> Catalogue:
        key = tuple((t.name, t.description, id(t.parameters), t.effect) for t in tools)
        kept = self._catalogues.get(key)
        if kept is None:
            # the specs are kept with it: an id stays taken for as long as it is a key
            kept = (tuple(tools), Catalogue(tools))
            self._catalogues[key] = kept
            while len(self._catalogues) > _CATALOGUES_KEPT:
                self._catalogues.popitem(last=False)
        self._catalogues.move_to_end(key)
        return kept[1]


def _needs_login(ask: Ask, messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the tool that is being asked for needs a login that the caller does not have: the system message lists
    the tools that answer all the same. To ask for arguments would only put the sentence about the login off."""
    prompt = next((str(m.get("content")) for m in messages if m.get("role") == "system"), "")
    public = _PUBLIC_TOOLS.search(prompt)
    return public is not None and ask.form.tool.name not in re.findall(r"[\w-]+", public[1])


def _pending(ask: Ask) -> Mapping[str, Any]:
    return {"operationId": ask.form.tool.name, "missing": [slot.name for slot in ask.slots]}


def _calls(reply: Call, messages: Sequence[Mapping[str, Any]]) -> list[ToolCall]:
    """Ids that are unique in the conversation and the same for the same messages."""
    place = len(messages)
    return [
        ToolCall(f"call_{place}_{i}", tool.name, to_json(arguments)) for i, (tool, arguments) in enumerate(reply.calls)
    ]


def pieces(text: str) -> Iterator[str]:
    """The text in pieces of 6 to 10 characters, cut where a word ends if there is such a place."""
    start = 0
    while start < len(text):
        end = min(start + 8, len(text))
        space = text.rfind(" ", start + 5, start + 10)
        if end < len(text) and space > 0:
            end = space + 1
        yield text[start:end]
        start = end
