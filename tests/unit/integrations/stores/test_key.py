"""The kept key: the same after a restart, nobody else's to read, never half a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.stores.key import kept_key
from schemas.errors import ConfigurationError


def test_the_key_is_made_once_and_for_the_owner_of_the_process_alone(tmp_path: Path) -> None:
    """32 random bytes, mode 0600, the same when asked again."""
    path = tmp_path / "key"
    key = kept_key(path)
    assert len(key) == 32
    assert kept_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_key(tmp_path / "other") != key


def test_a_file_that_is_no_key_is_refused_by_name(tmp_path: Path) -> None:
    """A short key would name tokens badly; a missing folder cannot take one."""
    (tmp_path / "key").write_bytes(b"short")
    for path in (tmp_path / "key", tmp_path / "no" / "key"):
        with pytest.raises(ConfigurationError, match="key"):
            kept_key(path)
