"""The log of entries in memory: the newest entries of each conversation, numbered, with followers that are woken."""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from schemas.conversation import Entry
from schemas.frames import KNOWN, ErrorFrame, Frame, Status, encode_frame

_ENTRY_BYTES = 112  # of an entry beside its text: the object, its number, its place in the list


class _Lane:
    """The entries of one conversation: `entries[0]` has the number `first`. `size` in bytes of memory."""

    __slots__ = ("entries", "epoch", "first", "followers", "size", "used_at", "written_at")

    def __init__(self, epoch: str, now: float) -> None:
        self.epoch, self.used_at, self.written_at = epoch, now, now
        self.entries: list[Entry] = []
        self.first = 1
        self.size = 0
        self.followers: dict[object, Callable[[], None]] = {}

    @property
    def seq(self) -> int:
        return self.first + len(self.entries) - 1

    def cut(self, max_entries: int, max_bytes: int) -> None:
        """Drop the oldest entries, a good part at a time so that it costs little on the whole."""
        if len(self.entries) <= max_entries * 5 // 4 and self.size <= max_bytes * 5 // 4:
            return
        drop = max(0, len(self.entries) - max_entries)
        size = self.size - sum(map(_bytes, self.entries[:drop]))
        while size > max_bytes and drop < len(self.entries) - 1:
            size -= _bytes(self.entries[drop])
            drop += 1
        del self.entries[:drop]
        self.first += drop
        self.size = size

    def empty(self) -> None:
        """Drop all entries; the next one has the number it would have had."""
        self.first += len(self.entries)
        self.entries.clear()
        self.size = 0


class MemoryLog:
    """Keeps about `max_entries` entries and `max_bytes` of each conversation, the newest ones, for `window_s` after the
    last one (`clock` in seconds that never jump): after that nobody is promised what he missed.

    Of all entries at most `max_total_bytes` are kept: those of the conversation go first that was written to longest
    ago. Of more than `max_conversations` the longest unused one goes, but never one that somebody follows. `new_epoch`
    makes the name of a numbering.
    """

    def __init__(
        self,
        max_entries: int,
        max_conversations: int,
        *,
        new_epoch: Callable[[], str],
        window_s: float = 600.0,
        max_bytes: int = 2 << 20,
        max_total_bytes: int = 64 << 20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_entries, self._max_conversations = max_entries, max_conversations
        self._max_bytes, self._max_total_bytes = min(max_bytes, max_total_bytes // 2), max_total_bytes
        self._new_epoch, self._window_s, self._clock = new_epoch, window_s, clock
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()  # the longest unused first
        self._written: OrderedDict[str, _Lane] = OrderedDict()  # those with entries, the longest unwritten first
        self._bytes = 0

    def append(self, conversation_id: str, turn_id: str, frame: Frame) -> Entry:
        lane = self._lane(conversation_id)
        frame.conversation_id, frame.turn_id, frame.seq = conversation_id, turn_id, lane.seq + 1
        entry = Entry(frame.seq, encode_frame(frame), turn_id, isinstance(frame, KNOWN), _ends(frame))
        before = lane.size
        lane.entries.append(entry)
        lane.size += _bytes(entry)
        lane.cut(self._max_entries, self._max_bytes)
        self._bytes += lane.size - before
        self._written[conversation_id] = lane
        self._written.move_to_end(conversation_id)
        lane.written_at = lane.used_at
        self._drop_old(lane.written_at)
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
                self._bytes -= lane.size
                self._written.pop(key, None)

    def _drop_old(self, now: float) -> None:
        """Entries that are promised to nobody any more, and the longest unwritten ones where all are too many; never
        those of the conversation that is just written to."""
        while len(self._written) > 1:
            key, lane = next(iter(self._written.items()))
            if self._bytes <= self._max_total_bytes and now - lane.written_at <= self._window_s:
                return
            self._bytes -= lane.size
            lane.empty()
            del self._written[key]


def _bytes(entry: Entry) -> int:
    return sys.getsizeof(entry.text) + _ENTRY_BYTES


def _ends(frame: Frame) -> bool:
    """Whether a frame is the terminal of its turn (protocol, rule 1)."""
    return isinstance(frame, ErrorFrame) or (isinstance(frame, Status) and frame.status == "completed")
