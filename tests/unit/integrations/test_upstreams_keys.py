"""Keys of upstreams.yaml one by one: what each changes, seen on the wire and in the result."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.deadline import Deadline
from schemas.jsontext import to_json
from schemas.tool import PreparedCall, ToolCall, ToolResult
from tests.support.outside import DOCUMENT, IDENTITY, TOKEN, outside, run, write_catalogue
from tests.support.raw_upstream import Play, RawUpstream, Received, answer

LOGIN_PAGE = "<!DOCTYPE html><html><head><title>登录</title></head><input type='password'></html>"


async def ask(
    folder: Path, more: str, play: Play, tool: str = "getThing", *, head: str = "", token: str = TOKEN, **arguments: Any
) -> tuple[ToolResult, list[Received]]:
    """One call of an upstream with these keys, and what arrived."""
    given = arguments or ({"name": "x"} if tool == "makeThing" else {"id": "7"} if tool == "getThing" else {})
    async with (
        RawUpstream([play]) as upstream,
        outside(write_catalogue(folder, upstream.url, more, head), token) as toolset,
    ):
        return await run(toolset, tool, "zh", **given), upstream.requests


def rows(count: int, **more: Any) -> Play:
    return answer({"code": 200, "msg": "", "rows": [{"n": n, "t": "x" * 50} for n in range(count)], **more})


async def test_a_hidden_parameter_is_neither_offered_nor_taken(tmp_path: Path) -> None:
    """`hide`: out of the model's sight, refused from it, sent only if bound."""
    more = "    hide: [size, since]\n    bind: {query.size: 5}\n"
    async with (
        RawUpstream([answer([])]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more)) as toolset,
    ):
        (spec,) = [spec for spec in toolset.specs() if spec.name == "listThings"]
        assert list(spec.parameters["properties"]) == ["page"]
        assert (await run(toolset, "listThings", since="x")).error == "invalid_arguments"
        assert (await run(toolset, "listThings", page=2)).ok
    assert [request.target for request in upstream.requests] == ["/api/things?page=2&size=5"]


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ("{header: X-Access-Token}", {"x-access-token": TOKEN}),
        ("{header: Authorization, prefix: ''}", {"authorization": TOKEN}),
        ("{header: satoken, prefix: 'Bearer '}", {"satoken": f"Bearer {TOKEN}"}),
        ("{cookie: SID}", {"cookie": f"SID={TOKEN}"}),
        ("[{header: A}, {cookie: B}]", {"a": TOKEN, "cookie": f"B={TOKEN}"}),
        ("[{header: A}, {fixed: key-of-the-gateway, header: X-Key}]", {"a": TOKEN, "x-key": "key-of-the-gateway"}),
        ("{fixed: key-of-the-gateway, header: X-Key}", {"x-key": "key-of-the-gateway"}),
        ("none", {}),
    ],
)
async def test_the_credential_goes_where_auth_says_and_nowhere_else(tmp_path: Path, auth: str, sent: Any) -> None:
    """`auth`: one place, several, a key of the gateway's own, none."""
    _, (request,) = await ask(tmp_path, f"    auth: {auth}\n", answer({}))
    names = ("authorization", "x-access-token", "satoken", "cookie", "a", "x-key")
    assert {name: request.header(name) for name in names if request.header(name) is not None} == sent
    assert TOKEN not in request.target


async def test_a_legacy_credential_goes_into_the_query(tmp_path: Path) -> None:
    """`auth: {query: token}`: in the URL, and nothing of it in the result."""
    result, (request,) = await ask(tmp_path, "    auth: {query: token}\n", answer({"url": f"/x?token={TOKEN}"}))
    assert request.target == f"/api/things/7?token={TOKEN}"
    assert result.content["data"] == {"url": "/x?token=***"}


