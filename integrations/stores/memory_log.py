"""The log of entries in memory: the newest entries of each conversation, numbered, with followers that are woken."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from schemas.conversation import Entry
from schemas.frames import Frame, encode_frame


class _Lane:
    __slots__ = ("entries", "followers", "seq")

    def __init__(self, max_entries: int) -> None:
        self.entries: deque[Entry] = deque(maxlen=max_entries)
        self.followers: dict[object, Callable[[], None]] = {}
        self.seq = 0


class MemoryLog:
    """Keeps `max_entries` entries of each of at most `max_conversations` conversations.

    The longest unwritten conversation goes first, but never one that somebody follows.
    """

    def __init__(self, max_entries: int, max_conversations: int) -> None:
        self._max_entries, self._max_conversations = max_entries, max_conversations
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()

    def append(self, conversation_id: str, turn_id: str, frame: Frame) -> Entry:
        lane = self._lane(conversation_id)
        lane.seq += 1
        frame.conversation_id, frame.turn_id, frame.seq = conversation_id, turn_id, lane.seq
        entry = Entry(lane.seq, encode_frame(frame))
        lane.entries.append(entry)
        for wake in list(lane.followers.values()):
            wake()
        return entry

    def after(self, conversation_id: str, seq: int) -> Sequence[Entry]:
        lane = self._lanes.get(conversation_id)
        if lane is None or lane.seq <= seq:
            return ()
        missed = lane.seq - seq
        kept = len(lane.entries)
        return [lane.entries[index] for index in range(max(0, kept - missed), kept)]

    def last_seq(self, conversation_id: str) -> int:
        lane = self._lanes.get(conversation_id)
        return lane.seq if lane else 0

    def follow(self, conversation_id: str, wake: Callable[[], None]) -> Callable[[], None]:
        lane, key = self._lane(conversation_id), object()
        lane.followers[key] = wake

        def leave() -> None:
            lane.followers.pop(key, None)

        return leave

    def _lane(self, conversation_id: str) -> _Lane:
        lane = self._lanes.get(conversation_id)
        if lane is None:
            self._drop_unused()  # before the new one is there, which nobody follows yet
            lane = self._lanes[conversation_id] = _Lane(self._max_entries)
        self._lanes.move_to_end(conversation_id)
        return lane

    def _drop_unused(self) -> None:
        while len(self._lanes) >= self._max_conversations:
            unused = next((key for key, lane in self._lanes.items() if not lane.followers), None)
            if unused is None:
                return
            del self._lanes[unused]
