"""CPU time of a process, read from /proc (Linux), and how busy the machine is with other things."""

from __future__ import annotations

import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Seconds of CPU, user and system, of all threads of a process; not of its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS  # utime and stime, proc_pid_stat(5)


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
