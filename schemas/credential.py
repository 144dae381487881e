"""The resident's token as an opaque value: masked in every text, unpicklable, revealed by who sends or checks it."""

from __future__ import annotations

import hashlib
import hmac
from typing import NoReturn

MAX_TOKEN_BYTES = 8192


class Credential:
    """Holds one token. Only `integrations/upstream/auth.py`, `identity.py` and `scrub.py` may call `reveal()`.

    Raises `ValueError` for a token that is empty, longer than 8 KiB or has characters that no header may carry.
    """

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        if not token:
            raise ValueError("the token is empty")
        if len(token.encode("utf-8", "surrogatepass")) > MAX_TOKEN_BYTES:
            raise ValueError(f"the token is longer than {MAX_TOKEN_BYTES} bytes")
        if not all(" " < character <= "~" for character in token):
            raise ValueError("the token has a space, a control character or a letter outside ASCII")
        self._token = token

    def reveal(self) -> str:
        """The token itself. An AST test lists who may call this."""
        return self._token

    def digest(self, key: bytes) -> str:
        """A keyed digest (hex, 256 bit) that names this token without telling it: for caches and owners."""
        return hmac.new(key, self._token.encode(), hashlib.sha256).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credential) and hmac.compare_digest(self._token, other._token)

    def __hash__(self) -> int:
        return hash(("Credential", self._token))

    def __repr__(self) -> str:
        return "Credential(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a credential is never serialised")

    def __copy__(self) -> Credential:
        return self

    def __deepcopy__(self, memo: object) -> Credential:
        return self
