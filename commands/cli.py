"""The command line: `python app.py [COMMAND]`; without a command it serves. `app.py` hands in what it joins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from commands import estate, listing
from schemas.errors import ConfigurationError, StewardError
from schemas.settings import Settings


def build_cli(
    read_settings: Callable[[], Settings],
    serve: Callable[[Settings], None],
    environment: Mapping[str, str],
) -> typer.Typer:
    """The commands. A mistake of the user ends with one sentence and exit code 1, a defect with its traceback."""
    cli = typer.Typer(add_completion=False, no_args_is_help=False, help=__doc__, rich_markup_mode=None)

    @cli.callback(invoke_without_command=True)
    def default(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            start()

    @cli.command("serve")
    def start() -> None:
        """Serve the gateway; with the shipped upstreams file the embedded estate too."""
        settings = _settings(read_settings)
        try:
            if settings.runs_estate:
                with estate.child(settings, environment):
                    serve(settings)
            else:
                serve(settings)
        except (StewardError, OSError) as error:
            _stop(error)

    @cli.command("demo")
    def demo(
        until_stdin_closes: Annotated[bool, typer.Option(hidden=True)] = False,
    ) -> None:
        """Run the embedded estate alone: three upstreams on three ports."""
        settings = _settings(read_settings)
        try:
            estate.run(settings, until_stdin_closes=until_stdin_closes)
        except OSError as error:
            _stop(error)

    @cli.command("tools")
    def tools() -> None:
        """List the tools of the catalogue, and what did not become one and why."""
        settings = _settings(read_settings)
        try:
            listing.print_catalogue(settings, {**estate.estate_variables(settings), **environment})
        except StewardError as error:
            _stop(error)

    return cli


def _settings(read_settings: Callable[[], Settings]) -> Settings:
    try:
        return read_settings()
    except ValidationError as error:
        found = error.errors()
        mistakes = [f"{_variable(str(one['loc'][0]))}: {one['msg']} (it is {one['input']!r})" for one in found]
        _stop(ConfigurationError("; ".join(mistakes)))


def _variable(field: str) -> str:
    """The environment variable of a setting."""
    return field if field.isupper() else f"STEWARD_{field.upper()}"


def _stop(error: Exception) -> NoReturn:
    print(f"steward: {error}", file=sys.stderr)
    raise typer.Exit(1) from error
