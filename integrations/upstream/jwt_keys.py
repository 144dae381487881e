"""Verifies a resident's JWT with the keys that upstreams.yaml names (`identity.jwt`); `identity.py` asks here.

The algorithms and keys are the file's alone: nothing in a token chooses a key but its `kid` among those of the key set
(RFC 8725 §3.1, §3.5), and `jku`, `x5u` and `jwk` are never looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import structlog
from jwt.algorithms import Algorithm, get_default_algorithms

from integrations.upstream.config import JwtSettings

_log = structlog.get_logger()

# Clocks of two systems differ; exp, nbf and iat may be off by this much.
LEEWAY_S = 30
_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP", "HS": "oct"}


class KeysUnusable(ValueError):
    """The key file cannot be used; the sentence says why. It never repeats a key."""


@dataclass(frozen=True, slots=True)
class _Key:
    """`algorithms` are those of the file that this key may be used with. `kid` is None for a key that has no name."""

    kid: str | None
    algorithms: frozenset[str]
    value: Any = field(repr=False)


class JwtKeys:
    """The keys of one upstreams file. Raises `KeysUnusable` where they cannot be used."""

    def __init__(self, settings: JwtSettings, folder: Path) -> None:
        self._settings = settings
        known = get_default_algorithms()
        absent = [name for name in settings.algorithms if name not in known]
        if absent:
            raise KeysUnusable(f"{', '.join(absent)} needs the package cryptography: pip install 'PyJWT[crypto]'")
        self._known = {name: known[name] for name in settings.algorithms}
        text = _read(folder / (settings.key_file or settings.jwks_file or ""))
        self._keys = self._of_file(text) if settings.key_file is not None else self._of_set(text)

    def claims(self, token: str) -> Mapping[str, Any] | None:
        """The claims of a token that is signed, timely and meant for us; None for any other. Never raises."""
        try:
            header = jwt.get_unverified_header(token)
            key, algorithm = self._key_for(header)
            found: dict[str, Any] = jwt.decode(
                token,
                key.value,
                algorithms=[algorithm],
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                leeway=LEEWAY_S,
                # A token without an end would be good for ever. A numeric `sub` is a legacy system's user id.
                options={"require": ["exp"], "verify_sub": False, "verify_jti": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            _log.info("token_refused", reason=type(error).__name__)
            return None
        return found

    def _key_for(self, header: Mapping[str, Any]) -> tuple[_Key, str]:
        algorithm, kid = header.get("alg"), header.get("kid")
        usable = [key for key in self._keys if algorithm in key.algorithms]
        if self._settings.jwks_file is not None and kid is not None:
            usable = [key for key in usable if key.kid == kid]
        if len(usable) != 1:
            raise jwt.InvalidKeyError("no one key is meant")
        return usable[0], str(algorithm)

    def _of_file(self, text: str) -> list[_Key]:
        if "PRIVATE KEY" in text:
            raise KeysUnusable("it is a private key; the public one verifies tokens")
        if any(name.startswith("HS") for name in self._known) and "-----BEGIN" in text:
            raise KeysUnusable("it is a PEM file, which is no secret for an HS algorithm")
        value = None
        for name, algorithm in self._known.items():
            try:
                value = algorithm.prepare_key(text.strip())
            except (jwt.PyJWTError, ValueError, TypeError) as error:
                raise KeysUnusable(f"it is no key for {name}") from error
            _check_strength(algorithm, value, name)
        return [_Key(None, frozenset(self._known), value)]

    def _of_set(self, text: str) -> list[_Key]:
        try:
            listed = json.loads(text)["keys"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise KeysUnusable('it is no key set: {"keys": [...]} is expected (RFC 7517 §5)') from error
        found = [key for jwk in listed if isinstance(jwk, Mapping) and (key := self._of_jwk(jwk)) is not None]
        if not found:
            raise KeysUnusable(f"it has no key for {', '.join(self._known)}")
        return found

    def _of_jwk(self, jwk: Mapping[str, Any]) -> _Key | None:
        """The key, or None for one that is meant for something else."""
        if jwk.get("kty") != "oct" and "d" in jwk:
            raise KeysUnusable("it has a private key; the public one verifies tokens")
        names = [
            name
            for name in self._known
            if jwk.get("kty") == _TYPES[name[:2]] and jwk.get("alg") in (None, name) and jwk.get("use") in (None, "sig")
        ]
        value = None
        for name in list(names):
            try:
                algorithm: Any = self._known[name]
                value = algorithm.prepare_key(algorithm.from_jwk(dict(jwk)))  # the second looks at the curve
            except (jwt.PyJWTError, ValueError, TypeError, KeyError):
                names.remove(name)
                continue
            _check_strength(self._known[name], value, name)
        if value is None or not names:
            return None
        kid = jwk.get("kid")
        return _Key(kid if isinstance(kid, str) else None, frozenset(names), value)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise KeysUnusable(f"{path.name} cannot be read: {reason}") from error


def _check_strength(algorithm: Algorithm, value: Any, name: str) -> None:
    """A secret as long as the hash, RSA from 2048 bits on (RFC 7518 §3.2, §3.3)."""
    weak = algorithm.check_key_length(value)
    if weak:
        raise KeysUnusable(f"its key is too short for {name}")
