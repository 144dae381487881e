"""The commands that read documents: `tools`, `request` and `check`, run as a user runs them. Nothing is sent."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from commands.cli import document_commands
from integrations.catalogue import load_catalogue
from schemas.settings import PROJECT

OK = {"responses": {"200": {"description": "OK"}}}
PETS: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Pets", "version": "1"},
    "servers": [{"url": "https://pets.example/v1"}],
    "paths": {
        "/pets/{petId}": {
            "get": {
                "operationId": "getPet",
                "summary": "One pet",
                "parameters": [
                    {"name": "petId", "in": "path", "required": True, "schema": {"type": "integer"}},
                    {"name": "params[beginTime]", "in": "query", "schema": {"type": "string"}},
                ],
                **OK,
            },
            "put": {
                "operationId": "putPet",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {"name": {"type": "string"}},
                            }
                        }
                    },
                },
                **OK,
            },
        },
        "/photos": {
            "post": {
                "operationId": "addPhoto",
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "type": "object",
                                "properties": {"photo": {"type": "string", "format": "binary"}},
                            }
                        }
                    }
                },
                **OK,
            }
        },
        "/old": {
            "post": {
                "requestBody": {"content": {"application/xml": {"schema": {"type": "object"}}}},
                "operationId": "xmlOnly",
                **OK,
            }
        },
    },
}


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    path = tmp_path / "pets.json"
    path.write_text(json.dumps(PETS), encoding="utf-8")
    return path


def run(*words: object, given: str | None = None) -> Result:
    """The command line with the shipped catalogue."""
    cli = typer.Typer()
    document_commands(cli, lambda: load_catalogue(PROJECT / "openapi" / "upstreams.yaml", {}))
    return CliRunner().invoke(cli, [str(word) for word in words], input=given)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_tools_as_json_is_one_object_a_line_for_every_operation(pets: Path) -> None:
    """Name, description, method, path, effect, schema and argument map; what became no tool has its reason."""
    result = run("tools", pets, "--json")
    assert result.exit_code == 0
    get, put, photo, old = lines(result)
    assert (get["name"], get["method"], get["path"], get["effect"]) == ("getPet", "GET", "/pets/{petId}", "read")
    assert get["arguments"] == {
        "petId": {"in": "path", "name": "petId"},
        "params_beginTime": {"in": "query", "name": "params[beginTime]"},
    }
    assert get["parameters"]["required"] == ["petId"]
    assert put["effect"] == "write"
    assert put["arguments"]["name"] == {"in": "body", "pointer": "/name"}
    assert photo["name"] == "addPhoto"
    assert (old["method"], old["path"]) == ("POST", "/old")
    assert "application/xml" in old["skipped"]


def test_a_whole_body_is_the_empty_pointer(tmp_path: Path) -> None:
    """RFC 6901 §5: "" is the whole document."""
    body = {"content": {"application/json": {"schema": {"type": "array", "items": {"type": "string"}}}}}
    path = tmp_path / "d.json"
    document = {"openapi": "3.1.0", "paths": {"/x": {"post": {"requestBody": body, **OK}}}}
    path.write_text(json.dumps(document), encoding="utf-8")
    (tool,) = lines(run("tools", path, "--json"))
    assert tool["arguments"] == {"body": {"in": "body", "pointer": ""}}


def test_several_documents_are_named_on_each_line_and_one_that_does_not_load_costs_itself(
    pets: Path, tmp_path: Path
) -> None:
    """Exit code 1, an error line with its document, and all tools of the others."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("openapi: 9.9\n", encoding="utf-8")
    result = run("tools", broken, pets, tmp_path / "absent.yaml", "--json")
    assert result.exit_code == 1
    found = lines(result)
    errors = [line for line in found if "error" in line]
    assert [line["document"] for line in errors] == [str(broken), str(tmp_path / "absent.yaml")]
    assert "9.9" in errors[0]["error"]
    assert {line["document"] for line in found if "name" in line} == {str(pets)}


def test_without_a_document_the_catalogue_is_listed_as_upstreams_yaml_shapes_it() -> None:
    """Names of the file, hidden parameters gone, dropped operations with their reason."""
    result = run("tools", "--json")
    assert result.exit_code == 0
    found = {line["name"]: line for line in lines(result) if "name" in line}
    assert found["list_parking_records"]["upstream"] == "parking"
    assert "userId" not in found["list_parking_records"]["arguments"]
    assert any(line.get("path") == "/parking/record/export" and "dropped" in line["skipped"] for line in lines(result))


