"""What a turn is made of: its outcome, its usage, and the events that `agent/loop.py` yields to `agent/turns.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from schemas.conversation import Approval
from schemas.display import Card, Chart, Table
from schemas.errors import Code

Locale = Literal["zh", "en"]
Outcome = Literal["success", "approval", "cancelled", "limit", "login_required"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(slots=True)
class Usage:
    """Counts of one turn; tokens as the model reported them (0 where it does not)."""

    input_tokens: int = 0
    output_tokens: int = 0
    steps: int = 0
    tool_calls: int = 0


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Text for the resident's bubble."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool call is on its way. `title` names it for people."""

    tool: str
    tool_call_id: str
    title: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """The tool call has its result."""

    tool: str
    tool_call_id: str
    title: str
    ok: bool
    duration_ms: int


@dataclass(frozen=True, slots=True)
class WriteParked:
    """A write waits for the resident's yes; what is said of it in the bubble comes as text besides."""

    approval: Approval


@dataclass(frozen=True, slots=True)
class ToolData:
    """What a tool call gave, to be shown rather than spelled (`agent/display.py`)."""

    tool_call_id: str
    kind: Literal["table", "card", "chart"]
    payload: Table | Card | Chart


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The terminal of a turn that became an answer."""

    outcome: Outcome
    usage: Usage


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """The terminal of a turn that could not become an answer. `reference` finds it in the log; `sentence` is said
    instead of the code's own one."""

    code: Code
    reference: str = ""
    sentence: str = ""


TurnEvent = TextDelta | ToolStarted | ToolFinished | ToolData | WriteParked | TurnEnded | TurnFailed
