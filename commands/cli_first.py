"""The commands of somebody who begins: `hello`, `init`, `token`, `settings`, `completion`. `cli.py` adds them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer._completion_shared import get_completion_script

from commands import banner, estate, token
from commands.exits import stop
from commands.hello import hello
from schemas.errors import StewardError
from schemas.jsontext import to_json
from schemas.settings import Settings

COMPLETE_VARIABLE = "_STEWARD_COMPLETE"
_AsJson = Annotated[bool, typer.Option("--json", help="one JSON object a line")]


class Shell(StrEnum):
    """Shells that can be told how to complete."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def first_commands(
    cli: typer.Typer,
    settings: Callable[[], Settings],
    load: Callable[[], None],
    serve: Callable[[Settings], None],
    environment: Mapping[str, str],
) -> None:
    """Adds them."""

    @cli.command("hello")
    def say_hello(
        once: Annotated[
            bool, typer.Option("--once", help="end after the answer [default: unless on a terminal]")
        ] = False,
    ) -> None:
        """See it work: start the gateway with the embedded estate, ask one question, show where the pages are. It
        serves on until Ctrl-C. Exit codes: those of `chat`."""
        used = settings().model_copy(update={"log_level": "WARNING"})
        if not used.runs_estate:
            stop(
                "hello speaks to the embedded estate; STEWARD_UPSTREAMS names other systems: use `check` and `chat`",
                2,
            )

        def start() -> None:
            with estate.child(used, environment, load):
                serve(used)

        try:
            code = hello(used, environment, start, stay=sys.stdout.isatty() and not once)
        except (StewardError, OSError) as error:
            stop(error)
        raise typer.Exit(code)

    @cli.command("token")
    def demo_token(
        user: Annotated[str, typer.Argument(help="a resident of the embedded estate")] = banner.DEMO_USER,
        expires_in: Annotated[int | None, typer.Option(help="seconds until it expires")] = None,
        as_json: _AsJson = False,
    ) -> None:
        """Log in to the running embedded estate and print the token. Exit codes: 0, 2 refused, 3 no estate runs."""
        try:
            found = token.login(settings(), user, expires_in)
        except token.LoginFailed as error:
            stop(error, error.code)
        print(to_json({"user": user, "token": found}) if as_json else found)

    @cli.command("settings")
    def show_settings(
        as_json: _AsJson = False,
        markdown: Annotated[bool, typer.Option("--markdown", help="the reference docs/configuration.md")] = False,
    ) -> None:
        """Show every setting: variable, value in force, meaning. Secrets are never shown."""
        from commands import settings_list

        if markdown:
            print(settings_list.markdown(), end="")
        else:
            settings_list.print_settings(settings(), as_json=as_json)

    @cli.command("completion")
    def show_completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish")]) -> None:
        """Print what makes a shell complete `steward` (bin/steward, in PATH): eval "$(steward completion bash)"."""
        print(get_completion_script(prog_name="steward", complete_var=COMPLETE_VARIABLE, shell=shell.value))

    _init_command(cli, settings, environment)


def _init_command(cli: typer.Typer, settings: Callable[[], Settings], environment: Mapping[str, str]) -> None:
    @cli.command("init")
    def init(
        document: Annotated[Path | None, typer.Option(help="its OpenAPI document, a file")] = None,
        base_url: Annotated[str | None, typer.Option(help="where it answers [default: the document's server]")] = None,
        name: Annotated[str | None, typer.Option(help="your name for it [default: the document's]")] = None,
        header: Annotated[
            str, typer.Option(help="header of the resident's token; none: no token is sent")
        ] = "Authorization",
        prefix: Annotated[
            str | None, typer.Option(help="what stands before the token [default: 'Bearer ' or nothing]")
        ] = None,
        file: Annotated[
            Path | None, typer.Option(help="the upstreams file [default: STEWARD_UPSTREAMS, else ./upstreams.yaml]")
        ] = None,
        as_json: _AsJson = False,
    ) -> None:
        """Add a system to an upstreams file and check it. Asks for what is not given, where somebody can answer. Exit
        codes: 0, 1 its document has errors, or the file cannot be written, 2 wrong usage."""
        from commands import check, new_upstream
        from integrations.catalogue import document_limits
        from integrations.openapi.load import load_document

        used = settings()
        document = document or Path(_asked("OpenAPI document (a file)", "--document"))
        limits = document_limits(used)
        try:
            loaded = load_document(document, limits=limits)
            server = new_upstream.server_of(loaded)
            base_url = base_url or _asked("Base URL", "--base-url", server)
            entry = new_upstream.Entry(
                name=name or _asked("Name", "--name", new_upstream.name_for(document)),
                document=document,
                base_url=base_url,
                header=header,
                prefix=prefix,
            )
            file = file or (Path("upstreams.yaml") if used.runs_estate else used.upstreams)
            variables = {**estate.estate_variables(used), **environment}
            catalogue = new_upstream.add(file, entry, variables, limits)
        except StewardError as error:
            stop(error)
        if as_json:
            print(to_json({"file": str(file), "upstream": entry.name, "base_url": entry.base_url}))
        else:
            print(f"{file}: {entry.name} was added.\n")
        reports = [one for one in check.of_catalogue(catalogue) if one.name == entry.name]
        code = check.print_reports(reports, every=False, as_json=as_json)
        if not as_json:
            print(f"Serve it: STEWARD_UPSTREAMS={file.resolve()} python app.py")
        raise typer.Exit(code)


def _asked(what: str, option: str, default: str = "") -> str:
    """The answer of whoever sits there; without anybody the default, or wrong usage where there is none."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, default=default or None))
    if not default:
        stop(f"{option} is needed where nobody can be asked", 2)
    return default
