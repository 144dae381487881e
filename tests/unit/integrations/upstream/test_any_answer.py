"""Whatever an upstream answers, and whatever upstreams.yaml says of it, a result comes out, and it is small."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.openapi.load import load_document
from integrations.openapi.model import Document, Tool, ToolOptions
from integrations.openapi.tools import build_tools
from integrations.upstream.answer import Answer
from integrations.upstream.config import OperationSettings, UpstreamSettings
from integrations.upstream.response import result_of
from integrations.upstream.target import Target, Upstream
from schemas.jsontext import to_json
from schemas.settings import PROJECT
from schemas.tool import Effect, ToolErrorCode

CHARS = 600
# Beside the data: labels, headers, notes, arguments of the next page. All of them are bounded one by one.
BESIDE = 40_000
_NAMES = st.sampled_from(["code", "data", "rows", "total", "message", "msg", "userId", "a", "error", "nextPage"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(".".join) | st.sampled_from(["rows[].a", "data.*", "*", ""])
_CODES = st.lists(st.one_of(st.integers(-1, 500), st.sampled_from(["0", "200", "401"]), st.booleans()), max_size=3)
_RULE = st.fixed_dictionaries(
    {},
    optional={
        "path": st.sampled_from(["*", "/none", "/bills*"]),
        "code": _PATHS,
        "ok": _CODES,
        "empty": _CODES,
        "data": st.one_of(_PATHS, st.lists(_PATHS, max_size=2)),
        "total": _PATHS,
        "message": _PATHS,
    },
)
_SETTINGS = st.fixed_dictionaries(
    {
        "document": st.just("d"),
        "base_url": st.just("http://h"),
        "response": st.fixed_dictionaries({"max_chars": st.just(CHARS), "max_rows": st.integers(1, 30)}),
    },
    optional={
        "envelope": st.one_of(st.sampled_from(["auto", "none"]), st.lists(_RULE, max_size=2)),
        "errors": st.fixed_dictionaries(
            {},
            optional={
                "login_required": st.fixed_dictionaries({"codes": _CODES, "html": st.booleans()}),
                "forbidden": st.fixed_dictionaries({"codes": _CODES}),
                "business": st.fixed_dictionaries({"text_500": st.booleans(), "codes": st.none() | _CODES}),
            },
        ),
        "encoding": st.fixed_dictionaries(
            {
                "default": st.sampled_from(["utf-8", "gbk", "utf-16", "ascii", "big5"]),
                "fallback": st.sampled_from([None, "gb18030", "utf-7", "idna", "punycode"]),
            }
        ),
        "dates": st.fixed_dictionaries(
            {"format": st.sampled_from([None, "yyyy-MM-dd HH:mm:ss", "yyyyMMddHHmmss", "'", "[(yyyy", "yyyyyyyy MM"])}
        ),
        "paging": st.fixed_dictionaries({}, optional={"rows": _PATHS, "total": _PATHS, "page": _NAMES}),
        "owner": st.none() | _PATHS,
    },
)
_SAID = st.fixed_dictionaries(
    {},
    optional={
        "money": st.dictionaries(_PATHS, st.sampled_from(["fen", "yuan"]), max_size=3),
        "enums": st.dictionaries(_PATHS, st.dictionaries(st.text(max_size=3), st.text(max_size=9)), max_size=2),
        "labels": st.dictionaries(_PATHS, st.text(max_size=300), max_size=3),
        "dates": st.dictionaries(_PATHS, st.sampled_from(["epoch_s", "epoch_ms"]), max_size=2),
    },
)
_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=40), st.just("x" * 5000)
)
_JSON = st.recursive(
    _LEAVES,
    lambda inside: st.one_of(
        st.lists(inside, max_size=40), st.dictionaries(st.one_of(_NAMES, st.text(max_size=8)), inside, max_size=20)
    ),
    max_leaves=60,
)
_ENVELOPE = st.fixed_dictionaries(
    {"code": st.sampled_from([0, 200, "200", 401, 500]), "msg": st.text(max_size=20)},
    optional={"data": _JSON, "rows": st.lists(_JSON, max_size=50), "total": _JSON, "nextPage": st.text()},
)
_BODIES = st.one_of(
    st.binary(max_size=300),
    _JSON.map(lambda value: json.dumps(value).encode()),
    _ENVELOPE.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [
            b"[" * 400 + b"]" * 400,
            b'{"a":' * 300 + b"1" + b"}" * 300,
            b"[" * 100_000,
            b'{"n": ' + b"9" * 5000 + b"}",
            b'{"n": 1e999999999, "m": -0, "k": 1E-999999}',
            b'{"a": "\\ud800", "\\udfff": 1}',
            b'{"a": 1, "a": 2}',
            b"<html><title>Login</title>",
            b"\xff\xfe{\x00",
            b"\xef\xbb\xbf{}",
            b"%PDF-1.7\x00",
            b"a,b\n1,2\n",
            b"null",
            b'"text"',
            b"  ",
        ]
    ),
)
_TEXTS = st.text(alphabet=st.characters(max_codepoint=255), max_size=60)
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.one_of(
            st.sampled_from(
                [
                    "application/json",
                    "application/json;charset=GBK",
                    "text/plain",
                    "text/html",
                    "*/*",
                    "application/pdf",
                    "text/csv",
                    "",
                    "x" * 90_000,
                ]
            ),
            _TEXTS,
        ),
        "content-length": st.sampled_from(["5", "²", "9" * 5000, "-1", "x"]),
        "location": st.one_of(st.sampled_from(["/login", "http://[", "//x"]), _TEXTS),
        "retry-after": st.one_of(st.sampled_from(["5", "²", "9" * 400, "Wed, 21 Oct 2099 07:28:00 GMT"]), _TEXTS),
        "etag": st.just("e" * 70_000),
    },
)
_ANSWERS = st.builds(
    Answer,
    status=st.one_of(st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 502]), st.integers(100, 599)),
    headers=_HEADERS,
    body=_BODIES,
    complete=st.booleans(),
    oversized=st.booleans(),
)


@cache
def _tools() -> dict[str, Tool]:
    """Two tools of the shipped documents: one with pages and a described answer, one that writes."""
    found = {}
    for name in ("bill.yaml", "parking.json"):
        tools, _ = build_tools(load_document(PROJECT / "openapi" / name), ToolOptions(), set())
        found |= {tool.name: tool for tool in tools}
    return found


@cache
def _document() -> Document:
    return load_document(PROJECT / "openapi" / "bill.yaml")


def target(settings: Any, said: Any, tool: str, effect: Effect) -> Target:
    made = _tools()[tool]
    made = Tool(made.name, made.description, made.parameters, made.arguments, made.operation, effect)
    upstream = Upstream("things", UpstreamSettings.model_validate(settings), _document())
    return Target(upstream, made, OperationSettings.model_validate(said), {}, {})


@given(
    answer=_ANSWERS,
    settings=_SETTINGS,
    said=_SAID,
    tool=st.sampled_from(["listBills", "createPayment", "statUsingGET"]),
    effect=st.sampled_from(["read", "write"]),
    subject=st.none() | st.text(max_size=3),
)
def test_any_answer_gives_a_small_result(
    answer: Answer, settings: Any, said: Any, tool: str, effect: Effect, subject: str | None
) -> None:
    """A53, A59: any bytes, headers, status and settings: typed, in the form of `ToolResult`, bounded, never raised."""
    result = result_of(answer, target(settings, said, tool, effect), {"page": 2, "size": 5}, "zh", subject)
    text = to_json(result.content)
    assert json.loads(text)["ok"] in (True, False)
    assert len(to_json(result.content.get("data"))) <= CHARS
    assert len(text) <= CHARS + BESIDE
    if not result.ok:
        assert result.error in get_args(ToolErrorCode)
        assert len(result.content["message"]) <= 700


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({f"k{number}": number for number in range(100_000)}),
        json.dumps([{f"k{number}": "x" * 50} for number in range(20_000)]),
        json.dumps({"error": {"code": "X", "details": {f"k{n}": "x" * 99 for n in range(10_000)}}}),
        "x" * 2_000_000,
        json.dumps("x" * 1_000_000),
        "[" + "1," * 90_000 + "1]",
    ],
    ids=["keys", "rows", "details", "text", "string", "numbers"],
)
@pytest.mark.parametrize("status", [200, 409])
def test_a_huge_answer_gives_a_small_result(body: str, status: int) -> None:
    """A53, A59: a hundred thousand keys, rows or details, two million characters: what is told stays small."""
    answer = Answer(status, {"content-type": "application/json"}, body.encode())
    settings = {"document": "d", "base_url": "http://h"}
    result = result_of(answer, target(settings, {"labels": {"*": "x"}}, "listBills", "read"), {}, "zh")
    assert len(to_json(result.content)) <= 8000 + BESIDE
    assert result.ok is (status == 200 and not body.startswith("x"))


@pytest.mark.parametrize("body", ["[" + "[]," * 400_000 + "[]]", '{"a": [' + "1," * 150_000 + "1]}"])
def test_an_answer_of_too_many_values_is_not_read(body: str) -> None:
    """A53: two megabytes of brackets would become fifty of objects: `too_large`, as a longer answer is."""
    answer = Answer(200, {"content-type": "application/json"}, body.encode())
    settings = {"document": "d", "base_url": "http://h"}
    result = result_of(answer, target(settings, {}, "listBills", "read"), {}, "zh")
    assert result.error == "too_large"


def test_exact_numbers_survive_every_layer() -> None:
    """A fraction keeps its digits from the wire to the JSON text of the result."""
    answer = Answer(200, {"content-type": "application/json"}, b'{"unit": 0.10, "id": 2624710177366999063}')
    settings = {"document": "d", "base_url": "http://h"}
    data = result_of(answer, target(settings, {}, "statUsingGET", "read"), {}, "zh").content["data"]
    assert data == {"unit": Decimal("0.10"), "id": "2624710177366999063"}
    assert to_json(data) == '{"unit":0.10,"id":"2624710177366999063"}'
