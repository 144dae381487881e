"""What one slot can take from a sentence, by the slot's kind. Pure functions; `extract.py` asks them for a
whole tool.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from integrations.models.embedded import amounts, enums, moments
from integrations.models.embedded.asking import Asking, Found
from integrations.models.embedded.clock import part_of_day
from integrations.models.embedded.names import person
from integrations.models.embedded.numbers import to_int
from integrations.models.embedded.schema import Slot
from integrations.models.embedded.spans import Span, without
from integrations.models.embedded.text import HAN
from integrations.models.embedded.words import ALL, FAULT, NOTHING_SUBJECT, WHOLE_FAULT


def read(slot: Slot, asking: Asking) -> Found | None:
    """The slot's value in the sentence, or None. Every value fits the slot's schema."""
    reader = _READERS.get(slot.kind)
    found = reader(slot, asking) if reader else None
    if found is None:
        return None
    return found if asking.accepts(found.value) else None


def _enum(slot: Slot, asking: Asking) -> Found | None:
    if slot.values and all(isinstance(v, int | float) and not isinstance(v, bool) for v in slot.values):
        chosen = amounts.fitting(slot, asking.spans.numbers, asking.spans.clocks)
        if not chosen and asking.only:
            chosen = [n for n in asking.spans.numbers if not n.unit]
        return next((Found(int(n.value), n.start, n.end) for n in chosen if asking.accepts(int(n.value))), None)
    if slot.variant and not asking.asked:
        value = enums.best(asking.heard, slot)
    else:
        loosely = asking.only or (asking.asked and len(asking.spans.text) <= 12)
        value = enums.best(asking.heard, slot, loosely=loosely, titled=asking.titled)
        value = _part_of_day(slot, asking) if value is None else value
    return None if value is None else Found(value, 0, 0)


def _part_of_day(slot: Slot, asking: Asking) -> Any | None:
    """晚上八点 for morning, afternoon or evening: the one value that the time is in."""
    for clock in asking.spans.clocks:
        fits = [value for value, words in slot.glosses.items() if part_of_day(" ".join(words), clock)]
        if len(fits) == 1:
            return fits[0]
    return None


def _bool(slot: Slot, asking: Asking) -> Found | None:
    text = asking.spans.text
    if asking.only and re.match(r"^(是|要|需要|对|yes|y\b|yeah|sure|true|ok)", text, re.I):
        return Found(True, 0, 0)
    if asking.only and re.match(r"^(否|不|没|no|n\b|false)", text, re.I):
        return Found(False, 0, 0)
    core = re.sub(r"^(是否|需不需要|要不要|需要|whether)", "", slot.zh)
    if len(core) >= 2 and HAN.search(core) and core in text:
        return Found(not re.search(rf"(不|没|无|别|未)[^，,。]{{0,3}}{re.escape(core)}", text), 0, 0)
    return None


def _email(slot: Slot, asking: Asking) -> Found | None:
    return _first(asking.spans.emails)


def _phone(slot: Slot, asking: Asking) -> Found | None:
    found = _first(asking.spans.phones)
    if found is None and asking.asked:
        match = re.search(r"\+?\d[\d\- ]{4,16}\d", asking.spans.text)
        found = Found(match.group(), match.start(), match.end()) if match else None
    return found


def _plate(slot: Slot, asking: Asking) -> Found | None:
    return _first(asking.spans.plates)


def _first(spans: Sequence[Span]) -> Found | None:
    return Found(spans[-1].value, spans[-1].start, spans[-1].end) if spans else None


def _code(slot: Slot, asking: Asking) -> Found | None:
    whole = slot.schema.get("type") in ("integer", "number")
    pattern = bool(slot.schema.get("pattern"))
    for span in asking.spans.codes:
        for word in dict.fromkeys((span.value.upper(), span.value)):
            if whole:
                if (
                    word.isdecimal()
                    and (len(word) >= 6 or asking.asked)
                    and len(word) < 25
                    and asking.accepts(int(word))
                ):
                    return Found(int(word), span.start, span.end)
            elif (pattern or asking.only or _looks(word, slot)) and asking.accepts(word):
                return Found(word, span.start, span.end)
    if (
        pattern
        and not whole
        and str(slot.schema["pattern"]).count("-") > 1
        and (room := _ROOM.search(asking.spans.text))
    ):
        parts = "-".join(str(to_int(part)) for part in room.groups() if part)
        if asking.accepts(parts):
            return Found(parts, room.start(), room.end())
    if pattern and not whole:
        for match in _APART.finditer(asking.spans.text):
            for joint in ("", "-"):
                if asking.accepts(joined := joint.join(match.groups()).upper()):
                    return Found(joined, match.start(), match.end())
    return None


# 3号楼2单元1501 for 3-2-1501.
_N = r"([\d一二三四五六七八九十]{1,3})"
_ROOM = re.compile(rf"{_N}(?:号楼|栋|幢|座){_N}单元(\d{{3,4}})")
# An id whose letters and digits are written apart: gc 410, GC410 for GC-410.
_APART = re.compile(r"(?<![A-Za-z\d])([A-Za-z]{1,4})[\s\-#:]{0,2}(\d{2,})(?![A-Za-z\d])")


def _looks(word: str, slot: Slot) -> bool:
    """Whether a word has the shape of the slot's example, or of any code (letters with digits, or six digits)."""
    examples = slot.schema.get("examples")
    listed = examples if isinstance(examples, list) else [slot.schema.get("example")]
    shapes = {_shape(str(e)) for e in listed if e is not None}
    if shapes:
        return _shape(word) in shapes
    return len(word) >= 6 and sum(c.isdigit() for c in word) >= 3


