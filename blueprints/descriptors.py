"""File descriptors: clients may not take the last ones, which turns need for their upstreams. Next: `admission.py`.

A new connection has the lowest free number, so that its own number says how many are taken.
"""

from __future__ import annotations

import errno
import os
import resource


class Descriptors:
    """`reserve` descriptors (at most a quarter of all) are kept from WebSockets, half of these from any connection."""

    def __init__(self, reserve: int) -> None:
        self._reserve = reserve

    def scarce(self) -> bool:
        """Whether only the reserve is left: no WebSocket is taken in, and the process is not ready."""
        limit = _limit()
        return _next(limit) >= limit - self._kept(limit)

    def refuses(self, number: int) -> bool:
        """Whether a connection with this descriptor must be closed at once."""
        limit = _limit()
        return number >= limit - self._kept(limit) // 2

    def _kept(self, limit: int) -> int:
        return min(self._reserve, limit // 4)


def _limit() -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return soft if soft != resource.RLIM_INFINITY else 1 << 30


def _next(limit: int) -> int:
    """The number that the next descriptor will have; the limit where there is none."""
    try:
        number = os.open(os.devnull, os.O_RDONLY)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            return limit
        raise
    os.close(number)
    return number
