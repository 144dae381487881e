"""Which tool a sentence means: the evidence of `evidence.py`, weighed as `weights.json` says.

Next: `dialogue.py`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as File

from integrations.models.embedded import meaning
from integrations.models.embedded.asking import Found
from integrations.models.embedded.catalogue import Tool, compile_tools, texts_of
from integrations.models.embedded.evidence import Said, for_none, for_tool, tone, typed
from integrations.models.embedded.extract import Scene, extract, missing
from integrations.models.embedded.lexicon import Lexicon, Meant
from integrations.models.embedded.schema import Path
from integrations.models.embedded.slips import Slips
from integrations.models.embedded.text import canonical, is_chinese, normalise, spoken, terms
from integrations.models.embedded.verbs import verbs_of
from integrations.models.embedded.words import ELSEWHERE
from schemas.tool import SEARCH_TOOLS, ToolSpec

WEIGHTS = File(__file__).with_name("weights.json")
# From here on a sentence is as good as one of the tool's own examples.
ALIKE = 0.75
# What likeness to an example adds; set by hand, for the documents that the weights are fitted on have none.
_EXAMPLE = 6.0
# The odds (natural logarithm) over meaning nothing and over the next tool from which a tool is called.
_READ, _WRITE, _STRICT = -1.0, -1.0, -0.5
_AHEAD = 0.8
# The same odds from which a write needs no verb: where it is asked for more first, and where it would be sent at once.
_SURE, _SURE_WHOLE = 0.5, 2.5
# How far behind a write that lacks its verb another tool may be and still be meant.
_BEHIND = 1.5
# The share of a title that a sentence has where it stands for the verb.
_NEAR_TITLE = 0.4
_STRICTLY = frozenset({"cancel", "change", "pay", "rate"})
# How many tools stand behind each one that was chosen from them.
_UNSEEN = 10
# What the first place in a choice is worth, the second half of it, the third a third.
_FIRST = 4.0
_NOWHERE: Mapping[str, float] = {}


@lru_cache(maxsize=1)
def weights() -> Mapping[str, Mapping[str, float]]:
    """How much each sort of evidence counts, with the file of everyday words and without."""
    loaded: Mapping[str, Mapping[str, float]] = json.loads(WEIGHTS.read_text("utf-8"))
    return loaded


@dataclass(frozen=True, slots=True)
class Ranked:
    """A tool with its score (the natural logarithm of its odds against no tool) and what the sentence fills.

    `coverage` is the share of the sentence that the tool's text has, `allowed` whether it has what a write needs,
    `lift` what its place in a choice adds to its rank alone, `asked` that a question or a look is no order, `whole`
    whether it is a write that lacks no argument.
    """

    tool: Tool
    score: float
    coverage: float
    found: Mapping[Path, Found]
    likeness: float
    allowed: bool
    lift: float = 0.0
    asked: bool = False
    whole: bool = False


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
        self._chinese = is_chinese(self._all_text)
        words = meaning.words()
        self.lexicon = Lexicon(words, self.tools) if words is not None else None
        self._slips = Slips(words, (text for spec in specs for text in texts_of(spec))) if words is not None else None
        self.weights = weights()["words" if words is not None else "terms"]
        self._titles = [
            [{t: w for t, w in terms(half, query=True).items() if len(t) > 1} for half in dict.fromkeys((t.zh, t.en))]
            for t in self.tools
        ]

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

    def title_share(self, index: int, query: Mapping[str, float]) -> float:
        """How much of a tool's title the sentence has, by rarity."""
        best = 0.0
        for title in self._titles[index]:
            whole = sum(self.rarity(term) for term in title)
            if whole:
                best = max(best, sum(self.rarity(term) for term in title if term in query) / whole)
        return best

    def heard(self, text: str) -> str:
        """A sentence as it is read: one spelling for digits and signs, the slips that hide a tool's word put right."""
        plain = spoken(normalise(text)).strip()
        return self._slips.mend(plain) if self._slips is not None else plain

    def foreign(self, text: str) -> bool:
        """Whether the sentence is Chinese and no tool's text is: only what words mean speaks for a tool then."""
        return is_chinese(text) and not self._chinese

    def elsewhere(self, text: str) -> bool:
        """Whether the sentence is about something in the world that no tool's text mentions."""
        return any(match.group().lower() not in self._all_text for match in ELSEWHERE.finditer(text))


