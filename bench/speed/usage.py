"""CPU time and memory of a process with its children, read from /proc (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

from bench.idle_connections import resident_kib

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and all its descendants that live."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def cpu_s(pid: int) -> float:
    """Seconds of CPU, user and system, of all threads; of children too."""
    return sum(_own_cpu_s(one) for one in family(pid))


def memory_kib(pid: int) -> int:
    """Resident memory, with that of children."""
    return sum(map(resident_kib, family(pid)))


def _own_cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS  # utime and stime, proc_pid_stat(5)
