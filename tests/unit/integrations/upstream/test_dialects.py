"""What old systems answer, over real sockets, and what a model is given of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.tool import ToolResult
from tests.support.outside import TOKEN, outside, run, write_catalogue
from tests.support.raw_upstream import Play, RawUpstream, answer, raw

RUOYI = """\
    envelope: [{path: "*", code: code, ok: [200], empty: [404], data: [data, rows], total: total, message: msg}]
    errors: {business: {codes: [500, 601], text_500: true}}
"""
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>登录</title></head><input type='password'></html>"


async def ask(folder: Path, play: Play, more: str = "", tool: str = "getThing", **arguments: Any) -> ToolResult:
    """The result of one call of an upstream that answers so."""
    given = arguments or ({"name": "x"} if tool == "makeThing" else {"id": "7"} if tool == "getThing" else {})
    async with RawUpstream([play]) as upstream, outside(write_catalogue(folder, upstream.url, more)) as toolset:
        return await run(toolset, tool, "zh", **given)


async def test_an_envelope_is_unwrapped(tmp_path: Path) -> None:
    """{code, msg, data} and {code, rows, total} leave their payload, with rows and total."""
    result = await ask(tmp_path, answer({"code": 200, "msg": "ok", "data": {"a": 1}}), RUOYI)
    assert result.content == {"ok": True, "data": {"a": 1}}
    result = await ask(tmp_path, answer({"code": 200, "msg": "", "rows": [{"a": 1}], "total": 9}), RUOYI, "listThings")
    assert (result.content["data"], result.content["shown"], result.content["total"]) == ([{"a": 1}], 1, 9)
    assert result.content["next"] == {"page": 2}


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"code": 401, "msg": "请求访问：/x，认证失败"}, "login_required", "需要登录"),
        ({"code": "401", "msg": "认证失败"}, "login_required", "需要登录"),
        ({"code": 403, "msg": "没有权限"}, "forbidden", "没有权限"),
        ({"code": 500, "msg": "车牌已绑定"}, "business", "物品系统：车牌已绑定"),
        ({"code": 601, "msg": "库存不足"}, "business", "库存不足"),
        ({"code": "200", "msg": "", "data": 1}, "bad_upstream_response", "无法识别"),
        ({"code": 9999, "msg": "java.lang.NullPointerException"}, "bad_upstream_response", "无法识别"),
        ({"code": 500, "msg": "java.lang.NullPointerException: null"}, "bad_upstream_response", "无法识别"),
        ({"data": {"a": 1}}, "bad_upstream_response", "无法识别"),
    ],
)
async def test_a_failure_code_in_a_200_is_a_failure(tmp_path: Path, body: Any, code: str, said: str) -> None:
    """Codes are judged by type and value; only a sentence for people comes through."""
    result = await ask(tmp_path, answer(body), RUOYI)
    assert result.error == code
    assert said in result.content["message"]
    assert "java" not in str(result.content)


async def test_an_empty_code_is_success_without_content(tmp_path: Path) -> None:
    """`empty: [404]` means: asked for, nothing there."""
    result = await ask(tmp_path, answer({"code": 404, "msg": "无记录"}), RUOYI)
    assert result.ok
    assert "data" not in result.content


@pytest.mark.parametrize(
    ("body", "data"),
    [
        ({"code": 0, "message": "ok", "data": [1]}, [1]),
        ({"success": True, "code": 200, "result": {"a": 1}, "message": ""}, {"a": 1}),
        ({"errno": 0, "errmsg": "", "data": {"a": 1}}, {"a": 1}),
        ({"code": "A1", "name": "Elm street"}, {"code": "A1", "name": "Elm street"}),
        ({"fees": [1], "total": 1, "records": 1}, {"fees": [1], "total": 1, "records": 1}),
    ],
)
async def test_auto_knows_the_common_envelopes_and_leaves_others(tmp_path: Path, body: Any, data: Any) -> None:
    """An object that merely has a field `code` is a payload."""
    assert (await ask(tmp_path, answer(body))).content["data"] == data


@pytest.mark.parametrize("body", [{"success": False, "message": "余额不足"}, {"errno": 7, "errmsg": "余额不足"}])
async def test_auto_sees_failures_too(tmp_path: Path, body: Any) -> None:
    """Without any configuration a failure flag is not taken for data."""
    result = await ask(tmp_path, answer(body))
    assert (result.error, result.content["message"]) == ("business", "物品系统：余额不足")


@pytest.mark.parametrize(
    "play",
    [
        answer(None, 302, Location="/login?next=%2Fthings"),
        answer(None, 302, Location="https://sso.example/cas/login"),
        answer(LOGIN_PAGE, 200, "text/html"),
        answer({"error": "no"}, 401),
    ],
)
@pytest.mark.parametrize("tool", ["getThing", "makeThing"])
async def test_a_login_that_expired_in_any_form(tmp_path: Path, play: Play, tool: str) -> None:
    """F18, F25: a redirect to a login page, the page itself, a 401: log in again, for reads and writes."""
    result = await ask(tmp_path, play, tool=tool)
    assert result.error == "login_required"
    assert "物品系统" in result.content["message"]


async def test_html_where_data_was_expected_is_no_data(tmp_path: Path) -> None:
    """F15, A55: the page is not shown; on a write the outcome is unknown."""
    page = answer("<html><body>Welcome SECRET</body></html>", 200, "text/html")
    result = await ask(tmp_path, page)
    assert result.error == "bad_upstream_response"
    assert "SECRET" not in str(result.content)
    assert (await ask(tmp_path, page, tool="makeThing")).error == "unknown_outcome"


async def test_a_proxy_s_error_page_is_an_outage(tmp_path: Path) -> None:
    """502 with nginx's HTML: the system does not answer."""
    result = await ask(tmp_path, answer("<html><h1>502 Bad Gateway</h1></html>", 502, "text/html"))
    assert (result.error, result.content["message"]) == ("unavailable", "物品系统暂时没有响应，请稍后再试")


