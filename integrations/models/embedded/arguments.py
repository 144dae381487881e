"""Slot values as the nested arguments of a call, and the check that the tool's own schema takes them.

Next: `dialogue.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.models.embedded.catalogue import Tool
from integrations.models.embedded.extract import active
from integrations.models.embedded.schema import Path


def nested(tool: Tool, values: Mapping[Path, Any]) -> dict[str, Any]:
    """The values put where their paths lead; a constant that nobody says is filled in."""
    arguments: dict[str, Any] = {}
    for slot in active(tool, values):
        if slot.path in values:
            value = values[slot.path]
        elif slot.required and "const" in slot.schema:
            value = slot.schema["const"]
        else:
            continue
        below = arguments
        for name in slot.path[:-1]:
            below = below.setdefault(name, {})
        below[slot.name] = [value] if slot.many and not isinstance(value, list) else value
    return arguments


def fitting(tool: Tool, values: Mapping[Path, Any]) -> tuple[dict[str, Any] | None, list[Path]]:
    """Arguments that the schema accepts, without the optional values it refuses; or None with the paths to ask
    again.
    """
    if tool.check is None:
        return None, []
    kept = dict(values)
    required = {slot.path for slot in active(tool, kept) if slot.required}
    for _ in range(len(kept) + 1):
        arguments = nested(tool, kept)
        try:
            error = next(iter(tool.check.iter_errors(arguments)), None)
        except Exception:  # a schema with a reference that leads nowhere: nothing is proposed
            return None, []
        if error is None:
            return arguments, []
        at = tuple(str(step) for step in error.instance_path)
        blamed = [p for p in kept if p == at[: len(p)] or at == p[: len(at)]]
        loose = [p for p in blamed if p not in required]
        if not loose:
            return None, [p for p in blamed if len(p) <= max(len(at), 1)] or blamed
        for path in loose:
            del kept[path]
    return None, []
