"""The log of entries in memory: the newest entries of each conversation, numbered, with followers that are woken."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from schemas.conversation import Entry
from schemas.frames import KNOWN, ErrorFrame, Frame, Status, encode_frame


class _Lane:
    """The entries of one conversation: `entries[0]` has the number `first`."""

    __slots__ = ("entries", "epoch", "first", "followers", "size", "used_at")

    def __init__(self, epoch: str, now: float) -> None:
        self.epoch, self.used_at = epoch, now
        self.entries: list[Entry] = []
        self.first = 1
        self.size = 0
        self.followers: dict[object, Callable[[], None]] = {}

    @property
    def seq(self) -> int:
        return self.first + len(self.entries) - 1

    def cut(self, max_entries: int, max_chars: int) -> None:
        """Drop the oldest entries, a good part at a time so that it costs little on the whole."""
        if len(self.entries) <= max_entries * 5 // 4 and self.size <= max_chars * 5 // 4:
            return
        drop = max(0, len(self.entries) - max_entries)
        size = self.size - sum(len(entry.text) for entry in self.entries[:drop])
        while size > max_chars and drop < len(self.entries) - 1:
            size -= len(self.entries[drop].text)
            drop += 1
        del self.entries[:drop]
        self.first += drop
        self.size = size


class MemoryLog:
    """Keeps about `max_entries` entries and `max_chars` characters of each conversation, the newest ones, and a
    conversation that nobody follows for `window_s` after its last entry (`clock` in seconds that never jump).

    Of more than `max_conversations` the longest unwritten one goes, but never one that somebody follows. `new_epoch`
    makes the name of a numbering.
    """

    def __init__(
        self,
        max_entries: int,
        max_conversations: int,
        *,
        new_epoch: Callable[[], str],
        window_s: float = 600.0,
        max_chars: int = 1 << 20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_entries, self._max_conversations, self._max_chars = max_entries, max_conversations, max_chars
        self._new_epoch, self._window_s, self._clock = new_epoch, window_s, clock
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()

    def append(self, conversation_id: str, turn_id: str, frame: Frame) -> Entry:
        lane = self._lane(conversation_id)
        frame.conversation_id, frame.turn_id, frame.seq = conversation_id, turn_id, lane.seq + 1
        entry = Entry(frame.seq, encode_frame(frame), turn_id, isinstance(frame, KNOWN), _ends(frame))
        lane.entries.append(entry)
        lane.size += len(entry.text)
        lane.cut(self._max_entries, self._max_chars)
        for wake in list(lane.followers.values()):
            wake()
        return entry

    def after(self, conversation_id: str, seq: int) -> Sequence[Entry]:
        lane = self._lanes.get(conversation_id)
        if lane is None or lane.seq <= seq:
            return ()
        return lane.entries[max(0, seq + 1 - lane.first) :]

    def last_seq(self, conversation_id: str) -> int:
        lane = self._lanes.get(conversation_id)
        return lane.seq if lane else 0

    def epoch(self, conversation_id: str) -> str:
        return self._lane(conversation_id).epoch

    def clear(self, conversation_id: str) -> None:
        lane = self._lanes.get(conversation_id)
        if lane is not None:
            lane.first, lane.size = lane.seq + 1, 0
            lane.entries.clear()

    def reaches(self, conversation_id: str, seq: int) -> bool:
        lane = self._lanes.get(conversation_id)
        return lane is not None and lane.first - 1 <= seq <= lane.seq

    def follow(self, conversation_id: str, wake: Callable[[], None]) -> Callable[[], None]:
        lane, key = self._lane(conversation_id), object()
        lane.followers[key] = wake

        def leave() -> None:
            lane.followers.pop(key, None)
            lane.used_at = self._clock()

        return leave

    def _lane(self, conversation_id: str) -> _Lane:
        now = self._clock()
        lane = self._lanes.get(conversation_id)
        if lane is None:
            self._drop_unused(now)  # before the new one is there, which nobody follows yet
            lane = self._lanes[conversation_id] = _Lane(self._new_epoch(), now)
        lane.used_at = now
        self._lanes.move_to_end(conversation_id)
        return lane

    def _drop_unused(self, now: float) -> None:
        """The unfollowed ones whose window is over, and the longest unused where there are too many."""
        for _ in range(len(self._lanes)):
            key, lane = next(iter(self._lanes.items()))
            if len(self._lanes) < self._max_conversations and now - lane.used_at <= self._window_s:
                return  # all others were used later
            if lane.followers:  # in use, if silently: looked at again a window later
                lane.used_at = now
                self._lanes.move_to_end(key)
            else:
                del self._lanes[key]


def _ends(frame: Frame) -> bool:
    """Whether a frame is the terminal of its turn (protocol, rule 1)."""
    return isinstance(frame, ErrorFrame) or (isinstance(frame, Status) and frame.status == "completed")
