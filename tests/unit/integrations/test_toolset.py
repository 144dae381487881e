"""The toolset of one caller: what is refused, what is bound, what a resident is shown, what is sent."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from integrations.toolset import CatalogueToolset, CatalogueToolsets
from schemas.deadline import Deadline
from schemas.tool import LabelledText, PreparedCall, ToolCall, ToolResult
from schemas.turn import Locale
from tests.support.outside import DOCUMENT, IDENTITY, TOKEN, outside, run, write_catalogue
from tests.support.raw_upstream import RawUpstream, answer, hang_up

ME = answer({"userId": "u1", "tenantId": "T1", "name": "张三"})
BIND = "    bind: {header.X-Tenant-Id: identity.tenant}\n"


async def prepare(
    toolset: CatalogueToolset, tool: str, arguments: Any, locale: Locale = "zh"
) -> PreparedCall | ToolResult:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return await toolset.prepare(ToolCall("c1", tool, text), locale, Deadline.after(5))


def prepared_call(outcome: PreparedCall | ToolResult) -> PreparedCall:
    assert isinstance(outcome, PreparedCall), outcome
    return outcome


def refused(outcome: PreparedCall | ToolResult) -> str | None:
    assert isinstance(outcome, ToolResult), outcome
    return outcome.error


@pytest.mark.parametrize(
    ("tool", "arguments", "error"),
    [
        ("noSuchTool", {}, "unknown_tool"),
        ("getThing", "not json", "invalid_arguments"),
        ("getThing", {}, "invalid_arguments"),
        ("getThing", {"id": "7", "admin": True}, "invalid_arguments"),
        ("getThing", {"id": ".."}, "invalid_arguments"),
        ("getThing", {"id": "x" * 70_000}, "invalid_arguments"),
        ("makeThing", {"name": 7}, "invalid_arguments"),
        ("listThings", {"X-Tenant-Id": "T2"}, "invalid_arguments"),
        ("listThings", {"Authorization": "Bearer x"}, "invalid_arguments"),
    ],
)
async def test_a_bad_call_is_a_result_and_sends_nothing(tmp_path: Path, tool: str, arguments: Any, error: str) -> None:
    """A31, A34, A35, A37, A38, A44: unknown names, wrong or extra arguments, tricks with paths and bound parameters."""
    async with (
        RawUpstream([ME]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, BIND, IDENTITY)) as toolset,
    ):
        assert refused(await prepare(toolset, tool, arguments)) == error
    assert {received.target for received in upstream.requests} <= {"/api/me"}


async def test_a_bound_parameter_is_filled_and_not_offered(tmp_path: Path) -> None:
    """The tenant comes from the identity, in a header that the document does not declare; null is never sent."""
    more = "    bind: {header.X-Tenant-Id: identity.tenant, header.X-App: steward, query.size: null, query.page: 3}\n"
    async with (
        RawUpstream([ME, answer([])]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more, IDENTITY)) as toolset,
    ):
        assert (await run(toolset, "listThings")).ok
        (spec,) = [spec for spec in toolset.specs() if spec.name == "listThings"]
    assert list(spec.parameters["properties"]) == ["since"]
    sent = upstream.requests[1]
    assert (sent.header("x-tenant-id"), sent.header("x-app")) == ("T1", "steward")
    assert sent.target == "/api/things?page=3"


@pytest.mark.parametrize(
    ("play", "error", "said"),
    [
        (answer({}, 401), "login_required", "物品系统需要登录"),
        (answer({"userId": "u1", "tenantId": None}), "login_required", "物品系统需要登录"),
        (hang_up(), "unavailable", "物品系统暂时没有响应"),
    ],
)
async def test_a_bound_parameter_that_cannot_be_filled(tmp_path: Path, play: Any, error: str, said: str) -> None:
    """Refused or without that field: log in; the identity's system away: that system is named."""
    async with (
        RawUpstream([play]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, BIND, IDENTITY)) as toolset,
    ):
        outcome = await prepare(toolset, "getThing", {"id": "7"})
    assert refused(outcome) == error
    assert isinstance(outcome, ToolResult)
    assert said in outcome.content["message"]
    assert {received.target for received in upstream.requests} == {"/api/me"}


async def test_a_public_operation_needs_no_login(tmp_path: Path) -> None:
    """An undeclared bound header is left out where it cannot be filled; with an identity it is filled."""
    async with RawUpstream([ME, answer([])]) as upstream:
        catalogue = write_catalogue(tmp_path, upstream.url, BIND, IDENTITY)
        async with outside(catalogue) as toolset:
            assert (await run(toolset, "listKinds")).ok
        async with outside(catalogue, None) as toolset:
            assert (await run(toolset, "listKinds")).ok
    me, known, anonymous = upstream.requests
    assert (known.header("x-tenant-id"), anonymous.header("x-tenant-id")) == ("T1", None)
    assert (me.header("authorization"), known.header("authorization")) == (f"Bearer {TOKEN}", None)


