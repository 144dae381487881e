"""The command line: `python app.py [COMMAND]`; without a command it serves. `app.py` hands in what it joins.

A command imports what it works with when it is run: the estate is started with every gateway, and a shell asks for
completions with every press of a key.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from typer._completion_classes import completion_init

from commands import banner, estate
from commands.cli_first import COMPLETE_VARIABLE, first_commands
from commands.exits import stop
from commands.folder import make_usable
from schemas.errors import ArgumentsInvalid, ConfigurationError, RequestRefused, StewardError
from schemas.settings import Settings
from schemas.turn import Locale

if TYPE_CHECKING:
    from integrations.catalogue import Catalogue
    from integrations.openapi.load import Limits

_AsJson = Annotated[bool, typer.Option("--json", help="one JSON object a line")]


def build_cli(
    read_settings: Callable[[], Settings],
    load: Callable[[], None],
    serve: Callable[[Settings], None],
    environment: Mapping[str, str],
) -> typer.Typer:
    """The commands. `load` imports what `serve` works with. A mistake of the user ends with one sentence and exit code
    1, a defect with its traceback."""
    completion_init()  # so that `bin/steward` answers a shell that asks what to complete
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
            make_usable(settings.data_dir)
            if settings.runs_estate:
                with estate.child(settings, environment, load):
                    serve(settings)
            else:
                serve(settings)
        except (StewardError, OSError) as error:
            stop(error)

    @cli.command("demo")
    def demo(
        until_stdin_closes: Annotated[bool, typer.Option(hidden=True)] = False,
    ) -> None:
        """Run the embedded estate alone: three upstreams on three ports."""
        settings = _settings(read_settings)
        try:
            make_usable(settings.data_dir)
            estate.run(settings, until_stdin_closes=until_stdin_closes)
        except (StewardError, OSError) as error:
            stop(error)

    def catalogue() -> Catalogue:
        from integrations.catalogue import document_limits, load_catalogue

        settings = _settings(read_settings)
        try:
            variables = {**estate.estate_variables(settings), **environment}
            return load_catalogue(settings.upstreams, variables, document_limits(settings))
        except StewardError as error:
            stop(error)

    @cli.command("call")
    def call_tool(
        tool: Annotated[str, typer.Argument(help="a tool of the catalogue, see `tools`", show_default=False)],
        arguments: Annotated[str, typer.Argument(metavar="ARGUMENTS-JSON", help="'-' reads standard input")] = "{}",
        token: Annotated[str | None, typer.Option(envvar="STEWARD_TOKEN", help="the resident's token")] = None,
        yes: Annotated[bool, typer.Option("--yes", help="send it although it writes")] = False,
        timeout: Annotated[float, typer.Option(help="seconds for all attempts", min=0.5)] = 30,
        as_json: _AsJson = False,
    ) -> None:
        """Call one tool of the catalogue as a conversation would: request line, outcome, time taken, result."""
        from commands import call
        from commands.logs import set_up_logging

        settings = _settings(read_settings)
        text = sys.stdin.read() if arguments == "-" else arguments
        wish = call.Wish(tool, text, token, settings.locale, timeout, yes)
        set_up_logging("WARNING")
        try:
            code = asyncio.run(call.call(catalogue(), wish, as_json=as_json))
        except ValueError as error:
            stop(error, 2)
        raise typer.Exit(code)

    @cli.command("chat")
    def talk(
        url: Annotated[str | None, typer.Option(help="the gateway [default: the one of these settings]")] = None,
        user: Annotated[str, typer.Option(help="the resident, as the estate knows him")] = banner.DEMO_USER,
        token: Annotated[
            str | None, typer.Option(envvar="STEWARD_TOKEN", help="his token [default: the demo login, if it runs]")
        ] = None,
        locale: Annotated[Locale | None, typer.Option(help="zh or en")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="print the frames as they come, one a line")] = False,
    ) -> None:
        """Talk to a running gateway: answers as they come, tables, approvals. Ctrl-C stops one, a lost connection is
        resumed. Lines from a pipe are asked one by one. Exit codes: 0 answered, 1 refused or failed, 2 wrong usage,
        3 not reached, 4 a login is needed, 5 a write waits for a yes, 130 stopped."""
        from commands import chat

        settings = _settings(read_settings)
        demo = token is None and url is None and settings.runs_estate
        wish = chat.Wish(
            url=url or f"ws://127.0.0.1:{settings.port}",
            user=user,
            token=banner.DEMO_TOKEN if demo else token,
            locale=locale,
            demo=demo,
            as_json=as_json,
            tries=None if sys.stdin.isatty() else chat.PIPE_TRIES,
        )
        try:
            chat.address(wish.url, wish.user)
        except ValueError as error:
            stop(error, 2)
        raise typer.Exit(chat.chat(wish, settings.locale))

    def limits() -> Limits:
        from integrations.catalogue import document_limits

        return document_limits(_settings(read_settings))

    first_commands(cli, lambda: _settings(read_settings), load, serve, environment)
    document_commands(cli, catalogue, limits)
    return cli


def run(cli: typer.Typer) -> None:
    """Run the command that the process was started with."""
    cli(complete_var=COMPLETE_VARIABLE)


def document_commands(
    cli: typer.Typer, catalogue: Callable[[], Catalogue], limits: Callable[[], Limits] | None = None
) -> None:
    """Adds the commands that read documents: `tools`, `request` and `check`. They send nothing. Without `limits` those
    of the loader hold."""

    def bounds() -> Limits:
        from integrations.openapi.load import Limits

        return limits() if limits else Limits()

    @cli.command("tools")
    def list_tools(
        documents: Annotated[list[Path] | None, typer.Argument(metavar="DOCUMENT...", show_default=False)] = None,
        as_json: _AsJson = False,
    ) -> None:
        """List the tools of OpenAPI documents, or of the whole catalogue, and what did not become one and why."""
        from commands import tools

        if documents:
            code = tools.print_documents(documents, as_json=as_json, limits=bounds())
        else:
            code = tools.print_catalogue(catalogue(), as_json=as_json)
        raise typer.Exit(code)

    @cli.command("request")
    def show_request(
        document: Annotated[Path, typer.Argument(metavar="DOCUMENT", show_default=False)],
        tool: Annotated[str, typer.Argument(help="a tool's name, an operationId or 'METHOD /path'")],
        arguments: Annotated[str, typer.Argument(metavar="ARGUMENTS-JSON", help="'-' reads standard input")] = "{}",
        base_url: Annotated[str | None, typer.Option(help="in place of the document's own server")] = None,
        as_json: _AsJson = False,
    ) -> None:
        """Show the request that a tool call would send, as a curl command. Nothing is sent."""
        from commands import request

        if arguments == "-":
            arguments = sys.stdin.read()
        try:
            built = request.built_request(document, tool, arguments, base_url, limits=bounds())
        except (ArgumentsInvalid, RequestRefused) as error:
            stop(error, 2)
        except StewardError as error:
            stop(error)
        print(request.as_json(built) if as_json else request.as_curl(built))

    @cli.command("check")
    def check_documents(
        documents: Annotated[list[Path] | None, typer.Argument(metavar="DOCUMENT...", show_default=False)] = None,
        every: Annotated[bool, typer.Option("--all", help="every line, not the first few of each kind")] = False,
        as_json: _AsJson = False,
        schema: Annotated[bool, typer.Option("--schema", help="print the JSON Schema of upstreams.yaml alone")] = False,
    ) -> None:
        """Report on documents, or on the catalogue: what became a tool, what was mended or left out, and what the
        documents' writers should improve for a model. Exit code 1 on errors."""
        if schema:
            from integrations.upstream.config_schema import schema_text

            print(schema_text(), end="")
            return
        from commands import check

        reports = check.of_documents(documents, bounds()) if documents else check.of_catalogue(catalogue())
        raise typer.Exit(check.print_reports(reports, every=every, as_json=as_json))


def _settings(read_settings: Callable[[], Settings]) -> Settings:
    try:
        return read_settings()
    except ValidationError as error:
        found = error.errors()
        mistakes = [f"{_variable(str(one['loc'][0]))}: {one['msg']} (it is {one['input']!r})" for one in found]
        stop(ConfigurationError("; ".join(mistakes)))


def _variable(field: str) -> str:
    """The environment variable of a setting."""
    return field if field.isupper() else f"STEWARD_{field.upper()}"
