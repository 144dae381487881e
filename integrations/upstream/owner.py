"""Withholds records of somebody else: an `owner` that upstreams.yaml names must be the subject. `present.py` asks.

An upstream is the authority on who may see what; this is the net for its faults (a cache that mixes residents up).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.upstream.fields import MISSING, FieldRules, child


def own_records(value: Any, owner: str, subject: str | None, prefix: str) -> tuple[Any, int]:
    """`value` without the records of others, and how many there were; `MISSING` where the whole of it is one.

    A record is the nearest element of a list round the field, or the whole answer. `owner` is a field path as in
    `fields.py`, `prefix` the value's path in the body. Without a subject no owner is the right one; a record that has
    no such field cannot be judged and stays.
    """
    walk = _Walk(owner, subject, prefix)
    kept, foreign = walk.value(value, prefix)
    return (MISSING, walk.withheld + 1) if foreign else (kept, walk.withheld)


class _Walk:
    def __init__(self, owner: str, subject: str | None, prefix: str) -> None:
        self._rules, self._owner, self._subject = FieldRules(prefix), {owner: True}, subject
        self.withheld = 0

    def value(self, value: Any, path: str) -> tuple[Any, bool]:
        """What is left of the value, and whether it belongs to somebody else."""
        if isinstance(value, Mapping):
            made, foreign = {}, False
            for name, item in value.items():
                here = child(path, str(name))
                if self._rules.find(self._owner, here, str(name), path):
                    foreign = foreign or not self._is_subject(item)
                    made[name] = item
                else:
                    made[name], inside = self.value(item, here)
                    foreign = foreign or inside
            return made, foreign
        if isinstance(value, list):
            kept = [left for left, foreign in (self.value(item, f"{path}[]") for item in value) if not foreign]
            self.withheld += len(value) - len(kept)
            return kept, False
        return value, False

    def _is_subject(self, value: Any) -> bool:
        """An id as number or text; null, an object or a list is nobody's."""
        return isinstance(value, int | str) and not isinstance(value, bool) and str(value) == self._subject
