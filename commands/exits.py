"""How a command ends that cannot do what it was asked: one sentence on standard error, and an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer


def stop(error: Exception | str, code: int = 1) -> NoReturn:
    """1: it failed; 2: wrong usage; other codes stand in the command's help."""
    print(f"steward: {error}", file=sys.stderr)
    raise typer.Exit(code) from (error if isinstance(error, Exception) else None)
