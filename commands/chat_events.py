"""What the terminal client has to show, as data: `chat_session.py` makes it of frames, `chat_view.py` shows it."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.display import Card, Chart, Table
from schemas.frames import ApprovalCard


@dataclass(frozen=True, slots=True)
class Working:
    """Something is under way; `message` says what."""

    message: str


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """A tool call ended after `duration_ms`."""

    message: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Words:
    """Text to append to the bubble."""

    text: str


@dataclass(frozen=True, slots=True)
class BubbleClosed:
    """The bubble is whole."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What the bubble holds so far, in place of what was shown of it."""

    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What a tool returned."""

    payload: Table | Card | Chart


@dataclass(frozen=True, slots=True)
class Waits:
    """A write waits for a yes."""

    card: ApprovalCard


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame of ours was refused."""

    code: str
    sentence: str
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is over. `outcome` is an error code where it failed, `sentence` what is said of that."""

    outcome: str
    sentence: str = ""


Event = Working | ToolEnded | Words | BubbleClosed | Replaced | Shown | Waits | Refused | Ended
