"""What speaks for a tool in a sentence, and what speaks for none, as named numbers; `weights.json` weighs them.

Next: `rank.py` adds them up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integrations.models.embedded.asking import Found
from integrations.models.embedded.catalogue import Tool
from integrations.models.embedded.extract import Scene
from integrations.models.embedded.lexicon import Meant
from integrations.models.embedded.schema import Path, Slot
from integrations.models.embedded.verbs import HOW_TO
from integrations.models.embedded.words import (
    DEMAND,
    ELSEWHERE_TOLD,
    FAULT,
    POLICY,
    QUESTION,
    REQUEST,
    THANKS,
    WANT,
    WHY,
    YES,
)

Evidence = Mapping[str, float]
_STRICT = ("cancel", "change", "pay", "rate", "extend")
_PAST = re.compile(
    r"[\u4e00-\u9fff]过|了哪|了多少|了什么|了几|成功|\b(did|have|has) (i|we)\b|\bpaid\b|\bso far\b", re.I
)
_ACTS = re.compile(r"把(?!关|握|手).{1,16}|给[A-Z\d]{3,}|\b(put|set|take|move|turn|switch|get rid of)\b", re.I)
_OWN = re.compile(r"我的|我家|我们家|我车|\bmy\b|\bmine\b|我.{0,6}(哪|几|多少|什么|啥)", re.I)


@dataclass(frozen=True, slots=True)
class Tone:
    """How a sentence is said, found once for all tools. `foreign`: in a language that no tool's text is in; `typed`:
    with an id, a day, a time or a number; `acts`: something is to be done with something (把它退了)."""

    verbs: frozenset[str]
    question: bool
    request: bool
    want: bool
    fault: bool
    past: bool
    own: bool
    foreign: bool
    typed: bool
    with_id: bool
    acts: bool


def tone(text: str, verbs: frozenset[str], foreign: bool, typed: bool, with_id: bool) -> Tone:
    return Tone(
        verbs,
        bool(QUESTION.search(text)),
        bool(REQUEST.search(text)),
        bool(WANT.search(text)),
        bool(FAULT.search(text)),
        bool(_PAST.search(text)),
        bool(_OWN.search(text)),
        foreign,
        typed,
        with_id,
        bool(_ACTS.search(text)),
    )


@dataclass(frozen=True, slots=True)
class Said:
    """What one sentence has of one tool. `matched` and `covered` are of the terms, `meant` of the words' meanings."""

    tool: Tool
    found: Mapping[Path, Found]
    left: Sequence[Slot]
    matched: float
    covered: float
    title: float
    likeness: float
    meant: Meant


def for_tool(said: Said, how: Tone, scene: Scene, ids: Mapping[str, int], own_verb: bool) -> dict[str, float]:
    """What speaks for (or, by its weight, against) one tool. `ids` are those said, each with how many tools take it."""
    tool = said.tool
    kind = "write" if tool.write else "read"
    evidence = {
        "terms": said.matched / 4,
        "terms_share": said.covered,
        "title": said.title,
        "words": said.meant.sum / 4,
        "words_share": said.meant.share,
        "words_title": said.meant.title,
        "either_title": max(said.title, said.meant.title),
        "either_share": max(said.covered, said.meant.share),
        "title_and_verb": max(said.title, said.meant.title) * bool(tool.verbs & how.verbs or own_verb),
        "write": float(tool.write),
        f"left_{'typed' if how.typed else 'bare'}_{kind}": float(min(len(said.left), 4)),
        f"whole_{'typed' if how.typed else 'bare'}_{kind}": float(not said.left),
    }
    if how.foreign:
        evidence |= {f"foreign_{name}": evidence[name] for name in ("words", "words_share", "words_title")}
    evidence |= _of_values(said, ids, scene)
    evidence |= dict.fromkeys(_of_verbs(tool, how, own_verb), 1.0)
    return evidence


