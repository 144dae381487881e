"""Which tool a sentence means: terms of the tools' own text, evidence of filled slots, the class of the verb.

Next: `dialogue.py`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from integrations.models.embedded.catalogue import Tool, compile_tools
from integrations.models.embedded.extract import Scene, extract, missing
from integrations.models.embedded.schema import Path, Slot
from integrations.models.embedded.text import canonical, terms
from integrations.models.embedded.values import Found
from integrations.models.embedded.words import ELSEWHERE, FAULT, QUESTION, REQUEST, VERBS, WHY
from schemas.tool import SEARCH_TOOLS, ToolSpec

_RECORDS = re.compile(
    r"记录|流水|历史|明细|进度|进展|列表|清单|哪些|多少钱|要.{0,4}多少|\b(history|records?|status"
    r"|progress|list of|breakdown|how much)\b",
    re.I,
)
_DONE = re.compile(
    r"[没未已经欠][经有]?[交缴付取撤评]|[交缴付]过|(要|该|应)[交缴付].{0,8}(多少|几|吗|[?？])"
    r"|[交缴付取]了(没|吗|哪|什么|多少)|怎么.{0,6}[交缴付]了"
                   r"|\b(did|have|has) (i|we) pa(y|id)|\bpaid\b|\bunpaid\b|(已|被|了).{0,2}取消|取消(了|的)(?!吧)"
                   r"|\bcancelled\b|\bto pay\b(?=.*\?)", re.I)  # fmt: skip
_HOW_TO = re.compile(r"怎么(?!样|回事|了|这么)|如何|\bhow (do|can|to)\b", re.I)
_WEIGHTS = {
    "code": 2.5, "email": 1.5, "plate": 1.4, "phone": 0.4, "enum": 1.1, "date": 0.5, "month": 0.6, "window": 0.4,
    "datetime": 0.3, "integer": 0.8, "number": 0.6, "place": 0.4, "text": 0.6, "bool": 0.3, "file": 0.0, "opaque": 0.0,
}  # fmt: skip
# Below this a sentence means none of the tools.
ENOUGH, COVERED = 2.3, 0.28
# A sentence whose every rare word is the tool's own needs less.
ENOUGH_COVERED, WELL_COVERED = 1.0, 0.72
# From here on a sentence is as good as one of the tool's own examples.
ALIKE = 0.75
# What names one record or person: with it few other words are needed.
_NAMING = frozenset({"code", "plate", "email"})
_PAST = re.compile(
    r"[\u4e00-\u9fff]过|了哪|了多少|了什么|了几|成功|\b(did|have|has) (i|we)\b|\bpaid\b|\bso far\b", re.I
)


# How many tools stand behind each one that was chosen from them.
_UNSEEN = 10
# What the first place in a choice is worth, the second half of it, the third a third.
_FIRST = 4.0
_NOWHERE: Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class Ranked:
    """A tool with its score, the share of the sentence that its text covers, and what the sentence fills."""

    tool: Tool
    score: float
    coverage: float
    found: Mapping[Path, Found]
    allowed: bool
    likeness: float


class Catalogue:
    """The compiled tools and how rare each of their terms is.

    Where `search_tools` is among the specs there are many more tools, and these were chosen for the resident's words: a
    word that they share is as rare as in that whole. The search itself is nothing a resident asks for.
    """

    def __init__(self, specs: Sequence[ToolSpec]) -> None:
        self.partial = any(spec.name == SEARCH_TOOLS for spec in specs)
        specs = [spec for spec in specs if spec.name != SEARCH_TOOLS]
        self._unseen = _UNSEEN * len(specs) if self.partial else 0
        self.tools: tuple[Tool, ...] = compile_tools(specs)
        self.by_name = {tool.name: tool for tool in self.tools}
        self._spread = Counter(term for tool in self.tools for term in tool.terms)
        self._all_text = canonical(" ".join(spec.description for spec in specs))

    def places(self, called: Collection[str]) -> Mapping[str, float]:
        """What the place of each tool in a choice says for it: the search has read all tools, these are its best, best
        first. `called` are those that are offered because the conversation has called them; they count as the second.
        """
        if not self.partial:
            return {}
        chosen = [tool.name for tool in self.tools if tool.name not in called]
        return dict.fromkeys(called, _FIRST / 2) | {name: _FIRST / (1 + place) for place, name in enumerate(chosen)}

    def rarity(self, term: str) -> float:
        """Inverse document frequency, never negative; a term that no tool has is the rarest."""
        spread, count = self._spread.get(term, 0), len(self.tools) + self._unseen
        return math.log(1 + (count - spread + 0.5) / (spread + 0.5))

    def elsewhere(self, text: str) -> bool:
        """Whether the sentence is about something in the world that no tool's text mentions."""
        return any(match.group().lower() not in self._all_text for match in ELSEWHERE.finditer(text))


