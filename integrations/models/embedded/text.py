"""Text as the matcher sees it: halves of bilingual texts, one spelling for one meaning, weighted terms.

Next: `schema.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

HAN = re.compile(r"[\u3400-\u9fff]")
_FULL_WIDTH = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_FULL_WIDTH |= {0x3000: 0x20, 0xFF20: 0x40, 0xFF0D: 0x2D, 0xFF0E: 0x2E}
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?|\d+|[\u3400-\u9fff]+")
# Characters often typed for another of the same sound.
_CONFUSED = str.maketrans("帐废笼", "账费龙")
# Slips of the keyboard that hide a date; as long as what they stand for.
_SLIPS = (("名天", "明天"), ("后夭", "后天"), ("明夭", "明天"))
_CANONICAL: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), put)
    for pattern, put in (
        (r"负([一二三四123])", r"地下\1"),
        (r"(?:了没有?|没有|了没得|没得)[?？。!！\s]*$", "了"),
        (r"(?:还没有?|没有?|尚未|仍未|还未)(?=[\u4e00-\u9fff])", "未"),
        (r"多久|多长时间", "时长"),
        (r"客人", "访客"),
        (r"[主次]卧(?!室)", "卧室"),
        (r"[主次客]卫(?!生间)|洗手间|厕所", "卫生间"),
        (r"待(?=处理|缴|付|支付|完成)", "未"),
        (r"已经", "已"),
        (r"(?<!提)(?<!成)交(?!通|给|流|互)", "缴"),
        (r"付款|支付|付费|付钱|交钱|缴钱|缴纳", "缴费"),
        (r"(?:还|正)在([\u4e00-\u9fff]{2})的?", r"\1中"),
    )
)
_STOP = re.compile(
    r"我想要?|我要|我们|帮我|帮忙|帮|麻烦|请问|请|一下子?|看看|看一看|看下|查看|查询|查一查|查下|查|看"
    r"|问|告诉我|给我|我家|我的|我|你们|你|您|他|她|的话|的|了|吗|嘛|么|呢|啊|呀|哦|吧|啦|哈|是不是|是"
    r"|有没有|还有|还|有|在|要|想"
    r"|多少钱?|什么|怎么样?|哪些|哪里|哪|几|现在|目前|这个?|那个?|这张|那张|个|和|就|都|也|先|来|去|把"
    r"|被|让|能不能|可以|能|会|得|着|过|到|从|给|跟|对|很|太|再|一张|某"
)
_STOP_WORDS = (
    "a an the i me my we our you your he his she her it its is are was were be been do does did have has"
    " had can could will would should shall may might to of for in on at by with from and or as this that"
    " these those there here please pls want need like get got show give tell let what which who when"
    " where why how any some all so much many now right just im ve ll d s t re up about me out ok okay if"
    " not one anything everything something anyone someone"
)
STOP_EN = frozenset(_STOP_WORDS.split())
# Everyday words that mean the same.
_SAME = {
    "car": "vehicle", "auto": "vehicle", "add": "register", "owe": "due", "owed": "due", "owing": "due",
    "outstanding": "due",
    "arrears": "due", "elevator": "lift", "guest": "visitor", "friend": "visitor", "faucet": "tap", "spot": "space",
    "place": "space", "apartment": "home", "flat": "home", "mobile": "phone", "cellphone": "phone", "charge": "fee",
    "cost": "fee", "ac": "conditioner", "ticket": "order",
}  # fmt: skip
_IRREGULAR = {
    "paid": "pay",
    "paying": "pay",
    "payment": "pay",
    "payments": "pay",
    "bought": "buy",
    "broke": "broken",
    "broken": "broken",
}


def normalise(text: str) -> str:
    """Full-width letters, digits and signs as ASCII, one character for one: positions stay."""
    text = text.translate(_FULL_WIDTH)
    for wrong, right in _SLIPS:
        text = text.replace(wrong, right)
    return text


_DIGITS_ZH = str.maketrans("零〇一二三四五六七八九幺", "001234567891")
_SPELT = re.compile(r"(?<![A-Za-z])((?:[A-Za-z] ){1,3}[A-Za-z]?) ?(?=[\d零〇一二三四五六七八九幺]{3})")
_SPOKEN = re.compile(
    r"(?<=[A-Za-z\d])[零〇一二三四五六七八九幺]{3,}|(?<![十百千万两])[零〇一二三四五六七八九幺]{4,}(?![十百千万年])"
    r"|(?<=[单元层楼栋])[一二三四五六七八九幺][零〇一二三四五六七八九幺]{2,3}(?![十百千万])"
)


# Verbs that a count parts from what they are one word with: 登个记, 打个分.
_PARTED = re.compile(r"([登报打评挂退开充缴交查续预])(?:一?个|一下)([记名分价号修款票值费单约])")


def spoken(text: str) -> str:
    """Verbs that are parted (登个记) and letters that are spelt (m o 205512) as one word, digits said one by one as
    digits (LN二零四五, 六零零一)."""
    text = _PARTED.sub(r"\1\2", text)
    text = _SPELT.sub(lambda m: m[1].replace(" ", ""), text)
    return _SPOKEN.sub(lambda m: m[0].translate(_DIGITS_ZH), text)


def halves(text: str) -> tuple[str, str]:
    """The Chinese and the English half of "中文 / English"; a text in one language is both halves."""
    first, separator, second = text.partition(" / ")
    chinese = [bool(HAN.search(half)) for half in (first, second)]
    if all(chinese):  # an example in the other script decides nothing: the first letter does
        chinese = [bool(re.match(r"\W*[\u3400-\u9fff]", half)) for half in (first, second)]
    if not separator or chinese[0] == chinese[1]:
        return text, text
    return (first.strip(), second.strip()) if chinese[0] else (second.strip(), first.strip())


def canonical(text: str) -> str:
    """One spelling for words that mean the same, lower case. Positions do not stay."""
    if text.isascii():  # every rule below is about Chinese or full-width characters
        return text.lower()
    text = normalise(text).lower().translate(_CONFUSED)
    for pattern, put in _CANONICAL:
        text = pattern.sub(put, text)
    return text


@lru_cache(maxsize=1 << 15)
def stem(word: str) -> str:
    """A light English stem: rooms → room, leaking → leak, paid → pay."""
    word = word.removesuffix("'s")
    if word in _SAME:
        return _root(_SAME[word])
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending, put in (("ies", "y"), ("sses", "ss"), ("ings", ""), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith(("ss", "us", "is")):
            word = word[: len(word) - len(ending)] + put
            break
    return _root(_SAME.get(word, word))


def _root(word: str) -> str:
    return word.removesuffix("e") if len(word) > 3 else word


def words_of_name(name: str) -> str:
    """An identifier as words: `listUsingGET_3` → "list Using GET 3"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.\[\]]+", " ", name)


