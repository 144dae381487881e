"""Words of a document made fit for a model: nothing hidden, not too long; `project.py` and `tools.py` use it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from integrations.openapi.labels import halves

# Far more than is shown of any text; what lies beyond would only be read to be cut.
_MAX_CHARS = 10_000


def clean(text: str) -> str:
    """Text without control, format and tag characters (hidden instructions), runs of blanks made one."""
    if len(text) > _MAX_CHARS:
        text = text[:_MAX_CHARS] + "…"
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return _without_hidden(text)


@lru_cache(maxsize=512)  # a parameter's text is used in as many operations as the parameter
def _without_hidden(text: str) -> str:
    kept = "".join(
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cn", "Cs") else "" for c in text
    )
    lines = [re.sub(r"[ \t]+", " ", line).strip() for line in kept.split("\n")]
    return re.sub(r"\n{2,}", "\n", "\n".join(lines)).strip()


def shorten(text: str, size: int) -> str:
    """At most `size` characters, "…" where something was cut; each half of a bilingual text in proportion."""
    if len(text) <= size:
        return text
    parts = halves(text)
    if len(parts) == 2 and size >= 20:
        first = max(8, min(len(parts[0]), (size - 3) * len(parts[0]) // len(text)))
        return f"{_cut(parts[0], first)} / {_cut(parts[1], size - 3 - first)}"
    return _cut(text, size)


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: max(0, size - 1)].rstrip() + "…" if size > 1 else ""
