"""Text from outside as part of one line that people read: no character of it can pass for something of ours."""

from __future__ import annotations

import re
import unicodedata

_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_BLANKS = re.compile(r"[\s\u115f\u1160\u2800\u3164\uffa0]{4,}")  # enough of them wrap a line as a break does
_JOINERS = "\u200c\u200d"  # of emoji and scripts


def one_line(text: str) -> str:
    """`text` as part of one line, whatever is in it: breaks, long blanks, control and direction characters as signs."""
    text = _BREAK.sub(" ⏎ ", text)
    text = _BLANKS.sub(lambda match: f" ␣×{len(match[0])} ", text)
    return escaped(text)


def escaped(text: str) -> str:
    """`text` with every control, format and direction character, and every half surrogate, as its `\\u` escape."""
    return "".join(character if _is_plain(character) else f"\\u{ord(character):04x}" for character in text)


def _is_plain(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
