"""Gives each field of an answer the form that any model gets: amounts, labels of codes, dates; `response.py` calls it.

The forms are those of `schemas/tool.py` (ToolResult). What is said of a field comes from upstreams.yaml first, then
from the document's response schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.openapi.labels import FieldLabel
from integrations.upstream.config import OperationSettings
from integrations.upstream.dates import DateFormat
from integrations.upstream.decode import MAX_EXACT
from integrations.upstream.fields import FieldRules, child
from schemas.messages import localise
from schemas.turn import Locale

YUAN = "元"
_MAX_LEVELS = 64
# An amount with more digits is no amount; writing out 1E+999999999 would fill the memory.
_MAX_AMOUNT_DIGITS = 30


class TooDeep(ValueError):
    """The answer is nested deeper than anything that a person would read."""


class Shaper:
    """Shapes the values of one answer. `prefix` is the payload's path in the body. `labels` fills up on the way."""

    def __init__(
        self,
        settings: OperationSettings,
        described: Mapping[str, FieldLabel],
        dates: DateFormat,
        locale: Locale,
        prefix: str,
    ) -> None:
        self._settings, self._described, self._dates, self._locale = settings, described, dates, locale
        self._rules = FieldRules(prefix)
        self.labels: dict[str, str] = {}

    def shape(self, value: Any, path: str, name: str = "", parent: str = "", level: int = 0) -> Any:
        """`value`, which stands at `path` of the body under `name` in the object at `parent`."""
        if level > _MAX_LEVELS:
            raise TooDeep("too deep")
        if isinstance(value, Mapping):
            shaped = {}
            for key, item in value.items():
                here = child(path, str(key))
                self._note_label(str(key), here, path)
                shaped[str(key)] = self.shape(item, here, str(key), path, level + 1)
            return shaped
        if isinstance(value, list):
            return [self.shape(item, f"{path}[]", name, parent, level + 1) for item in value]
        return self._leaf(value, path, name, parent)

    def _note_label(self, name: str, path: str, parent: str) -> None:
        if name not in self.labels:
            said = self._rules.find(self._settings.labels, path, name, parent)
            described = None if said else self._description(path, parent)
            label = said or (described.label if described else "")
            if label:
                self.labels[name] = localise(label, self._locale)

    def _description(self, path: str, parent: str) -> FieldLabel | None:
        return self._described.get(path) or self._described.get(child(parent, "*"))

    def _leaf(self, value: Any, path: str, name: str, parent: str) -> Any:
        if value is None:
            return None
        unit = self._rules.find(self._settings.money, path, name, parent)
        if unit is not None:
            return amount(value, unit)
        source = self._rules.find(self._settings.dates, path, name, parent)
        if source is not None:
            return self._dates.read_epoch(value, source) or exact(value)
        described = self._description(path, parent)
        gloss = self._gloss(value, path, name, parent, described)
        if gloss is not None:
            return {"value": exact(value), "label": localise(gloss, self._locale)}
        if isinstance(value, str):
            declared = described is not None and described.format == "date-time"
            return self._dates.read(value, declared=declared) or value
        return exact(value)

    def _gloss(self, value: Any, path: str, name: str, parent: str, described: FieldLabel | None) -> str | None:
        code = str(value).lower() if isinstance(value, bool) else str(value)
        said = self._rules.find(self._settings.enums, path, name, parent)
        if said is not None and code in said:
            return said[code]
        return described.values.get(code) if described is not None else None


def amount(value: Any, unit: str) -> Any:
    """`{"value": "356.20", "unit": "元"}` of a number of fen or yuan, exact; what is no amount stays as it is."""
    number = _number(value)
    if number is None:
        return value
    yuan = number.scaleb(-2) if unit == "fen" else number
    exponent = yuan.as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    text = f"{yuan:.{places}f}"
    # Fractions of a fen stay; zeros behind them say nothing where the upstream counted in fen.
    if unit == "fen" and places > 2:
        whole, _, fraction = text.partition(".")
        text = f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
    return {"value": text, "unit": YUAN}


def exact(value: Any) -> Any:
    """An integer beyond 2^53 as text; everything else as it is."""
    if isinstance(value, int) and not isinstance(value, bool) and not -MAX_EXACT <= value <= MAX_EXACT:
        return str(value)
    return value


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite() or len(number.as_tuple().digits) > _MAX_AMOUNT_DIGITS:
        return None
    return number if abs(number.adjusted()) <= _MAX_AMOUNT_DIGITS else None
