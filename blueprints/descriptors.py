"""File descriptors: clients may not take the last ones, which turns need for their upstreams. Next: `admission.py`.

A new connection has the lowest free number, so that its own number says how many are taken.
"""

from __future__ import annotations

import os
import resource


class Descriptors:
    """`reserve` descriptors are kept from WebSockets; half of these from any connection at all."""

    def __init__(self, reserve: int) -> None:
        self._reserve = reserve

    def scarce(self) -> bool:
        """Whether only the reserve is left: no WebSocket is taken in, and the process is not ready."""
        return _next() >= _limit() - self._reserve

    def refuses(self, number: int) -> bool:
        """Whether a connection with this descriptor must be closed at once."""
        return number >= _limit() - self._reserve // 2


def _limit() -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return soft if soft != resource.RLIM_INFINITY else 1 << 30


def _next() -> int:
    """The number that the next descriptor will have; the limit where there is none."""
    try:
        number = os.dup(0)
    except OSError:
        return _limit()
    os.close(number)
    return number