def _jwt(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{payload}.c2ln"


@pytest.mark.parametrize(
    ("claims", "arrives"), [({"aud": "estate"}, True), ({"iss": "estate"}, True), ({"aud": "bank"}, False), ({}, False)]
)
async def test_a_token_for_another_audience_stays_here(tmp_path: Path, claims: Any, arrives: bool) -> None:
    """A76: `audience` must be the token's aud or iss; else a login for this system is needed and nothing is sent."""
    result, requests = await ask(tmp_path, "    audience: estate\n", answer({}), token=_jwt(**claims))
    assert (result.ok, len(requests)) == (arrives, int(arrives))
    assert arrives or result.error == "login_required"


@pytest.mark.parametrize(
    ("path", "data"), [("/things/*", 1), ("/things*", 1), ("*", 1), ("/thing", None), ("/other/**", None)]
)
async def test_the_first_envelope_whose_path_matches_counts(tmp_path: Path, path: str, data: Any) -> None:
    """`envelope.path` is a glob on the document's path; where no rule matches, the body is taken as it is."""
    body = {"status": "0", "payload": {"inner": 1}, "why": {"text": "好"}}
    rule = f"{{path: {json.dumps(path)}, code: status, ok: ['0'], data: [absent, payload.inner], message: why.text}}"
    result, _ = await ask(tmp_path, f"    envelope: [{rule}]\n", answer(body))
    assert result.content["data"] == (body if data is None else data)


async def test_an_envelope_s_fields_may_stand_anywhere(tmp_path: Path) -> None:
    """`code`, `message`, `total` and `data` are paths from the body."""
    more = "    envelope: [{code: head.code, ok: [0], data: body.list, total: head.count, message: head.text}]\n"
    body = {"head": {"code": 0, "count": 77, "text": ""}, "body": {"list": [{"n": 1}]}}
    result, _ = await ask(tmp_path, more, answer(body), "listThings")
    assert (result.content["data"], result.content["total"]) == ([{"n": 1}], 77)
    body["head"] |= {"code": 9, "text": "余额不足"}
    result, _ = await ask(tmp_path, more, answer(body), "listThings")
    assert (result.error, result.content["message"]) == ("business", "物品系统：余额不足")


async def test_no_envelope_takes_the_body_as_it_is(tmp_path: Path) -> None:
    """`envelope: none`: a code is a field like any other."""
    body = {"code": 500, "msg": "x", "data": 1}
    result, _ = await ask(tmp_path, "    envelope: none\n", answer(body))
    assert result.content["data"] == body


@pytest.mark.parametrize(
    ("errors", "play", "error"),
    [
        ("login_required: {codes: [1001]}", answer({"code": 1001, "msg": "过期"}), "login_required"),
        ("login_required: {codes: [1001]}", answer({"code": 401, "msg": "过期"}), "business"),
        ("login_required: {status: [419]}", answer({}, 419), "login_required"),
        ("login_required: {status: [419]}", answer({}, 401), "business"),
        ("login_required: {redirect: false}", answer(None, 302, Location="/login"), "upstream_redirect"),
        ("login_required: {html: false}", answer(LOGIN_PAGE, 200, "text/html"), "bad_upstream_response"),
        ("forbidden: {codes: [7]}", answer({"code": 7, "msg": "不行"}), "forbidden"),
        ("forbidden: {status: [418]}", answer({}, 418), "forbidden"),
        ("forbidden: {status: [418]}", answer({}, 403), "business"),
        ("business: {codes: [601]}", answer({"code": 601, "msg": "库存不足"}), "business"),
        ("business: {codes: [601]}", answer({"code": 602, "msg": "库存不足"}), "bad_upstream_response"),
        ("business: {text_500: true}", answer("收费已经结束", 500, "text/plain"), "business"),
        ("business: {text_500: false}", answer("收费已经结束", 500, "text/plain"), "unavailable"),
    ],
)
async def test_errors_are_what_the_file_says(tmp_path: Path, errors: str, play: Play, error: str) -> None:
    """`errors`: every key of its three mappings, by code and by status."""
    more = f"    errors: {{{errors}}}\n    retry: {{attempts: 1}}\n"
    result, _ = await ask(tmp_path, more, play)
    assert result.error == error


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("{default: gbk}", "车"),
        ("{default: utf-8}", "车"),
        ("{default: big5, fallback: null}", "傻"),
        ("{default: ascii, fallback: big5}", "傻"),
        ("{default: utf-8, fallback: null}", "\ufffd\ufffd"),
    ],
)
async def test_text_is_read_in_the_encodings_of_the_file(tmp_path: Path, encoding: str, data: str) -> None:
    """`encoding.default` first, then `fallback`; what neither reads is marked."""
    body = b'{"n": "' + "车".encode("gbk") + b'"}'
    expected = {"傻": "车".encode("gbk").decode("big5", "replace")}.get(data, data)
    result, _ = await ask(tmp_path, f"    encoding: {encoding}\n", answer(body))
    assert result.content["data"]["n"] == expected


async def test_dates_have_the_zone_of_the_file_both_ways(tmp_path: Path) -> None:
    """`dates.zone` and `dates.format`: in an answer and in an argument."""
    more = "    dates: {zone: Asia/Tokyo, format: yyyy/MM/dd HH:mm}\n"
    play = answer({"at": "2026/11/24 09:30"})
    result, (request,) = await ask(tmp_path, more, play, "listThings", since="2026-11-24T00:30:00Z")
    assert result.content["data"] == {"at": "2026-11-24T09:30:00+09:00"}
    assert request.target == "/api/things?since=2026%2F11%2F24%2009%3A30"


