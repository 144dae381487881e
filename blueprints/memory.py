"""Memory: nothing new is taken in where the process nears its limit, so that what runs can end. Next: `admission.py`.

The limit is that of the control group the process runs in (a container's), or a setting. Beyond it the system kills
the process, and every resident's turn with it.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

_SHARE = 0.8  # of the limit; the rest is for the turns that run
_LOOK_S = 0.25  # a crowd that comes at once is judged by one look
_PAGE = resource.getpagesize()
_STATM = Path("/proc/self/statm")
_UNLIMITED = 1 << 50  # version 1 of control groups says "no limit" with a number near 2 ** 63


class Memory:
    """`limit_bytes`: the process may have so much; 0 means never to refuse. `clock` is monotonic, in seconds."""

    def __init__(self, limit_bytes: int, clock: Callable[[], float]) -> None:
        self._limit, self._clock = limit_bytes, clock
        self._looked, self._scarce = -_LOOK_S, False

    def scarce(self) -> bool:
        """Whether 80 % of the limit are in use: no connection and no turn is taken in, and the process is not ready."""
        now = self._clock()
        if self._limit and now - self._looked >= _LOOK_S:
            self._looked, self._scarce = now, resident_bytes() >= _SHARE * self._limit
        return self._scarce


def resident_bytes() -> int:
    """The memory that this process has by now; 0 where the system does not say (`/proc` is Linux's)."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE
    except OSError:
        return 0


def group_limit(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """The limit in bytes of the control group that this process is in, of version 2 or 1; 0 where there is none. The
    limits of the groups above it count as well."""
    limits = [_UNLIMITED]
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        base, name = (root, "memory.max") if not controllers else (root / "memory", "memory.limit_in_bytes")
        group = base / path.lstrip("/")
        # within a container the path is often the host's, and the container's own group is mounted at the root
        limits += [_read(folder / name) for folder in (group, *group.parents) if folder.is_relative_to(base)]
    lowest = min(limits)
    return lowest if lowest < _UNLIMITED else 0


def _read(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such group here, or `max`
        return _UNLIMITED
