"""Times of day as people write them (上午, 下午三点到五点, at 3 pm) and the stretch that a day and a time make.

Next: `extract.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from integrations.models.embedded.dates import When, days
from integrations.models.embedded.numbers import to_int

# The part of a day, from hour to hour, as an office keeps its hours.
_PARTS: tuple[tuple[str, int, int], ...] = (
    (r"凌晨", 0, 6),
    (r"一?大?早上|清早|今早|明早|清晨|一早|早晨|听朝|朝早|早饭|早餐|早点|\bbreakfast\b", 8, 10),
    (r"上午|早间|上半天|前半天|\bmornings?\b", 9, 12),
    (r"中午|午间|晌午|正午|晏昼|中饭|午饭|午餐|食晏|\blunch(?:time)?\b|\bnoon\b|\bmidday\b", 12, 14),
    (r"下午|午后|下半天|后半天|下昼|\bafternoons?\b", 14, 18),
    (r"傍晚", 17, 19),
    (
        r"晚上|晚间|今晚|明晚|夜里|[一二三四五六日天]晚|后晚|夜晚|晚黑|晚饭|晚餐|夜饭|\bdinner(?:time)?\b|\bsupper\b|\bevenings?\b|\btonight\b|\bnight\b",
        18,
        21,
    ),
    (r"全天|整天|白天|\ball day\b|\bany time of (the )?day\b", 9, 18),
)
_PART = re.compile("|".join(f"(?P<p{i}>{pattern})" for i, (pattern, _, _) in enumerate(_PARTS)), re.I)
_NUM_EN = {
    w: i
    for i, w in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 1
    )
}
_NUM = r"(?:\d{1,2}|十[一二]?|二十[一二三]?|[一二两三四五六七八九])"
_CLOCK = re.compile(
    rf"(?P<zh>(?<![\d.])(?P<zh_h>{_NUM})(?:点钟?|时(?!间))(?:(?P<half>半)|(?P<zh_m>\d{{1,2}}"
    rf"|[一二三四五]?十[一二三四五六七八九]?)分?|(?P<quarter>一刻))?)"
    r"|(?P<colon>(?<![\d:])(?P<c_h>\d{1,2})[:：](?P<c_m>\d{2})(?::\d{2})?\s*(?P<c_ap>[ap]\.?m\.?)?)"
    r"|(?P<ap>(?<![\d:])(?P<a_h>\d{1,2})\s*(?P<a_ap>[ap]\.?m\b\.?))"
    r"|(?P<at>\b(?:at|around|after|by|before|between)\s+(?P<t_h>\d{1,2})(?![\d:/\-]|\s*(?:[ap]\.?m|st"
    r"|nd|rd|th|days?|yuan)))"
    rf"|(?P<half_en>\bhalf past (?P<h_h>{'|'.join(_NUM_EN)}|\d{{1,2}})\b)"
    rf"|(?P<word>\b(?:at|around|from|until|till)\s+(?P<w_h>{'|'.join(_NUM_EN)}|noon|midday)\b(?!\s+(?!in\b|on\b|to\b|today|tomorrow|tonight|sharp|pm|am|and\b|for\b|this\b|next\b)[a-z]))"
    rf"|(?P<oclock>\b(?P<o_h>{'|'.join(_NUM_EN)}|\d{{1,2}})\s*(?:o'?clock|in the (?P<o_part>morning"
    rf"|afternoon|evening))\b)"
    r"|(?P<to>(?<=\d)\s*(?:-|–|to|and|到|至)\s*(?P<to_h>\d{1,2})(?![\d:/\-点]|\s*[ap]\.?m))",
    re.I,
)
_RANGE = re.compile(r"^\s*(到|至|~|～|-|—|–|to|and|until|till)?\s*$", re.I)
_BARE_BEFORE_AP = re.compile(r"(?<!\d)(\d{1,2})\s*(?:-|–|to|and|到|至)\s*$", re.I)


@dataclass(frozen=True, slots=True)
class Clock:
    """A time or a part of a day, at [start, end) of the text. `to` is None for a single moment, `spelt` is False for a
    part of a day."""

    start: int
    end: int
    at: time
    to: time | None
    spelt: bool = True


def clocks(text: str) -> list[Clock]:
    """The times of the text, in order; "3点到5点" is one with both ends. Hours follow the part of the day
    before them.
    """
    parts = [(m.start(), m.end(), next(i for i in range(len(_PARTS)) if m[f"p{i}"])) for m in _PART.finditer(text)]
    found: list[Clock] = []
    for match in _CLOCK.finditer(text):
        read = _read(match)
        if read is None:
            continue
        hour, minute, sure = read
        part = next((i for start, end, i in reversed(parts) if end <= match.start() + 1), None)
        if not sure and hour < 12:
            afternoon = part is not None and _PARTS[part][1] >= 12
            if afternoon or (part is None and hour < 8):
                hour += 12
        at = time(hour % 24, minute)
        start = match.start()
        if match["ap"] and (bare := _BARE_BEFORE_AP.search(text[:start])):
            low = int(bare[1]) + (12 if hour >= 12 and int(bare[1]) < 12 and int(bare[1]) + 12 < hour + 1 else 0)
            found.append(Clock(bare.start(), match.end(), time(low % 24), at))
            continue
        before = found[-1] if found else None
        if before and before.to is None and (match["to"] or _RANGE.match(text[before.end : start])):
            if at <= before.at and at.hour < 12:
                at = time(at.hour + 12, minute)
            found[-1] = Clock(before.start, match.end(), before.at, at if at > before.at else None)
            continue
        found.append(Clock(start, match.end(), at, None))
    if found:
        return found
    return [Clock(start, end, time(_PARTS[i][1]), time(_PARTS[i][2]), False) for start, end, i in parts]


def _read(m: re.Match[str]) -> tuple[int, int, bool] | None:
    """Hour, minute, and whether the hour is sure to be of 24."""
    if m["zh"]:
        minute = 30 if m["half"] else 15 if m["quarter"] else to_int(m["zh_m"]) if m["zh_m"] else 0
        hour, sure = to_int(m["zh_h"]), False
    elif m["colon"]:
        hour, minute, sure = int(m["c_h"]), int(m["c_m"]), True
        hour, sure = _half_day(hour, m["c_ap"]) if m["c_ap"] else (hour, hour == 0 or m["c_h"].startswith("0"))
    elif m["ap"]:
        (hour, sure), minute = _half_day(int(m["a_h"]), m["a_ap"]), 0
    elif m["half_en"]:
        hour, minute, sure = _english(m["h_h"]), 30, False
    elif m["word"]:
        hour, minute, sure = _english(m["w_h"]), 0, False
    elif m["oclock"]:
        late = m["o_part"] and m["o_part"].lower() != "morning"
        hour, minute, sure = _english(m["o_h"]), 0, bool(m["o_part"])
        hour += 12 if late and hour < 12 else 0
    else:
        hour, minute, sure = int(m["t_h"] or m["to_h"]), 0, False
    if hour is None or minute is None or not (0 <= hour < 24 and 0 <= minute < 60):
        return None
    return hour, minute, sure or hour >= 12


def _english(word: str) -> int:
    return int(word) if word.isdecimal() else _NUM_EN.get(word.lower(), 12)


def _half_day(hour: int, mark: str) -> tuple[int, bool]:
    return (hour % 12 + (12 if mark.lower().startswith("p") else 0), True)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in the zone of `now`; `start`, `end` are its place in the text."""

    start: int
    end: int
    begins: datetime
    ends: datetime
    has_day: bool
    has_time: bool


