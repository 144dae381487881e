"""Whether what a model did in one turn is what the utterance calls for. Pure functions over plain data.

An expectation is a mapping with one of: `op` and `a` (one call with exactly these arguments), `multi` (several such
calls), `ask` (the arguments to ask for), `none` (no call, no question for arguments), `any` (several right outcomes).
In `a` a value may be `{has: [...]}` (the text contains one of them) or `{any: [...]}` (one of them; null: or absent).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Expected = Mapping[str, Any]
Arguments = Mapping[str, Any]
_ASKS = re.compile(r"[?？]|请|需要|告诉|please|need|which|what", re.I)


@dataclass(frozen=True, slots=True)
class Done:
    """What the model did: its calls (name, arguments), its text, and while it asks the arguments that are missing."""

    calls: Sequence[tuple[str, Arguments]]
    text: str = ""
    missing: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`operation`: the right tool was called (asked for, left alone); `exact`: with exactly the right arguments."""

    operation: bool
    exact: bool


def kind(expected: Expected) -> str:
    """call, multi, ask, none or any."""
    return "call" if "op" in expected else next(k for k in ("multi", "ask", "none", "any") if k in expected)


def judge(expected: Expected, done: Done) -> Verdict:
    """The verdict over one turn."""
    if "any" in expected:
        verdicts = [judge(one, done) for one in expected["any"]]
        return max(verdicts, key=lambda v: (v.exact, v.operation))
    if "multi" in expected:
        return _several(expected["multi"], done)
    if "op" in expected:
        if [name for name, _ in done.calls] != [expected["op"]]:
            return Verdict(False, False)
        return Verdict(True, fits(expected["a"], done.calls[0][1]))
    if "ask" in expected:
        asks = not done.calls and bool(_ASKS.search(done.text))
        return Verdict(asks, asks and done.missing is not None and set(done.missing) == set(expected["ask"]))
    left_alone = not done.calls and done.missing is None
    return Verdict(left_alone, left_alone)


def _several(wanted: Sequence[Expected], done: Done) -> Verdict:
    left = list(done.calls)
    exact = called = 0
    for one in wanted:
        match = next((call for call in left if call[0] == one["op"]), None)
        if match is not None:
            left.remove(match)
            called += 1
            exact += fits(one["a"], match[1])
    return Verdict(called == len(wanted) and not left, exact == len(wanted))


def fits(expected: Arguments, got: Arguments) -> bool:
    """Whether the arguments are the expected ones and no others."""
    return got.keys() <= expected.keys() and all(same(value, got.get(name)) for name, value in expected.items())


def same(expected: Any, got: Any) -> bool:
    """Whether one value (None: absent) is what is expected; texts are compared without case, width and end marks."""
    if isinstance(expected, Mapping):
        if "any" in expected:
            return any(same(one, got) for one in expected["any"])
        return got is not None and any(_plain(part) in _plain(got) for part in expected["has"])
    if expected is None or got is None:
        return expected is None and got is None
    if isinstance(expected, bool):
        return str(got).lower() == str(expected).lower()
    if isinstance(expected, int | float):
        try:
            return float(got) == float(expected)
        except (TypeError, ValueError):
            return False
    return _plain(expected) == _plain(got)


def _plain(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(float(value))
    text = unicodedata.normalize("NFKC", str(value)).lower().strip(" .,!?。，！？;；~")
    return re.sub(r"\s+", " ", text)


def named(expected: Expected) -> set[str]:
    """The operations that are right to call."""
    below = [*expected.get("any", ()), *expected.get("multi", ())]
    return {one["op"] for one in (expected, *below) if "op" in one} | {n for one in below for n in named(one)}
