"""Two requests in one sentence: where it is cut, and one tool for several ids. Called by `dialogue.py`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from integrations.models.embedded.arguments import fitting
from integrations.models.embedded.catalogue import Tool
from integrations.models.embedded.deepen import deepened
from integrations.models.embedded.extract import Scene, derive, missing
from integrations.models.embedded.rank import Ranked, clear
from integrations.models.embedded.schema import Path
from integrations.models.embedded.verbs import verbs_of
from integrations.models.embedded.words import CONJUNCTION

# Where a sentence may be cut without a word that says so; each half must be a whole request of its own.
_WEAK = re.compile(r"\s*[,，;；。.]\s*|\s+(?:and|n|&)\s+|(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fffA-Za-z])", re.I)
_LISTED = re.compile(r"^\s*(?:和|跟|与|及|还有|、|,|，|and|&|n|\+)\s*$", re.I)
_MOST_CUTS = 3
# The score of each half where no word says that there are two.
_SURE = 1.5
Calls = list[tuple[Tool, Mapping[str, Any]]]


def requests(text: str, rank: Callable[[str], list[Ranked]], scene: Callable[[str], Scene]) -> Calls | None:
    """Two whole calls that the halves of the sentence are; None where they are not."""
    for first, second, said in _cuts(text):
        top = clear(rank(first))
        values = _values(top, first, scene) if top is not None else None
        whole = _whole(top, values) if top is not None and values is not None else None
        if top is None or whole is None:
            continue
        other = clear(rank(second))
        more = _values(other, second, scene) if other is not None else None
        if other is None or more is None:
            continue
        if other.tool is top.tool:  # what is the same is not said again
            more = {**{p: v for p, v in (values or {}).items() if p not in more}, **more}
        rest = _whole(other, more)
        if rest is None or (top.tool is other.tool and whole == rest):
            continue
        if said or _apart(first, second, top, other):
            return [(top.tool, whole), (other.tool, rest)]
    return None


def _cuts(text: str) -> Iterator[tuple[str, str, bool]]:
    """The halves of every cut, and whether a conjunction says that there are two."""
    said = [(m.start(), m.end(), True) for m in CONJUNCTION.finditer(text)]
    weak = [(m.start(), m.end(), False) for m in _WEAK.finditer(text)]
    tried = 0
    for start, end, sure in (*said, *weak):
        first, second = text[:start].strip(), text[end:].strip(" ：:，,")
        if len(first) > 2 and len(second) > 2 and (sure or (_asks(first) and _asks(second))):
            yield first, second, sure
            tried += 1
            if tried == _MOST_CUTS:
                return


def _asks(half: str) -> bool:
    """Whether a half could be a request: it has a verb of asking."""
    return bool(verbs_of(half))


def _apart(first: str, second: str, top: Ranked, other: Ranked) -> bool:
    """Whether halves without a conjunction are two requests: each names what it is about."""
    if top.tool is other.tool:
        kinds = {slot.path: slot.kind for slot in top.tool.slots}
        both = top.found.keys() & other.found.keys()
        return any(top.found[p].value != other.found[p].value and kinds[p] not in ("text", "place") for p in both)
    named = [any(c.isdigit() for c in half) and r.found for half, r in ((first, top), (second, other))]
    return any(named) and all(r.score > _SURE for r in (top, other))


def _values(top: Ranked, text: str, scene: Callable[[str], Scene]) -> dict[Path, Any]:
    values = {path: value.value for path, value in top.found.items()}
    values |= deepened(top.tool, scene(text), values)
    derive(top.tool, values)
    return values


def _whole(top: Ranked, values: Mapping[Path, Any]) -> Mapping[str, Any] | None:
    return None if missing(top.tool, values) else fitting(top.tool, values)[0]


def each_id(tool: Tool, values: Mapping[Path, Any], scene: Scene) -> Calls | None:
    """One call for every id of a list ("cancel VP1 and VP2"), where all else is known; None for a single one."""
    for slot in tool.slots:
        if slot.kind != "code" or not slot.required or not slot.schema.get("pattern") or slot.path not in values:
            continue
        codes = [c for c in scene.spans.codes if tool.accepts(slot, c.value.upper())]
        listed = [b for a, b in pairwise(codes) if _LISTED.match(scene.spans.text[a.end : b.start])]
        if codes and listed and len(listed) == len(codes) - 1:
            calls: Calls = []
            for code in codes:
                arguments = fitting(tool, {**values, slot.path: code.value.upper()})[0]
                if arguments is None or missing(tool, values):
                    return None
                calls.append((tool, arguments))
            return calls
    return None
