"""Which number of a sentence a slot takes, by its unit, counted in the slot's own.

Called by `values.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from integrations.models.embedded.clock import Clock
from integrations.models.embedded.numbers import LABELS, Number
from integrations.models.embedded.schema import Slot

# One of a unit in another: how many.
_IN: dict[tuple[str, str], int] = {
    ("year", "month"): 12, ("week", "day"): 7, ("month", "day"): 30, ("year", "day"): 365, ("hour", "minute"): 60,
    ("day", "hour"): 24, ("week", "hour"): 168,
}  # fmt: skip
_ALONE = re.compile(
    r"就我(?:一个|自己)?(?!们)|我一个|一个人|\b(?:just|only) (?:me|my ?self)\b|\bby myself\b|\balone\b", re.I
)


def families(slot: Slot) -> list[str]:
    """The families of units that the slot's own words are about."""
    text = f"{slot.zh} {slot.en} {slot.name} {slot.about}"
    short = f"{slot.zh} {slot.en} {re.sub(r'(?<=[a-z])(?=[A-Z])|_', ' ', slot.name)}"
    named = [family for family, label in LABELS.items() if label.search(short)]
    return named or [family for family, label in LABELS.items() if label.search(text)]


def fitting(slot: Slot, free: Sequence[Number], clocks: Sequence[Clock]) -> list[Number]:
    """The numbers whose unit is the slot's, or can be counted in it; hours and minutes too are those between
    two times."""
    about = families(slot)
    found = [n for n in free if n.unit and n.unit in about]
    if found:
        return found
    for number in free:
        for (large, small), many in _IN.items():
            if number.unit == large and small in about:
                found.append(Number(number.start, number.end, number.value * many, small))
    unit = next((u for u in ("hour", "minute") if u in about), None)
    if not found and unit:
        for clock in clocks:
            if clock.to is not None and clock.spelt:
                minutes = (clock.to.hour - clock.at.hour) * 60 + clock.to.minute - clock.at.minute
                if minutes > 0:
                    found.append(Number(clock.start, clock.end, Decimal(minutes) / (60 if unit == "hour" else 1), unit))
    return found


def alone(slot: Slot, text: str) -> Number | None:
    """就我一个 for a number of people is one."""
    match = _ALONE.search(text) if "person" in families(slot) else None
    return Number(match.start(), match.end(), Decimal(1), "person") if match else None


def counted(slot: Slot, free: Sequence[Number], text: str) -> list[Number]:
    """For a quantity: the numbers that stand before a thing, whatever its word ("two mics", 五份)."""
    about = families(slot)
    if not {"count", "person"} & set(about):
        return []
    kin = [n for n in free if n.unit in ("count", "person") and (n.unit in about or "count" in about)]
    return kin or [n for n in free if not n.unit and re.match(r"\s+[a-z]{3,}|[\u4e00-\u9fff]|\W*$", text[n.end :])]
