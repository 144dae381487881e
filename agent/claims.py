"""Whether an answer claims that something was done which no system confirmed in this turn (A45).

A closed list of general words in Chinese and English; what a read of this turn tells (a status, a record's number or
date) may be retold. What is found makes the gateway add one sentence: nothing of the answer is held back or changed.
Next: `steps.py`, which hears the model and says the correction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.tool import ToolResult

# Groups of words for one kind of act; a record that has any word of a group may be retold with another one of it.
_GROUPS: tuple[tuple[str, str], ...] = (
    (
        "提交|递交|[上申]报|报(?![表告价刊])[\u4e00-\u9fff]|登记|申请|创建|下单",
        "submitted|filed|lodged|reported|placed|registered|created|ordered|requested|sent",
    ),
    ("取消|撤销|撤回|删除|解绑|作废", "cancell?ed|withdrawn|deleted|removed|revoked|voided"),
    ("缴纳|缴清|缴费|缴|交费|支付|付款|付清|退款|充值", "paid|settled|refunded|topped up|charged"),
    ("预约|预订|预定", "booked|reserved|scheduled|arranged"),
    ("修改|更改|变更|绑定|办理|办好|办妥|受理", "changed|updated|modified|accepted|processed|approved|confirmed"),
)
_ZH = "|".join(zh for zh, _ in _GROUPS)
_EN = "|".join(en for _, en in _GROUPS)
# Between the speaker and the act: no other clause, and no verb of reading ("已为您查到 2 条缴费记录" did nothing).
_MID = "[^，。；！？,.;!?\\n查找列检获读显汇统核看筛整]"
_HOW = r"(?:(?:now|just|already|also|successfully|all)\s+)*"

# An act of the speaker: never the retelling of a record.
_OWN = re.compile(
    rf"""
    已(?:经)?(?:成功)?(?:为|帮|替|给)[您你]{_MID}{{0,14}}?(?:{_ZH})
    | (?:为|帮|替|给)[您你]{_MID}{{0,12}}?(?:{_ZH})(?:[好完]|成功)?了
    | 我(?:们)?(?:已(?:经)?|刚刚?|都){_MID}{{0,8}}?(?:{_ZH})
    | 我(?:们)?{_MID}{{0,4}}?(?:{_ZH})(?:[好完]|成功)?了
    | 已(?:经)?(?:将|把){_MID}{{1,20}}?(?:{_ZH})
    | \b(?:I|we)(?:\s+have|['’]ve)?\s+{_HOW}(?:{_EN})\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# A state that is told of a thing.
_STATE = re.compile(
    rf"""
    已(?:经)?(?:被)?(?:成功)?(?:{_ZH})
    | (?:{_ZH})(?:已)?(?:成功|完成|完毕|好了)
    | 成功(?:{_ZH})
    | \b(?:has|have|is|are|was|were|['’]s|['’]re)\s+{_HOW}(?:been\s+)?{_HOW}(?:{_EN})\b
    | \bsuccessfully\s+(?:{_EN})\b
    | \b(?:{_EN})\s+successfully\b
    | ^\W*(?:(?:done|ok|okay|great|all\ set)\W+)?(?:{_EN})\s*[.!]
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NOT_ZH = re.compile(
    r"[未没无勿别](?!来)|不(?!仅|但|过|久|用担心)|是否|能否|有否|失败|等待|[待等](?:您|你|确认|到)|之前|可能|也许|应该"
)
_NOT_EN = re.compile(
    r"\b(?:not|never|no|nothing|none|neither|nor|without|cannot|whether|unless|until|before|might|may|could|would|"
    r"should|will|failed|to\s+be|yet\s+to)\b|n['’]t\b",
    re.IGNORECASE,
)
_IF = re.compile(
    r"如果|如(?=已|您|你|需|有|系统|显示)|若|假如|倘若|要是|万一|一旦|当(?=您|你|系统|提交)"
    r"|\b(?:if|once|when|whenever|after|in case|as soon as|provided)\b",
    re.IGNORECASE,
)
# What stands behind it makes it a time, an attribute, a question or a heading.
_BEHIND_ZH = re.compile(
    r"\s*(?:之?[后前时]|以[后前]|的|吗|么|没有|与否|[”」』\"]|[:：]\s*\d"
    r"|记录|明细|情况|状态|历史|列表|方式|渠道|流程|步骤|入口)"
)
_BEHIND_EN = re.compile(r"\s*(?:[”\"]|or not\b)")
_SENTENCE = re.compile(r"[^。！？!?\n]*?(?:[。！？!?\n]|\.(?=\s|$)|$)", re.DOTALL)
_CLAUSE = re.compile(r"[，,；;：:（(]|\bbut\b|但是?|不过")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DATE = re.compile(
    r"(?P<m1>\d{1,2})\s*月\s*(?P<d1>\d{1,2})|(?<!\d)\d{4}[-/.](?P<m2>\d{1,2})[-/.](?P<d2>\d{1,2})"
    r"|\b(?P<d3>\d{1,2})(?:st|nd|rd|th)?\s+(?P<m3>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"|\b(?P<m4>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?P<d4>\d{1,2})",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[A-Za-z]*[A-Za-z0-9-]*\d[A-Za-z0-9-]*")


class ClaimGuard:
    """Hears what the model says in one turn. `written`: a write of this turn succeeded, so it may say so."""

    def __init__(self, *, written: bool) -> None:
        self._heard: list[str] = []
        self._silent = written

    def hear(self, words: str) -> None:
        """`words`: text of the model as the resident reads it, in pieces or whole."""
        self._heard.append(words)

    def must_correct(self, results: Iterable[ToolResult]) -> bool:
        """Whether what was heard claims an act that `results` of this turn do not tell; True once in a turn."""
        if self._silent or not claims("".join(self._heard), results):
            return False
        self._silent = True
        return True


def claims(text: str, results: Iterable[ToolResult] = ()) -> bool:
    """Whether a sentence of `text` says that something was done, and no successful result of `results` says so too."""
    told: list[str] | None = None
    for sentence in _SENTENCE.findall(text):
        for found, own in _acts(sentence):
            if own:
                return True
            if told is None:
                told = [value for result in results if result.ok for value in _values(result.content)]
            if not _is_told(sentence, found, told):
                return True
    return False


def _acts(sentence: str) -> Iterator[tuple[str, bool]]:
    """(words, whether it is the speaker's own act) of every claim that is not denied, asked or supposed."""
    if sentence.rstrip().endswith(("?", "？")):
        return
    for pattern, own in ((_OWN, True), (_STATE, False)):
        for found in pattern.finditer(sentence):
            before, behind = sentence[: found.start()], sentence[found.end() :]
            clause = _CLAUSE.split(before)[-1] + found[0]
            if _IF.search(before + found[0]) or _NOT_ZH.search(clause) or _NOT_EN.search(clause):
                continue
            if (_BEHIND_EN if found[0].isascii() else _BEHIND_ZH).match(behind):
                continue
            yield found[0], own


def _is_told(sentence: str, found: str, told: list[str]) -> bool:
    """Whether the values of this turn's reads have this act, or the record or day that the sentence names."""
    for zh, en in _GROUPS:
        words = re.compile(rf"{zh}|{en}|unpaid", re.IGNORECASE)
        if re.search(rf"{zh}|{en}", found, re.IGNORECASE) and any(map(words.search, told)):
            return True
    numbers = {number for number in _NUMBER.findall(sentence) if len(number) >= 5}
    days = set(_days(sentence))
    return any(any(number in value for number in numbers) or days & set(_days(value)) for value in told)


def _days(text: str) -> Iterator[tuple[int, int]]:
    """(month, day) of each date in a text."""
    for found in _DATE.finditer(text):
        month = next(found[name] for name in ("m1", "m2", "m3", "m4") if found[name])
        day = next(found[name] for name in ("d1", "d2", "d3", "d4") if found[name])
        yield (int(month) if month.isdigit() else _MONTHS.index(month.lower()) + 1), int(day)


def _values(content: Any) -> Iterator[str]:
    """Every value in a result as text; names of members are no facts."""
    if isinstance(content, Mapping):
        for value in content.values():
            yield from _values(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _values(value)
    elif content is not None and not isinstance(content, bool):
        yield str(content)
