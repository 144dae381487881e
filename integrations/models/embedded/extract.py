"""The values of a whole tool that a sentence holds: conditions of variants, facts of the resident, the words of
a report.

Next: `arguments.py` makes the nested JSON of them, `dialogue.py` decides what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.models.embedded import enums
from integrations.models.embedded.asking import Asking, Found
from integrations.models.embedded.catalogue import Tool
from integrations.models.embedded.labels import is_other
from integrations.models.embedded.schema import NAMED, Path, Slot
from integrations.models.embedded.spans import Spans
from integrations.models.embedded.values import complaint, read
from integrations.models.embedded.words import ANY, PAST

Values = Mapping[Path, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that the facts of the resident offer, and how people call it."""

    value: Any
    name: str


def choices(facts: Any, name: str) -> list[Choice]:
    """The values of `name` in the facts, each with its readable sibling (a text field of the same object)."""
    return list(_choices(facts, name))


def _choices(facts: Any, name: str) -> Iterator[Choice]:
    if isinstance(facts, Mapping):
        value = facts.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            stem = re.sub(r"(Id|ID|_id|No|Code)$", "", name)
            named = [
                v for k, v in facts.items() if k != name and isinstance(v, str) and k.lower().startswith(stem.lower())
            ]
            texts = named or [v for k, v in facts.items() if k != name and isinstance(v, str)]
            yield Choice(value, texts[0] if texts else str(value))
        for below in facts.values():
            yield from _choices(below, name)
    elif isinstance(facts, (list, tuple)):
        for below in facts:
            yield from _choices(below, name)


def active(tool: Tool, values: Values) -> list[Slot]:
    """The slots that count now: their conditions hold, or are open and every variant has them."""
    if tool.plain is not None:
        return list(tool.plain)
    found: list[Slot] = []
    seen: set[Path] = set()
    for slot in tool.slots:
        if slot.path in seen or not all(path not in values or values[path] == value for path, value in slot.when):
            continue
        undecided = [(path, value) for path, value in slot.when if path not in values]
        if undecided and not _shared(tool, slot, undecided[0][0]):
            continue
        seen.add(slot.path)
        found.append(slot)
    return found


def _shared(tool: Tool, slot: Slot, decided_by: Path) -> bool:
    variants = next((s.values for s in tool.slots if s.path == decided_by), ())
    having = {
        value for s in tool.slots if s.path == slot.path and s.required for path, value in s.when if path == decided_by
    }
    return len(variants) > 0 and having == set(variants)