async def test_a_plain_text_500_is_for_the_resident_where_configured(tmp_path: Path) -> None:
    """It is said once, not asked for again; a stack trace is no sentence; unconfigured it is an outage."""
    said = answer("收费已经结束，不能再缴费", 500, "text/plain;charset=UTF-8")
    async with RawUpstream([said]) as upstream, outside(write_catalogue(tmp_path, upstream.url, RUOYI)) as toolset:
        result = await run(toolset, "getThing", "zh", id="7")
    assert (result.error, result.content["message"]) == ("business", "物品系统：收费已经结束，不能再缴费")
    assert len(upstream.requests) == 1
    trace = answer("java.lang.RuntimeException at com.x.Y.z(Y.java:1)", 500, "text/plain")
    assert (await ask(tmp_path, trace, RUOYI, "makeThing")).error == "unavailable"
    assert (await ask(tmp_path, said, tool="makeThing")).error == "unavailable"


async def test_a_problem_s_detail_is_for_the_resident(tmp_path: Path) -> None:
    """RFC 9457: `detail` is the sentence, extensions are facts with their amounts shaped."""
    more = "    operations: {makeThing: {money: {oweCents: fen}}}\n"
    problem = {"type": "/problems/arrears", "title": "Arrears", "status": 422, "detail": "欠费过多", "oweCents": 12345}
    result = await ask(tmp_path, answer(problem, 422, "application/problem+json"), more, "makeThing")
    assert (result.error, result.content["message"]) == ("business", "物品系统：欠费过多")
    assert result.content["details"] == {"oweCents": {"value": "123.45", "unit": "元"}}


async def test_a_nested_error_s_message_is_for_the_resident(tmp_path: Path) -> None:
    """{error: {code, message, details}}: the message is said, code and details are facts."""
    body = {"error": {"code": "ALREADY_PAID", "message": "账单已缴清", "requestId": "r1", "details": {"n": 1}}}
    result = await ask(tmp_path, answer(body, 409), tool="makeThing")
    assert result.content["message"] == "物品系统：账单已缴清"
    assert result.content["details"] == {"code": "ALREADY_PAID", "details": {"n": 1}}
    result = await ask(tmp_path, answer({"error": {"code": "NO", "message": "没有这个账单"}}, 404))
    assert (result.error, result.content["message"]) == ("not_found", "物品系统：没有这个账单")