async def test_a_public_operation_with_a_declared_bound_parameter_needs_one(tmp_path: Path) -> None:
    """Where the document declares the parameter, nobody can be asked without knowing whose it is."""
    document = json.loads(json.dumps(DOCUMENT))
    document["paths"]["/kinds"]["get"]["parameters"] = [
        {"name": "tenant", "in": "query", "required": True, "schema": {"type": "string"}}
    ]
    more = "    bind: {query.tenant: identity.tenant}\n"
    async with (
        RawUpstream([ME]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more, IDENTITY, document), None) as toolset,
    ):
        assert refused(await prepare(toolset, "listKinds", {})) == "login_required"


async def test_a_write_is_shown_by_document_and_arguments(tmp_path: Path) -> None:
    """Summary from `confirm`, labels and glosses of the schema, nested values flattened, dates in the estate's zone."""
    document = json.loads(json.dumps(DOCUMENT))
    when = {
        "type": "object",
        "description": "预约 / Appointment",
        "properties": {"from": {"type": "string", "description": "从 / From"}},
    }
    properties = {
        "kind": {"type": "string", "enum": ["A", "B"], "description": "种类：A 甲、B 乙 / Kind: A first, B second"},
        "when": when,
        "cents": {"type": "integer", "description": "金额 / Amount"},
        "urgent": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}, "title": "标签 / Tags"},
    }
    schema = {"type": "object", "properties": properties}
    document["paths"]["/things"]["post"]["requestBody"]["content"]["application/json"]["schema"] = schema
    more = "    operations:\n      makeThing: {confirm: '新建{kind} / Make {kind}', money: {cents: fen}}\n"
    arguments = {
        "tags": ["x", "y"],
        "urgent": True,
        "cents": 12345,
        "when": {"from": "2026-11-24T01:00:00Z"},
        "kind": "B",
    }
    async with outside(write_catalogue(tmp_path, "http://127.0.0.1:1", more, document=document)) as toolset:
        zh = prepared_call(await prepare(toolset, "makeThing", arguments))
        en = prepared_call(await prepare(toolset, "makeThing", arguments, "en"))
    assert (zh.effect, zh.title, zh.upstream, zh.summary) == ("write", "新建物品", "物品系统", "新建乙")
    assert zh.arguments == (
        LabelledText("种类", "乙"),
        LabelledText("预约 · 从", "2026-11-24 09:00"),
        LabelledText("金额", "123.45 元"),
        LabelledText("urgent", "是"),
        LabelledText("标签", "x、y"),
    )
    assert (en.title, en.upstream, en.summary) == ("Make a thing", "Things", "Make second")
    assert en.digest == zh.digest


async def test_the_digest_is_the_request_s_and_knows_no_token(tmp_path: Path) -> None:
    """Same arguments, other token: same digest; other arguments: another one."""
    catalogue = write_catalogue(tmp_path, "http://127.0.0.1:1")
    async with outside(catalogue, "token-number-1") as one, outside(catalogue, "token-number-2") as two:
        first = prepared_call(await prepare(one, "makeThing", {"name": "a"}))
        second = prepared_call(await prepare(two, "makeThing", {"name": "a"}))
        third = prepared_call(await prepare(two, "makeThing", {"name": "b"}))
    assert first.digest == second.digest != third.digest
    assert "token-number" not in repr(first)


async def test_dates_and_page_sizes_are_sent_as_the_upstream_wants_them(tmp_path: Path) -> None:
    """RFC 3339 becomes the configured format; a page larger than max_size is bounded; the next page continues."""
    more = "    dates: {format: 'yyyy-MM-dd HH:mm:ss'}\n    paging: {page: page, size: size, max_size: 5}\n"
    body = {"items": [{"n": 1}] * 5, "total": 12}
    async with (
        RawUpstream([answer(body)]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more)) as toolset,
    ):
        result = await run(toolset, "listThings", since="2026-11-24T01:00:00Z", size=100)
    assert upstream.requests[0].target == "/api/things?size=5&since=2026-11-24%2009%3A00%3A00"
    assert result.content["next"]["page"] == 2
    assert (result.content["shown"], result.content["total"]) == (5, 12)


