"""The folder of everything that is written: made and tried before anything is started in it. Next: `estate.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from schemas.errors import ConfigurationError


def make_usable(folder: Path) -> None:
    """Make the folder where it is missing. Raises `ConfigurationError` where no file can be made in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b".")
    except OSError as error:
        reason = f"cannot write to the folder {folder}: {error.strerror}. Set STEWARD_DATA_DIR to another one"
        raise ConfigurationError(reason) from error
