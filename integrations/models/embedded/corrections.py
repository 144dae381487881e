"""A sentence that takes something back (不对，是客厅; 改成后天下午): the value it replaces in a form.

Called by `dialogue.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from integrations.models.embedded.asking import Found
from integrations.models.embedded.extract import Scene, active, extract
from integrations.models.embedded.schema import Path, Slot
from integrations.models.embedded.spans import Spans, places_in
from integrations.models.embedded.state import Form
from integrations.models.embedded.text import HAN
from integrations.models.embedded.words import CORRECTION, CORRECTION_FILLER

_FREE = frozenset({"text", "place"})
_NOT = re.compile(r"^(?:不是|not)\s*[^，,。;；]{1,20}[，,。;；]\s*(?:而?是|but|it'?s)?\s*", re.I)


def correct(form: Form, scene_of: Callable[[str, tuple[Path, ...]], Scene], text: str) -> bool:
    """Put what the sentence says in place of the latest value of its sort; False if it says nothing that fits."""
    rest = _NOT.sub("", text, count=1) if _NOT.match(text) else CORRECTION.sub("", text, count=1)
    for _ in range(3):
        rest = CORRECTION_FILLER.sub("", rest, count=1)
    rest = rest.strip()
    if not rest:
        return False
    known = {path: value for path, value in form.values.items() if not _variant(form, path)}
    asked = tuple(p for p in form.asked if p not in known)
    scene = scene_of(rest, asked)
    found = {p: v for p, v in extract(form.tool, scene, {}).items() if v.strong}
    if not any(_variant(form, path) for path in found):  # then the variant stays, and its own values may be meant
        decided = {path: value for path, value in form.values.items() if _variant(form, path)}
        found |= {p: v for p, v in extract(form.tool, scene, decided).items() if v.strong}
    changed = {p: v.value for p, v in found.items() if v.value != form.values.get(p) and not _kept(form, p, v.value)}
    slots = {slot.path: slot for slot in active(form.tool, {**form.values, **changed})}
    moved = _move(form, scene.spans, slots)
    typed = {p: v for p, v in changed.items() if p in slots and slots[p].kind not in _FREE}
    places = {p: v for p, v in changed.items() if p in slots and slots[p].kind == "place"}
    if moved and typed.keys() <= {p for p in typed if _variant(form, p)}:
        typed = {p: v for p, v in typed.items() if _variant(form, p)}
    for path, value in (*typed.items(), *places.items()):
        form.fill(path, value)
    if not (typed or places or moved):
        return _reword(form, rest, slots)
    return True


def _variant(form: Form, path: Path) -> bool:
    return any(slot.path == path and slot.variant for slot in form.tool.slots)


def _kept(form: Form, path: Path, value: Any) -> bool:
    return path in form.values and form.values[path] == value


def _move(form: Form, spans: Spans, slots: dict[Path, Slot]) -> bool:
    """A place said anew where a text names the old one: the words are exchanged in the text."""
    if not spans.places or any(s.kind == "place" and p in form.values for p, s in slots.items()):
        return False
    said = spans.places[-1].value
    for path in reversed([p for p in form.recent if p in slots and slots[p].kind == "text"]):
        old = str(form.values[path])
        places = _place_of(old)
        new = old[: places[0]] + said + old[places[1] :] if places else said + old
        if new != old and form.tool.accepts(slots[path], new):
            form.fill(path, new)
            return True
    return False


def _place_of(text: str) -> tuple[int, int] | None:
    """Where a text names a place, if it does."""
    found = places_in(text)
    return (found[-1].start, found[-1].end) if found else None


def _reword(form: Form, rest: str, slots: dict[Path, Slot]) -> bool:
    """Nothing typed was said: the latest free text is replaced, if a text was the latest to be filled."""
    latest = form.recent[-1] if form.recent else None
    slot = slots.get(latest) if latest else None
    if slot is None or slot.kind not in _FREE or not form.tool.accepts(slot, rest):
        return False
    form.fill(slot.path, rest)
    return True


def place_made_exact(form: Form, spans: Spans) -> dict[Path, Found]:
    """A sentence that is a numbered place alone ("5号楼2单元3层") goes before the place that is known ("楼道")."""
    said = "".join(p.value for p in spans.places)
    if not said or len(said) < len(spans.text.strip(" ,，。.")) - 3 or not re.search(r"\d", said):
        return {}
    for slot in active(form.tool, form.values):
        old = form.values.get(slot.path)
        if slot.kind == "place" and isinstance(old, str) and not re.search(r"\d", old):
            new = said + old if HAN.search(said) else f"{old}, {said}"
            return {slot.path: Found(new)} if form.tool.accepts(slot, new) else {}
    return {}


def keep_place(form: Form, spans: Spans) -> None:
    """A place said before the required text, where the tool has no slot for it, goes into that text."""
    slots = active(form.tool, form.values)
    if any(slot.kind == "place" for slot in slots):
        return
    texts = [slot for slot in slots if slot.kind == "text" and slot.required]
    if texts and all(slot.path not in form.values for slot in texts):
        form.place = spans.places[-1].value if spans.places else form.place
        return
    for slot in texts if form.place else ():
        words = str(form.values.get(slot.path, ""))
        if words and form.place not in words and not places_in(words):
            joined = form.place + words if HAN.search(words) else f"{form.place}: {words}"
            if form.tool.accepts(slot, joined):
                form.fill(slot.path, joined)
    form.place = ""