def _of_verbs(tool: Tool, how: Tone, own_verb: bool) -> list[str]:
    verbs = how.verbs
    own = tool.verbs & verbs
    strict = [name for name in _STRICT if name in tool.verbs]
    names = {
        "verb_lookup": own == {"lookup"},
        "verb_write": bool(own - {"lookup"}),
        "verb_own": own_verb,
        "looks_up_for_write": tool.write and verbs == {"lookup"},
        "no_verb_for_write": tool.write and not verbs and not own_verb,
        "writes_for_read": not tool.write and bool(verbs) and "lookup" not in verbs,
        "other_class": tool.write and not own and bool(verbs & set(_STRICT)),
        "strict_for_read": not tool.write and bool(verbs & set(_STRICT)),
        "writes_id_for_read": not tool.write and how.with_id and bool(verbs) and "lookup" not in verbs,
        "acts_for_read": not tool.write and how.acts,
        "question_for_write": tool.write and how.question and not how.request,
        "request_for_write": tool.write and how.request,
        "want_for_create": "create" in tool.verbs and how.want,
        "want_for_read": not tool.write and how.want,
        "fault_for_report": tool.reports and "create" in tool.verbs and how.fault,
        "fault_for_other": not tool.reports and how.fault,
        "past_for_records": tool.records and how.past,
        "mine_without_id": not tool.write and how.own and not any(s.required for s in tool.slots),
        "mine_with_id": how.own and any(s.required and s.kind == "code" for s in tool.slots),
    }
    unsaid = [f"unsaid_{name}" for name in strict if name not in verbs and not own_verb]
    return [name for name, holds in names.items() if holds] + unsaid


def _of_values(said: Said, ids: Mapping[str, int], scene: Scene) -> dict[str, float]:
    slots = {slot.path: slot for slot in said.tool.slots}
    evidence: dict[str, float] = {}
    values = {str(f.value).upper() for f in said.found.values()}
    for path, value in said.found.items():
        slot = slots[path]
        if not value.strong or (slot.kind == "code" and bare(value)):
            continue
        loose = slot.kind == "code" and not slot.schema.get("pattern")
        kind = "loose" if loose else slot.kind
        name = f"has_{kind}" + ("" if slot.required or kind == "enum" else "_spare")
        evidence[name] = min(evidence.get(name, 0.0) + 1.0, 2.0)
    takes = [ids[code] for code in ids if code in values]
    evidence["id_of_few"] = 1 / min(takes) if takes else 0.0
    evidence["id_unused"] = float(sum(1 for code in ids if code not in values))
    for name, spans in (("plate", scene.spans.plates), ("email", scene.spans.emails), ("phone", scene.spans.phones)):
        evidence[f"{name}_unused"] = float(bool(spans) and not any(s.value.upper() in values for s in spans))
    evidence["number_unused"] = float(
        any(n.unit for n in scene.spans.numbers) and not any(slots[p].kind in ("integer", "number") for p in said.found)
    )
    evidence["date_unused"] = float(
        bool(scene.spans.days) and not any(slots[p].kind in ("date", "datetime", "month", "window") for p in said.found)
    )
    evidence["clock_unused"] = float(
        any(c.to is None for c in scene.spans.clocks)
        and not any(slots[p].kind in ("time", "datetime", "window") for p in said.found)
    )
    return evidence


def for_none(
    text: str, said: Sequence[Said], scene: Scene, ids: Mapping[str, int], elsewhere: bool, foreign: bool
) -> dict[str, float]:
    """What speaks for no tool at all."""
    best = max((s.covered for s in said), default=0.0)
    near = max((s.meant.share for s in said), default=0.0)
    return {
        "none": 1.0,
        "foreign": float(foreign),
        "foreign_none_words": (1.0 - near) * foreign,
        "none_terms": 1.0 - best,
        "none_words": 1.0 - near,
        "none_untold": min((s.meant.untold for s in said), default=0.0) / 4,
        "none_either": 1.0 - max((max(s.covered, s.meant.share) for s in said), default=0.0),
        "none_titles": 1.0 - max((max(s.title, s.meant.title) for s in said), default=0.0),
        "elsewhere": float(elsewhere),
        "told": float(bool(ELSEWHERE_TOLD.search(text))),
        "policy": float(bool(POLICY.search(text))),
        "demand": float(bool(DEMAND.search(text))),
        "why": float(bool(WHY.search(text))),
        "how_to": float(bool(HOW_TO.search(text)) and not ids),
        "small_talk": float(bool(THANKS.match(text) or YES.match(text))),
        "no_id": float(not ids),
        "nothing_typed": float(not typed(scene, ids)),
        "asked": float(bool(QUESTION.search(text))),
        "request": float(bool(REQUEST.search(text))),
        "want": float(bool(WANT.search(text))),
        "fault": float(bool(FAULT.search(text))),
        "short": float(len(text) <= 4),
    }


def typed(scene: Scene, ids: Mapping[str, int]) -> bool:
    """Whether the sentence has anything that only an argument has."""
    return bool(ids or scene.spans.days or scene.spans.numbers or scene.spans.clocks)


def bare(found: Found) -> bool:
    """A number of one to three digits, as in 下午3点 or building 2: no sentence is about a record because of it."""
    return isinstance(found.value, int | str) and str(found.value).isdecimal() and len(str(found.value)) <= 3