async def test_two_callers_share_clients_and_never_tokens(tmp_path: Path) -> None:
    """Interleaved calls of two toolsets each carry their own credential."""
    async with RawUpstream([answer({})]) as upstream:
        toolsets = CatalogueToolsets(write_catalogue(tmp_path, upstream.url))
        one, two = toolsets.for_token("token-number-1"), toolsets.for_token("token-number-2")
        for number in range(3):
            await run(one, "getThing", id=f"one{number}")
            await run(two, "getThing", id=f"two{number}")
        await toolsets.close()
    for received in upstream.requests:
        expected = "token-number-1" if "one" in received.target else "token-number-2"
        assert received.header("authorization") == f"Bearer {expected}"


@pytest.mark.parametrize("token", ["has space", "x" * 9000, "tab\t", "ünïcode"])
def test_a_token_that_cannot_be_one_is_refused(tmp_path: Path, token: str) -> None:
    """`ValueError` with a sentence that does not repeat it."""
    toolsets = CatalogueToolsets(write_catalogue(tmp_path, "http://127.0.0.1:1"))
    with pytest.raises(ValueError, match="token") as caught:
        toolsets.for_token(token)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("makeThing", {"name": "a", "confirmed": True}),
        ("makeThing", {"name": "a", "approval_id": "id1"}),
        ("makeThing", {"name": "a", "x-confirmed": "true"}),
        ("listThings", {"_method": "DELETE"}),
        ("listThings", {"X-HTTP-Method-Override": "POST"}),
        ("getThing", {"id": "7", "X-HTTP-Method-Override": "DELETE"}),
        ("getThing", {"id": "7", "_method": "DELETE"}),
        ("makeThing", {"name": "a", "_method": "DELETE"}),
    ],
)
async def test_no_argument_confirms_a_write_or_changes_the_method(
    tmp_path: Path, tool: str, arguments: dict[str, Any]
) -> None:
    """A27, A30: names that the document does not declare are refused before anything is built."""
    async with outside(write_catalogue(tmp_path, "http://127.0.0.1:1")) as toolset:
        assert refused(await prepare(toolset, tool, arguments)) == "invalid_arguments"


@pytest.mark.parametrize("field", ["_method", "X-HTTP-Method-Override"])
async def test_a_method_that_a_document_lets_choose_is_still_the_operations_own(tmp_path: Path, field: str) -> None:
    """A30: a header of that name never reaches the tool; a query parameter of it does not change what is sent, and a
    GET that is marked as a write is parked like one."""
    document = copy.deepcopy(DOCUMENT)
    place = "query" if field == "_method" else "header"
    document["paths"]["/things/{id}"]["get"]["parameters"].append(
        {"name": field, "in": place, "schema": {"type": "string"}}
    )
    more = "    operations:\n      listThings: {effect: write}\n"
    async with (
        RawUpstream([answer({"id": "7"})]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more, document=document)) as toolset,
    ):
        assert prepared_call(await prepare(toolset, "listThings", {})).effect == "write"
        result = await run(toolset, "getThing", id="7", **{field: "DELETE"})
    methods = {received.method for received in upstream.requests}
    assert (result.error, methods) == (("invalid_arguments", set()) if place == "header" else (None, {"GET"}))


@pytest.mark.parametrize("value", ["x?admin=1#f", "http://127.0.0.1:1/", "//evil", "a/b", "a@b:80"])
async def test_a_path_value_is_one_encoded_segment_of_the_configured_origin(tmp_path: Path, value: str) -> None:
    """A32: query, fragment, absolute and protocol-relative addresses as a value stay a value."""
    async with (
        RawUpstream([answer({"id": "7"})]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url)) as toolset,
    ):
        assert (await run(toolset, "getThing", id=value)).ok
    (received,) = upstream.requests
    path = received.target
    assert path.startswith("/api/things/")
    assert not set("/?#") & set(path.removeprefix("/api/things/"))
    assert unquote(path.removeprefix("/api/things/")) == value
    assert received.header("host") == upstream.url.removeprefix("http://")


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b"])
async def test_a_line_break_in_a_value_never_reaches_the_wire(tmp_path: Path, value: str) -> None:
    """A36: in a path it is refused, in a query it is encoded; no header of the model's own arrives."""
    async with (
        RawUpstream([answer({"rows": [], "total": 0})]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url)) as toolset,
    ):
        assert refused(await prepare(toolset, "getThing", {"id": value})) == "invalid_arguments"
        await run(toolset, "listThings", since=value)
    assert len(upstream.requests) <= 1
    for received in upstream.requests:
        assert received.header("x-evil") is None
        assert received.target.isprintable()
