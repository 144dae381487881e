"""What a resident is shown of a call before it is sent: a summary and labelled arguments, from document and arguments.

Never from a model, and all of it: nothing is cut, and no character of a value can pass for a line of ours. A hijacked
model chose the values, so an address in one is shown as `https[://]evil[.]com`: exact for a person, in characters that
can be seen, and a link or an image for no renderer. What is sent is the value itself.
`toolset.py` puts it into the prepared call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from integrations.openapi.labels import FieldLabel, argument_labels
from integrations.upstream.shape import amount
from integrations.upstream.target import Target
from schemas.jsontext import to_json
from schemas.linktext import defanged
from schemas.messages import localise, text
from schemas.plaintext import one_line
from schemas.tool import LabelledText
from schemas.turn import Locale

_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_.]+)\}")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?")
# More than this nobody checks before a yes; it is refused, never cut.
MAX_LINES = 60
MAX_CHARS = 8000
_YES_NO: dict[Locale, tuple[str, str]] = {"zh": ("是", "否"), "en": ("yes", "no")}


class ApprovalText:
    """The words for one operation in one language."""

    def __init__(self, target: Target, locale: Locale, facts: Mapping[str, Any] | None = None) -> None:
        self._target, self._locale = target, locale
        self._names = dict(readable_names(facts or {}))
        self._labels = argument_labels(target.tool)
        self._zone = ZoneInfo(target.upstream.settings.dates.zone)

    def summary(self, arguments: Mapping[str, Any]) -> str:
        """The operation's `confirm` text with its `{argument}` filled, else its title."""
        return defanged(self._summary(arguments))

    def _summary(self, arguments: Mapping[str, Any]) -> str:
        confirm = self._target.settings.confirm
        if confirm is None:
            return self._target.title(self._locale)
        flat = {path: text for path, _, text in self._leaves(arguments, "", "")}
        return _PLACEHOLDER.sub(lambda match: flat.get(match[1], "…"), localise(confirm, self._locale))

    def lines(self, arguments: Mapping[str, Any]) -> tuple[LabelledText, ...]:
        """One line for each value that would be sent, nested objects flattened, in the order of the tool's schema."""
        order = {name: index for index, name in enumerate(self._target.tool.parameters.get("properties", {}))}
        sorted_arguments = dict(sorted(arguments.items(), key=lambda item: order.get(item[0], len(order))))
        return tuple(
            LabelledText(defanged(one_line(label)), defanged(text))
            for _, label, text in self._leaves(sorted_arguments, "", "")
        )

    def _leaves(self, value: Any, path: str, above: str) -> Iterator[tuple[str, str, str]]:
        """(path, label, text) of every value; a label says where two fields of one name belong."""
        for name, item in value.items():
            here = f"{path}.{name}" if path else str(name)
            described = self._labels.get(here)
            label = localise(described.label, self._locale) if described and described.label else str(name)
            if described is None and path:
                label = here  # a name that the document does not know must not pass for one that it does
            file = _file_name(item)
            if isinstance(item, Mapping) and file is None and item:
                # The one wrapper round everything, or one that has only a technical name, helps nobody.
                wrapper = (not path and len(value) == 1) or not (described and described.label)
                yield from self._leaves(item, here, above if wrapper else label)
            elif isinstance(item, list) and any(
                isinstance(part, Mapping) and _file_name(part) is None for part in item
            ):
                for number, part in enumerate(item, 1):
                    entry = f"{label} {number}"
                    if isinstance(part, Mapping):
                        yield from self._leaves(part, f"{here}[]", entry)
                    else:
                        yield here, entry, self._text(part, described)
            else:
                yield here, f"{above} · {label}" if above else label, self._text(item, described, here)

    def _text(self, value: Any, described: FieldLabel | None, path: str = "") -> str:
        if isinstance(value, list) and value:
            items = self._labels.get(f"{path}[]") or described
            return (
                "、".join(self._text(item, items) for item in value)
                if self._locale == "zh"
                else ", ".join(self._text(item, items) for item in value)
            )
        if value is None or value in ("", [], {}):
            return text("approval.nothing", self._locale)
        if isinstance(value, bool):
            return _YES_NO[self._locale][0 if value else 1]
        file = _file_name(value)
        if file is not None:
            return one_line(file)
        if isinstance(value, Mapping):
            return one_line(to_json(value))
        gloss = self._gloss(value, described, path)
        if gloss:
            return one_line(localise(gloss, self._locale))
        unit = self._target.settings.money.get(path) or self._target.settings.money.get(path.rpartition(".")[2])
        if unit is not None and isinstance(value, int | Decimal):
            shaped = amount(value, unit)
            return f"{shaped['value']} {shaped['unit']}" if isinstance(shaped, Mapping) else str(value)
        return self._readable(one_line(str(value)))

    def _gloss(self, value: Any, described: FieldLabel | None, path: str) -> str | None:
        """What a person calls the value: by upstreams.yaml, by the identity's own facts, by the document."""
        enums = self._target.settings.enums
        said = enums.get(path) or enums.get(path.rpartition(".")[2]) or {}
        known = described.values.get(str(value)) if described is not None else None
        return said.get(str(value)) or self._names.get((path.rpartition(".")[2], str(value))) or known

    def _readable(self, text: str) -> str:
        """A date-time in the estate's zone, to the minute; other text as it is."""
        if not _DATE_TIME.fullmatch(text):
            return text
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text
        local = moment.astimezone(self._zone) if moment.tzinfo is not None else moment
        return local.strftime("%Y-%m-%d %H:%M")


def too_much(lines: Sequence[LabelledText]) -> bool:
    """Whether this is more than a resident can be shown whole."""
    return len(lines) > MAX_LINES or sum(len(line.label) + len(line.text) for line in lines) > MAX_CHARS


def readable_names(facts: Any) -> Iterator[tuple[tuple[str, str], str]]:
    """((field, value), name) for the ids among an identity's facts: `{"roomId": "R1", "roomName": "3-501"}` says that
    the roomId R1 is called 3-501, because the two fields stand together and share the beginning of their names."""
    if isinstance(facts, list):
        for item in facts:
            yield from readable_names(item)
    elif isinstance(facts, Mapping):
        for field, value in facts.items():
            stem = re.sub(r"(?:_id|Id|ID|_no|No|Code)$", "", field)
            names = (facts.get(stem + ending) for ending in ("Name", "_name", "Title"))
            name = next((text for text in names if isinstance(text, str)), None)
            if stem != field and name and isinstance(value, str):
                yield (field, value), name
            yield from readable_names(value)


def _file_name(value: Any) -> str | None:
    """The name of a file argument, or None for anything else."""
    if isinstance(value, Mapping) and set(value) == {"$file"} and isinstance(value["$file"], Mapping):
        return str(value["$file"].get("filename") or "file")
    return None
