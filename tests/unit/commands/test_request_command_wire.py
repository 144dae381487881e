"""The request cases as a user runs them: `tools` says where arguments go, `request` shows what would be sent."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from commands.cli import document_commands
from integrations.catalogue import load_catalogue
from integrations.upstream.request import BuiltRequest
from schemas.settings import PROJECT
from tests.support.wire_cases import CASES, arguments_of, check_request, document_of

# One of each kind that a shell, an encoding of arguments or of standard output could spoil.
CHOSEN = (
    "integer_beyond_2_53",
    "name_in_chinese",
    "without_allow_reserved",
    "path_reserved_and_non_ascii",
    "json_same_name_as_path",
    "octet_stream",
    "body_multipart_file",
    "v2_form_pipes_ssv_tsv",
    "server_relative",
    "several_cookies",
)
BY_NAME = {case["name"]: case for case in CASES}


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


def in_process(*words: str) -> Said:
    """The command line inside this process."""
    cli = typer.Typer()
    document_commands(cli, lambda: load_catalogue(PROJECT / "openapi" / "upstreams.yaml", {}))
    result = CliRunner().invoke(cli, list(words))
    return Said(result.exit_code, result.stdout, result.stderr)


def as_program(*words: str) -> Said:
    """`python app.py ...` as a process of its own."""
    command = [sys.executable, str(PROJECT / "app.py"), *words]
    ended = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    return Said(ended.returncode, ended.stdout, ended.stderr)


def placed(run: Run, case: dict[str, Any], folder: Path) -> list[str]:
    """Document, tool and arguments of a case as words for `request`, the arguments placed as `tools` says."""
    path = folder / "document.json"
    path.write_text(json.dumps(document_of(case), ensure_ascii=False), encoding="utf-8")
    listed = run("tools", str(path), "--json")
    assert listed.code == 0, listed.err
    tool = json.loads(listed.out)
    arguments = json.dumps(arguments_of(case, tool["arguments"]), ensure_ascii=False)
    more = ["--base-url", case["base_url"]] if "base_url" in case else []
    return [str(path), tool["name"], arguments, "--json", *more]


RUNS = [(in_process, name) for name in CHOSEN] + [(as_program, name) for name in CHOSEN[:2]]


@pytest.mark.parametrize(("run", "name"), RUNS, ids=[f"{run.__name__}-{name}" for run, name in RUNS])
def test_the_command_shows_the_request_that_the_standard_prescribes(run: Run, name: str, tmp_path: Path) -> None:
    """`tools` and `request` one after the other, as the integration engineer runs them."""
    shown = run("request", *placed(run, BY_NAME[name], tmp_path))
    assert shown.code == 0, shown.err
    request = json.loads(shown.out)
    assert set(request) == {"method", "url", "headers", "body"}
    body = None if request["body"] is None else base64.b64decode(request["body"])
    headers = tuple((key, value) for key, value in request["headers"])
    check_request(BY_NAME[name], BuiltRequest(request["method"], request["url"], headers, body))


@pytest.mark.parametrize("name", ["path_value_that_climbs_is_refused", "line_breaks_in_a_header_are_refused"])
def test_what_must_not_be_sent_exits_2_with_a_sentence(name: str, tmp_path: Path) -> None:
    """RFC 3986 §5.2.4, RFC 9110 §5.5: nothing on standard output, one sentence on standard error."""
    shown = in_process("request", *placed(in_process, BY_NAME[name], tmp_path))
    assert (shown.code, shown.out) == (2, "")
    assert len(shown.err.strip().splitlines()) == 1