def verbs_of(text: str) -> frozenset[str]:
    """The classes of what the sentence asks for."""
    found = {name for name, pattern in VERBS.items() if pattern.search(text)}
    request = bool(REQUEST.search(text))
    if _RECORDS.search(text) and not FAULT.search(text) and not (request and found & {"cancel", "rate"}):
        return frozenset({"lookup"})
    if FAULT.search(text) and not QUESTION.search(text):
        found = (found - {"lookup"}) | {"create"}
    if _DONE.search(text):
        found -= {"pay", "cancel"}
        found.add("lookup")
    if QUESTION.search(text) and not request and not _HOW_TO.search(text) and not FAULT.search(text):
        found = {"lookup"} | (found & {"extend"})
    return frozenset(found)


def rank(catalogue: Catalogue, text: str, scene: Scene, places: Mapping[str, float] = _NOWHERE) -> list[Ranked]:
    """All tools, best first; ties keep the order of the tools. `places` orders them too; no score is higher for it."""
    query = terms(_unread(text, scene), query=True)
    total = sum(weight * catalogue.rarity(term) for term, weight in query.items()) or 1.0
    verbs, plain = verbs_of(text), canonical(text)
    said = frozenset(terms(text)) if verbs <= {"create"} else frozenset()
    extracted = [extract(tool, scene, {}) for tool in catalogue.tools]
    ids = {c.value.upper() for c in scene.spans.codes if any(_takes(t, c.value) for t in catalogue.tools)}
    ranked = []
    for tool, found in zip(catalogue.tools, extracted, strict=True):
        matched = sum(
            weight * catalogue.rarity(term) * tool.terms[term] / (tool.terms[term] + 0.7)
            for term, weight in query.items()
            if term in tool.terms
        )
        covered = sum(weight * catalogue.rarity(term) for term, weight in query.items() if term in tool.terms) / total
        likeness = _likeness(tool, plain, query, catalogue)
        left = missing(tool, {path: f.value for path, f in found.items()})
        own = bool(tool.own_verb & said)
        allowed = own or _allowed(tool, verbs, text, found, left, likeness)
        score = (
            matched
            + 3.5 * max(0.0, likeness - 0.35)
            + _evidence(tool, found, text)
            + (2.0 if own else _by_verb(tool, verbs, text))
        )
        score -= (0.9 if not tool.write else 0.15) * len(left)
        score -= 2.0 * sum(1 for code in ids if code not in {str(f.value).upper() for f in found.values()})
        if scene.spans.plates and not any(f.value == scene.spans.plates[-1].value for f in found.values()):
            score -= 1.2
        if scene.spans.emails and not any(f.value == scene.spans.emails[-1].value for f in found.values()):
            score -= 1.2
        ranked.append(Ranked(tool, score, max(covered, likeness), found, allowed, likeness))
    return sorted(ranked, key=lambda r: -r.score - places.get(r.tool.name, 0.0))


def _unread(text: str, scene: Scene) -> str:
    """The sentence without its dates, codes, plates, phones and e-mails: they say which record, not which tool."""
    spans = scene.spans
    codes = [c for c in spans.codes if len(c.value) > 3]
    read = [(s.start, s.end) for s in (*codes, *spans.plates, *spans.phones, *spans.emails)]
    read += [(w.start, w.end) for w in spans.days] + [(c.start, c.end) for c in spans.clocks]
    for start, end in read:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _takes(tool: Tool, code: str) -> bool:
    return any(
        s.kind == "code" and s.schema.get("pattern") and (tool.accepts(s, code) or tool.accepts(s, code.upper()))
        for s in tool.slots
    )


def _likeness(tool: Tool, plain: str, query: Mapping[str, float], catalogue: Catalogue) -> float:
    """How like the sentence is to the tool's nearest example, 0 to 1."""
    best = 0.0
    for example, found in tool.examples:
        if example == plain:
            return 1.3
        shared = sum(min(query[t], found[t]) * catalogue.rarity(t) for t in query.keys() & found.keys())
        both = sum(max(query.get(t, 0.0), found.get(t, 0.0)) * catalogue.rarity(t) for t in query.keys() | found.keys())
        best = max(best, shared / both if both else 0.0)
    return best


