"""The key under which tokens are named without telling them; kept, so that an owner is the same after a restart."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from schemas.errors import ConfigurationError

_BYTES = 32


def kept_key(path: Path) -> bytes:
    """The 256 bit key in the file, which is made if there is none (mode 0600). Raises `ConfigurationError` for a file
    that cannot be read or is no such key."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise ConfigurationError(f"the key file cannot be made: {error.strerror}", file=str(path)) from error
    key = secrets.token_bytes(_BYTES)
    with os.fdopen(file, "wb") as stream:
        stream.write(key)
    return key


def _read(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the key file cannot be read: {error.strerror}", file=str(path)) from error
    if len(key) != _BYTES:
        raise ConfigurationError(f"the key file must have {_BYTES} bytes; remove it to get a new one", file=str(path))
    return key