def terms(text: str, *, query: bool = False, filler: float = 0.0) -> dict[str, float]:
    """Weighted terms: Chinese pairs (1.0) and single characters (0.25), English stems (1.0). A query loses its
    filler; English filler counts `filler`, and is left out at 0.
    """
    text = canonical(text)
    if query:
        text = _STOP.sub(" ", text)
    found: dict[str, float] = {}
    for word in _WORD.findall(text):
        if HAN.match(word):
            for i, character in enumerate(word):
                found[character] = max(found.get(character, 0.0), 0.6 if len(word) == 1 else 0.25)
                if i:
                    # in either order: 洗衣 and 衣洗 are the same matter
                    found["".join(sorted(word[i - 1 : i + 1]))] = 1.0
        elif not word.isdigit() and (filler or word not in STOP_EN):
            weight = filler if word in STOP_EN else 1.0
            term = stem(word)
            found[term] = max(found.get(term, 0.0), weight)
    return found


def common_runs(first: str, second: str, least: int = 2) -> list[str]:
    """Maximal common substrings of at least `least` characters, longest first, not overlapping in `first`."""
    runs: list[str] = []
    i = 0
    while i < len(first):
        length = 0
        while i + length < len(first) and first[i : i + length + 1] in second:
            length += 1
        if length >= least:
            runs.append(first[i : i + length])
        i += max(length, 1)
    return sorted(runs, key=len, reverse=True)


def is_chinese(text: str) -> bool:
    return bool(HAN.search(text))


def first_clause(text: str, stops: str = "：:，,。（(；;") -> str:
    """The part of a description before its first stop: its label."""
    return re.split(f"[{re.escape(stops)}]", text, maxsplit=1)[0].strip()


def longest(items: Iterable[str]) -> str:
    return max(items, key=len, default="")