def missing(tool: Tool, values: Values) -> list[Slot]:
    """The required slots without a value, in the schema's order."""
    return [s for s in active(tool, values) if s.required and s.path not in values]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a sentence is read against besides the tool."""

    spans: Spans
    now: datetime
    facts: Any
    asked: Collection[Path] = ()
    heard: enums.Heard = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "heard", enums.hear(self.spans.text))


def extract(tool: Tool, scene: Scene, known: Values) -> dict[Path, Found]:
    """Every value of the tool that the sentence says, beyond or instead of those known."""
    found: dict[Path, Found] = {}
    together: dict[Path, Any] = dict(known)
    used: set[int] = set()
    _decide_variant(tool, scene, found, together)
    for slot in _rounds(tool, together):
        if slot.path in found or slot.paging or slot.kind in ("file", "opaque"):
            continue
        if slot.kind in ("integer", "number") and slot.path in known and scene.asked and slot.path not in scene.asked:
            continue  # a number said now answers the question
        asked = slot.path in scene.asked
        value = _value(tool, slot, scene, asked, together, frozenset(used))
        if value is not None:
            if slot.kind in ("integer", "number", "name") or (slot.kind == "date" and not slot.role):
                used.add(value.start)
            found[slot.path] = value
            together[slot.path] = value.value
    return found


def _rounds(tool: Tool, together: dict[Path, Any]) -> Iterator[Slot]:
    """The active slots; again when a decision on the way has brought new ones."""
    if tool.plain is not None:
        yield from tool.plain
        return
    done: set[Path] = set()
    while True:
        fresh = [s for s in active(tool, together) if s.path not in done]
        if not fresh:
            return
        done.add(fresh[0].path)
        yield fresh[0]


def _decide_variant(tool: Tool, scene: Scene, found: dict[Path, Found], together: dict[Path, Any]) -> None:
    """Where no word names the variant, a typed value that only one variant takes does."""
    for slot in (s for s in tool.slots if s.variant and s.path not in together):
        asked = slot.path in scene.asked
        value = read(slot, _asking(tool, slot, scene, asked))
        if value is None:
            for option in slot.values:
                own = [
                    s
                    for s in tool.slots
                    if (slot.path, option) in s.when and s.required and s.kind in ("plate", "code", "email")
                ]
                others = {s.path for s in tool.slots if any(p == slot.path and v != option for p, v in s.when)}
                if any(s.path not in others and read(s, _asking(tool, s, scene, False)) for s in own):
                    value = Found(option, 0, 0)
                    break
        if value is None:
            value = _by_facts(tool, slot, scene)
        if value is not None:
            found[slot.path] = value
            together[slot.path] = value.value


def _by_facts(tool: Tool, slot: Slot, scene: Scene) -> Found | None:
    """A variant whose own property the facts name, and the sentence names the fact ("3栋2单元501")."""
    for option in slot.values:
        for own in (s for s in tool.slots if (slot.path, option) in s.when and s.required):
            if any(c.name and c.name in scene.spans.text for c in choices(scene.facts, own.name)):
                return Found(option, 0, 0)
    return None


def _asking(
    tool: Tool, slot: Slot, scene: Scene, asked: bool, rivals: int = 1, used: frozenset[int] = frozenset()
) -> Asking:
    return Asking(
        scene.spans,
        scene.heard,
        scene.now,
        past=not tool.write and (tool.records or bool(PAST.search(scene.spans.text))),
        asked=asked,
        only=asked and len(scene.asked) == 1,
        accepts=lambda value: tool.accepts(slot, value),
        rivals=rivals,
        titled=tool.titled,
        writes=tool.write,
        used=used,
    )


def _value(tool: Tool, slot: Slot, scene: Scene, asked: bool, together: Values, used: frozenset[int]) -> Found | None:
    offered = choices(scene.facts, slot.name) if slot.required else []
    if offered:
        return _offered(slot, scene, asked, offered, together)
    rivals = sum(
        1
        for s in active(tool, together)
        if s.kind in ("integer", "number")
        and (s.path in scene.asked if scene.asked else s.required and s.path not in together)
    )
    value = read(slot, _asking(tool, slot, scene, asked, rivals, used))
    if value is None and (asked or slot.kind == "window") and slot.nullable and ANY.search(scene.spans.text):
        return Found(None, 0, 0)
    if value is None and slot.kind == "text" and slot.required and tool.reports and slot.path not in together:
        words = complaint(scene.spans.text, tool.zh)
        value = (
            Found(words[: _most(slot)], 0, len(scene.spans.text))
            if words and tool.accepts(slot, words[: _most(slot)])
            else None
        )
    return value


def _most(slot: Slot) -> int:
    most = slot.schema.get("maxLength")
    return most if isinstance(most, int) else 2000


def _offered(slot: Slot, scene: Scene, asked: bool, offered: list[Choice], together: Values) -> Found | None:
    named = [c for c in offered if c.name and c.name in scene.spans.text]
    if named:
        return Found(named[0].value, 0, 0)
    if slot.path in together:
        return None
    if len(offered) == 1:
        return Found(offered[0].value, strong=False)
    if asked:
        index = enums.ordinal(scene.spans.text, len(offered))
        digits = re.findall(r"\d+", scene.spans.text)
        partly = [
            c
            for c in offered
            if scene.spans.text.strip()
            and (
                scene.spans.text.strip() in c.name or (digits and re.findall(r"\d+", c.name)[-len(digits) :] == digits)
            )
        ]
        if len(partly) == 1:
            return Found(partly[0].value, 0, 0)
        return Found(offered[index].value, 0, 0) if index is not None else None
    return None


def derived(tool: Tool, slot: Slot) -> bool:
    """A required kind with a value for "other" beside a required text that describes: it is read from that text, not
    asked for."""
    if slot.kind != "enum" or slot.variant or not any(is_other(words) for words in slot.glosses.values()):
        return False
    return any(s.kind == "text" and s.required and (tool.reports or not NAMED.search(s.label)) for s in tool.slots)


def derive(tool: Tool, values: dict[Path, Any]) -> None:
    """Fill the kinds that are read from the texts: the best by its words, or the one for "other"."""
    for slot in missing(tool, values):
        if not derived(tool, slot):
            continue
        texts = [
            str(values[s.path]) for s in active(tool, values) if s.kind == "text" and s.required and s.path in values
        ]
        if not texts:
            continue
        text = " ".join(texts)
        value = enums.best(enums.hear(text), slot, loosely=True)
        if value is None:
            value = next((v for v, words in slot.glosses.items() if is_other(words)), None)
        if value is not None and tool.accepts(slot, value):
            values[slot.path] = value