def _bare(found: Found) -> bool:
    """A number of one to three digits, as in 下午3点 or building 2: no sentence is about a record because of it."""
    return isinstance(found.value, int | str) and str(found.value).isdecimal() and len(str(found.value)) <= 3


def _evidence(tool: Tool, found: Mapping[Path, Found], text: str) -> float:
    kinds = {slot.path: slot for slot in tool.slots}
    score = 0.0
    for path, value in found.items():
        slot: Slot = kinds[path]
        if not value.strong:
            continue
        if slot.kind == "code" and _bare(value):
            continue
        if slot.kind == "code" and not slot.schema.get("pattern"):
            score += 0.6
        elif slot.kind == "text" and slot.required and tool.reports:
            score += 2.2
        else:
            score += _WEIGHTS[slot.kind] * (1.0 if slot.required or slot.kind == "enum" else 0.7)
    return score


def _by_verb(tool: Tool, verbs: frozenset[str], text: str) -> float:
    score = 0.0
    own = tool.verbs & verbs
    if own:
        score += 0.8 if own == {"lookup"} else 2.0
    if verbs == {"lookup"} and tool.write:
        score -= 2.5
    if not verbs and tool.write:
        score -= 0.8
    if verbs and "lookup" not in verbs and not tool.write:
        score -= 1.0
    if tool.write and tool.verbs & {"cancel", "change", "pay", "rate"} and not own:
        score -= 3.0
    if tool.write and verbs & {"cancel", "change", "rate"} and not own:
        score -= 1.5
    if tool.reports and FAULT.search(text) and "create" in tool.verbs:
        score += 1.5
    if tool.records and _PAST.search(text):
        score += 1.5
    return score


def _allowed(
    tool: Tool, verbs: frozenset[str], text: str, found: Mapping[Path, Found], left: Sequence[Slot], likeness: float
) -> bool:
    """Whether the sentence has what a write needs: its verb, a report for one that takes reports, or every
    typed argument.
    """
    if not tool.write:
        return True
    if tool.verbs & verbs or likeness >= ALIKE:
        return True
    if tool.reports and "create" in tool.verbs and FAULT.search(text):
        return True
    strict = tool.verbs & {"cancel", "change", "pay", "rate"}
    typed = [f for f in found.values() if f.strong]
    return not strict and not left and len(typed) >= 2 and not (QUESTION.search(text) and not REQUEST.search(text))


_OWN = re.compile(r"我的|我家|我们家|我车|\bmy\b", re.I)


def _without_asking(top: Ranked, candidates: Sequence[Ranked], text: str) -> Ranked:
    """For a question about one's own things, a look-up that needs no more is better than one that has to ask."""
    if top.tool.write or not _OWN.search(text) or top.found or not missing(top.tool, {}):
        return top
    for other in candidates[1:]:
        if other.score < top.score - 2.5:
            break
        if (
            not other.tool.write
            and not missing(other.tool, {})
            and other.coverage >= 0.33
            and other.tool.verbs & top.tool.verbs
        ):
            return other
    return top


def clear(ranked: Sequence[Ranked], catalogue: Catalogue, text: str) -> Ranked | None:
    """The tool the sentence means, if it means one at all."""
    candidates = [r for r in ranked if r.allowed]
    if not candidates:
        return None
    top = candidates[0]
    elsewhere = catalogue.elsewhere(text)
    bar = ENOUGH + (1.6 if elsewhere else 0.0) + (0.8 if WHY.search(text) else 0.0)
    if top.coverage >= WELL_COVERED and not elsewhere and not WHY.search(text):
        bar = ENOUGH_COVERED
    reported = top.tool.reports and "create" in top.tool.verbs and bool(FAULT.search(text))
    if reported and not elsewhere:
        bar = min(bar, ENOUGH_COVERED)
    if top.score < bar:
        return None
    kinds = {slot.path: slot for slot in top.tool.slots}
    named = any(
        f.strong and kinds[p].kind in _NAMING and kinds[p].required and not _bare(f) for p, f in top.found.items()
    )
    asks_past = top.tool.records and bool(_PAST.search(text))
    if top.coverage < (0.7 if elsewhere else COVERED) and not ((named or reported or asks_past) and not elsewhere):
        return None
    return _without_asking(top, candidates, text)
