"""What one upstream answered, before anybody has read it; `attempt.py` makes it, `response.py` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` have lower-case names. `complete` is False where the body broke off, `oversized` True
    where it was longer than the cap and reading stopped (`body` then holds what was read)."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    complete: bool = True
    oversized: bool = False
    attempts: int = 1
