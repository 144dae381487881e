"""How many connections there may be, how often a client may speak, how long it may be silent. Next: `chat.py`.

The rates are those of the `limits` library, by its moving window (in any 10 seconds at most 20), kept in `Windows`: a
storage on a given clock that forgets. The library's own memory storage starts a thread with a hit and keeps the key of
every window for ever.
"""

from __future__ import annotations

import asyncio
import math
from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from limits import RateLimitItem
from limits.storage import Storage
from limits.storage.base import MovingWindowSupport
from limits.strategies import MovingWindowRateLimiter

from schemas.errors import FrameRefused

IDLE_CLOSE, TOO_MANY_CLOSE, FLOOD_CLOSE = 4408, 4429, 1008


class TooManyConnections(Exception):
    """One more connection than there may be, of all or of one address."""


class Windows(Storage, MovingWindowSupport):
    """When each key was hit within its window. Keys whose window is over are forgotten, and the ones hit longest ago
    above `max_keys`.

    `clock` is monotonic, in seconds. A key costs some 400 bytes, and eight a hit, of which its limit is the bound.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float], max_keys: int) -> None:
        super().__init__()
        self._clock, self._max_keys = clock, max_keys
        self._hits: OrderedDict[str, tuple[array[float], int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hits)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Hit a key `amount` times, if that leaves it within `limit` hits in `expiry` seconds."""
        hits = self._within(key, expiry)
        if len(hits) + amount > limit:
            return False
        hits.extend([self._clock()] * amount)
        self._hits[key] = (hits, expiry)
        self._hits.move_to_end(key)
        self._forget()
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest hit in the window was (now, if there is none), and how many there are."""
        hits = self._within(key, expiry)
        return (hits[0] if hits else self._clock()), len(hits)

    def clear(self, key: str) -> None:
        """Forget a key."""
        self._hits.pop(key, None)

    def reset(self) -> int | None:
        """Forget everything; how many keys there were."""
        count = len(self._hits)
        self._hits.clear()
        return count

    def check(self) -> bool:
        """Memory is always there."""
        return True

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing here can fail; the library asks."""
        return ValueError

    # what the library's other strategies ask for; the moving window does not
    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError

    def get(self, key: str) -> int:
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        raise NotImplementedError

    def _within(self, key: str, expiry: int) -> array[float]:
        hits = self._hits[key][0] if key in self._hits else array("d")
        start, over = self._clock() - expiry, 0
        while over < len(hits) and hits[over] <= start:
            over += 1
        del hits[:over]
        return hits

    def _forget(self) -> None:
        """Drop from the front, where the keys stand that were hit longest ago."""
        now = self._clock()
        while self._hits:
            key, (hits, expiry) = next(iter(self._hits.items()))
            if len(self._hits) <= self._max_keys and hits and hits[-1] > now - expiry:
                return
            del self._hits[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The settings of the same names. A rate is of one connection, one subject, one address. Times in seconds."""

    rate_connection: RateLimitItem
    rate_subject: RateLimitItem
    rate_address: RateLimitItem
    max_connections: int
    max_connections_per_address: int
    max_silent_connections: int
    idle_timeout_s: float
    silent_timeout_s: float


class Guard:
    """The limits of the process. `clock` is monotonic, in seconds."""

    def __init__(self, bounds: Bounds, clock: Callable[[], float]) -> None:
        self.bounds, self.clock = bounds, clock
        self._windows = Windows(clock, 4 * bounds.max_connections)
        self._limiter = MovingWindowRateLimiter(self._windows)
        self._addresses: Counter[str] = Counter()
        self._seats: set[Seat] = set()
        self._silent: dict[str, dict[Seat, None]] = {}  # by address, each in its order; an empty one is not kept
        self._silent_count = self._numbers = 0

    def enter(self, address: str) -> Seat:
        """Take a connection in, in place of a silent one where there are too many of those. Raises
        `TooManyConnections`."""
        bounds = self.bounds
        if len(self._seats) >= bounds.max_connections or self._addresses[address] >= bounds.max_connections_per_address:
            raise TooManyConnections
        if self._silent_count >= bounds.max_silent_connections:
            self._turn_out()
        self._numbers += 1
        seat = Seat(self, address, str(self._numbers))
        self._seats.add(seat)
        self._addresses[address] += 1
        self._silent.setdefault(address, {})[seat] = None
        self._silent_count += 1
        return seat

    def _turn_out(self) -> None:
        """The oldest silent connection of the address that has most of them goes: who opens many meets himself. It
        counts as one of its address and of all until it has gone."""
        crowd = max(self._silent.values(), key=len)
        seat = next(iter(crowd))
        self._no_longer_silent(seat)
        seat.turn_out()

    def _no_longer_silent(self, seat: Seat) -> None:
        others = self._silent.get(seat.address, {})
        if seat in others:
            del others[seat]
            self._silent_count -= 1
            if not others:
                del self._silent[seat.address]

    def subject(self, subject: str) -> None:
        """One more frame of this subject. Raises `FrameRefused` (`rate_limited`)."""
        self.hit([(self.bounds.rate_subject, "subject", subject)])

    def hit(self, keys: Sequence[tuple[RateLimitItem, str, str]]) -> None:
        """Count one in all of these windows, or in none. Raises `FrameRefused` (`rate_limited`) with the time after
        which each of them has room."""
        full = [key for key in keys if not self._limiter.test(*key)]
        if full:
            reset = max(self._limiter.get_window_stats(*key).reset_time for key in full)
            wait_ms = wait_until(reset, self.clock())
            seconds = math.ceil(wait_ms / 1000)
            raise FrameRefused("rate_limited", "frame.rate_limited", retry_after_ms=wait_ms, seconds=seconds)
        for key in keys:
            self._limiter.hit(*key)

    def spoke(self, seat: Seat) -> None:
        """The first valid frame of a connection: it is no longer one of the silent ones."""
        self._no_longer_silent(seat)

    def leave(self, seat: Seat) -> None:
        """A connection has gone."""
        if seat not in self._seats:
            return
        self._seats.discard(seat)
        self._no_longer_silent(seat)
        self._addresses[seat.address] -= 1
        if not self._addresses[seat.address]:
            del self._addresses[seat.address]
        self._windows.clear(self.bounds.rate_connection.key_for("connection", seat.number))


class Seat:
    """One connection's place: its rates, and the time that it may be silent."""

    __slots__ = ("_close", "_guard", "_heard", "_refused", "_refused_at", "_timer", "address", "has_spoken", "number")

    def __init__(self, guard: Guard, address: str, number: str) -> None:
        self._guard, self.address, self.number = guard, address, number
        self.has_spoken = False
        self._refused = 0
        self._refused_at = -math.inf
        self._heard = guard.clock()
        self._timer: asyncio.TimerHandle | None = None
        self._close: Callable[[int, str], None] = _nothing

    def message(self) -> None:
        """One more message of the client. Raises `FrameRefused` (`rate_limited`)."""
        bounds = self._guard.bounds
        mine = (bounds.rate_connection, "connection", self.number)
        try:
            self._guard.hit([mine, (bounds.rate_address, "address", self.address)])
        except FrameRefused:
            now = self._guard.clock()
            if now - self._refused_at > bounds.rate_connection.get_expiry():
                self._refused = 0  # it has kept within its rate for a while
            self._refused, self._refused_at = self._refused + 1, now
            raise

    @property
    def floods(self) -> bool:
        """It was refused, and goes on: as many messages again as it may send at once, with no pause of a whole window
        between two refusals."""
        return self._refused > self._guard.bounds.rate_connection.amount

    def valid(self) -> None:
        """The message was a frame of the protocol."""
        self._heard = self._guard.clock()
        if not self.has_spoken:
            self._guard.spoke(self)
            self.has_spoken = True

    def watch(self, close: Callable[[int, str], None]) -> None:
        """Call `close` with code and reason once the client was silent for too long, or has to make room."""
        self._close = close
        bounds = self._guard.bounds
        patience = bounds.idle_timeout_s if self.has_spoken else bounds.silent_timeout_s
        left = self._heard + patience - self._guard.clock()
        if left <= 0:
            close(IDLE_CLOSE, "idle")
        else:
            # one timer that looks again: none is set and dropped with each message
            left = min(left, bounds.silent_timeout_s, bounds.idle_timeout_s)
            self._timer = asyncio.get_running_loop().call_later(left, self.watch, close)

    def turn_out(self) -> None:
        """It has said nothing, and another one needs its place."""
        self._close(TOO_MANY_CLOSE, "too many connections: say something first")

    def leave(self) -> None:
        """The connection has gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._close = _nothing  # the connection's own method: a cycle would keep it
        self._guard.leave(self)


def _nothing(_code: int, _reason: str) -> None:
    """Nobody watches the seat, or no longer."""


def wait_until(reset: float, now: float) -> int:
    """Milliseconds from `now` after which `reset` has passed for certain. Both in seconds of the same clock."""
    return max(0, math.ceil((reset - now) * 1000)) + 1
