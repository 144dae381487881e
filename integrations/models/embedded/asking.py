"""How a slot is asked of a sentence, and what is found. Data; `values.py` reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.models.embedded import enums
from integrations.models.embedded.spans import Spans


@dataclass(frozen=True, slots=True)
class Found:
    """A value with the place of the words it was read from ((-1, -1) where no word said it)."""

    value: Any
    start: int = -1
    end: int = -1
    strong: bool = True


@dataclass(frozen=True, slots=True)
class Asking:
    """How a slot is asked of a sentence. `asked`: the resident was just asked for it; `only`: for it alone.

    `rivals` are the number slots that were asked for together, `used` the starts of numbers that filled another slot,
    `titled` the English stems of the tool's own title, which tell no value apart, `writes` whether the tool
    changes anything.
    """

    spans: Spans
    heard: enums.Heard
    now: datetime
    past: bool
    asked: bool = False
    only: bool = False
    accepts: Callable[[Any], bool] = field(default=lambda _value: True)
    rivals: int = 0
    titled: frozenset[str] = frozenset()
    writes: bool = False
    used: frozenset[int] = frozenset()
