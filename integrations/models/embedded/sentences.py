"""The embedded model's own sentences in Chinese and English: questions for slots, help, refusals. Next: `model.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from integrations.models.embedded.catalogue import Tool
from integrations.models.embedded.extract import choices
from integrations.models.embedded.schema import Slot
from integrations.models.embedded.state import Ask, Say
from integrations.models.embedded.text import is_chinese
from schemas.turn import Locale

_SENTENCES: dict[str, tuple[str, str]] = {
    "greeting": (
        "您好！我可以帮您：\n{tools}\n请直接告诉我您的需要。",
        "Hello! I can help you with:\n{tools}\nJust tell me what you need.",
    ),
    "help": (
        "我可以帮您：\n{tools}\n请直接用一句话告诉我。",
        "I can help you with:\n{tools}\nJust say it in a sentence.",
    ),
    "who": ("我是这里的智能助手，可以帮您：\n{tools}", "I am the assistant here. I can help you with:\n{tools}"),
    "unclear": (
        "抱歉，这个我帮不上忙。我可以帮您：\n{tools}",
        "Sorry, that is not something I can help with. I can help you with:\n{tools}",
    ),
    "off_topic": ("抱歉，这个我帮不上忙。", "Sorry, that is not something I can help with."),
    "did_you_mean": (
        "抱歉，我不太确定您的意思。您是想：\n{tools}",
        "Sorry, I am not sure what you mean. Would you like to:\n{tools}",
    ),
    "thanks": ("不客气，有需要随时告诉我。", "You're welcome. Let me know if you need anything else."),
    "acknowledged": ("好的。有需要随时告诉我。", "All right. Let me know if you need anything."),
    "dropped": (
        "好的，已放弃“{title}”，没有提交任何内容。",
        "All right, I have dropped “{title}”. Nothing was submitted.",
    ),
    "nothing_to_cancel": ("好的。目前没有需要取消的操作。", "All right. There is nothing to cancel at the moment."),
    "how_to_cancel": ("如需放弃刚才的操作，请回复“取消”。", "To drop what is waiting for your answer, reply “cancel”."),
    "how_to_confirm": (
        "请回复“确认”提交，或回复“取消”放弃。",
        "Please reply “yes” to submit it or “cancel” to drop it.",
    ),
    "cannot": (
        "抱歉，我没能整理好“{title}”所需的内容，请换个说法再试。",
        "Sorry, I could not put together what “{title}” needs. Please put it another way.",
    ),
    "resume": ("另外，“{title}”还没有完成。", "By the way, “{title}” is not finished yet."),
    "begin": ("好的，我来帮您{title}。", "Sure, I can help with that: {title}."),
    "not_understood": ("抱歉，我没有看懂。", "Sorry, I did not get that."),
    "ask_one": ("请问{slots}？", "Please tell me: {slots}."),
    "ask_more": ("请告诉我：{slots}。", "Please tell me: {slots}."),
    "any": ("没有要求可以回复“都可以”", "reply “any” if you have no preference"),
    "example": ("例如：{example}", "for example: {example}"),
}
_MOST_TOOLS = 20


def say(key: str, locale: Locale, **params: str) -> str:
    zh, en = _SENTENCES[key]
    return (zh if locale == "zh" else en).format(**params)


def reply(said: Say, locale: Locale, facts: Any) -> str:
    """A sentence with the tools it names, and what is asked again behind it."""
    title = title_of(said.tools[0], locale) if said.tools else ""
    text = say(said.key, locale, tools=listed(said.tools, locale, more=said.more), title=title)
    if said.resume is not None:
        text += "\n" + resume(said.resume, locale, facts)
    return text


def title_of(tool: Tool, locale: Locale) -> str:
    title = tool.title(locale)
    return title if locale == "zh" or title[:2].isupper() else title[:1].lower() + title[1:]


def listed(tools: Sequence[Tool], locale: Locale, *, more: bool = False) -> str:
    """The tools by their titles, one a line, at most twenty; those that have examples, if some do. `more` says that
    these are not all."""
    shown = [t for t in tools if t.examples]
    titles = list(dict.fromkeys(t.title(locale) for t in (shown if len(shown) >= 3 else tools)))
    rest = len(titles) - _MOST_TOOLS
    lines = [f"• {title}" for title in titles[:_MOST_TOOLS]]
    if rest > 0 or (more and lines):
        lines.append("• ……" if locale == "zh" else "• …")
    return "\n".join(lines)


def resume(ask: Ask, locale: Locale, facts: Any) -> str:
    """What is still open after something else was answered."""
    space = "" if locale == "zh" else " "
    return say("resume", locale, title=title_of(ask.form.tool, locale)) + space + question(ask.slots, locale, facts)


def asked(ask: Ask, locale: Locale, facts: Any) -> str:
    """The question for the missing slots, opened by what it is for the first time."""
    opening = ""
    if ask.again:
        opening = say("not_understood", locale)
    elif ask.first:
        opening = say("begin", locale, title=title_of(ask.form.tool, locale))
    space = "" if locale == "zh" or not opening else " "
    return opening + space + question(ask.slots, locale, facts)


def question(slots: Sequence[Slot], locale: Locale, facts: Any) -> str:
    if locale == "zh":
        body = "；".join(_slot(s, locale, facts) for s in slots)
        return say("ask_one" if len(slots) == 1 else "ask_more", locale, slots=body)
    body = "; ".join(_slot(s, locale, facts) for s in slots)
    return say("ask_one" if len(slots) == 1 else "ask_more", locale, slots=body)


def _slot(slot: Slot, locale: Locale, facts: Any) -> str:
    label = slot.zh if locale == "zh" else _lower(slot.en)
    hints: list[str] = []
    offered = choices(facts, slot.name) if slot.required else []
    if offered:
        hints.append(("、" if locale == "zh" else ", ").join(c.name for c in offered[:8]))
    elif slot.kind == "enum":
        hints.append(("、" if locale == "zh" else ", ").join(option(slot, v, locale) for v in slot.values[:10]))
    elif slot.kind in ("text", "place", "code", "plate"):
        example = _example(slot, locale)
        if example:
            hints.append(say("example", locale, example=example))
    if slot.nullable:
        hints.append(say("any", locale))
    if not hints:
        return label
    return f"{label}（{'；'.join(hints)}）" if locale == "zh" else f"{label} ({'; '.join(hints)})"


def _lower(label: str) -> str:
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _example(slot: Slot, locale: Locale) -> str:
    listed = slot.schema.get("examples")
    example = listed[0] if isinstance(listed, list) and listed else slot.schema.get("example")
    if not isinstance(example, str) or not example or len(example) > 40:
        return ""
    free = slot.kind in ("text", "place")
    return "" if free and is_chinese(example) != (locale == "zh") else example


def option(slot: Slot, value: Any, locale: Locale) -> str:
    """An enum's value in words: its first gloss in the language, a short form of a heap of them."""
    words = slot.glosses.get(value, ())
    fitting = [w for w in words[1:] if is_chinese(w) == (locale == "zh")] or [words[0] if words else str(value)]
    return re.sub(r"_", " ", fitting[0])[:24]
