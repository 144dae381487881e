"""The classes of what a sentence asks for, by its verbs: look up, create, pay, cancel, change, rate, extend.

Next: `evidence.py`.
"""

from __future__ import annotations

import re

from integrations.models.embedded.words import FAULT, QUESTION, REQUEST, VERBS

RECORDS = re.compile(
    r"记录|流水|历史|明细|进度|进展|列表|清单|哪些|多少钱|要.{0,4}多少|\b(history|records?|status"
    r"|progress|list of|breakdown|how much)\b",
    re.I,
)
DONE = re.compile(
    r"[没未已经欠][经有]?[交缴付取撤评]|[交缴付]过|(要|该|应)[交缴付].{0,8}(多少|几|吗|[?？])"
    r"|[交缴付取]了(没|吗|哪|什么|多少)|怎么.{0,6}[交缴付]了"
                   r"|\b(did|have|has) (i|we) pa(y|id)|\bpaid\b|\bunpaid\b|(已|被).{0,2}取消|取消(了.*(吗|没|哪"
                   r"|什么|多少|几)|的)(?!吧)"
                   r"|\bcancelled\b|\bto pay\b(?=.*\?)", re.I)  # fmt: skip
HOW_TO = re.compile(r"怎么(?!样|回事|了|这么)|如何|\bhow (do|can|to)\b", re.I)


def verbs_of(text: str) -> frozenset[str]:
    """The classes of what the sentence asks for."""
    found = {name for name, pattern in VERBS.items() if pattern.search(text)}
    request = bool(REQUEST.search(text))
    if RECORDS.search(text) and not FAULT.search(text) and not (request and found & {"cancel", "rate"}):
        return frozenset({"lookup"})
    if FAULT.search(text) and not QUESTION.search(text):
        found = (found - {"lookup"}) | {"create"}
    if DONE.search(text):
        found -= {"pay", "cancel"}
        found.add("lookup")
    if QUESTION.search(text) and not request and not HOW_TO.search(text) and not FAULT.search(text):
        found = {"lookup"} | (found & {"extend"})
    return frozenset(found)
