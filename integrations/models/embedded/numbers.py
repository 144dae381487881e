"""Numbers as people write them: 3, 88.5, 一百五十, 半, six; each with its place and the unit behind it.

Next: `extract.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "俩": 2,
    "仨": 3,
    "壹": 1,
    "贰": 2,
    "叁": 3,
}
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10000}
_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
)
_ENGLISH = {word: i for i, word in enumerate(_WORDS.split())}
_ENGLISH |= {"thirty": 30, "forty": 40, "fifty": 50, "hundred": 100, "couple": 2, "dozen": 12}
ZH_NUMBER = "[零〇一二两俩仨三四五六七八九十百千万]+"
_NUMBER = re.compile(
    rf"(?P<digits>(?<![A-Za-z\d.\-])\d+(?:,\d{{3}})*(?:\.\d+)?(?![\d\-]))|(?P<zh>{ZH_NUMBER})|(?P<half>半)"
    rf"|(?P<en>\b(?:{'|'.join(_ENGLISH)})\b)|(?P<one>\ban?(?=\s+(?:hour|hr|minute|day|week|month|year)\b))",
    re.I,
)
# Family → how its unit is written behind (or before) a number. The last is what a label says of it.
UNITS: dict[str, re.Pattern[str]] = {
    "money": re.compile(r"\s*(元|块钱?|圆|yuan|rmb|cny|¥)", re.I),
    "month": re.compile(r"\s*(个月|个整月|months?)", re.I),
    "year": re.compile(r"\s*(年|years?)", re.I),
    "week": re.compile(r"\s*(个?星期|个?礼拜|周|weeks?)", re.I),
    "day": re.compile(r"\s*(天|日|days?|nights?|晚|宿)", re.I),
    "hour": re.compile(r"\s*(个?小时|个?钟头|个钟|hours?|hrs?|h\b)", re.I),
    "minute": re.compile(r"\s*(分钟|minutes?|mins?)", re.I),
    "star": re.compile(r"\s*(颗?星|分(?!钟)|stars?|points?)", re.I),
    "person": re.compile(
        r"\s*(个人|个大人|个小孩|位|人|口|个女生|个男生|people|persons?|ppl|pax|guests?|adults?|of us|kids|children)",
        re.I,
    ),
    "count": re.compile(
        r"\s*(张|份|件|辆|台|次|瓶|桶|箱|碗|条|盒|袋|本|套|个(?!月|人|小时|钟|星期|礼拜)|只|枚|把|例|间|床|双|片|支|卷|趟|回|单|笔"
        r"|颗(?!星)|块(?!钱)|盘|碟|壶|杯|串|副|扇|面|根|copies|copy|pieces?|items?|times?|tickets?|portions?|servings?|seats?|sets?"
        r"|units?|boxes|bags|bottles?|of them|x\b)",
        re.I,
    ),
}
LABELS: dict[str, re.Pattern[str]] = {
    "money": re.compile(r"金额|元|钱|费用|价|分）|amount|yuan|price|fee|fen|cents", re.I),
    "month": re.compile(r"月数|个月|几个月|months?", re.I),
    "year": re.compile(r"年数|年限|years?", re.I),
    "week": re.compile(r"周数|星期|礼拜|几周|weeks?", re.I),
    "day": re.compile(r"天数|几天|days?|nights?", re.I),
    "hour": re.compile(r"小时|hours?", re.I),
    "minute": re.compile(r"分钟|minutes?", re.I),
    "star": re.compile(r"评分|打分|星|分数|stars?|score|rating", re.I),
    "person": re.compile(r"人数|几人|人员数|人次|people|persons?|guests?|number of (people|guests)", re.I),
    "count": re.compile(
        r"数量|座位数|册数|台数|本数|份数|张数|件数|次数|个数|桶数|辆数|quantity|count|number of|how many|copies", re.I
    ),
}


# 一下, 一定, 一起, 报一报: no number.
_NO_COUNT = frozenset("下定起点样些般直边旦切共道")


@dataclass(frozen=True, slots=True)
class Number:
    """A number at [start, end) of the text (the unit included), `unit` a key of `UNITS` or ""."""

    start: int
    end: int
    value: Decimal
    unit: str


def read_chinese(text: str) -> int | None:
    """一百五十 → 150, 两 → 2, 二零二六 → 2026."""
    if not text:
        return None
    if not any(c in _SCALES for c in text):
        return int("".join(str(_DIGITS[c]) for c in text)) if all(c in _DIGITS for c in text) else None
    total = section = digit = 0
    for c in text:
        if c in _DIGITS:
            digit = _DIGITS[c]
        elif c == "万":
            total, section, digit = (total + section + digit) * 10000, 0, 0
        elif c in _SCALES:
            section, digit = section + (digit or 1) * _SCALES[c], 0
        else:
            return None
    if digit and len(text) > 1 and text[-2] in "百千万":  # 一百五 is 150
        digit *= _SCALES[text[-2]] // 10
    return total + section + digit


def to_int(text: str) -> int | None:
    """An integer in digits, Chinese or English words."""
    text = text.strip().lower()
    if text.isdecimal():
        return int(text) if len(text) < 25 else None
    return _ENGLISH.get(text, read_chinese(text))


_MORE = re.compile(r"\s+(?:more|whole|full|extra|other)(?=\s)|\s*(?:整|多)?(?=个?(?:礼拜|星期|月|小时))", re.I)
_HALVES = {"年": (Decimal(6), "month"), "月": (Decimal(15), "day"), "天": (Decimal("0.5"), "day")}


def numbers(text: str) -> list[Number]:
    """Every number of the text, in order. 半年 is 6 months, 一年 12 (of unit "month", as people count contracts)."""
    found: list[Number] = []
    for match in _NUMBER.finditer(text):
        if match["half"]:
            behind = re.match(r"年|个?月|个?小时|个?钟头|个?钟|天", text[match.end() :])
            if behind and not text[: match.start()].endswith(("点", "个", "上", "下", "前", "后")):
                value, unit = _HALVES.get(behind[0].lstrip("个"), (Decimal("0.5"), "hour"))
                found.append(Number(match.start(), match.end() + behind.end(), value, unit))
            continue
        if (
            match["zh"]
            and match["zh"] in "一两"
            and (
                text[match.end() : match.end() + 1] in _NO_COUNT
                or text[match.end() : match.end() + 1] == text[max(0, match.start() - 1) : match.start()] != ""
            )
        ):
            continue
        whole = 1 if match["one"] else None if match["digits"] else to_int(match["zh"] or match["en"])
        if not match["digits"] and whole is None:
            continue
        value = Decimal(match["digits"].replace(",", "") if match["digits"] else whole or 0)
        unit, end = "", match.end()
        half = re.match(r"\s*个?半(?=个?(小时|钟头|钟|月|年|天))", text[end:])
        if half and text[end : end + 1] != "半":
            value, end = value + Decimal("0.5"), end + half.end()
        more = _MORE.match(text, end)
        between = more.end() if more else end
        for family, pattern in UNITS.items():
            behind = pattern.match(text, between)
            if behind:
                unit, end = family, behind.end()
                break
        if not unit and re.search(r"[¥￥$]\s*$", text[: match.start()]):
            unit = "money"
        found.append(Number(match.start(), end, value, unit))
    return found
