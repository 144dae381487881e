"""What a sentence says to the one tool that it means, beyond what is read for every tool.

Values by their meaning, yes-or-no by its label, and the words that are left for a text that is needed.

Called by `dialogue.py`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from integrations.models.embedded import enums, meaning
from integrations.models.embedded.catalogue import Tool
from integrations.models.embedded.extract import Scene, active, derived
from integrations.models.embedded.residue import quoted, residue
from integrations.models.embedded.schema import NAMED, Path, Slot
from integrations.models.embedded.spans import without
from integrations.models.embedded.text import STOP_EN, common_runs, is_chinese
from integrations.models.embedded.words import FILLER_ZH, REASON

_SEARCH = re.compile(r"关键词|关键字|搜索|keyword|search", re.I)
_REASON = re.compile(r"理由|原因|用途|目的|reason|purpose", re.I)


def deepened(
    tool: Tool, scene: Scene, values: Mapping[Path, Any], only: Collection[Path] | None = None
) -> dict[Path, Any]:
    """The values that are added to the known ones; `only` these slots where it is given."""
    added: dict[Path, Any] = {}
    words = meaning.words()
    slots = [s for s in active(tool, values) if s.path not in values and (only is None or s.path in only)]
    if words is not None:
        unread = _unread(scene)
        for slot in (s for s in slots if s.kind == "enum" and not s.variant and not derived(tool, s)):
            value = enums.near(
                enums.hear(unread), slot, words, _others(tool, slot, words), sure=tool.write or not slot.required
            )
            if value is not None and tool.accepts(slot, value):
                added[slot.path] = value
        for slot in (s for s in slots if s.kind == "bool" and not s.required):
            if (said := _affirmed(unread, slot, words)) is not None:
                added[slot.path] = said
    if tool.reports:
        return added
    texts = [s for s in slots if s.kind == "text" and not s.many]
    for slot in texts:
        match = (
            REASON.search(scene.spans.text) if not slot.required and _REASON.search(f"{slot.zh} {slot.en}") else None
        )
        if match and tool.accepts(slot, match[1].strip()):
            added[slot.path] = match[1].strip()
    wanted = next((s for s in texts if s.required or _SEARCH.search(f"{s.zh} {s.en}")), None)
    called = _CALLED.search(scene.spans.text) if wanted is not None and NAMED.search(wanted.label) else None
    if (
        wanted is not None
        and called is not None
        and tool.accepts(wanted, name := called[called.lastindex or 0].strip())
    ):
        added[wanted.path] = name
    if wanted is not None and wanted.path not in added:
        rest = residue(tool, scene.spans, _taken(tool, scene.spans.text, {**values, **added}))
        if rest is not None and (wanted.required or quoted(scene.spans.text)) and tool.accepts(wanted, rest):
            added[wanted.path] = rest
    return added


# How a name is told: 名字叫旺财, called Rufus.
_CALLED = re.compile(
    r"(?:名字|姓名|名)(?:叫做?|是|为|[:：])\s*([\u4e00-\u9fffA-Za-z]{1,12})"
    r"|(?<![\u4e00-\u9fff]名)叫做?([\u4e00-\u9fff]{1,4})(?=[，,。 ]|$)"
    r"|\b(?:called|named|names?(?: is|'s)) ([A-Z][\w'-]*(?: [A-Z][\w'-]*){0,3})"
)
# A word of the label that the sentence has: as near as this.
_SAME = 0.62
_NO = re.compile(r"(不|没|别|莫|勿|未|not|n't|never|no)\s*\S{0,4}$", re.I)
_WHETHER = frozenset(
    ("是否", "只", "仅", "需要", "需", "whether", "only", "true", "显示", "show", "want", "当", "若", "可", "把")
)


def _affirmed(text: str, slot: Slot, words: meaning.Words) -> bool | None:
    """Whether the sentence has all words of a yes-or-no label in one language; False behind a negation."""
    said = [w for w in words.split(text) if w not in FILLER_ZH and w not in STOP_EN]
    for label in dict.fromkeys((slot.zh, slot.en)):
        core = [w for w in words.split(label) if w not in FILLER_ZH and w not in STOP_EN and w not in _WHETHER]
        near = [_nearest(word, said, words) for word in core]
        if core and all(n is not None for n in near):
            first = text.lower().find(str(near[0]))
            return not _NO.search(text[:first])
    return None


def _nearest(word: str, said: list[str], words: meaning.Words) -> str | None:
    scored = [(meaning.alike(words, word, w), w) for w in said]
    best = max(scored, default=(0.0, ""))
    return best[1] if best[0] >= _SAME else None


def _unread(scene: Scene) -> str:
    """The sentence without what is typed: a day is near a morning, but is none."""
    spans = scene.spans
    text = without(spans.text, (*spans.days, *spans.clocks))
    return without(text, (*spans.codes, *spans.numbers))


def _others(tool: Tool, slot: Slot, words: meaning.Words) -> frozenset[str]:
    """The words of all of the tool but one slot: a sentence has them for something else."""
    texts = [tool.zh, tool.en, tool.spec.description]
    for other in tool.slots:
        if other is not slot:
            texts += [other.zh, other.en, *(w for glosses in other.glosses.values() for w in glosses)]
    return frozenset(words.split(" ".join(texts)))


def _taken(tool: Tool, text: str, values: Mapping[Path, Any]) -> list[str]:
    """The words of the text from which the known values were read, as far as they can be told."""
    slots: dict[Path, Slot] = {slot.path: slot for slot in tool.slots}
    words: list[str] = []
    for path, value in values.items():
        if isinstance(value, str) and value in text:
            words.append(value)
        for gloss in slots[path].glosses.get(value, ()) if slots[path].kind == "enum" else ():
            if is_chinese(gloss):
                words += common_runs(text, gloss)
            else:
                words += [w for w in re.findall(r"[A-Za-z]{3,}", gloss) if re.search(rf"\b{w}\b", text, re.I)]
    return words
