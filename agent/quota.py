"""How many tokens a subject may use in a day, so that nobody can make the model's bill somebody else's problem."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_DAY_S = 86400.0


class DailyTokens:
    """Counts for each subject from its first turn of a day on; `max_tokens` 0 means no limit. `clock` in seconds that
    never jump. Of more than `max_subjects` the one is forgotten whose day began first."""

    def __init__(
        self, max_tokens: int, *, max_subjects: int = 100_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max, self._max_subjects, self._clock = max_tokens, max_subjects, clock
        self._used: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def used_up(self, subject: str | None) -> bool:
        """Whether the subject's day is used up. Who has not logged in has no day: he is bound to his connection."""
        if not self._max or subject is None:
            return False
        began, tokens = self._used.get(subject, (0.0, 0))
        return tokens >= self._max and self._clock() - began < _DAY_S

    def add(self, subject: str | None, tokens: int) -> None:
        """A turn of the subject has used so many, asked and answered."""
        if not self._max or subject is None or not tokens:
            return
        now = self._clock()
        began, before = self._used.get(subject, (now, 0))
        if now - began >= _DAY_S:
            self._used.pop(subject)
            began, before = now, 0
        self._used[subject] = (began, before + tokens)
        while len(self._used) > self._max_subjects:
            self._used.popitem(last=False)
