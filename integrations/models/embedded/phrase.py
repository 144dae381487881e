"""Tool results as a person would tell them: totals, then rows, what was done, what went wrong. Called by `model.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from integrations.models.embedded.catalogue import Tool
from integrations.models.embedded.display import cell
from integrations.models.embedded.history import Called
from integrations.models.embedded.tables import Table, find_rows, record
from schemas.messages import text
from schemas.turn import Locale

_TEXTS: dict[str, tuple[str, str]] = {
    "done": ("{title}：已完成。", "{title}: done."),
    "done_number": ("{title}：已完成，{label} {number}。", "{title}: done. {label}: {number}."),
    "done_plain": ("好的，已完成。", "Done."),
    "empty": ("没有查到相关记录。", "No records were found."),
    "empty_of": ("{title}：没有查到相关记录。", "{title}: no records were found."),
    "total": ("{noun}共 {total} 条", "{noun}: {total}"),
    "page": ("{noun}，本页 {total} 条", "{noun}, {total} on this page"),
    "noun": ("记录", "Records"),
    "number": ("单号", "Number"),
    "next": ("回复“下一页”查看更多。", "Say “next page” for more."),
    "cut": ("仅显示 {shown} 条，共 {total} 条", "{shown} of {total} shown"),
    "failed": ("抱歉，这次没有得到结果，请稍后再试。", "Sorry, there was no result this time; please try again later."),
    "short": ("内容较多，仅列出前 {shown} 条。", "Only the first {shown} are listed."),
}


_VERB = re.compile(r"^(查询|查看|列出|获取|搜索|查)|^(list|get|show|find|search|query)\s+(the\s+)?", re.I)


def _say(key: str, locale: Locale, **params: object) -> str:
    zh, en = _TEXTS[key]
    return (zh if locale == "zh" else en).format(**params)


def phrase(results: Sequence[Called], tools: Mapping[str, Tool], now: datetime, locale: Locale) -> str:
    """The results in words, each once, a blank line between two."""
    told: list[str] = []
    for called in results:
        words = _one(called, tools.get(called.name), now, locale)
        if words and words not in told:
            told.append(words)
    return "\n\n".join(told) or _say("failed", locale)


def _one(called: Called, tool: Tool | None, now: datetime, locale: Locale) -> str:
    content = called.result or {}
    if content.get("ok") is not True:
        return str(content.get("message") or _say("failed", locale))
    labels = content.get("labels")
    labels = labels if isinstance(labels, Mapping) else {}
    notes = [str(note) for note in content.get("notes") or () if note]
    data = content.get("data")
    if tool is not None and tool.spec.effect == "write":
        empty = text("note.empty", locale)  # that it was done is said already
        return "\n".join([*_done(tool, data, labels, now, locale), *(note for note in notes if note != empty)])
    lines = _data(data, labels, content, tool, now, locale)
    if content.get("next") and isinstance(content["next"], Mapping):
        notes.append(_say("next", locale))
    return "\n".join([*lines, *notes])


def _done(tool: Tool, data: Any, labels: Mapping[str, Any], now: datetime, locale: Locale) -> list[str]:
    """What a write did: its title, the number of what it made, and the rest of the record."""
    title = tool.title(locale)
    if not isinstance(data, Mapping):
        shown = cell("", data, labels, now, locale)
        extra = [shown.text] if shown.kind in ("text", "long", "link") else []
        return [_say("done", locale, title=title), *extra]
    cells = [cell(str(name), value, labels, now, locale) for name, value in data.items()]
    number = next((c for c in cells if c.number), None) or next(
        (c for c in cells if c.kind == "opaque" and not c.name.startswith("user") and len(c.text) < 22), None
    )
    if number is None:
        return [_say("done", locale, title=title), *record(data, labels, now, locale)]
    rest = {name: value for name, value in data.items() if name != number.name}
    head = _say("done_number", locale, title=title, label=number.label or _say("number", locale), number=number.text)
    return [head, *record(rest, labels, now, locale)]


def _data(
    data: Any, labels: Mapping[str, Any], content: Mapping[str, Any], tool: Tool | None, now: datetime, locale: Locale
) -> list[str]:
    found = find_rows(data)
    if found is not None:
        return _rows(found, labels, content, tool, now, locale)
    if isinstance(data, Mapping):
        lines = record(data, labels, now, locale)
        if not lines:
            return [_empty(tool, locale)] if not content.get("notes") else []
        if len(lines) <= 4 and all("\n" not in line and not line.startswith("  ") for line in lines):
            joined = ("，" if locale == "zh" else ", ").join(
                line.removeprefix("• ").replace("：", " ", 1).strip() for line in lines
            )
            return [joined + ("。" if locale == "zh" else ".")]
        head = f"{tool.title(locale)}{'：' if locale == 'zh' else ':'}" if tool is not None else ""
        return [head, *lines] if head else lines
    if data is None:
        if "data" in content:
            return [_empty(tool, locale)]
        return [] if content.get("notes") else [_say("done_plain", locale)]
    shown = cell("", data, labels, now, locale)
    return [shown.text] if shown.text else [_empty(tool, locale)]


def _empty(tool: Tool | None, locale: Locale) -> str:
    return _say("empty_of", locale, title=tool.title(locale)) if tool is not None else _say("empty", locale)


def _noun(tool: Tool | None, locale: Locale) -> str:
    """What the rows are, from the tool's title: 查询借阅记录 lists 借阅记录."""
    title = tool.title(locale) if tool is not None else ""
    noun = _VERB.sub("", title)
    return noun[:1].upper() + noun[1:] if noun != title and len(noun) <= 30 else _say("noun", locale)


def _rows(
    found: tuple[str, list[Mapping[str, Any]], dict[str, Any]],
    labels: Mapping[str, Any],
    content: Mapping[str, Any],
    tool: Tool | None,
    now: datetime,
    locale: Locale,
) -> list[str]:
    key, rows, others = found
    if not rows:
        return [_empty(tool, locale)]
    table = Table(rows, labels, now, locale)
    total = content.get("total")
    total = total if isinstance(total, int) and total >= len(rows) else len(rows)
    more = bool(content.get("next")) and total == len(rows)
    head = _say("page" if more else "total", locale, noun=labels.get(key) or _noun(tool, locale), total=total)
    if table.common:
        inside = ("，" if locale == "zh" else ", ").join(table.common)
        head += f"（{inside}）" if locale == "zh" else f" ({inside})"
    groups = table.groups() if total == len(rows) and not more else ""
    colon, stop = ("：", "。") if locale == "zh" else (": ", ".")
    if groups:
        head += ("，" if locale == "zh" else "; ") + groups
    lines = table.lines()
    beside = record(others, labels, now, locale) if others else []
    told = [head + (colon.strip() if lines else stop), *lines, *beside]
    if len(rows) > len(lines):
        told.append(_say("short", locale, shown=len(lines)))
    if total > len(rows) and not content.get("notes"):
        told.append(_say("cut", locale, shown=len(rows), total=total))
    return told
