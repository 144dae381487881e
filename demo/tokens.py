"""Login tokens of the estate: signed, read, and the tutorial's fixed one; `core.py` asks on each request."""

import os
import secrets
from datetime import timedelta
from pathlib import Path

import jwt

from demo.clock import Clock

ALIAS = "your-token-here"
ALIAS_USER = "user123"
LIFETIME_S = 24 * 3600
ISSUER = "demo-estate"
SECRET_FILE = "estate.secret"  # noqa: S105 - a file's name


class Tokens:
    """Signed JWTs (HS256, RFC 7519). The key is kept beside the database, so that a login survives a restart."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._clock = clock
        self._secret = _load_or_make_secret(data_dir / SECRET_FILE)

    def issue(self, user_id: str, expires_in_s: int = LIFETIME_S) -> str:
        """A token of its own for one login (no two are equal). Zero or less gives one that has expired already."""
        now = self._clock()
        claims = {
            "iss": ISSUER,
            "sub": user_id,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=expires_in_s)).timestamp()),
            "jti": secrets.token_hex(8),
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def user_of(self, token: str | None) -> str | None:
        """The user id of a valid token; None for none, an expired one, one signed by another, garbage."""
        if not token:
            return None
        if token == ALIAS:
            return ALIAS_USER
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                issuer=ISSUER,
                # Expiry is judged by the estate's own clock below.
                options={"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        if claims["exp"] <= self._clock().timestamp():
            return None
        return str(claims["sub"])


def _load_or_make_secret(path: Path) -> str:
    if path.exists() and (kept := path.read_text(encoding="ascii").strip()):
        return kept
    secret = secrets.token_hex(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(secret)
    return secret
