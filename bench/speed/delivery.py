"""What a client got of one turn: whether any delta was lost, repeated or reordered, and how late each one came.

The played model numbers its deltas (`bench/fake_deltas.py`), so a gateway may put them together in frames as it likes.
Used by `client.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from bench.fake_deltas import NUMBER, STAMP, Shape


@dataclass(frozen=True)
class Verdict:
    """How many deltas of a turn were wrong, and in what way. `garbled`: its text is not made of deltas at all."""

    lost: int = 0
    repeated: int = 0
    reordered: int = 0
    garbled: int = 0

    @property
    def whole(self) -> bool:
        return self == Verdict()


@dataclass
class Bubble:
    """The text of one turn, as its chunks come. `late_us` is the delay of each delta since it was sent."""

    shape: Shape
    late_us: list[float] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _rest: str = ""

    def add(self, text: str, now_us: float) -> None:
        """A chunk that came at `now_us` of the machine's monotonic clock. A delta is there when all of it is."""
        self._parts.append(text)
        if not self.shape.stamped:
            return
        text, size = self._rest + text, self.shape.size
        whole = len(text) - len(text) % size
        for start in range(NUMBER, whole, size):
            stamp = text[start : start + STAMP]
            if stamp.isdigit():  # where not, `verdict` says so
                self.late_us.append(now_us - int(stamp))
        self._rest = text[whole:]

    def verdict(self) -> Verdict:
        """Of the text as a whole, once its turn is over."""
        text, size = "".join(self._parts), self.shape.size
        numbers = [text[start : start + NUMBER] for start in range(0, len(text), size)]
        if len(text) % size or not all(number.isdigit() for number in numbers):
            return Verdict(garbled=1)
        got = list(map(int, numbers))
        wanted = range(self.shape.count)
        if got == list(wanted):
            return Verdict()
        seen = set(got)
        return Verdict(
            lost=len(set(wanted) - seen),
            repeated=len(got) - len(seen),
            reordered=sum(later < earlier for earlier, later in pairwise(got)),
            garbled=len(seen - set(wanted)),
        )