async def test_403_has_no_details(tmp_path: Path) -> None:
    """F25: forbidden is said in our words."""
    result = await ask(tmp_path, answer({"message": "role ADMIN of table sys_user needed"}, 403))
    assert result.content == {"ok": False, "error": "forbidden", "message": "没有权限在物品系统中进行此操作"}


@pytest.mark.parametrize(
    "play",
    [
        answer('{"n": "粤B12345 张三"}'.encode("gb18030"), 200, "application/json"),
        answer('{"n": "粤B12345 张三"}'.encode("gbk"), 200, "text/plain;charset=GBK"),
        answer(b"\xef\xbb\xbf" + '{"n": "粤B12345 张三"}'.encode(), 200, "application/json"),
        answer('{"n": "粤B12345 张三"}'.encode("utf-16"), 200, "application/json"),
        answer('{"n": "粤B12345 张三"}'.encode(), 200, "*/*"),
        answer('{"n": "粤B12345 张三"}'.encode(), 200, ""),
        answer('{"n": "粤B12345 张三"}'.encode(), 200, "application/json;charset=ISO-8859-1"),
    ],
)
async def test_chinese_text_arrives_in_any_encoding(tmp_path: Path, play: Play) -> None:
    """F30: declared or not, with a byte order mark, as text/plain or */*."""
    assert (await ask(tmp_path, play)).content["data"] == {"n": "粤B12345 张三"}


async def test_bytes_that_are_no_text_are_marked(tmp_path: Path) -> None:
    """F29: never a crash; the replacement is noted."""
    more = "    encoding: {fallback: null}\n"
    result = await ask(tmp_path, answer(b'{"n": "a\xff"}', 200, "application/json"), more)
    assert result.content["data"] == {"n": "a\ufffd"}
    assert result.content["notes"]


@pytest.mark.parametrize(
    "play",
    [answer(b"", 200), answer(None, 204, ""), raw(b"HTTP/1.1 204 X\r\n\r\n"), answer(b"", 200, "application/pdf")],
)
async def test_nothing_is_a_result_too(tmp_path: Path, play: Play) -> None:
    """F16, F17: an empty 200 and a 204 are successes without data, whatever type they name."""
    content = (await ask(tmp_path, play)).content
    assert content["ok"] is True
    assert "data" not in content
    assert "没有返回内容" in content["notes"][0]


