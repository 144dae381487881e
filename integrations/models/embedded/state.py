"""What a dialogue is in the middle of, and what it answers with. Data; `dialogue.py` steps it from one sentence
to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.models.embedded.catalogue import Tool
from integrations.models.embedded.history import Called
from integrations.models.embedded.schema import Path, Slot


@dataclass(slots=True)
class Form:
    """A tool whose arguments are being collected. `recent` are the paths in the order in which they were filled.

    `place` are words for a place that no slot of the tool takes, kept for the text to come.
    """

    tool: Tool
    values: dict[Path, Any]
    asked: tuple[Path, ...] = ()
    recent: list[Path] = field(default_factory=list)
    interruptions: int = 0
    place: str = ""

    def fill(self, path: Path, value: Any) -> None:
        self.values[path] = value
        if path in self.recent:
            self.recent.remove(path)
        self.recent.append(path)


@dataclass(slots=True)
class State:
    """`form` is the one being filled, `stack` those it interrupted, `last` the last finished one with its real call,
    `files` uploads that no call has named yet."""

    form: Form | None = None
    stack: list[Form] = field(default_factory=list)
    last: Form | None = None
    called: Called | None = None
    files: list[str] = field(default_factory=list)

    @property
    def parked(self) -> bool:
        return self.called is not None and self.called.parked


@dataclass(frozen=True, slots=True)
class Call:
    """Tools to be called now, with arguments that their schemas accept."""

    calls: Sequence[tuple[Tool, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Ask:
    """Slots to be asked for. `first` is the first time for this form, `again` that the answer did not fit."""

    form: Form
    slots: Sequence[Slot]
    first: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """A sentence of `sentences.py` by its key; `tools` are those it names (`more`: there are others), `resume` what is
    asked again behind it."""

    key: str
    tools: Sequence[Tool] = ()
    resume: Ask | None = None
    more: bool = False


Reply = Call | Ask | Say
