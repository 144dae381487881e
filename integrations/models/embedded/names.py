"""Names of people as they are said: 我叫陈建国, for Harold Chen. Called by `values.py`."""

from __future__ import annotations

import re

from integrations.models.embedded.translations import translations

_SURNAMES = (
    "欧阳|司马|上官|诸葛|慕容|司徒|[王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓冯韩曹曾彭萧肖蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任姚卢傅钟"
    "姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严覃武戚莫孔向汤温康施牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申"
    "欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦]"
)
# What follows a name, never part of it.
_AFTER = "来过到去的了在和跟给我要想今明后昨周下上个位帮是叫打挂电手住约申报登做这那听预有吗呢吧啊也都还先"
_CUE = (
    r"(?:我叫|名叫|叫做?|姓名[是为:：]?|名字[是叫:：]?|我是|联系人[是:：]?|登记[一下]*[:：]"
    r"|给|帮|替|为|找|姓名|[妈爸爷奶公婆儿女弟妹哥姐孩孙闺]|师傅|医生|保姆|阿姨|的)"
)
_ROLE = r"(?:医生|大夫|师傅|主任|老师|先生|女士|教练|阿姨)"
_CHINESE = re.compile(rf"(?P<cue>{_CUE})?[,，\s]*(?P<name>(?:{_SURNAMES})[\u4e00-\u9fff]{{1,2}})(?=(?P<role>{_ROLE})?)")
_TITLED = re.compile(r"\b(?:dr|doctor|mr|mrs|ms|miss|coach)\.? (?P<name>[A-Z][a-z]+(?: [A-Z][a-z]+)?)")
_CUED = re.compile(
    r"(?i:\b(?:for|name(?: is|'s)?|called|named|i'?m|i am|this is|my \w+)[,:]?) (?P<name>[A-Z][a-z]+(?:"
    r" [A-Z][a-z]+){0,2})"
)
_PAIR = re.compile(r"\b(?P<name>[A-Z][a-z]+ [A-Z][a-z]+)\b")
_NO_NAME = re.compile(
    r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|\b(?:January|February|March|April|May|June|July|August|September"
    r"|October|November|December|Block|Building|Flat|Room|Unit|Tower|Please|Kindly|Could|Can|Would|The|I|North|South|East"
    r"|West|Gate|And|Also|Alipay|Wechat|We[Cc]hat)\b"
)


def person(text: str, *, alone: bool = False) -> tuple[str, int, int] | None:
    """The name with its place; the best cued one. `alone`: the text is the answer to a question for a name."""
    return _english(text, alone) if not re.search(r"[\u4e00-\u9fff]", text) else _chinese(text, alone)


def _chinese(text: str, alone: bool) -> tuple[str, int, int] | None:
    best: tuple[int, str, int, int] | None = None
    at = 0
    while match := _CHINESE.search(text, at):
        at = match.start("name") + 1
        name, start = match["name"], match.start("name")
        following = text[match.end("name") : match.end("name") + 1]
        if (len(name) == 3 and name[2] in _AFTER) or (
            len(name) == 3 and following and re.match(_ROLE, name[2] + following)
        ):
            name = name[:2]
        if len(name) < 2 or name[1] in _AFTER:
            continue
        # 单元, 房间, 时间 and 安排 begin like names: a word is one only where it is called so
        if not match["cue"] and not alone and name[:2] in translations():
            continue
        end = start + len(name)
        bounded = end == len(text) or not re.match(r"[\u4e00-\u9fff]", text[end]) or text[end] in _AFTER
        started = start == 0 or not re.match(r"[\u4e00-\u9fff]", text[start - 1])
        worth = 2 * bool(match["cue"]) + bounded + started + 2 * bool(re.match(_ROLE, text[end:]))
        worth += bool(match["cue"] and re.search(r"叫|名|[妈爸儿女孩孙闺]|师傅|保姆|[:：]", match["cue"]))
        if worth >= (1 if alone else 2) and (best is None or worth > best[0]):
            best = (worth, name, start, end)
    if best is None and alone:
        plain = re.fullmatch(r"\W*(?:我?叫|我是|是|姓名)?(?P<name>[\u4e00-\u9fff]{2,4})[吧啊呀]?\W*", text)
        return (plain["name"], plain.start("name"), plain.end("name")) if plain else None
    return best[1:] if best else None


def _english(text: str, alone: bool) -> tuple[str, int, int] | None:
    for pattern in (_TITLED, _CUED, _PAIR):
        for match in pattern.finditer(text):
            if not _NO_NAME.search(match["name"]):
                return match["name"], match.start("name"), match.end("name")
    if alone:
        plain = re.fullmatch(r"\W*(?:it'?s |i'?m |my name is )?(?P<name>[A-Za-z]+(?: [A-Za-z]+){0,2})\W*", text, re.I)
        return (plain["name"], plain.start("name"), plain.end("name")) if plain else None
    return None