@pytest.mark.parametrize(
    "body",
    [b'{"a": ', b"[" * 100_000, b'{"a": NaN}', b"[" + b"9" * 5000 + b"]", b'{"a":1}{"b":2}', b"{]"],
)
async def test_broken_json_is_named_as_such(tmp_path: Path, body: bytes) -> None:
    """F14, A53: malformed, endless or absurd JSON is one typed error and no second request."""
    async with RawUpstream([answer(body)]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        assert (await run(toolset, "getThing", id="7")).error == "bad_upstream_response"
    assert len(upstream.requests) == 1


async def test_a_committed_write_with_broken_details_is_done(tmp_path: Path) -> None:
    """F08: 201 says done; the body that broke off is noted, not trusted, and nothing is sent again."""
    cut = raw(b"HTTP/1.1 201 X\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{", close=True)
    async with RawUpstream([cut]) as upstream, outside(write_catalogue(tmp_path, upstream.url)) as toolset:
        result = await run(toolset, "makeThing", "zh", name="x")
    assert result.content == {"ok": True, "notes": ["操作已被接受，但详细结果没有完整收到"]}
    assert len(upstream.requests) == 1
    cut = raw(b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{", close=True)
    assert (await ask(tmp_path, cut, RUOYI, "makeThing")).error == "unknown_outcome"


@pytest.mark.parametrize(
    ("play", "kind"),
    [
        (answer(b"%PDF-1.7 \x00\x01", 200, "application/pdf"), "application/pdf"),
        (answer("SECRET,1\r\n", 200, "text/csv;charset=GBK"), "text/csv"),
        (answer("[SECRET]\r\n", 200, "text/csv"), "text/csv"),
        (answer("SECRET one", 200, "text/plain", Content_Disposition='attachment; filename="a.txt"'), "text/plain"),
        (answer(b"PK\x03\x04SECRET", 200, "application/octet-stream"), "application/octet-stream"),
        (answer(b"SECRET\x00\x01", 200, "*/*"), "*/*"),
    ],
)
async def test_a_file_is_a_reference(tmp_path: Path, play: Play, kind: str) -> None:
    """The bytes of a PDF, a table or a download are in no prompt: type and size are."""
    result = await ask(tmp_path, play)
    assert result.content["data"]["type"] == kind
    assert result.content["data"]["size"] > 5
    assert "返回的是文件" in result.content["notes"][0]
    assert "SECRET" not in str(result.content)


@pytest.mark.parametrize(
    ("body", "error"), [({"code": 500, "msg": "没有可导出的数据"}, "business"), (LOGIN_PAGE, "login_required")]
)
@pytest.mark.parametrize("media_type", ["application/octet-stream", "text/csv"])
async def test_a_download_that_fails_is_a_failure(tmp_path: Path, body: Any, error: str, media_type: str) -> None:
    """An export answers with its envelope or its login page under the type of its file."""
    play = answer(body, 200, media_type, Content_Disposition="attachment; filename=a.csv")
    assert (await ask(tmp_path, play, RUOYI)).error == error


async def test_exact_numbers_come_through(tmp_path: Path) -> None:
    """19-digit ids are text, fractions keep their digits."""
    body = b'{"id": 2624710177366999063, "small": 7, "unit": 0.10, "neg": -9007199254740993}'
    data = (await ask(tmp_path, answer(body))).content["data"]
    assert data["id"] == "2624710177366999063"
    assert data["neg"] == "-9007199254740993"
    assert (data["small"], str(data["unit"])) == (7, "0.10")


async def test_rows_are_cut_and_the_cut_is_said(tmp_path: Path) -> None:
    """2,000 rows: 20 are shown, the total and the next page's arguments are told."""
    body = {"code": 200, "msg": "", "rows": [{"n": number} for number in range(2000)], "total": 2000}
    content = (await ask(tmp_path, answer(body), RUOYI, "listThings")).content
    assert len(content["data"]) == content["shown"] == 20
    assert content["total"] == 2000
    assert content["next"] == {"page": 2, "size": 20}
    assert content["notes"] == ["仅显示 20 条，共 2000 条"]


async def test_declared_headers_are_part_of_the_result(tmp_path: Path) -> None:
    """ETag is needed for If-Match later; an undeclared header is nobody's business."""
    from tests.support.outside import DOCUMENT

    document = {**DOCUMENT, "paths": {**DOCUMENT["paths"]}}
    operation = dict(DOCUMENT["paths"]["/things/{id}"]["get"])
    operation["responses"] = {"200": {"description": "", "headers": {"ETag": {"schema": {"type": "string"}}}}}
    document["paths"]["/things/{id}"] = {"get": operation}
    play = answer({}, ETag='"v1"', X_Other="secret")
    async with (
        RawUpstream([play]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, document=document)) as toolset,
    ):
        result = await run(toolset, "getThing", id="7")
    assert result.content["headers"] == {"ETag": '"v1"'}


async def test_an_upstream_that_is_asked_too_often_says_when(tmp_path: Path) -> None:
    """429 without time to wait: rate_limited in our words."""
    result = await ask(tmp_path, answer({}, 429, Retry_After="20"), tool="makeThing")
    assert (result.error, result.content["retry_after_s"]) == ("rate_limited", 20)


async def test_an_error_body_that_echoes_the_token_is_scrubbed(tmp_path: Path) -> None:
    """A57: even in a sentence for people."""
    result = await ask(tmp_path, answer({"detail": f"令牌 {TOKEN} 无效"}, 400), tool="makeThing")
    assert result.content["message"] == "物品系统：令牌 *** 无效"


async def test_a_public_operation_gets_no_token(tmp_path: Path) -> None:
    """`security: []`: it is called without the credential, with or without one at hand."""
    async with RawUpstream([answer([])]) as upstream:
        for token in (TOKEN, None):
            async with outside(write_catalogue(tmp_path, upstream.url), token) as toolset:
                assert (await run(toolset, "listKinds")).ok
    assert [received.header("authorization") for received in upstream.requests] == [None, None]