async def test_rows_and_total_are_where_paging_says(tmp_path: Path) -> None:
    """`paging`: pages from 0, their size bounded, rows and total at paths of their own."""
    more = (
        "    envelope: none\n"
        "    paging: {page: page, size: size, start: 0, max_size: 5, total: meta.all, rows: page.list}\n"
    )
    body = {"page": {"list": [{"n": 1}] * 5}, "meta": {"all": 11}, "others": [1]}
    result, (request,) = await ask(tmp_path, more, answer(body), "listThings", size=50)
    assert request.target == "/api/things?size=5"
    assert (result.content["shown"], result.content["total"]) == (5, 11)
    assert result.content["next"] == {"page": 1, "size": 5}


@pytest.mark.parametrize(
    ("response", "shown"), [("{max_rows: 3}", 3), ("{max_rows: 100}", 40), ("{max_chars: 700, max_rows: 100}", 10)]
)
async def test_a_result_is_as_long_as_the_file_allows(tmp_path: Path, response: str, shown: int) -> None:
    """`response.max_rows` and `max_chars`: the cut is structural and said."""
    result, _ = await ask(tmp_path, f"    response: {response}\n", rows(40, total=40), "listThings")
    content = result.content
    assert len(content["data"]) == content["shown"] == shown
    assert content["total"] == 40
    assert shown != 10 or len(to_json(content["data"])) <= 700
    assert ("notes" in content) is (shown < 40)


async def test_a_body_is_read_as_far_as_the_file_allows(tmp_path: Path) -> None:
    """`response.max_bytes`: more is too much, said in words."""
    result, _ = await ask(tmp_path, "    response: {max_bytes: 1024}\n", rows(100))
    assert (result.error, "请缩小查询范围" in result.content["message"]) == ("too_large", True)


OPERATION = """\
    operations:
      makeThing:
        name: new_thing
        description: 造物 / Make it
        examples: [我要一个, give me one]
        confirm: 造{kind} / Make {kind}
        arguments:
          type: object
          required: [kind]
          properties: {kind: {type: string, enum: [A, B], description: "种类：A 甲、B 乙 / Kind: A first, B second"}}
        idempotency: {header: X-Once}
        money: {cents: fen, fee: yuan}
        enums: {state: {1: 新 / New, true: 真 / True}}
        labels: {cents: 价格 / Price}
        dates: {at: epoch_s, ms: epoch_ms}
      listThings: {effect: write}
"""


async def test_an_operation_is_what_the_file_says_of_it(tmp_path: Path) -> None:
    """`operations`: name, description, examples, arguments, confirm, idempotency, effect, forms of its answer."""
    body = {"cents": 1250, "fee": "0.5", "state": "1", "flag": {"state": True}, "at": 1793578530, "ms": 1793578530000}
    async with (
        RawUpstream([answer(body)]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, OPERATION)) as toolset,
    ):
        specs = {spec.name: spec for spec in toolset.specs()}
        spec = specs["new_thing"]
        assert spec.description == "造物 / Make it\nExamples: 我要一个 | give me one"
        assert (spec.parameters["required"], list(spec.parameters["properties"])) == (["kind"], ["kind"])
        assert specs["listThings"].effect == "write"
        call = ToolCall("c", "new_thing", '{"kind": "B"}')
        prepared = await toolset.prepare(call, "zh", Deadline.after(5))
        assert isinstance(prepared, PreparedCall)
        assert (prepared.title, prepared.summary, prepared.upstream) == ("造物", "造乙", "物品系统")
        result = await toolset.call(prepared, "zh", Deadline.after(5), "key-1")
    (request,) = upstream.requests
    assert (request.header("x-once"), json.loads(request.body)) == ("key-1", {"kind": "B"})
    at = "2026-11-02T08:15:30+08:00"
    assert result.content["data"] == {
        "cents": {"value": "12.50", "unit": "元"},
        "fee": {"value": "0.50", "unit": "元"},
        "state": {"value": "1", "label": "新"},
        "flag": {"state": {"value": True, "label": "真"}},
        "at": at,
        "ms": at,
    }
    assert result.content["labels"] == {"cents": "价格"}


@pytest.mark.parametrize(("more", "sent"), [("", 1), ("{unless_executed: [429, 503]}", 3)])
async def test_a_status_that_proves_that_nothing_was_done_lets_a_write_be_repeated(
    tmp_path: Path, more: str, sent: int
) -> None:
    """`unless_executed`: only where the file says so."""
    said = f"    operations: {{makeThing: {more}}}\n" if more else ""
    result, requests = await ask(tmp_path, said, answer({}, 503), "makeThing")
    assert (result.error, len(requests)) == ("unavailable", sent)


