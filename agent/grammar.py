"""A turn's events as frames in the log, by the grammar of the protocol (rule 1): `thinking`, any mix, one terminal.

If a chunk opened the bubble, exactly one final chunk closes it before the terminal; no bubble is opened to be closed
empty.
"""

from __future__ import annotations

from dataclasses import asdict

from agent.cards import parked_frame
from agent.ports import EventLog
from schemas.frames import Chunk, Data, Frame, Status, StatusData, error_frame
from schemas.messages import text
from schemas.turn import (
    Locale,
    TextDelta,
    ToolData,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnEvent,
    TurnFailed,
    WriteParked,
)


class Grammar:
    """Writes the frames of one turn. `outcome` is its outcome or error code once the terminal was written."""

    def __init__(self, log: EventLog, conversation_id: str, turn_id: str, locale: Locale) -> None:
        self._log, self._conversation_id, self._turn_id, self._locale = log, conversation_id, turn_id, locale
        self._bubble_open = False
        self._said: list[str] = []
        self.outcome = ""

    @property
    def content(self) -> str:
        """What stands in the bubble so far."""
        return "".join(self._said)

    def open(self, client_msg_id: str | None = None, approval_id: str | None = None) -> None:
        """The first frame of a turn: of the query that its client calls so, or of the answer to this approval."""
        message = text("status.thinking", self._locale)
        data = StatusData(message=message, client_msg_id=client_msg_id, approval_id=approval_id)
        self._append(Status(status="thinking", data=data))

    def write(self, event: TurnEvent) -> None:
        """One event. After the terminal nothing more is written."""
        if self.outcome:
            return
        match event:
            case TextDelta(words):
                if words:
                    self._bubble_open = True
                    self._said.append(words)
                    self._append(Chunk(content=words, is_final=False))
            case ToolStarted(tool, tool_call_id, title):
                message = text("status.tool_calling", self._locale, title=title)
                self._append(
                    Status(
                        status="tool_calling", data=StatusData(message=message, tool=tool, tool_call_id=tool_call_id)
                    )
                )
            case ToolFinished(tool, tool_call_id, title, ok, duration_ms):
                message = text("status.tool_completed" if ok else "status.tool_failed", self._locale, title=title)
                data = StatusData(message=message, tool=tool, tool_call_id=tool_call_id, duration_ms=duration_ms)
                self._append(Status(status="tool_completed", data=data))
            case ToolData(tool_call_id, kind, payload):
                self._append(Data(tool_call_id=tool_call_id, kind=kind, payload=payload))
            case WriteParked(approval):
                self._append(parked_frame(approval))
            case TurnEnded(outcome, usage):
                self._close_bubble()
                self.outcome = outcome
                message = text("status.completed", self._locale)
                data = StatusData(message=message, outcome=outcome, usage=asdict(usage))
                self._append(Status(status="completed", data=data))
            case TurnFailed(code, reference, sentence):
                self._close_bubble()
                self.outcome = code
                sentence = sentence or text(f"error.{code}", self._locale, reference=reference)
                self._append(error_frame(code, sentence))

    def _close_bubble(self) -> None:
        if self._bubble_open:
            self._bubble_open = False
            self._append(Chunk(content="", is_final=True))

    def _append(self, frame: Frame) -> None:
        self._log.append(self._conversation_id, self._turn_id, frame)
