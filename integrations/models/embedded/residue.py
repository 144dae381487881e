"""What is left of a sentence when all that was understood is taken away: the words for a text that a tool needs.

Called by `extract.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from integrations.models.embedded.catalogue import Tool
from integrations.models.embedded.spans import Spans, without
from integrations.models.embedded.text import STOP_EN, common_runs, normalise, stem
from integrations.models.embedded.words import VERBS

_QUOTED = re.compile(r"[《“\"「『]([^》”\"」』]{1,60})[》”\"」』]")
# Words of asking, never of what is asked for; longest first.
_ASKING_ZH = (
    "能不能|可不可以|有没有|是不是|我想要|想要|我想|我要|帮我|帮忙|给我|麻烦|请问|请|你们|我们|阿拉|您|你|我|他|她|一下子?|一哈|看看|看一下|看下|瞅瞅"
    "|查查|查一下|查下|查|看|搜搜|搜|找找|找|顺便|另外|然后|还有|再|有冇|有无|有|冇|没有|了没|没|来|要|定|订|点|叫|买|给|帮|把|想|用|带走|带|拿|送到?|送"
    "|到|去|就|都|也|先|还|个|份|碗|张|件|只|条|台|位|本|把|箱|瓶|盒|套|双|单|号|这|那|哪|什么|啥|咩|多少|几|怎么|吗|嘛|么|呢|啊|呀|哦|吧|啦|呗|伐|的话"
    "|的|了|过|着|得|是|在|和|跟|与|不|很|太|吃|喝|进|里|呗|咱|打|做|评|写|说|建议|推荐|星|分|块|元|觉得|感觉|谢谢|好|行|嗯|哎|唉|喂|诶|货|可以|能|会|需要|需"
)
_SPLIT_ZH = re.compile(rf"(?:{_ASKING_ZH})+|[\s,，。.!！?？;；:：、（）()~]+")
_EDGE_ZH = re.compile(rf"^(?:{_ASKING_ZH})+|(?:{_ASKING_ZH})+$")
_DROP_EN = STOP_EN | frozenset(
    [
        "kindly",
        "requesting",
        "request",
        "portion",
        "portions",
        "serving",
        "servings",
        "piece",
        "pieces",
        "copy",
        "copies",
        "myself",
        "ourselves",
        "us",
        "also",
        "there",
        "would",
        "could",
        "something",
        "anything",
        "i'd",
        "i'll",
        "i've",
        "let's",
        "dear",
        "sir",
        "madam",
        "hi",
        "hello",
        "thanks",
        "thank",
        "pls",
        "plz",
        "u",
        "ur",
        "shall",
        "today",
        "tomorrow",
        "tonight",
        "because",
        "looking",
        "look",
        "find",
        "search",
        "check",
        "see",
        "order",
        "have",
        "having",
        "got",
        "stars",
        "star",
        "rate",
    ]
)
_INNER_EN = frozenset(["of", "the", "and", "by", "in", "for", "a", "to", "with", "on", "de", "la"])


def quoted(text: str) -> str | None:
    """The first words in quotation marks or in those of a title."""
    match = _QUOTED.search(text)
    return match[1].strip() if match else None


def residue(tool: Tool, spans: Spans, taken: Iterable[str]) -> str | None:
    """The longest stretch of words that nothing else accounts for. `taken` are the words of other values."""
    if (words := quoted(spans.text)) is not None:
        return words
    left = without(spans.text, (*spans.emails, *spans.phones, *spans.plates, *spans.places), "\n")
    left = without(left, (*spans.days, *spans.clocks, *spans.numbers), "\n")
    left = without(left, (c for c in spans.codes if len(c.value) > 2), "\n")
    for word in sorted(set(taken), key=len, reverse=True):
        if len(word) > 1:
            left = left.replace(word, "\n" * len(word))
    chinese = bool(re.search(r"[\u4e00-\u9fff]", spans.text))
    return _chinese(tool, left) if chinese else _english(tool, left)


def _chinese(tool: Tool, text: str) -> str | None:
    own = normalise(tool.zh)
    kept = []
    for piece in _SPLIT_ZH.split(text):
        piece = piece.strip()
        for run in common_runs(piece, own):
            piece = piece.replace(run, "\n")
        kept += [p for p in piece.split("\n") if len(p) > 1]
    longest = max(kept, key=len, default="")
    # two characters of which the last is in the title (新书) name nothing
    return None if len(longest) < 2 or (len(longest) == 2 and longest[1] in own) else longest


def _english(tool: Tool, text: str) -> str | None:
    own = {stem(w) for w in re.findall(r"[a-z]+", tool.en.lower())}
    best: list[str] = []
    for piece in re.split(r"[\n,.!?;:()]+", text):
        run: list[str] = []
        for word in [*piece.split(), ""]:
            plain = word.lower().strip("'\"")
            drop = not plain or plain in _DROP_EN or stem(plain) in own
            drop = drop or (not word[:1].isupper() and any(p.fullmatch(plain) for p in VERBS.values()))
            if drop and plain in _INNER_EN and run:
                run.append(word)
                continue
            if not drop:
                run.append(word)
                continue
            while run and run[-1].lower() in _INNER_EN:
                run.pop()
            if len(" ".join(run)) > len(" ".join(best)):
                best = run
            run = []
    return " ".join(best) or None