def evidence_of(
    catalogue: Catalogue, text: str, scene: Scene
) -> tuple[list[tuple[Said, dict[str, float]]], dict[str, float]]:
    """What speaks for each tool, in their order, and what speaks for none."""
    unread = _unread(text, scene)
    query = terms(unread, query=True)
    total = sum(weight * catalogue.rarity(term) for term, weight in query.items()) or 1.0
    verbs, plain = verbs_of(text), canonical(text)
    said_terms = frozenset(terms(text)) if verbs <= {"create"} else frozenset()
    takers = {c.value.upper(): sum(_takes(t, c.value) for t in catalogue.tools) for c in scene.spans.codes}
    ids = {code: count for code, count in takers.items() if count}
    foreign = catalogue.foreign(text)
    how = tone(text, verbs, foreign, typed(scene, ids), bool(ids))
    meant = catalogue.lexicon.meant(unread) if catalogue.lexicon else [Meant()] * len(catalogue.tools)
    found: list[tuple[Said, dict[str, float]]] = []
    for i, tool in enumerate(catalogue.tools):
        values = extract(tool, scene, {})
        shared = {term: weight * catalogue.rarity(term) for term, weight in query.items() if term in tool.terms}
        said = Said(
            tool,
            values,
            missing(tool, {path: f.value for path, f in values.items()}),
            sum(worth * tool.terms[term] / (tool.terms[term] + 0.7) for term, worth in shared.items()),
            sum(shared.values()) / total,
            catalogue.title_share(i, query),
            _likeness(tool, plain, query, catalogue),
            meant[i],
        )
        found.append((said, for_tool(said, how, scene, ids, bool(tool.own_verb & said_terms))))
    none = for_none(text, [said for said, _ in found], scene, ids, catalogue.elsewhere(text), foreign)
    return found, none


def weigh(evidence: Mapping[str, float], by: Mapping[str, float]) -> float:
    return sum(value * by.get(name, 0.0) for name, value in evidence.items())


def rank(catalogue: Catalogue, text: str, scene: Scene, places: Mapping[str, float] = _NOWHERE) -> list[Ranked]:
    """All tools, best first; ties keep the order of the tools. `places` orders them too; no score is higher for it."""
    found, none = evidence_of(catalogue, text, scene)
    nothing = weigh(none, catalogue.weights)
    ranked = [
        Ranked(
            said.tool,
            weigh(evidence, catalogue.weights) + _EXAMPLE * max(0.0, said.likeness - 0.35) - nothing,
            max(said.covered, said.meant.share, said.likeness),
            said.found,
            said.likeness,
            _allowed(said, evidence, text),
            places.get(said.tool.name, 0.0),
            bool(evidence.get("looks_up_for_write"))
            or (bool(evidence.get("question_for_write")) and not evidence.get("want_for_create")),
            said.tool.write and not said.left,
        )
        for said, evidence in found
    ]
    return sorted(ranked, key=lambda r: -r.score - r.lift)


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


def _allowed(said: Said, evidence: Mapping[str, float], text: str) -> bool:
    """Whether the sentence has what a write needs: its verb, a report for one that takes reports, words near its title,
    or every typed argument. What cannot be undone needs its verb, or a word near it."""
    if not said.tool.write or said.likeness >= ALIKE:
        return True
    if evidence.get("question_for_write") or evidence.get("looks_up_for_write"):
        return bool(evidence.get("verb_write"))
    if any(evidence.get(name) for name in ("verb_write", "verb_own", "fault_for_report")):
        return True
    near = max(said.title, said.meant.title) >= _NEAR_TITLE
    if said.tool.verbs & _STRICTLY:
        return near
    typed = {(f.start, str(f.value)) if f.start <= 0 else (f.start, "") for f in said.found.values() if f.strong}
    return near or bool(evidence.get("want_for_create")) or (not said.left and len(typed) >= 2)


def _sure(top: Ranked, others: Sequence[Ranked]) -> bool:
    """Whether so much more speaks for a write than for all else that it needs no verb; one that would be sent at once
    needs more."""
    ahead = top.score + top.lift - max((r.score + r.lift for r in others), default=-math.inf)
    bar = _SURE_WHOLE if top.whole else _SURE
    return not top.asked and top.score >= bar and ahead >= bar + 1


def clear(ranked: Sequence[Ranked]) -> Ranked | None:
    """The tool the sentence means, if it means one at all: a write that would be sent at once only well ahead of the
    next tool."""
    if not ranked:
        return None
    first = ranked[0]
    ranked = [r for i, r in enumerate(ranked) if r.allowed or (i == 0 and _sure(r, ranked[1:]))]
    if not ranked or first.score - ranked[0].score > _BEHIND:
        return None
    top = ranked[0]
    ahead = top.score + top.lift - max((r.score + r.lift for r in ranked[1:]), default=-math.inf)
    bar = _READ if not top.tool.write else _STRICT if top.tool.verbs & _STRICTLY else _WRITE
    if top.likeness >= ALIKE:
        return top
    return None if top.score < bar or (top.whole and ahead < (_SURE_WHOLE if top.asked else _AHEAD)) else top