def test_the_readable_list_shows_each_document_with_its_digest(pets: Path) -> None:
    """A changed document shows at a glance (its SHA-256); a line a tool, a line for what was left out."""
    said = run("tools", pets).stdout
    assert "sha256 " in said.splitlines()[0]
    before = said.splitlines()[0]
    pets.write_text(json.dumps(PETS, indent=1), encoding="utf-8")
    assert run("tools", pets).stdout.splitlines()[0] != before
    assert "getPet" in said
    assert "POST /old" in said


def test_request_shows_what_would_be_sent(pets: Path) -> None:
    """With --json method, URL on the document's own server, the engine's headers and the body in Base64."""
    result = run("request", pets, "putPet", '{"petId": "7", "name": "阿花"}', "--json")
    assert result.exit_code == 0
    request = json.loads(result.stdout)
    assert (request["method"], request["url"]) == ("PUT", "https://pets.example/v1/pets/7")
    assert ["Content-Type", "application/json"] in request["headers"]
    assert json.loads(base64.b64decode(request["body"])) == {"name": "阿花"}


def test_request_without_a_body_has_none(pets: Path) -> None:
    """`body` is null, and --base-url replaces the server's origin."""
    result = run("request", pets, "getPet", '{"petId": 7}', "--base-url", "http://127.0.0.1:9", "--json")
    assert json.loads(result.stdout)["url"] == "http://127.0.0.1:9/v1/pets/7"
    assert json.loads(result.stdout)["body"] is None


@pytest.mark.parametrize("content", [{"content": "hello"}, {"content_base64": "aGVsbG8="}])
def test_a_file_stands_in_the_arguments(pets: Path, content: dict[str, str]) -> None:
    """`{"$file": {"filename", "type", "content" | "content_base64"}}` becomes a multipart part."""
    argument = {"photo": {"$file": {"filename": "a.txt", "type": "text/plain", **content}}}
    result = run("request", pets, "addPhoto", json.dumps(argument), "--json")
    assert result.exit_code == 0, result.stderr
    body = base64.b64decode(json.loads(result.stdout)["body"])
    assert b'filename="a.txt"' in body
    assert b"\r\n\r\nhello\r\n" in body


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("getPet", '{"petId": "x"}', "`petId`"),
        ("getPet", "{}", "`petId` is missing"),
        ("getPet", '{"petId": 1, "owner": 2}', "`owner` is not an argument"),
        ("getPet", "[1]", "JSON object"),
        ("getPet", "{", "not JSON"),
        ("getPets", "{}", "did you mean getPet"),
        ("POST /old", "{}", "application/xml"),
        ("addPhoto", '{"photo": {"$file": {"filename": "a", "content_base64": "?"}}}', "Base64"),
    ],
)
def test_what_cannot_be_built_exits_2_and_says_what_is_wrong(pets: Path, tool: str, arguments: str, said: str) -> None:
    """Nothing on standard output, one sentence on standard error."""
    result = run("request", pets, tool, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_tool_is_also_found_by_operation_and_arguments_come_from_standard_input(pets: Path) -> None:
    """`"METHOD /path"`, and `-` for the arguments."""
    result = run("request", pets, "GET /pets/{petId}", "-", "--json", given='{"petId": 3}')
    assert json.loads(result.stdout)["url"].endswith("/pets/3")


@pytest.mark.parametrize(
    ("servers", "own", "url"),
    [
        ([{"url": "/v2"}], None, None),
        ([{"url": "https://a.example/r"}], [{"url": "/own"}], "https://a.example/own/x"),
        ([{"url": "https://a.example"}], [{"url": "http://b.example:81/o"}], "http://b.example:81/o/x"),
        ([{"url": "https://{h}.example", "variables": {"h": {"default": "eu"}}}], None, "https://eu.example/x"),
    ],
)
def test_the_documents_own_server_is_used_and_asked_for_where_it_names_no_host(
    tmp_path: Path, servers: list[Any], own: list[Any] | None, url: str | None
) -> None:
    """OpenAPI 3.1.1 §4.8.5: a relative server belongs to the document's host; without any a sentence asks for it."""
    operation = {"operationId": "x", **OK} | ({"servers": own} if own else {})
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"openapi": "3.1.0", "servers": servers, "paths": {"/x": {"get": operation}}}), "utf-8")
    result = run("request", path, "x", "--json")
    if url is None:
        assert result.exit_code == 2
        assert "--base-url" in result.stderr
    else:
        assert json.loads(result.stdout)["url"] == url


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("getPet", {"petId": 7, "params_beginTime": 'a\'b "c" $(x) `y` 中'}),
        ("putPet", {"petId": "7", "name": "it's\n$HOME `id` \\ 中文 %"}),
        ("putPet", {"petId": "7", "name": "tab\tbell\u0007"}),
        ("addPhoto", {"photo": {"$file": {"filename": "a b.bin", "content_base64": "AP8NCg=="}}}),
    ],
)
def test_the_curl_command_means_the_same_request_to_a_shell(
    pets: Path, tmp_path: Path, tool: str, arguments: dict[str, Any]
) -> None:
    """A real shell hands `curl` exactly the URL, headers and body bytes that --json shows."""
    said = run("request", pets, tool, json.dumps(arguments))
    built = json.loads(run("request", pets, tool, json.dumps(arguments), "--json").stdout)
    spy = tmp_path / "curl"
    program = "import json, sys; data = sys.stdin.buffer.read() if '@-' in sys.argv else b''; "
    program += "print(json.dumps([sys.argv[1:], data.hex()]))"
    spy.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(program)} "$@"\n', "utf-8")
    spy.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["/bin/sh", "-c", said.stdout],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=60,
    )
    words, piped = json.loads(done.stdout)
    assert built["url"] in words
    for name, value in built["headers"]:
        assert f"{name}: {value}" in words
    body = b"" if built["body"] is None else base64.b64decode(built["body"])
    sent = bytes.fromhex(piped) if "@-" in words else words[words.index("--data-raw") + 1].encode() if body else b""
    assert sent == body


