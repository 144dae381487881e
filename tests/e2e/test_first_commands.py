"""The commands of somebody who begins, as processes: hello, token, init, settings, completion."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.steward import ROOT, Steward, free_ports, request_json


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """Ports and a folder of the test's own."""
    first = free_ports(4)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("STEWARD_", "OPENAI_"))}
    own = {"STEWARD_PORT": str(first), "STEWARD_DEMO_PORT": str(first + 1), "STEWARD_DATA_DIR": str(tmp_path / "data")}
    return inherited | own | more


def app(words: list[str], env: dict[str, str], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py"), *words],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_hello_asks_answers_and_says_where_the_pages_are(tmp_path: Path) -> None:
    """From nothing to an answer with an amount of the estate's own; nothing is left running."""
    env = environment(tmp_path)
    done = app(["hello", "--once"], env)
    assert done.returncode == 0, done.stderr
    question, _, after = done.stdout.partition("> 查询我的物业费账单")
    assert "Steward is running" in question
    assert "元" in after
    assert f"http://localhost:{env['STEWARD_PORT']}/" in after
    assert "Traceback" not in done.stderr
    with pytest.raises(OSError, match="refused"):
        request_json(f"http://127.0.0.1:{env['STEWARD_PORT']}/livez")


def test_hello_asks_a_gateway_that_runs_already_and_leaves_it_running(steward: Steward, tmp_path: Path) -> None:
    """The port is taken by a Steward: that one is asked."""
    env = environment(tmp_path, STEWARD_PORT=str(steward.port), STEWARD_DEMO_PORT=str(steward.estate_ports[0]))
    done = app(["hello"], env)
    assert done.returncode == 0, done.stderr
    assert "Steward is running" not in done.stdout
    assert "元" in done.stdout
    assert request_json(f"{steward.http}/livez") == {"live": True}


def test_hello_on_a_terminal_serves_on_until_ctrl_c(tmp_path: Path) -> None:
    """The page that it names is there to be opened."""
    env = environment(tmp_path)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "hello"], env=env, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    try:
        shown = b""
        while b"Go on in the browser" not in shown:
            shown += os.read(master, 65536)
        assert request_json(f"http://127.0.0.1:{env['STEWARD_PORT']}/livez") == {"live": True}
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_hello_of_other_systems_is_wrong_usage(tmp_path: Path) -> None:
    """There is no demo login to ask with."""
    done = app(["hello"], environment(tmp_path, STEWARD_UPSTREAMS=str(tmp_path / "upstreams.yaml")))
    assert done.returncode == 2
    assert "STEWARD_UPSTREAMS" in done.stderr


def test_a_demo_token_is_a_login(steward: Steward, tmp_path: Path) -> None:
    """What `token` prints answers a call of that resident; refusals and a missing estate have their exit codes."""
    env = environment(tmp_path, STEWARD_DEMO_PORT=str(steward.estate_ports[0]))
    found = json.loads(app(["token", "user456", "--json"], env).stdout)
    assert found["user"] == "user456"
    called = app(["call", "getCurrentResident", "--json", "--token", found["token"]], env)
    assert json.loads(called.stdout)["data"]["userId"] == "user456"
    assert len(app(["token"], env).stdout.split()) == 1
    refused = app(["token", "nobody"], env)
    assert (refused.returncode, "user123" in refused.stderr) == (2, True)
    nowhere = app(["token"], environment(tmp_path))
    assert (nowhere.returncode, "python app.py" in nowhere.stderr) == (3, True)


DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "Lifts", "version": "1"},
    "servers": [{"url": "https://lifts.example/api/"}],
    "paths": {
        "/lifts": {"get": {"operationId": "listLifts", "summary": "Lifts", "responses": {"200": {"description": "ok"}}}}
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Lift System v2.json").write_text(json.dumps(DOCUMENT), "utf-8")
    return tmp_path


def test_init_makes_a_file_that_serves(folder: Path) -> None:
    """Without a terminal: name and base URL are the document's, the file is in this folder, its schema beside it."""
    env = environment(folder)
    done = app(["init", "--document", "Lift System v2.json"], env, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "1 tools (1 read, 0 write)" in done.stdout
    made = (folder / "upstreams.yaml").read_text("utf-8")
    assert '  lift-system-v2:\n    document: "Lift System v2.json"\n    base_url: "https://lifts.example/api"\n' in made
    assert (folder / "upstreams.schema.json").exists()
    listed = app(["tools", "--json"], env | {"STEWARD_UPSTREAMS": str(folder / "upstreams.yaml")})
    assert [json.loads(line)["name"] for line in listed.stdout.splitlines()] == ["listLifts"]


def test_init_adds_to_a_file_and_keeps_what_stands_there(folder: Path) -> None:
    """Comments, order and what follows `upstreams`; the same name twice is refused and nothing is written."""
    file = folder / "mine.yaml"
    before = (
        "# ours\nupstreams:\n    first: # the old one\n        document: \"Lift System v2.json\"\n"
        "        base_url: http://10.0.0.1\n\n# who is a token?\nidentity: null\n"
    )  # fmt: skip
    file.write_text(before, "utf-8")
    words = ["init", "--document", str(folder / "Lift System v2.json"), "--file", str(file), "--json"]
    more = ["--name", "second", "--base-url", "http://10.0.0.2:${PORT:-81}", "--header", "X-Access-Token"]
    done = app([*words, *more], environment(folder))
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert said[0] == {"file": str(file), "upstream": "second", "base_url": "http://10.0.0.2:${PORT:-81}"}
    assert said[1]["tools"] == 1
    after = file.read_text("utf-8")
    added = (
        '    second:\n      document: "Lift System v2.json"\n      base_url: "http://10.0.0.2:${PORT:-81}"\n'
        '      auth: {header: "X-Access-Token"}\n'
    )
    assert after == before.replace("http://10.0.0.1\n", "http://10.0.0.1\n" + added)
    again = app([*words, *more], environment(folder))
    assert (again.returncode, "second" in again.stderr) == (1, True)
    assert file.read_text("utf-8") == after


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ([], 2, "--document"),
        (["--document", "nowhere.json"], 1, "nowhere.json"),
        (["--document", "Lift System v2.json", "--base-url", "ftp://x"], 1, "base_url"),
        (["--document", "Lift System v2.json", "--name", "a: {}"], 1, "is no name"),
    ],
)
def test_init_writes_nothing_that_would_not_load(folder: Path, words: list[str], code: int, sentence: str) -> None:
    """One sentence, an exit code, no file."""
    done = app(["init", *words], environment(folder), cwd=folder)
    assert (done.returncode, sentence in done.stderr) == (code, True), done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["Lift System v2.json"]


def test_init_asks_where_somebody_can_answer(folder: Path) -> None:
    """Document, base URL and name, each with what the document proposes."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "init"],
        env=environment(folder), cwd=folder, stdin=slave, stdout=subprocess.PIPE, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    try:
        os.write(master, b"Lift System v2.json\n\nlifts\n")
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(master)
    assert process.returncode == 0, out
    assert "  lifts:\n" in (folder / "upstreams.yaml").read_text("utf-8")
    assert "https://lifts.example/api" in (folder / "upstreams.yaml").read_text("utf-8")


def test_settings_tell_what_is_in_force_and_no_secret(tmp_path: Path) -> None:
    """Every variable with its value; a key is three stars."""
    env = environment(tmp_path, OPENAI_API_KEY="sk-very-secret-key", STEWARD_MAX_STEPS="5")
    table, lines = app(["settings"], env).stdout, app(["settings", "--json"], env).stdout
    found = {one["variable"]: one for one in map(json.loads, lines.splitlines())}
    assert found["STEWARD_MAX_STEPS"]["value"] == "5"
    assert found["STEWARD_MAX_STEPS"]["is_set"]
    assert found["OPENAI_API_KEY"]["value"] == "***"
    assert "* STEWARD_MAX_STEPS" in table
    assert "sk-very-secret-key" not in table + lines


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    """What `completion bash` prints, evaluated by a real bash with `steward` in its PATH."""
    steward = tmp_path / "steward"
    steward.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "app.py"}" "$@"\n', "utf-8")
    steward.chmod(0o755)
    script = app(["completion", "bash"], environment(tmp_path)).stdout
    asked = (
        "COMP_WORDS=(steward to); COMP_CWORD=1; _steward_completion steward; echo ${COMPREPLY[@]}\n"
        "COMP_WORDS=(steward init --ba); COMP_CWORD=2; _steward_completion steward; echo ${COMPREPLY[@]}\n"
    )
    env = environment(tmp_path) | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script + "\n" + asked], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert [set(line.split()) for line in done.stdout.splitlines()] == [{"token", "tools"}, {"--base-url"}]


def test_the_launcher_runs_the_command_line_from_anywhere(tmp_path: Path) -> None:
    """`bin/steward`, also through a symbolic link."""
    link = tmp_path / "steward"
    link.symlink_to(ROOT / "bin" / "steward")
    done = subprocess.run([str(link), "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert "hello" in done.stdout
