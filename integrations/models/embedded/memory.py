"""What a sentence may take over from the call before it: its arguments, or a value of its result.

Called by `dialogue.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.models.embedded.display import is_number_name
from integrations.models.embedded.extract import missing
from integrations.models.embedded.history import Called
from integrations.models.embedded.schema import Path, Slot
from integrations.models.embedded.state import Form

_ABSENT = object()
_MAX_DEPTH = 12


def inherit(form: Form, last: Form | None, called: Called | None) -> None:
    """那取消它吧: a required value of the same name in the last call, or the only one of that name in its result."""
    said = {path[-1]: value for path, value in last.values.items()} if last else {}
    for slot in missing(form.tool, form.values):
        value = _readable(form, slot, called) or said.get(slot.name)
        if value is None and called is not None and called.result is not None:
            found = values_named(called.result.get("data"), slot.name)
            value = found[0] if len(found) == 1 else None
        if isinstance(value, str) and value.isdecimal() and slot.schema.get("type") == "integer":
            value = int(value)  # an integer beyond 2^53 is a text in a result
        if value is not None and form.tool.accepts(slot, value):
            form.fill(slot.path, value)


def _readable(form: Form, slot: Slot, called: Called | None) -> str | None:
    """The number a person knows the last record by, where the slot takes it: it is shown before a write is sent."""
    data = called.result.get("data") if called is not None and called.result is not None else None
    if slot.kind != "code" or not slot.schema.get("pattern") or not isinstance(data, Mapping):
        return None
    for name, value in data.items():
        if isinstance(value, str) and is_number_name(str(name)) and form.tool.accepts(slot, value):
            return value
    return None


def flat(slots: tuple[Slot, ...], arguments: Mapping[str, Any]) -> dict[Path, Any]:
    """The arguments of a call by the paths of its slots."""
    found: dict[Path, Any] = {}
    for slot in slots:
        below: Any = arguments
        for name in slot.path:
            below = below.get(name, _ABSENT) if isinstance(below, Mapping) else _ABSENT
        if below is not _ABSENT:
            found[slot.path] = below
    return found


def values_named(data: Any, name: str, depth: int = 0) -> list[str | int]:
    """Every different text or integer under a field's name in a result."""
    if depth > _MAX_DEPTH:
        return []
    if isinstance(data, Mapping):
        own = [data[name]] if isinstance(data.get(name), (str, int)) else []
        return list(dict.fromkeys([*own, *(v for item in data.values() for v in values_named(item, name, depth + 1))]))
    if isinstance(data, list):
        return list(dict.fromkeys(v for item in data for v in values_named(item, name, depth + 1)))
    return []
