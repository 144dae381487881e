"""Turns without an owner, in memory; they end with the process at the latest. Used by `sqlite_turns.py`."""

from __future__ import annotations

import dataclasses
import time
from collections import OrderedDict
from collections.abc import Callable

from schemas.conversation import TurnRecord


class MemoryTurns:
    """At most `max_turns`, with at most `max_chars` in their bubbles: the oldest go. A client's name for a query counts
    for `window_s`. What stood in a bubble is kept of a conversation's latest turn, and of those that have such a name:
    nobody can ask for another one's."""

    def __init__(
        self,
        max_turns: int,
        window_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_chars: int = 8 << 20,
    ) -> None:
        self._max, self._window_s, self._clock, self._max_chars = max_turns, window_s, clock, max_chars
        self._chars = 0
        self._by_id: OrderedDict[str, TurnRecord] = OrderedDict()
        self._by_name: dict[tuple[str, str], tuple[str, float]] = {}
        self._latest: dict[str, str] = {}

    async def claim(self, turn: TurnRecord) -> TurnRecord | None:
        if turn.client_msg_id is not None:
            name = (turn.owner or turn.conversation_id, turn.client_msg_id)
            earlier, at = self._by_name.get(name, ("", 0.0))
            if earlier in self._by_id and self._clock() - at <= self._window_s:
                return self._by_id[earlier]
            self._by_name[name] = (turn.id, self._clock())
        before = self._by_id.get(self._latest.get(turn.conversation_id, ""))
        if before is not None and before.client_msg_id is None:
            self._put(dataclasses.replace(before, content=""))
        self._put(turn)
        self._latest[turn.conversation_id] = turn.id
        self._forget()
        return None

    def _put(self, turn: TurnRecord) -> None:
        earlier = self._by_id.get(turn.id)
        self._chars += len(turn.content) - (len(earlier.content) if earlier is not None else 0)
        self._by_id[turn.id] = turn

    def _forget(self) -> None:
        """The oldest, where there are too many or too much stands in them."""
        while len(self._by_id) > 1 and (len(self._by_id) > self._max or self._chars > self._max_chars):
            _, gone = self._by_id.popitem(last=False)
            self._chars -= len(gone.content)
            self._by_name.pop((gone.owner or gone.conversation_id, gone.client_msg_id or ""), None)
            if self._latest.get(gone.conversation_id) == gone.id:
                del self._latest[gone.conversation_id]

    async def finish(self, turn_id: str, outcome: str, content: str) -> None:
        turn = self._by_id.get(turn_id)
        if turn is not None:
            superseded = turn.client_msg_id is None and self._latest.get(turn.conversation_id) != turn_id
            self._put(dataclasses.replace(turn, outcome=outcome, content="" if superseded else content))
            self._forget()

    async def latest(self, conversation_id: str) -> TurnRecord | None:
        return self._by_id.get(self._latest.get(conversation_id, ""))

    async def rate(self, turn_id: str, owner: str | None, score: int, comment: str) -> bool:
        turn = self._by_id.get(turn_id)
        return turn is not None and turn.owner == owner
