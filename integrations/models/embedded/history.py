"""The messages of a request as facts and events: today, zone, language, the resident, and what was said and called.

Next: `dialogue.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from integrations.models.embedded.text import is_chinese
from schemas.turn import Locale

_TODAY = re.compile(r"Today is (\d{4}-\d{2}-\d{2})")
_CLOCK = re.compile(r"Today is \d{4}-\d{2}-\d{2} \([A-Za-z]+\), (\d{2}:\d{2}) in ([A-Za-z0-9_+\-/]+)")
_RESIDENT = re.compile(r"<resident>(\{.*\})</resident>", re.S)
_FILES = re.compile(r"\n<attachments>(\[.*\])</attachments>$", re.S)
_DATA = re.compile(r"^\s*<data>(.*)</data>\s*$", re.S)


@dataclass(frozen=True, slots=True)
class Called:
    """A tool call of the conversation, with its arguments and its result if there is one."""

    name: str
    arguments: Mapping[str, Any]
    result: Mapping[str, Any] | None = None

    @property
    def parked(self) -> bool:
        return self.result is not None and self.result.get("error") == "approval_required"


@dataclass(frozen=True, slots=True)
class Turn:
    """What the resident said, every call up to his next words, and the ids of the uploads that came with them."""

    text: str
    calls: tuple[Called, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """Everything a step knows. `pending` are the results to be phrased now (empty unless the last message is one)."""

    now: datetime
    locale: Locale
    facts: Any
    turns: Sequence[Turn] = ()
    pending: Sequence[Called] = ()


def read(messages: Sequence[Mapping[str, Any]]) -> History:
    """Raises nothing: what cannot be read is left out."""
    system = "\n".join(_text(m) for m in messages if m.get("role") == "system")
    turns: list[Turn] = []
    calls: dict[str, Called] = {}
    order: list[str] = []
    pending: list[str] = []
    for message in messages:
        role = message.get("role")
        if role == "user":
            _close(turns, calls, order)
            said = _text(message)
            turns.append(Turn(_FILES.sub("", said).strip(), files=_files(said)))
            pending = []
        elif role == "assistant":
            pending = []
            for call in _calls(message):
                name, key, arguments = call
                calls[key] = Called(name, arguments)
                order.append(key)
                pending.append(key)
        elif role == "tool":
            key = str(message.get("tool_call_id"))
            if key in calls:
                calls[key] = Called(calls[key].name, calls[key].arguments, _json(_text(message)))
    results = [calls[k] for k in pending if calls[k].result is not None]
    _close(turns, calls, order)
    last = messages[-1].get("role") if messages else ""
    query = turns[-1].text if turns else ""
    return History(
        now=_now(system),
        locale=_locale(system, query),
        facts=_facts(system),
        turns=turns,
        pending=results if last == "tool" else (),
    )


def _close(turns: list[Turn], calls: dict[str, Called], order: list[str]) -> None:
    """Give the calls so far to the turn they belong to; the ids of the next turn may be the same ones."""
    if turns and order:
        before = turns[-1]
        turns[-1] = replace(before, calls=(*before.calls, *(calls[k] for k in order)))
    order.clear()


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return ""


def _calls(message: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    found = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            found.append(
                (str(function.get("name")), str(call.get("id")), _json(str(function.get("arguments") or "{}")))
            )
    return found


def _json(text: str) -> Mapping[str, Any]:
    fenced = _DATA.match(text)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _files(said: str) -> tuple[str, ...]:
    block = _FILES.search(said)
    try:
        listed = json.loads(block[1]) if block else []
    except ValueError:
        return ()
    return tuple(str(one["id"]) for one in listed if isinstance(one, Mapping) and "id" in one)


def _facts(system: str) -> Any:
    block = _RESIDENT.search(system)
    return _json(block[1]) if block else {}


def _now(system: str) -> datetime:
    day = _TODAY.search(system)
    clock = _CLOCK.search(system)
    zone: Any = UTC
    if clock:
        try:
            zone = ZoneInfo(clock[2])
        except (ValueError, OSError, KeyError):
            zone = UTC
    try:
        date = datetime.fromisoformat(day[1]) if day else datetime(1970, 1, 1)  # noqa: DTZ001 (the zone follows)
    except ValueError:
        date = datetime(1970, 1, 1)  # noqa: DTZ001
    hour, minute = (int(n) for n in clock[1].split(":")) if clock else (0, 0)
    return date.replace(hour=min(hour, 23), minute=min(minute, 59), tzinfo=zone)


def _locale(system: str, query: str) -> Locale:
    if "Reply in English" in system:
        return "en"
    if "Reply in Chinese" in system:
        return "zh"
    latin = len(re.findall(r"[A-Za-z]{2,}", query))
    han = len(re.findall(r"[\u3400-\u9fff]", query))
    return "zh" if is_chinese(query) and han > latin else "en" if latin else "zh"
