"""Whether the frames of a turn are complete, as docs/protocol.md says.

`thinking`, then any mix, the closing chunk, one terminal; to a client that has greeted, each numbered one more than the
last. Used by `client.py`.
"""

from __future__ import annotations

import msgspec


class Data(msgspec.Struct):
    """What matters of a status's data."""

    outcome: str = ""


class Frame(msgspec.Struct):
    """What matters of any server's frames."""

    type: str = ""
    status: str = ""
    content: str | None = None
    is_final: bool = False
    seq: int | None = None
    turn_id: str | None = None
    data: Data | None = None

    @property
    def ends(self) -> bool:
        """A terminal, or a refusal."""
        return self.type == "error" or self.status == "completed"


class FrameOrder:
    """The frames of one connection. `faults` says what was wrong, in words; with `gaps` numbers may be left out."""

    def __init__(self, *, gaps: bool = False) -> None:
        self._gaps = gaps
        self.faults: list[str] = []
        self._seq: int | None = None
        self._begun = self._open = self._closed = False

    def add(self, frame: Frame) -> None:
        """The next frame of a turn."""
        if frame.seq is not None:
            if self._seq is not None and not (frame.seq > self._seq if self._gaps else frame.seq == self._seq + 1):
                self.faults.append(f"seq {frame.seq} after {self._seq}")
            self._seq = frame.seq
        if not self._begun and frame.status != "thinking":
            self.faults.append(f"{frame.status or frame.type} before thinking")
        self._begun = True
        if frame.type == "chunk":
            if self._closed:
                self.faults.append("a chunk after the closing one")
            self._open, self._closed = True, frame.is_final
        if frame.ends:
            self._end(frame)

    def _end(self, frame: Frame) -> None:
        if frame.type == "error":
            self.faults.append(f"error: {frame.content}")
        elif frame.data is not None and frame.data.outcome not in ("", "success"):
            self.faults.append(f"outcome {frame.data.outcome}")
        if self._open and not self._closed:
            self.faults.append("no closing chunk")
        self._begun = self._open = self._closed = False