def _shape(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[A-Za-z]", "A", re.sub(r"\d", "9", word)))


def _number(slot: Slot, asking: Asking) -> Found | None:
    spans, text = asking.spans, asking.spans.text
    shared = bool(ALL.search(text))  # "五星都给" may fill several
    free = [n for n in spans.numbers if shared or n.start not in asking.used]
    chosen = amounts.fitting(slot, free, spans.clocks)
    if not chosen and (asking.only or (asking.asked and len(spans.numbers) >= asking.rivals)):
        chosen = [n for n in free if not n.unit] or free
    if not chosen and not asking.asked and "star" in amounts.families(slot):
        chosen = [n for n in free if not n.unit and re.search(r"[给打评]|rate|score", text[: n.start])]
    if not chosen:
        chosen = amounts.counted(slot, free, text)
    if not chosen and (one := amounts.alone(slot, text)) is not None:
        chosen = [one]
    if not chosen and asking.rivals == 1 and slot.required:  # the one number for the one number that is needed
        plain = [n for n in free if not n.unit and n.value < _NO_ID and text[n.start : n.end] != "一"]  # 一甩
        small = [n for n in plain if n.value < _NO_COUNT]
        chosen = plain if len(plain) == 1 else small if len(small) == 1 else []
    for number in chosen:
        value = number.value
        if number.unit == "money" and re.search(r"（分）|\(分\)|\bfen\b|\bcents\b|以分", slot.about):
            value *= 100
        whole = value == value.to_integral_value()
        read: int | float | None = int(value) if whole else None if slot.kind == "integer" else float(value)
        if read is not None and asking.accepts(read):
            return Found(read, number.start, number.end)
    return None


# A longer number without a unit is an id.
_NO_ID = 100_000
# Beside a smaller one, such a number is an id too.
_NO_COUNT = 1000


def _name(slot: Slot, asking: Asking) -> Found | None:
    spans = asking.spans  # 周天 is a Sunday, 金陵路 no one
    text = without(without(spans.text, (*spans.days, *spans.clocks)), (*spans.plates, *spans.phones))
    found = person(text, alone=asking.only or (asking.asked and len(asking.spans.text) <= 8))
    if found is None or found[1] in asking.used:
        return None
    # 李医生 is a doctor's name, and no patient's
    served = bool(_SERVES.search(f"{slot.zh} {slot.en}"))
    titled = bool(_ROLE.search(asking.spans.text[max(0, found[1] - 8) : found[2] + 4]))
    if served != titled and not asking.asked and (served or not slot.required):
        return None
    return Found(*found)


_SERVES = re.compile(r"医生|大夫|师傅|教练|老师|doctor|coach|teacher|trainer", re.I)
_ROLE = re.compile(r"医生|大夫|师傅|教练|老师|\b(dr|doctor|coach|teacher)\b", re.I)


_ADDRESS = re.compile(
    r"(?:地址|住址)(?:就?是|为|在|[:：])?\s*([^，,。;；\s]{3,60})|\b(?:address is|address:"
    r"|at)\s+(\d+[^,.;]{4,60}(?:St|Street|Rd|Road"
    r"|Ave|Avenue|Lane)\b[^,.;]{0,30})|\b(\d+[/\w]* [A-Z][a-z]+ (?:St|Street|Rd|Road|Ave|Avenue"
    r"|Lane)\b(?:, [A-Z][a-z]+)?)"
)


def _place(slot: Slot, asking: Asking) -> Found | None:
    said = _ADDRESS.search(asking.spans.text) if re.search(r"地址|address", f"{slot.zh} {slot.en}", re.I) else None
    if said:
        group = said.lastindex or 0
        return Found(said[group], said.start(group), said.end(group))
    places = asking.spans.places
    if not places:
        return None
    numbered = [p for p in places if re.search(r"\d|[一二三四五六七八九十](?:层|楼|单元)", p.value)]
    plain = [p for p in places if p not in numbered]
    text = "".join if HAN.search(asking.spans.text) else ", ".join
    value = text(p.value for p in (*numbered, *plain))
    if not HAN.search(asking.spans.text) and len(places) > 1:
        value = asking.spans.text[places[0].start : places[-1].end] if places[-1].end - places[0].start <= 40 else value
    return Found(value, min(p.start for p in places), max(p.end for p in places))


_VALUE = re.compile(r"(?:是|为|写|填|叫做?|[：:])?\s*([^，,。；;！!？?\s]{2,60})")


def _text(slot: Slot, asking: Asking) -> Found | None:
    """Words behind the slot's own label: "抬头北京晨光公司"."""
    label = slot.zh
    text = asking.spans.text
    for size in range(len(label), 1, -1):
        match = _behind(label[-size:], text)
        if match and not re.match(r"的|了|吗|呢|一下|是什么", match[1]):
            return Found(match[1], match.start(1), match.end(1))
    return None


def _behind(label: str, text: str) -> re.Match[str] | None:
    """What follows a Chinese label. Found without a pattern of the label's own: a catalogue has hundreds of them."""
    at = text.find(label) if HAN.search(label) else -1
    while at >= 0:
        match = _VALUE.match(text, at + len(label))
        if match:
            return match
        at = text.find(label, at + 1)
    return None


def complaint(text: str, summary: str) -> str | None:
    """The clauses in which something does not work, in the resident's own words; None where nothing in
    particular is named.
    """
    kept: list[str] = []
    for clause in re.split(r"[，,。；;！!？?\n]|(?<=[a-z])\.\s", text):
        clause = _bare(clause, summary)
        if not FAULT.search(clause):
            continue
        rest = re.sub(r"[的了啦吧呀啊我家\s]|\b(my|the|a|i)\b", "", FAULT.sub("", clause), flags=re.I)
        if not NOTHING_SUBJECT.match(rest) or WHOLE_FAULT.search(clause):
            kept.append(clause)
    chinese = bool(HAN.search(text))
    return ("，" if chinese else ", ").join(kept) or None


def _bare(clause: str, summary: str) -> str:
    clause = re.sub(r"^\s*(你好|您好|hi|hello)[,，\s]*", "", clause, flags=re.I)
    stripped = re.sub(r"^(我们?|想|要|需要|帮忙|帮我|麻烦|请|给我)+", "", clause)
    for size in (4, 3, 2):
        if len(stripped) > size + 1 and stripped[:size] in summary:
            return re.sub(r"^(一下|[:：,，的\s])+", "", stripped[size:]).strip()
    return re.sub(r"^(另外|重新|还有|再)+", "", clause).strip()


_READERS: dict[str, Callable[[Slot, Asking], Found | None]] = {
    "enum": _enum, "bool": _bool, "email": _email, "phone": _phone, "plate": _plate, "code": _code, "number": _number,
    "integer": _number, "date": moments.day, "datetime": moments.moment, "month": moments.month, "name": _name,
    "time": moments.time_of_day, "window": moments.window, "place": _place, "text": _text,
}  # fmt: skip
