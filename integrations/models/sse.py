"""Server-sent events as model providers really send them: bytes in, decoded events out. Next: `chunks.py`.

Read like the standard (HTML, section 9.2.6) where providers keep to it, and leniently where they do not: any line end,
split anywhere; a byte order mark; comments; no blank line between events; an event over several `data:` lines; lines
that are not JSON; no newline after the last line; a provider that ignores `stream` and answers with one JSON object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
# A pretty-printed event is some dozens of lines; garbage without blank lines must not be tried again for ever.
_MAX_EVENT_LINES = 200


class NotAnEvent(ValueError):
    """What `decode` raises for data that is not a complete event."""


class EventTooLarge(ValueError):
    """One event is larger than `max_event_bytes`."""


class EventDecoder(Generic[T]):
    """Turns the body's bytes, in pieces of any size, into what `decode` makes of each event's data.

    `decode` raises `NotAnEvent` for data that is not (yet) an event; such data is skipped and counted in `skipped`.
    `done` is true once `[DONE]` was read; whatever follows is ignored.
    """

    def __init__(self, decode: Callable[[bytes], T], max_event_bytes: int = 8 << 20) -> None:
        self._decode = decode
        self._max_event_bytes = max_event_bytes
        self._rest = b""
        self._pending: list[bytes] = []  # `data:` lines that are no event yet
        self._whole: bytearray | None = None  # the body, once it turned out to be one JSON object
        self._started = False
        self._after_cr = False
        self.done = False
        self.skipped = 0

    def feed(self, data: bytes) -> list[T]:
        """The events that became complete with `data`, in order. Raises `EventTooLarge`."""
        if self.done or not data:
            return []
        if self._whole is not None:
            self._whole += data
            self._check(len(self._whole))
            return []
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        self._after_cr = data.endswith(b"\r") if data else False
        buffer = self._rest + data if self._rest else data
        if not self._started:
            self._rest = b""
            begun = self._start(buffer)
            if begun is None:
                return []
            buffer = begun
        lines = self._lines(buffer)
        self._check(len(self._rest))
        return self._events(lines)

    def close(self) -> list[T]:
        """The body has ended: the events of a last line without a newline, or of a body that is one JSON object."""
        if self._whole is not None:
            whole, self._whole = bytes(self._whole), None
            try:
                return [self._decode(whole)]
            except NotAnEvent:
                return self._events(whole.splitlines())
        rest, self._rest = self._rest, b""
        return self._events([rest, b""]) if not self.done else []

    def _start(self, buffer: bytes) -> bytes | None:
        """Decide what kind of body this is; None while that takes more bytes."""
        if len(buffer) < len(_BOM) and _BOM.startswith(buffer):
            self._rest = buffer
            return None
        body = buffer.removeprefix(_BOM).lstrip(_SPACE)
        if not body:
            # A byte order mark is not looked for again, and white space before the first line says nothing.
            self._rest = _BOM
            return None
        self._started = True
        if body.startswith(b"{"):
            self._whole = bytearray(body)
            self._check(len(body))
            return None
        return body

    def _lines(self, buffer: bytes) -> list[bytes]:
        """Complete lines without their ends; what is left stays in `_rest`."""
        if b"\r" not in buffer:
            lines = buffer.split(b"\n")
            self._rest = lines.pop()
            return lines
        lines = buffer.splitlines(keepends=True)
        self._rest = b"" if lines[-1].endswith((b"\r", b"\n")) else lines.pop()
        return [line.rstrip(b"\r\n") for line in lines]

    def _events(self, lines: list[bytes]) -> list[T]:
        events: list[T] = []
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    self._drop_pending()
                    self.done = True
                    break
                if data:
                    self._data(data, events)
            elif not line:
                self._drop_pending()
            elif line.startswith(b"{"):  # an event that lost its field name
                self._data(line.strip(), events)
        return events

    def _data(self, data: bytes, events: list[T]) -> None:
        """A line that is an event by itself is one at once, blank line or not; otherwise it waits for more lines."""
        try:
            event = self._decode(data)
        except NotAnEvent:
            self._pending.append(data)
            if len(self._pending) == 1:
                return
            try:
                event = self._decode(b"\n".join(self._pending))
            except NotAnEvent:
                if len(self._pending) >= _MAX_EVENT_LINES:
                    self._drop_pending()
                return
            self._pending.clear()
        else:
            self._drop_pending()
        events.append(event)

    def _drop_pending(self) -> None:
        if self._pending:
            self.skipped += 1
            self._pending.clear()

    def _check(self, size: int) -> None:
        if size > self._max_event_bytes:
            raise EventTooLarge(f"one event of the answer is larger than {self._max_event_bytes} bytes")
