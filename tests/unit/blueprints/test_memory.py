"""Memory: when nothing new is taken in, and whose limit counts (F68)."""

from __future__ import annotations

from pathlib import Path

import pytest

from blueprints import memory
from blueprints.memory import Memory, group_limit, resident_bytes
from tests.support.limits import Clock


def test_nothing_is_taken_in_from_80_percent_of_the_limit_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """F68: and it is looked at four times a second at most, however many come."""
    clock, looks = Clock(), [799, 800, 799]
    monkeypatch.setattr(memory, "resident_bytes", lambda: looks.pop(0))
    room = Memory(1000, clock)
    assert [room.scarce() for _ in range(3)] == [False] * 3
    clock.now += 1
    assert [room.scarce() for _ in range(3)] == [True] * 3
    clock.now += 1
    assert not room.scarce()
    assert looks == []


def test_without_a_limit_nothing_is_refused() -> None:
    """Outside of containers there is none by default."""
    assert not Memory(0, Clock()).scarce()


def test_the_memory_in_use_is_that_of_the_process() -> None:
    """More than a Python needs, and more by what is taken."""
    before = resident_bytes()
    taken = bytearray(b"x") * (64 << 20)
    assert before > 4 << 20
    assert resident_bytes() > before + (48 << 20)
    del taken


@pytest.mark.parametrize(
    ("files", "own", "limit"),
    [
        ({"memory.max": "max"}, "0::/", 0),
        ({"memory.max": "1073741824"}, "0::/", 1 << 30),
        ({"memory.max": "max", "a/memory.max": "3000", "a/b/memory.max": "4000"}, "0::/a/b", 3000),
        ({"memory.max": "5000"}, "0::/not/mounted/here", 5000),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, "7:memory:/\n6:cpu:/", 0),
        ({"memory/d/memory.limit_in_bytes": "6000"}, "7:memory:/d\n1:name=systemd:/", 6000),
        ({}, "", 0),
    ],
)
def test_the_limit_is_the_lowest_of_the_control_groups(
    tmp_path: Path, files: dict[str, str], own: str, limit: int
) -> None:
    """Version 2 and version 1; `max`, huge numbers and missing files are no limit."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n", encoding="ascii")
    groups = tmp_path / "groups"
    groups.write_text(own, encoding="ascii")
    assert group_limit(tmp_path, groups) == limit


def test_where_the_system_does_not_say_there_is_no_limit(tmp_path: Path) -> None:
    """Another system than Linux."""
    assert group_limit(tmp_path, tmp_path / "missing") == 0
