"""The tools of a request made ready: slots, validators, verb classes, weighted terms.

Next: `rank.py` and `extract.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import jsonschema_rs

from integrations.models.embedded.schema import Path, Slot, slots_of
from integrations.models.embedded.text import canonical, halves, is_chinese, stem, terms, words_of_name
from integrations.models.embedded.words import REPORT, VERBS
from schemas.tool import ToolSpec

EXAMPLES = re.compile(r"(?:^|\n)(?:Examples|示例|例如)[:：]\s*(.+)\s*$")
RECORDS = re.compile(r"记录|流水|历史|日志|\b(history|records?|past|log|payments|transactions)\b", re.I)
WRITING = frozenset({"create", "pay", "cancel", "change", "rate", "extend"})


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `verbs` are the classes of its own summary, `write` whether it changes anything, as far as can
    be told. `own_verb` are the terms of its verb where that is of no class (archive, 归档), `titled` the stems of its
    English title, `plain` the slots where none depends on another.
    """

    spec: ToolSpec
    zh: str
    en: str
    slots: tuple[Slot, ...]
    plain: tuple[Slot, ...] | None
    checks: Mapping[tuple[Path, int], Any]
    check: Any
    verbs: frozenset[str]
    own_verb: frozenset[str]
    titled: frozenset[str]
    write: bool
    reports: bool
    records: bool
    terms: Mapping[str, float]
    examples: tuple[tuple[str, Mapping[str, float]], ...]

    @property
    def name(self) -> str:
        return self.spec.name

    def title(self, locale: str) -> str:
        return self.zh if locale == "zh" else self.en

    def accepts(self, slot: Slot, value: Any) -> bool:
        """Whether the slot's own schema takes the value."""
        check = self.checks.get((slot.path, id(slot)))
        return bool(check is None or check.is_valid(value))


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"a reference out of the schema is not followed: {uri}")


def _validator(schema: Mapping[str, Any]) -> Any | None:
    """A validator that fetches nothing, or None for a schema that is none."""
    try:
        return jsonschema_rs.validator_for(dict(schema), retriever=_refuse)
    except Exception:  # any fault of a document: the slot is then judged by its kind alone
        return None


def compile_tool(spec: ToolSpec) -> Tool:
    """Everything about one tool that does not change from turn to turn."""
    said = EXAMPLES.search(spec.description)
    body = spec.description[: said.start()] if said else spec.description
    lines = [line for line in body.split("\n") if line.strip()]
    summary = lines[0] if lines else words_of_name(spec.name)
    zh, en = halves(summary)
    slots = slots_of(spec.parameters)
    verbs = verb_classes(zh, en, spec)
    weights: dict[str, float] = {}
    for text, weight in (
        (words_of_name(spec.name), 0.7),
        *((half, 2.0) for half in dict.fromkeys((zh, en))),
        *((half, 1.2) for line in lines[1:] for half in dict.fromkeys(halves(line))),
        *((f"{s.zh} {s.en}", 0.6) for s in slots if not s.paging),
        *((" ".join(words), 0.7) for s in slots for words in s.glosses.values()),
    ):
        for term, value in terms(text).items():
            weights[term] = max(weights.get(term, 0.0), value * weight) + 0.1 * value * weight
    examples = tuple((canonical(e), terms(e, query=True)) for e in (said[1].split(" | ") if said else ()))
    return Tool(
        spec=spec,
        zh=_title(zh),
        en=_title(en),
        slots=slots,
        plain=None if any(s.when for s in slots) else tuple({s.path: s for s in reversed(slots)}.values())[::-1],
        checks={(s.path, id(s)): _validator(s.schema) for s in slots if s.kind != "opaque"},
        check=_validator(spec.parameters),
        verbs=verbs,
        own_verb=_own_verb(zh, en, spec),
        titled=frozenset(stem(w) for w in re.findall(r"[a-z]+", en.lower())),
        write=spec.effect == "write" or bool(verbs & WRITING),
        reports=bool(REPORT.search(f"{body} {' '.join(e for e, _ in examples)}")),
        records="lookup" in verbs and bool(RECORDS.search(summary)),
        terms=weights,
        examples=examples,
    )


def _title(text: str) -> str:
    """A summary short enough to be named in a sentence."""
    short = re.split(r"[：:，,。;；(（]", text, maxsplit=1)[0].strip()
    if len(short) > 30 and not is_chinese(short):
        head = re.split(r" (?:with|by|from|that|so|for) ", short, maxsplit=1)[0]
        short = head if head.count(" ") >= 2 else short
    return short[:60]


_READS = re.compile(
    r"^(查询|查看|查|列出|获取|搜索|检索|下载|统计|导出|浏览|显示)|^(list|get|find|show|query|search|view|read"
    r"|download|fetch|count|who|what|how|look|check|see|track|display|retrieve|return|browse)s?\b",
    re.I,
)


def verb_classes(zh: str, en: str, spec: ToolSpec) -> frozenset[str]:
    """The classes of a tool's own verbs, from the halves of its summary, its name and its effect."""
    name = words_of_name(spec.name)
    if spec.effect != "write" and any(_READS.search(text) for text in (zh, en, name)):
        return frozenset({"lookup"})
    found = {v for v, p in VERBS.items() if v != "lookup" and any(p.search(t) for t in (_title(zh), _title(en), name))}
    for strong in ("cancel", "change", "rate"):  # "cancel an order" creates none
        if strong in found:
            return frozenset({strong})
    if found:
        return frozenset(found)
    return frozenset({"create" if spec.effect == "write" else "lookup"})


def _own_verb(zh: str, en: str, spec: ToolSpec) -> frozenset[str]:
    """A write's summary begins with its verb: an English word, a pair of Chinese characters."""
    if spec.effect != "write":
        return frozenset()
    first = re.match(r"[A-Za-z]{3,}", en)
    begins = [first[0]] if first and not any(p.search(first[0]) for p in VERBS.values()) else []
    if is_chinese(zh[:1]) and not any(VERBS[name].search(_title(zh)) for name in WRITING):
        begins.append(zh[:2])
    return frozenset(term for text in begins for term in terms(text) if len(term) > 1)


def compile_tools(specs: Sequence[ToolSpec]) -> tuple[Tool, ...]:
    return tuple(compile_tool(spec) for spec in specs)


def texts_of(spec: ToolSpec) -> Iterator[str]:
    """Everything that a tool says of itself in words: its description and those of its values."""
    yield spec.description
    for slot in slots_of(spec.parameters):
        yield slot.about
