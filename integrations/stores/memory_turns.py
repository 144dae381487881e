"""Turns without an owner, in memory: they end with their connection. Used by `sqlite_turns.py`."""

from __future__ import annotations

import dataclasses
import time
from collections import OrderedDict
from collections.abc import Callable

from schemas.conversation import TurnRecord


class MemoryTurns:
    """At most `max_turns`; a client's name for a query counts for `window_s`."""

    def __init__(self, max_turns: int, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max, self._window_s, self._clock = max_turns, window_s, clock
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
        self._by_id[turn.id] = turn
        self._latest[turn.conversation_id] = turn.id
        while len(self._by_id) > self._max:
            _, gone = self._by_id.popitem(last=False)
            self._by_name.pop((gone.owner or gone.conversation_id, gone.client_msg_id or ""), None)
            if self._latest.get(gone.conversation_id) == gone.id:
                del self._latest[gone.conversation_id]
        return None

    async def finish(self, turn_id: str, outcome: str, content: str) -> None:
        turn = self._by_id.get(turn_id)
        if turn is not None:
            self._by_id[turn_id] = dataclasses.replace(turn, outcome=outcome, content=content)

    async def latest(self, conversation_id: str) -> TurnRecord | None:
        return self._by_id.get(self._latest.get(conversation_id, ""))

    async def rate(self, turn_id: str, owner: str | None, score: int, comment: str) -> bool:
        turn = self._by_id.get(turn_id)
        return turn is not None and turn.owner == owner