def window(text: str, now: datetime) -> Window | None:
    """When somebody could come: a day with a part of it, a time with two hours from it, or office hours of a whole day.

    A time without a day is the next one; a stretch that is over by now is none.
    """
    found_days: list[When] = days(text, now.date())
    found_clocks = clocks(text)
    if not found_days and not found_clocks:
        return None
    day = found_days[0] if found_days else None
    clock = found_clocks[0] if found_clocks else None
    at, to = (clock.at, clock.to) if clock else (time(9), time(18))
    first = day.first if day else now.date()
    last = day.last if day else first
    if day and day.grain in ("month", "year"):
        return None
    begins = datetime.combine(max(first, now.date()), at, now.tzinfo)
    if to is not None:
        ends = datetime.combine(max(last, begins.date()) if clock is None else begins.date(), to, now.tzinfo)
    else:
        ends = begins + timedelta(hours=2)
    if day is None and ends <= now:
        begins, ends = begins + timedelta(days=1), ends + timedelta(days=1)
    if begins < now < ends:  # under way: from the next full hour
        begins = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    if ends <= max(now, begins) or (day and last < now.date()):
        return None
    spots = [s for s in (day, clock) if s is not None]
    return Window(
        min(s.start for s in spots),
        max(s.end for s in spots),
        begins,
        ends,
        has_day=day is not None,
        has_time=clock is not None,
    )


# How an enum calls the part of a day, and from which hour to which it is.
_CALLED: tuple[tuple[re.Pattern[str], int, int], ...] = (
    (re.compile(r"早|上午|\b(morning|breakfast)\b", re.I), 5, 12),
    (re.compile(r"中午|午[餐饭]|中[餐饭]|\b(noon|midday|lunch)\b", re.I), 11, 14),
    (re.compile(r"下午|\bafternoon\b", re.I), 12, 18),
    (re.compile(r"晚|夜|\b(evening|night|dinner|supper)\b", re.I), 17, 24),
)


def part_of_day(words: str, clock: Clock) -> bool:
    """Whether words for a part of a day (evening, 晚餐) are about a time; a stretch is taken by its middle."""
    end = clock.to.hour if clock.to is not None and not clock.spelt else clock.at.hour
    hour = (clock.at.hour + end) / 2
    return any(pattern.search(words) and low <= hour < high for pattern, low, high in _CALLED)
