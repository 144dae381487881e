"""Questions about one open form: what it still needs, what a sentence adds, whether it is about something else.

Called by `dialogue.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from integrations.models.embedded.asking import Found
from integrations.models.embedded.extract import active, derived, missing
from integrations.models.embedded.rank import Ranked
from integrations.models.embedded.schema import Path, Slot
from integrations.models.embedded.state import Form
from integrations.models.embedded.verbs import verbs_of
from integrations.models.embedded.words import ANY, FAULT, QUESTION, THANKS, YES

_TYPED = frozenset(
    {
        "code",
        "email",
        "phone",
        "plate",
        "date",
        "datetime",
        "month",
        "window",
        "time",
        "integer",
        "number",
        "enum",
        "bool",
    }
)


def wanted(form: Form) -> list[Slot]:
    left = missing(form.tool, form.values)
    return [s for s in left if not derived(form.tool, s)] or left


def new_values(form: Form, found: Mapping[Path, Found]) -> dict[Path, Found]:
    """What the sentence adds: values not known yet, and typed ones that replace a known one."""
    kinds = {slot.path: slot.kind for slot in form.tool.slots}
    variants = {slot.path for slot in form.tool.slots if slot.variant}
    return {
        path: value
        for path, value in found.items()
        if path not in form.values
        or path in form.asked
        or (value.strong and kinds[path] in _TYPED - {"enum", "bool"} and path not in variants)
    }


def switches(form: Form, top: Ranked, ranked: Sequence[Ranked], found: Mapping[Path, Found], text: str) -> bool:
    """Whether the sentence is about something else than the open form."""
    own = next(r for r in ranked if r.tool is form.tool)
    kinds = {slot.path: slot.kind for slot in form.tool.slots}
    fits = [p for p, v in found.items() if v.strong and p in form.asked]
    typed = [p for p in fits if kinds[p] in _TYPED]
    asks = bool(QUESTION.search(text)) or "lookup" in verbs_of(text)
    if typed and (ANY.search(text) or form.values.keys() & set(typed)):
        return False
    if typed and not asks:
        return top.tool.write and top.score > own.score + 3.0 and top.tool.verbs.isdisjoint(form.tool.verbs)
    if asks and not FAULT.search(text):
        return top.score > own.score + (0.0 if not fits else 2.0)
    return top.score > own.score + (1.5 if not fits else 3.0) and bool(top.tool.verbs & verbs_of(text))


def raw_slot(form: Form, text: str) -> Slot | None:
    """The slot that takes the sentence as it is: a text that was asked for."""
    if YES.match(text) or (THANKS.match(text) and len(text) < 20):
        return None
    asked = [s for s in active(form.tool, form.values) if s.path in form.asked and s.path not in form.values and s.free]
    texts = [s for s in asked if s.kind == "text"] or asked
    return next((s for s in texts if form.tool.accepts(s, text)), None)
