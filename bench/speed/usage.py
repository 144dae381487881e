"""CPU time of a process, and how busy the machine is with other things (Linux)."""

from __future__ import annotations

import time
from pathlib import Path

_CPU_CLOCK = 2  # CPUCLOCK_SCHED of the Linux kernel: nanoseconds, not the ticks of /proc/PID/stat


def cpu_s(pid: int) -> float:
    """Seconds of CPU, user and system, of all threads of a process; not of its children. Raises `OSError` where there
    is no such process."""
    return time.clock_gettime((~pid << 3) | _CPU_CLOCK)  # as clock_getcpuclockid(3) makes it


def busy_share(seconds: float = 1) -> float:
    """Which share of all cores is at work within so many seconds, for whomever; also what a host takes away."""
    before = _times()
    time.sleep(seconds)
    total, idle = (after - earlier for after, earlier in zip(_times(), before, strict=True))
    return 1 - idle / total if total else 0.0


def _times() -> tuple[int, int]:
    """Ticks of all cores so far, and those without work."""
    fields = list(map(int, Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]))
    return sum(fields), fields[3] + fields[4]  # idle and iowait, proc_stat(5)
