"""What a client's frames are answered through: a WebSocket's `connection.py`, or an HTTP answer's `stream.py`.

Used by `intake.py` and `greeting.py`, which do not know the difference.
"""

from __future__ import annotations

from typing import Protocol

from schemas.frames import Frame


class Follower(Protocol):
    """One client that follows a conversation's log. `whole`: it gets every type of frame."""

    whole: bool

    @property
    def seq(self) -> int:
        """The last entry that was sent or is being sent."""
        ...

    def send(self, frame: Frame) -> None:
        """A frame outside any turn: for this client alone."""
        ...

    def follow(self, conversation_id: str, after: int | None = None) -> None:
        """From now on the entries of this conversation later than `after` (its new ones where that is None)."""
        ...

    def replay(self, conversation_id: str, turn_id: str) -> bool:
        """Once more what was sent already of this turn; False where the log does not have its beginning."""
        ...

    def close(self, code: int, reason: str) -> None:
        """The end, once everything put so far is sent."""
        ...
