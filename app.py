"""The command line, `python app.py`: environment variables enter here and nowhere else. Next: `commands/cli.py`, and
`assembly.py`, which joins the parts of a gateway."""

from __future__ import annotations

import os

from commands.cli import build_cli, run
from schemas.settings import Settings


def load() -> None:
    """Import all that a gateway is made of. No other command needs it, and the embedded estate can start meanwhile."""
    import assembly  # noqa: F401


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    from assembly import serve

    serve(settings, os.environ)


def main() -> None:
    """Run the command that the process was started with."""
    run(build_cli(Settings, load, serve, os.environ))


if __name__ == "__main__":
    main()