def test_check_of_the_shipped_catalogue_finds_no_error() -> None:
    """Exit code 0; what the gateway mended and leaves out is told."""
    result = run("check")
    assert result.exit_code == 0, result.stdout
    assert "mended" in result.stdout
    assert "LEFT OUT" not in result.stdout


def test_check_exits_1_where_an_operation_cannot_be_used(pets: Path) -> None:
    """The report names the operation and the reason."""
    result = run("check", pets)
    assert result.exit_code == 1
    assert "LEFT OUT" in result.stdout
    assert "POST /old: its body is application/xml" in result.stdout


def test_check_exits_1_where_a_document_does_not_load(tmp_path: Path) -> None:
    """The sentence says why."""
    path = tmp_path / "d.yaml"
    path.write_text("openapi: [", encoding="utf-8")
    result = run("check", path)
    assert result.exit_code == 1
    assert "DOES NOT LOAD" in result.stdout


def advice(document: dict[str, Any], tmp_path: Path) -> dict[str, list[str]]:
    """The texts of `check --json` by rule."""
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"openapi": "3.1.0", "info": {"title": "t"}, **document}), encoding="utf-8")
    found: dict[str, list[str]] = {}
    for line in lines(run("check", path, "--json")):
        if line.get("kind") == "advice":
            found.setdefault(line["rule"], []).append(line["text"])
    return found


def operation(**more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"id": {"type": "string", "title": "编号"}}}
    return {
        "summary": "List of things of the caller",
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}},
        **more,
    }


def test_a_well_written_operation_gets_no_advice(tmp_path: Path) -> None:
    """A sentence, an operationId, words on each argument and a described answer are enough."""
    described = {"name": "state", "in": "query", "schema": {"enum": ["0", "1"]}, "description": "0 open, 1 done"}
    paths = {"/things": {"get": operation(operationId="listThings", parameters=[described])}}
    assert advice({"paths": paths}, tmp_path) == {}


