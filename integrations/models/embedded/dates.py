"""Dates, months, spans of days and times of day as people write them, in both languages. Next: `extract.py`."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from integrations.models.embedded.numbers import ZH_NUMBER, to_int

Grain = Literal["day", "week", "month", "year", "span"]
_N = rf"(?:\d{{1,2}}|{ZH_NUMBER})"
_WEEKDAYS = {c: i for i, c in enumerate("一二三四五六日")} | {"天": 6} | {str(i + 1): i for i in range(6)}
_EN_DAYS = {d: i for i, d in enumerate(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])}
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_EN_MONTHS = {name: i + 1 for i, name in enumerate(_MONTHS.split())}
_MONTH_NAME = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY_NAME = (
    r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:s|nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
)
_RELATIVE = {
    "大前天": -3, "前天": -2, "昨天": -1, "昨日": -1, "昨晚": -1, "今天": 0, "今日": 0, "今晚": 0, "今早": 0,
    "今儿": 0, "今儿个": 0, "当天": 0, "今朝": 0, "今夜": 0, "昨儿": -1, "昨儿个": -1, "昨夜": -1,
    "前儿": -2, "前日": -2,
    "明朝": 1, "明儿个": 1, "听日": 1, "聽日": 1, "听朝": 1, "听晚": 1, "琴日": -1,
    "寻日": -1, "后日": 2, "后儿": 2, "后晚": 2, "后儿个": 2,
    "tmrw": 1, "tmw": 1, "2moro": 1, "tmrow": 1, "tomorrow's": 1, "today's": 0, "tonite": 0,
    "a week from today": 7, "a week today": 7, "one week from today": 7, "a week from tomorrow": 8,
    "明天": 1, "名天": 1, "明日": 1, "明早": 1, "明晚": 1, "明儿": 1, "后天": 2, "大后天": 3,
    "the day before yesterday": -2, "yesterday": -1, "today": 0, "tonight": 0, "tomorrow": 1, "tmr": 1, "tomorow": 1,
    "the day after tomorrow": 2, "day after tomorrow": 2, "last night": -1, "this morning": 0,
    "this afternoon": 0, "this evening": 0,
}  # fmt: skip
_PATTERN = re.compile(
    "|".join(
        (
            r"(?P<iso>(?<![\dA-Za-z])(?P<iy>\d{4})[-/.](?P<im>\d{1,2})[-/.](?P<id>\d{1,2})(?![\d]))",
            r"(?P<isom>(?<![\dA-Za-z\-])(?P<my>\d{4})[-/.](?P<mm>\d{1,2})(?![\d\-]))",
            rf"(?P<zhd>(?:(?P<zy>\d{{4}}|[去今明前]"
            rf"|[零〇一二三四五六七八九]{{4}})年)?(?P<zm>{_N})月(?:份的?)?(?P<zd>{_N})[日号]?)(?![\d个])",
            rf"(?P<zhm>(?:(?P<ny>\d{{4}}|[去今明前]|[零〇一二三四五六七八九]{{4}})年(?:的)?)(?P<nm>{_N})月份?"
            rf"|(?<![\d个])(?P<bm>{_N})月份?(?![\d卡个租票费饼球]))",
            r"(?P<zhy>(?P<yy>\d{4}|[去今明前])年)",
            r"(?P<cmon>(?P<crel>上上个?|上个?|下个?|这个?|本|当)月)(?![饼球])",
            r"(?P<cweek>(?P<wrel>上上个?|上个?|下下个?|下个?|这个?|本)?(?:周|星期"
            r"|礼拜)(?P<wday>[一二三四五六日天1-6])(?![年月期个天份]))",
            r"(?P<cwk>(?P<krel>上上个?|上个?|下下个?|下个?|这个?|本)(?:周末|周|星期|礼拜))|(?P<wend>周末|双休日)",
            rf"(?P<zin>(?P<zn>{_N})[天日](?:之?后|以后|过后))",
            rf"(?P<zlast>(?:最近|近|过去)(?P<ln>{_N})?(?:个)?(?P<lu>天|日|周|星期|月|年))",
            rf"(?P<zdom>(?<![\d年楼栋A-Za-z])(?P<dd>{_N})[号日](?![楼栋线院门厅馆]))",
            rf"(?P<emd>\b(?P<em>{_MONTH_NAME})\.?\s+(?P<ed>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s*(?P<ey>\d{{4}}))?)",
            rf"(?P<edm>\b(?P<fd>\d{{1,2}})(?:st|nd|rd"
            rf"|th)?\s+(?:of\s+)?(?P<fm>{_MONTH_NAME})\b(?:,?\s*(?P<fy>\d{{4}}))?)",
            r"(?P<edom>\b(?:on |by |until |from |for )?the (?P<dom>\d{1,2})(?:st|nd|rd|th)\b(?! floor))",
            rf"(?P<emon>\b(?P<gm>{_MONTH_NAME})(?:\s+(?P<gy>\d{{4}}))?\b(?!'))",
            rf"(?P<eweek>\b(?:(?P<erel>this coming|this|next|last|coming)\s+)?(?P<eday>{_DAY_NAME})\b(?:'s)?)",
            r"(?P<eper>\b(?P<prel>this|next|last|previous|current)\s+(?P<punit>week|weekend|month|year)\b)",
            r"(?P<ein>\bin\s+(?P<en>\d+|two|three|four|five|six|seven|a)\s+(?P<eu>days?|weeks?)\b)",
            r"(?P<elast>\b(?:last|past|previous)\s+(?P<pn>\d+|two|three|four|five|six)\s+(?P<pu>days?|weeks?"
            r"|months?)\b)",
            r"(?P<eslash>(?<![\d/])(?P<sm>\d{1,2})/(?P<sd>\d{1,2})(?![\d/]))",
        )
    ),
    re.I,
)
_WORDS = re.compile("|".join(re.escape(w) for w in sorted(_RELATIVE, key=len, reverse=True)), re.I)
_A_WORD = re.compile(r"\b(the|in|he|she|they|we|who|you|i|a)\s*$", re.I)
_BETWEEN = re.compile(r"^\s*(到|至|~|～|-|—|–|to|and|until|till|through)\s*$", re.I)
_SINCE_AFTER = re.compile(r"^\s*(以来|之后|以后|起|开始|至今)")
_SINCE_BEFORE = re.compile(r"(自从?|从|since|after|from)\s*$", re.I)


@dataclass(frozen=True, slots=True)
class When:
    """A day or a stretch of days at [start, end) of the text. `open` means "since": no last day was said."""

    start: int
    end: int
    first: date
    last: date
    grain: Grain
    open: bool = False


def days(text: str, today: date, *, past: bool = False) -> list[When]:
    """Every date of the text, in order; two with "to" between them are one span. `past` leans an unsaid year
    backwards.
    """
    found: list[When] = []
    taken = [(m.start(), m.end(), _RELATIVE[m.group().lower()]) for m in _WORDS.finditer(text)]
    for start, end, offset in taken:
        found.append(When(start, end, today + timedelta(offset), today + timedelta(offset), "day"))
    for match in _PATTERN.finditer(text):
        if any(match.start() < end and start < match.end() for start, end, _ in taken):
            continue
        try:
            read = _read(match, today, past)
        except (ValueError, OverflowError):
            continue
        if read is not None:
            found.append(When(match.start(), match.end(), *read))
    found.sort(key=lambda w: w.start)
    return _joined(text, found)


def _joined(text: str, found: list[When]) -> list[When]:
    joined: list[When] = []
    for when in found:
        before = joined[-1] if joined else None
        if before and _BETWEEN.match(text[before.end : when.start]) and when.last >= before.first:
            joined[-1] = When(before.start, when.end, before.first, when.last, "span")
            continue
        after = _SINCE_AFTER.match(text[when.end :])
        if after:
            when = replace(when, open=True, end=when.end + after.end())
        elif _SINCE_BEFORE.search(text[: when.start]) and not _BETWEEN.match(text[when.end : when.end + 1] or "x"):
            when = replace(when, open=True)
        joined.append(when)
    return joined


def month_of(year: int, month: int) -> tuple[date, date, Grain]:
    """First day, last day, grain of a month."""
    return date(year, month, 1), date(year, month, monthrange(year, month)[1]), "month"


def _shift(today: date, months: int) -> tuple[date, date, Grain]:
    index = today.year * 12 + today.month - 1 + months
    return month_of(index // 12, index % 12 + 1)


def _year(said: str | None, today: date) -> int | None:
    if not said:
        return None
    offsets = {"去": -1, "今": 0, "明": 1, "前": -2}
    return today.year + offsets[said] if said in offsets else to_int(said)


def _one(day: date) -> tuple[date, date, Grain]:
    return day, day, "day"


def _day(year: int | None, month: int, day: int, today: date, past: bool) -> tuple[date, date, Grain]:
    if year is not None:
        return _one(date(year, month, day))
    said = date(today.year, month, day)
    if past and said > today:
        said = date(today.year - 1, month, day)
    elif not past and (today - said).days > 180:
        said = date(today.year + 1, month, day)
    return _one(said)


def _of_month(day: int, today: date, past: bool) -> tuple[date, date, Grain]:
    """The 28th: of this month, of the next where it is over."""
    said = today.replace(day=day)
    if not past and said < today:
        said = _shift(today, 1)[0].replace(day=day)
    return _one(said)


def _month(year: int | None, month: int, today: date) -> tuple[date, date, Grain]:
    if year is None:
        year = today.year if month <= today.month else today.year - 1
    return month_of(year, month)


def _int(text: str | None) -> int:
    value = to_int(text or "")
    if value is None:
        raise ValueError(text)
    return value


def _steps(relation: str) -> int:
    relation = relation.lower()
    if relation.startswith(("上上",)):
        return -2
    if relation.startswith(("上", "last", "previous")):
        return -1
    if relation.startswith("下下"):
        return 2
    return 1 if relation.startswith(("下", "next")) else 0


def _week(today: date, steps: int) -> tuple[date, date, Grain]:
    monday = today - timedelta(today.weekday()) + timedelta(7 * steps)
    return monday, monday + timedelta(6), "week"


def _weekday(relation: str | None, weekday: int, today: date, past: bool) -> tuple[date, date, Grain]:
    if relation and "coming" not in relation.lower():
        if relation.lower() == "next":  # "next Friday" said on a Wednesday is the week after
            return _one(_week(today, 1)[0] + timedelta(weekday))
        return _one(_week(today, _steps(relation))[0] + timedelta(weekday))
    ahead = (weekday - today.weekday()) % 7
    return _one(today + timedelta(ahead - 7 if past and ahead else ahead))


def _back(count: int, unit: str, today: date) -> tuple[date, date, Grain]:
    unit = unit.lower()
    if unit.startswith(("天", "日", "day")):
        return today - timedelta(count), today, "span"
    if unit.startswith(("周", "星", "week")):
        return today - timedelta(7 * count), today, "span"
    months = count * (12 if unit.startswith("年") else 1)
    first = _shift(today, -months)[0]
    return first.replace(day=min(today.day, monthrange(first.year, first.month)[1])), today, "span"


def _read(m: re.Match[str], today: date, past: bool) -> tuple[date, date, Grain] | None:
    return _read_digits(m, today, past) or _read_chinese(m, today, past) or _read_english(m, today, past)


def _read_digits(m: re.Match[str], today: date, past: bool) -> tuple[date, date, Grain] | None:
    if m["iso"]:
        return _one(date(int(m["iy"]), int(m["im"]), int(m["id"])))
    if m["isom"] and 1900 < int(m["my"]) < 2200:
        return month_of(int(m["my"]), int(m["mm"]))
    if m["eslash"]:
        return _day(None, int(m["sm"]), int(m["sd"]), today, past)
    return None


def _read_chinese(m: re.Match[str], today: date, past: bool) -> tuple[date, date, Grain] | None:
    if m["zhd"]:
        return _day(_year(m["zy"], today), _int(m["zm"]), _int(m["zd"]), today, past)
    if m["zhm"]:
        return _month(_year(m["ny"], today), _int(m["nm"] or m["bm"]), today)
    if m["zhy"]:
        year = _year(m["yy"], today) or today.year
        return date(year, 1, 1), date(year, 12, 31), "year"
    if m["cmon"]:
        return _shift(today, _steps(m["crel"]))
    if m["cweek"]:
        return _weekday(m["wrel"], _WEEKDAYS[m["wday"]], today, past)
    if m["cwk"] or m["wend"]:
        first, last, grain = _week(today, _steps(m["krel"] or ""))
        return (first + timedelta(5), last, "span") if m.group().endswith("周末") else (first, last, grain)
    if m["zin"]:
        return _one(today + timedelta(_int(m["zn"])))
    if m["zlast"]:
        return _back(_int(m["ln"]) if m["ln"] else 1, m["lu"], today)
    if m["zdom"]:
        return _of_month(_int(m["dd"]), today, past)
    return None


def _read_english(m: re.Match[str], today: date, past: bool) -> tuple[date, date, Grain] | None:
    if m["emd"]:
        return _day(int(m["ey"]) if m["ey"] else None, _EN_MONTHS[m["em"][:3].lower()], int(m["ed"]), today, past)
    if m["edm"]:
        return _day(int(m["fy"]) if m["fy"] else None, _EN_MONTHS[m["fm"][:3].lower()], int(m["fd"]), today, past)
    if m["edom"]:
        return _of_month(int(m["dom"]), today, past)
    if m["emon"]:
        if m["gm"].lower() in ("may", "mar", "march") and not m["gm"][0].isupper():
            return None
        return _month(int(m["gy"]) if m["gy"] else None, _EN_MONTHS[m["gm"][:3].lower()], today)
    if m["eweek"]:
        name = m["eday"].lower()
        if name in ("sun", "sat", "wed") and not m["eday"][0].isupper() and _A_WORD.search(m.string[: m.start()]):
            return None  # the sun, he sat
        return _weekday(m["erel"], _EN_DAYS[name[:3]], today, past)
    if m["eper"]:
        steps, unit = _steps(m["prel"]), m["punit"].lower()
        if unit == "month":
            return _shift(today, steps)
        if unit == "year":
            return date(today.year + steps, 1, 1), date(today.year + steps, 12, 31), "year"
        first, last, grain = _week(today, steps)
        return (first + timedelta(5), last, "span") if unit == "weekend" else (first, last, grain)
    if m["ein"]:
        count = 1 if m["en"].lower() == "a" else _int(m["en"])
        return _one(today + timedelta(count * (7 if m["eu"].lower().startswith("week") else 1)))
    if m["elast"]:
        return _back(_int(m["pn"]), m["pu"], today)
    return None
