"""The dialogue as a pure function of the messages: every sentence of the resident moves the state and gives a reply.

The order matters: a refusal is tested before anything is filled, a correction before a switch of topic, and only a slot
that was asked for takes raw words. Next: `phrase.py` and `sentences.py` put a reply into words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from integrations.models.embedded import corrections
from integrations.models.embedded.arguments import fitting
from integrations.models.embedded.asking import Found
from integrations.models.embedded.bare import completed
from integrations.models.embedded.deepen import deepened
from integrations.models.embedded.extract import Scene, active, derive, extract, missing
from integrations.models.embedded.forms import new_values, raw_slot, switches, wanted
from integrations.models.embedded.history import History, Turn
from integrations.models.embedded.memory import flat, inherit
from integrations.models.embedded.rank import ALIKE, Catalogue, Ranked, clear, rank
from integrations.models.embedded.schema import Path
from integrations.models.embedded.several import each_id, requests
from integrations.models.embedded.spans import spans_of
from integrations.models.embedded.state import Ask, Call, Form, Reply, Say, State
from integrations.models.embedded.words import (
    AMENDS,
    CANCEL,
    CORRECTION,
    DROPS,
    DROPS_LAST,
    FAULT,
    FOLLOW,
    GREETING,
    HELP,
    MORE,
    PRONOUN,
    QUESTION,
    THANKS,
    WHO,
    YES,
)

# Sentences of the resident that are replayed; a form older than that is forgotten.
REPLAYED = 12
_MOST_CHARACTERS = 600
_MOST_INTERRUPTIONS = 3
# A follow-up that is no longer than this names no other tool.
_SHORT = 10
# The score from which what a sentence says by its meaning alone may complete a write.
GUESSED = 1.0
# The score from which a tool is worth naming where none is meant for sure.
_NEAR = -1.5


class Dialogue:
    """One request's dialogue over one catalogue. `replay()` is called once."""

    def __init__(self, catalogue: Catalogue, history: History) -> None:
        self.catalogue = catalogue
        self.now: datetime = history.now
        self.facts = history.facts
        self.state = State()
        self._amended = ""
        self._ranked: dict[str, list[Ranked]] = {}
        self._turns = list(history.turns)[-REPLAYED:]
        self._places = catalogue.places({called.name for turn in history.turns for called in turn.calls})

    def replay(self) -> Reply:
        """The reply to the last sentence, all before it being taken as they went."""
        reply: Reply = Say("unclear")
        for i, turn in enumerate(self._turns):
            self.state.files += turn.files
            if turn.calls and i + 1 < len(self._turns):
                self._left(turn)
            else:
                reply = self._step(self.catalogue.heard(turn.text[: 2 * _MOST_CHARACTERS])[:_MOST_CHARACTERS])
            self._happened(turn)
        return reply

    def _left(self, turn: Turn) -> None:
        """A past sentence that led to calls says nothing more; an open form that they do not belong to waits."""
        form = self.state.form
        if form is None or any(called.name == form.tool.name for called in turn.calls):
            return
        form.interruptions += 1
        if not self._kept(form):
            self.state.form = None

    def _kept(self, form: Form) -> bool:
        """A question that was left for another one is not taken up again; a submission is, for a while."""
        return form.tool.write and form.interruptions < _MOST_INTERRUPTIONS

    def open_question(self, form: Form) -> Ask:
        """What an open form still needs."""
        return Ask(form, wanted(form))

    def _happened(self, turn: Turn) -> None:
        """What was really called outranks what would be decided now."""
        for called in turn.calls:
            tool = self.catalogue.by_name.get(called.name)
            if tool is None:
                continue
            self.state.last = Form(tool, flat(tool.slots, called.arguments))
            self.state.called = called
            self.state.files = [one for one in self.state.files if one not in str(called.arguments)]
            if self.state.form is not None and self.state.form.tool is tool:
                self._finish()

    def _scene(self, text: str, asked: tuple[Path, ...] = ()) -> Scene:
        return Scene(spans_of(text, self.now), self.now, self.facts, asked)

    def _rank(self, text: str) -> list[Ranked]:
        if text not in self._ranked:
            self._ranked[text] = rank(self.catalogue, text, self._scene(text), self._places)
        return self._ranked[text]

    # -- one sentence ---------------------------------------------------------------------------------------------

    def _step(self, text: str) -> Reply:
        rest = GREETING.sub("", text, count=1).strip() if GREETING.match(text) else text
        if not rest and text:
            return self._aside("greeting")
        if not re.search(r"\w", rest):
            return self._aside("unclear")
        if CANCEL.match(rest):
            return self._refused()
        if HELP.search(rest):
            return self._aside("help")
        if WHO.search(rest):
            return self._aside("who")
        amends = AMENDS.search(rest)
        self._amended = ""
        if amends and amends.start() > 1:
            rest, self._amended = rest[: amends.start()].strip(" ,，"), rest[amends.end() :].strip()
        if self.state.form is not None:
            return self._in_form(self.state.form, rest)
        return self._afresh(rest)

    def _aside(self, key: str) -> Reply:
        tools = self.catalogue.tools if key in ("help", "who", "greeting", "unclear") else ()
        ask = self._asking(self.state.form) if self.state.form and key != "thanks" else None
        return Say(key, tools, ask, more=self.catalogue.partial)

    def _refused(self) -> Reply:
        if self.state.form is None:
            return Say("how_to_cancel" if self.state.parked else "nothing_to_cancel")
        dropped = self.state.form.tool
        self._finish()
        return Say("dropped", (dropped,), self._asking(self.state.form) if self.state.form else None)

    def _finish(self) -> None:
        self.state.form = self.state.stack.pop() if self.state.stack else None

    # -- while a form is open --------------------------------------------------------------------------------------

    def _in_form(self, form: Form, text: str) -> Reply:
        if CORRECTION.match(text) and corrections.correct(form, self._scene, text):
            return self._go_on(form)
        dropped = DROPS.match(text) or DROPS_LAST.search(text)
        if dropped:
            rest = text[dropped.end() :].strip(" ,，。.")
            top = clear(self._rank(rest)) if rest else None
            if top is None:
                return self._refused()
            self._finish()
            return self._begin(top, rest)
        if self.catalogue.elsewhere(text) and QUESTION.search(text) and not FAULT.search(text):
            return Say("off_topic", (), self._asking(form))  # 今天天气怎么样 has a date, and means none
        scene = self._scene(text, form.asked)
        found = new_values(form, extract(form.tool, scene, form.values)) or corrections.place_made_exact(
            form, scene.spans
        )
        attached = self._attach(form)
        ranked = self._rank(text)
        top = clear(ranked)
        if top is not None and top.tool is not form.tool and switches(form, top, ranked, found, text):
            return self._switch(form, top, text)
        if not found:
            near = deepened(form.tool, scene, form.values, [s.path for s in wanted(form) if s.kind == "enum"])
            found = {path: Found(value) for path, value in near.items()}
        if not found:
            if THANKS.match(text) and len(text) < 20 and not attached:
                return self._aside("thanks")
            raw = raw_slot(form, text)
            if raw is None and not attached:
                return Ask(form, wanted(form), again=True)
            found = {raw.path: Found(text, 0, len(text))} if raw is not None else {}
        for path, value in found.items():
            form.fill(path, value.value)
        corrections.keep_place(form, scene.spans)
        return self._go_on(form)

    def _switch(self, form: Form, top: Ranked, text: str) -> Reply:
        form.interruptions += 1
        self.state.form = None
        reply = self._begin(top, text, form)
        if self._kept(form) and isinstance(reply, Ask):
            self.state.stack.append(form)
        elif self._kept(form):
            self.state.form = form
        return reply

    def _go_on(self, form: Form) -> Reply:
        """Ask for what is still missing, or call."""
        self._attach(form)
        if self._amended:
            said, self._amended = self._amended, ""
            corrections.correct(form, self._scene, said)
            for path, value in deepened(form.tool, self._scene(said), form.values).items():
                form.fill(path, value)
        derive(form.tool, form.values)
        if missing(form.tool, form.values):
            return self._asking(form)
        arguments, refused = fitting(form.tool, form.values)
        if arguments is not None:
            self.state.last, self.state.called = Form(form.tool, dict(form.values)), None
            if self.state.form is form:
                self._finish()
            return Call([(form.tool, arguments)])
        for path in refused:
            form.values.pop(path, None)
        if refused and missing(form.tool, form.values):
            return self._asking(form, again=True)
        if self.state.form is form:
            self._finish()
        return Say("cannot", (form.tool,))

    def _attach(self, form: Form) -> bool:
        """Give the form the uploads that no call has named yet, where it takes files: whether it got some."""
        files = self.state.files
        for slot in active(form.tool, form.values):
            if slot.kind != "file" or not files:
                continue
            most = slot.schema.get("maxItems") if slot.many else 1
            given = files[: most if isinstance(most, int) else None]
            value = list(given) if slot.many else given[0]
            if form.values.get(slot.path) != value:
                form.fill(slot.path, value)
                return True
        return False

    def _asking(self, form: Form, *, again: bool = False) -> Ask:
        asked = wanted(form)
        first = not form.asked
        form.asked = tuple(slot.path for slot in asked)
        return Ask(form, asked, first=first, again=again)

    # -- while none is ----------------------------------------------------------------------------------------------

    def _afresh(self, text: str) -> Reply:
        last = self.state.last
        if last is not None:
            reply = self._about_last(last, text)
            if reply is not None:
                return reply
        several = requests(text, self._rank, self._scene)
        if several is not None:
            return Call(several)
        ranked = self._rank(text)
        top = clear(ranked)
        follows = FOLLOW.search(text)
        if (
            last is not None
            and (
                top is None
                or top.tool is last.tool
                or not (top.found or top.likeness >= ALIKE)
                or (bool(follows) and len(text) <= _SHORT)
            )
            and (follows or (len(text) <= 6 and (top is None or not QUESTION.search(text))))
        ):
            followed = self._follow(last, text)
            if followed is not None:
                return followed
        top = top or completed(ranked, spans_of(text, self.now))
        if top is not None:
            return self._begin(top, text)
        if THANKS.match(text):
            return Say("thanks")
        if YES.match(text):
            return Say("how_to_confirm" if self.state.parked else "acknowledged")
        near = [r.tool for r in ranked[:3] if r.score > _NEAR]
        if near:
            return Say("did_you_mean", near)
        return Say("unclear", self.catalogue.tools, more=self.catalogue.partial)

    def _about_last(self, last: Form, text: str) -> Reply | None:
        """The next page, or the last call once more with a correction."""
        if MORE.match(text) and self.state.called is not None and self.state.called.result:
            more = self.state.called.result.get("next")
            if isinstance(more, Mapping) and more:
                arguments, _ = fitting(last.tool, {**last.values, **flat(last.tool.slots, more)})
                return Call([(last.tool, arguments)]) if arguments is not None else None
        if CORRECTION.match(text):
            form = Form(last.tool, dict(last.values), recent=list(last.values))
            if corrections.correct(form, self._scene, text):
                return self._go_on(form)
        return None

    def _follow(self, last: Form, text: str) -> Reply | None:
        """那上个月呢: the last call with what the sentence says otherwise."""
        kinds = {slot.path: slot.kind for slot in last.tool.slots}
        found = {
            path: value.value
            for path, value in extract(last.tool, self._scene(text), {}).items()
            if value.strong and kinds[path] not in ("text", "place")
        }
        if not found or all(last.values.get(path) == value for path, value in found.items()):
            return None
        return self._go_on(Form(last.tool, {**last.values, **found}))

    def _begin(self, top: Ranked, text: str, left: Form | None = None) -> Reply:
        """A tool's form with what the sentence says; `left` is the one that it turns away from."""
        form = Form(top.tool, {})
        for path, value in top.found.items():
            form.fill(path, value.value)
        if PRONOUN.search(text) or FOLLOW.search(text):
            inherit(form, left, None)
            inherit(form, self.state.last, self.state.called)
        guessed = deepened(form.tool, self._scene(text), form.values)
        needed = {slot.path: slot.kind for slot in missing(form.tool, form.values)}
        if form.tool.write and top.score < GUESSED and needed.keys() <= guessed.keys():
            guessed = {path: value for path, value in guessed.items() if needed.get(path) != "enum"}  # it is asked for
        for path, value in guessed.items():
            form.fill(path, value)
        corrections.keep_place(form, spans_of(text, self.now))
        several = None if self._amended else each_id(form.tool, form.values, self._scene(text))
        reply = Call(several) if several is not None else self._go_on(form)
        if isinstance(reply, Ask):
            self.state.form = form
        return reply