@pytest.mark.parametrize(
    ("rule", "path", "method", "more", "said"),
    [
        ("summary", "/things", "get", {"summary": ""}, "neither summary nor description"),
        ("summary", "/things", "get", {"summary": "listThingsUsingGET_1"}, "is a name"),
        ("effect", "/car/unbind", "get", {"operationId": "unbindUsingGET"}, "effect: write"),
        ("effect", "/fee/query", "post", {"operationId": "queryFeeUsingPOST"}, "effect: read"),
        ("answer", "/things", "get", {"responses": {"200": {"description": "OK"}}}, "no success response"),
        (
            "enums",
            "/things",
            "get",
            {"parameters": [{"name": "s", "in": "query", "schema": {"enum": ["0", "1"]}, "description": "state"}]},
            "s (0, 1)",
        ),
        (
            "arguments",
            "/things",
            "get",
            {"parameters": [{"name": "bldg", "in": "query", "schema": {"type": "string"}}]},
            "bldg",
        ),
        (
            "money",
            "/things",
            "get",
            {
                "responses": {
                    "200": {
                        "description": "OK",
                        "content": {
                            "application/json": {
                                "schema": {"properties": {"totalAmount": {"type": "integer", "title": "Sum"}}}
                            }
                        },
                    }
                }
            },
            "totalAmount",
        ),
        (
            "size",
            "/things",
            "get",
            {
                "parameters": [
                    {"name": f"p{n}", "in": "query", "schema": {"type": "string"}, "description": "x"}
                    for n in range(30)
                ]
            },
            "30 arguments",
        ),
    ],
)
def test_check_says_what_a_model_lacks(
    rule: str, path: str, method: str, more: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """One rule, one sentence, which names the thing and what to write."""
    found = advice({"paths": {path: {method: operation(**{"operationId": "listThings", **more})}}}, tmp_path)
    assert len(found[rule]) == 1
    assert said in found[rule][0]


def test_check_names_tools_that_say_the_same_of_themselves(tmp_path: Path) -> None:
    """A model can only guess between them."""
    paths = {f"/{name}": {"get": operation(operationId=name)} for name in ("one", "two")}
    assert "one, two" in advice({"paths": paths}, tmp_path)["alike"][0]


def test_what_many_operations_lack_is_told_once(tmp_path: Path) -> None:
    """A header that a hundred operations share is one line, not a hundred."""
    bare = {"name": "X-Trace", "in": "header", "schema": {"type": "string"}}
    paths = {
        f"/t{n}": {"get": operation(operationId=f"t{n}", summary=f"Thing number {n}", parameters=[bare])}
        for n in range(9)
    }
    assert len(advice({"paths": paths}, tmp_path)["arguments"]) == 1


def test_long_lists_are_shortened_unless_all_is_wanted(tmp_path: Path) -> None:
    """A document with hundreds of findings stays readable, and nothing is hidden."""
    paths = {f"/t{n}": {"get": {"operationId": f"t{n}", **OK}} for n in range(40)}
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"openapi": "3.1.0", "paths": paths}), encoding="utf-8")
    short, whole = run("check", path).stdout, run("check", path, "--all").stdout
    assert "… and 32 more (--all)" in short
    assert len(whole.splitlines()) > len(short.splitlines()) + 60


def test_upstreams_yaml_settles_advice() -> None:
    """Where the file says effect, unit or description, the document need not."""
    found = [line for line in lines(run("check", "--json")) if line.get("kind") == "advice"]
    assert not [line for line in found if line["rule"] in ("money", "effect")]


def _hooks(*parameters: dict[str, Any], **properties: Any) -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": properties}}}}
    operation = {"operationId": "addHook", "summary": "Add", "parameters": list(parameters), "requestBody": body, **OK}
    return {"openapi": "3.0.3", "info": {"title": "H", "version": "1"}, "paths": {"/hooks": {"post": operation}}}


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (_hooks({"name": "target", "in": "query", "schema": {"type": "string", "format": "uri"}}), "target"),
        (_hooks(callbackUrl={"type": "string"}), "callbackUrl"),
        (_hooks(server_host={"type": "string"}), "server_host"),
        (_hooks(images={"type": "array", "items": {"type": "string", "format": "url"}}), "images"),
        (_hooks(deep={"type": "object", "properties": {"redirect_uri": {"type": "string"}}}), "redirect_uri"),
        (_hooks(hostess={"type": "string"}, curl={"type": "string"}, url={"type": "integer"}), None),
        (_hooks(server={"type": "string", "enum": ["a", "b"]}), None),
    ],
)
def test_arguments_that_are_addresses_are_flagged(tmp_path: Path, document: Any, named: str | None) -> None:
    """A33: by format or by name, at any depth; what is only a choice or a number is none."""
    path = tmp_path / "hooks.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    found = [line for line in lines(run("check", path, "--json")) if line.get("rule") == "addresses"]
    assert [line["text"].partition(": ")[2].partition(";")[0] for line in found] == ([named] if named else [])
    assert all(line["operation"] == "POST /hooks" for line in found)


def test_a_hidden_address_is_not_flagged(tmp_path: Path) -> None:
    """A33: what the model does not see cannot be given by it."""
    (tmp_path / "hooks.json").write_text(json.dumps(_hooks(callbackUrl={"type": "string"})), encoding="utf-8")
    entry = "{document: hooks.json, base_url: http://h, hide: [callbackUrl]}"
    (tmp_path / "upstreams.yaml").write_text(f"upstreams:\n  hooks: {entry}\n", encoding="utf-8")
    cli = typer.Typer()
    document_commands(cli, lambda: load_catalogue(tmp_path / "upstreams.yaml", {}))
    done = CliRunner().invoke(cli, ["check", "--json"])
    assert [line for line in lines(done) if line.get("rule") == "addresses"] == []


def test_the_schema_of_the_file_is_printed_alone() -> None:
    """`check --schema` needs neither documents nor a catalogue."""
    done = run("check", "--schema")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["properties"].keys() == {"identity", "upstreams"}
