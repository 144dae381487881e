"""Masks a credential in whatever an upstream sent back; the last thing done to every tool result."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from schemas.credential import Credential

MASK = "***"
# Shorter texts are no secrets, and masking them would eat honest data.
_MIN_SECRET = 8


class Scrubber:
    """Knows one caller's token and the upstream's fixed keys: as they are, percent-encoded, in base64, by JWT part."""

    __slots__ = ("_needles",)

    def __init__(self, credential: Credential | None, keys: Iterable[str] = ()) -> None:
        secrets = [*keys, *([credential.reveal()] if credential is not None else [])]
        needles = {needle for secret in secrets for needle in _forms(secret)}
        self._needles = tuple(sorted(needles, key=len, reverse=True))

    def __repr__(self) -> str:
        return "Scrubber(***)"

    def text(self, value: str) -> str:
        """The text with every form of a secret masked."""
        for needle in self._needles:
            if needle in value:
                value = value.replace(needle, MASK)
        return value

    def value(self, value: Any) -> Any:
        """The same for a tree of dicts and lists, in keys, texts and numbers."""
        if not self._needles:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(key) if isinstance(key, str) else key: self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
            return MASK if self.text(str(value)) != str(value) else value
        return value


def _forms(secret: str) -> set[str]:
    if len(secret) < _MIN_SECRET:
        return set()
    forms = {secret, quote(secret, safe="")}
    parts = secret.split(".")
    if len(parts) == 3:
        forms |= {part for part in parts if len(part) >= _MIN_SECRET}
    raw = secret.encode("utf-8", "surrogatepass")
    for encoder in (base64.b64encode, base64.urlsafe_b64encode):
        forms.add(encoder(raw).decode().rstrip("="))
        for shift in (1, 2):
            # The token inside a longer text (`Bearer TOKEN`): what all encodings at this alignment have in common.
            inner = encoder(b"\0" * shift + raw).decode().rstrip("=")[shift + 1 :]
            forms.add(inner[: len(inner) - 1] if (len(raw) + shift) % 3 else inner)
        whole = encoder(raw).decode().rstrip("=")
        forms.add(whole[:-1] if len(raw) % 3 else whole)
    return {form for form in forms if len(form) >= _MIN_SECRET}