async def test_statuses_and_attempts_of_reads_are_the_file_s(tmp_path: Path) -> None:
    """`retry`: 418 is tried again here, 503 is not."""
    more = "    retry: {attempts: 2, statuses: [418]}\n"
    assert [len((await ask(tmp_path, more, answer({}, status)))[1]) for status in (418, 503)] == [2, 1]


async def test_the_identity_s_keys_say_who_and_where(tmp_path: Path) -> None:
    """`identity`: `subject`, `fields` and `match_path` are paths of the answer."""
    head = "identity: {operation: things.whoAmI, subject: user.id, fields: {home: rooms}, match_path: user.login}\n"
    me = answer(
        {"code": 0, "msg": "", "data": {"user": {"id": 9007199254740993, "login": "zhang"}, "rooms": ["1-101"]}}
    )
    async with (
        RawUpstream([me]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, head=head)) as toolset,
    ):
        caller = await toolset.caller(Deadline.after(5))
    assert (caller.state, caller.owner) == ("verified", "9007199254740993")
    assert caller.identity is not None
    assert (caller.identity.path_id, caller.identity.facts) == ("zhang", {"home": ["1-101"]})


@pytest.mark.parametrize(
    ("base", "servers", "target"),
    [
        ("", [{"url": "https://evil.example/api"}], "/api/things/7"),
        ("", [], "/things/7"),
        ("/v9", [{"url": "/api"}], "/v9/things/7"),
        ("/", [{"url": "/api"}], "/api/things/7"),
    ],
)
async def test_the_base_url_is_the_one_origin(tmp_path: Path, base: str, servers: Any, target: str) -> None:
    """A60: a document's hosts are never called; a path of `base_url` replaces that of its servers."""
    document = {**DOCUMENT, "servers": servers}
    async with (
        RawUpstream([answer({})]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url + base, document=document)) as toolset,
    ):
        assert (await run(toolset, "getThing", id="7")).ok
    assert [request.target for request in upstream.requests] == [target]


async def test_bound_parameters_fill_every_place(tmp_path: Path) -> None:
    """`bind`: path, query, header, cookie and body; from the identity and from constants."""
    document = json.loads(json.dumps(DOCUMENT))
    text = {"schema": {"type": "string"}}
    document["paths"]["/things/{id}"]["get"]["parameters"] += [
        {"name": "sid", "in": "cookie", **text},
        {"name": "X-Declared", "in": "header", **text},
        {"name": "who", "in": "query", **text},
    ]
    schema = document["paths"]["/things"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"]["tenant"] = {"type": "string"}
    more = (
        "    bind: {path.id: identity.tenant, cookie.sid: c1, header.X-Declared: d1, query.who: identity.subject,"
        " body.tenant: identity.tenant}\n"
    )
    me = answer({"userId": 42, "tenantId": "T 1"})
    async with (
        RawUpstream([me, answer({})]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more, IDENTITY, document)) as toolset,
    ):
        assert (await run(toolset, "getThing")).ok
        assert (await run(toolset, "makeThing", name="x")).ok
    _, read, write = upstream.requests
    assert read.target == "/api/things/T%201?who=42"
    assert (read.header("cookie"), read.header("x-declared")) == ("sid=c1", "d1")
    assert json.loads(write.body) == {"name": "x", "tenant": "T 1"}


async def test_a_bound_field_may_stand_inside_a_body(tmp_path: Path) -> None:
    """`body.order.userId`: filled at its path, and refused from a model."""
    document = json.loads(json.dumps(DOCUMENT))
    inner = {"type": "object", "properties": {"userId": {"type": "string"}, "title": {"type": "string"}}}
    schema = {"type": "object", "properties": {"order": inner}}
    document["paths"]["/things"]["post"]["requestBody"]["content"]["application/json"]["schema"] = schema
    more = "    bind: {body.order.userId: identity.subject}\n"
    async with (
        RawUpstream([answer({"userId": "u1"}), answer({})]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more, IDENTITY, document)) as toolset,
    ):
        assert (await run(toolset, "makeThing", order={"title": "x"})).ok
        assert (await run(toolset, "makeThing", order={"title": "x", "userId": "u2"})).error == "invalid_arguments"
    assert [json.loads(request.body) for request in upstream.requests[1:]] == [
        {"order": {"title": "x", "userId": "u1"}}
    ]
