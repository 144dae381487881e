"""Any sentence and any tools: the embedded model never raises, never breaks a schema, and is deterministic."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.models.embedded.model import EmbeddedModel, pieces
from schemas.tool import ToolSpec
from tests.support.library import SYSTEM, TOOLS

_SENTENCES = (
    "我想预约一本书|自取|邮寄|北馆|红楼梦|明天上午|改成后天|不对，是南馆|算了|续借LN0001|两周|取消|取消预约YY0001"
    "|二楼坏了|下一页|那上个月呢|都可以|是的|reserve a book|pick up|tomorrow|cancel it|three weeks|谢谢|第二个|你好"
    "|LN二零四五|我叫张伟|就我一个|半个小时|晚上八点到九点|3号楼2单元501|gc 410|两个礼拜|因为太远"
    "|《红楼梦》|啊不，三份|for Emily Chen|until the 30th"
    "|LN0001和LN0002都取消|half past six|leave it at the door|LN0002|99999999999999999999|2026-02-30"
    "|25:99|¥|\u0000|😀|/|1"
)
_WORDS = st.sampled_from(_SENTENCES.split("|"))
_TEXT = st.one_of(_WORDS, st.lists(_WORDS, max_size=4).map("，".join), st.text(max_size=60))
_LEAVES: list[dict[str, Any]] = [
    {},
    {"type": "string"},
    {"type": "number"},
    {"type": "boolean"},
    {"type": "object"},
    {"type": ["string", "null"]},
    {"type": "integer", "minimum": 2, "maximum": 3},
    {"type": "string", "enum": ["A", "B"]},
    {"type": "string", "format": "date"},
    {"type": "string", "pattern": "^[A-Z]{2}\\d{4}$"},
    {"type": "string", "pattern": "(a+)+$"},
    {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "description": "开始时间 / Start"},
    {"type": "string", "pattern": r"^\d{1,2}-\d-\d{3,4}$", "description": "房号 / Room"},
    {"type": "string", "pattern": r"^GC-\d{3}$"},
    {"type": "string", "description": "姓名 / Name of the visitor", "maxLength": 3},
    {"type": "string", "description": "关键词 / Keyword"},
    {"type": "string", "description": "理由 / Reason"},
    {"type": "integer", "enum": [7, 14, 30], "description": "天数 / Days"},
    {"type": "string", "enum": ["morning", "evening"], "description": "时段：morning 上午、evening 晚上 / Slot"},
    {"type": "boolean", "description": "是否放在门口 / Whether to leave it at the door"},
    {"type": "string", "pattern": "["},
    {"type": "string", "minLength": 3, "maxLength": 4},
    {"type": "string", "contentMediaType": "image/png"},
    {"type": "array", "items": {"type": "string", "enum": ["X"]}},
    {"oneOf": [{"type": "null"}, {"type": "string"}]},
    {"const": 7},
    {"enum": [1, None, "x"]},
    {"$ref": "#/$defs/gone"},
    {"$ref": "https://schemas.example/s"},
]
_LEAF = st.sampled_from(_LEAVES)
_NAMES = st.sampled_from(["id", "from", "to", "name", "状态", "a/b", "way", "page"])


def _objects(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda properties, needed: {
            "type": "object",
            "properties": properties,
            "required": sorted(properties)[:needed],
            "additionalProperties": False,
        },
        st.dictionaries(_NAMES, below, max_size=4),
        st.integers(0, 4),
    )


def _wider(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    variants = st.lists(_objects(below), min_size=1, max_size=2).map(lambda options: {"oneOf": options})
    return st.one_of(_objects(below), variants)


_DESCRIPTIONS = (
    "查询列表 / List things",
    "预约图书 / Reserve\nExamples: 我想预约一本书",
    "取消预约 / Cancel",
    "设备报障，坏了",
    "",
)
_TOOLS = st.lists(
    st.builds(
        ToolSpec,
        st.sampled_from(["listThings", "createThing", "cancelThing", "x"]),
        st.sampled_from(_DESCRIPTIONS),
        _objects(st.recursive(_LEAF, _wider, max_leaves=6)),
        st.sampled_from(["read", "write"]),
    ),
    max_size=3,
    unique_by=lambda tool: tool.name,
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=12,
)


def _play(sentences: list[str], tools: list[ToolSpec]) -> list[tuple[str, list[tuple[str, str]]]]:
    """A whole conversation in which every call gets a result; what the model said at each step."""
    model = EmbeddedModel(pace_s=0)
    messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM.format(language="Chinese")}]
    said = []
    for sentence in sentences:
        messages.append({"role": "user", "content": sentence})
        for _ in range(2):
            answer = model.answer(messages, tools)
            said.append((answer.text, [(c.name, c.arguments) for c in answer.calls]))
            calls = [{"id": c.id, "function": {"name": c.name, "arguments": c.arguments}} for c in answer.calls]
            messages.append({"role": "assistant", "content": answer.text, "tool_calls": calls})
            for call in answer.calls:
                content = json.dumps({"ok": True, "data": [{"no": "LN0001", "id": "X"}], "next": {"page": 2}})
                messages.append({"role": "tool", "tool_call_id": call.id, "content": f"<data>{content}</data>"})
            if not answer.calls:
                break
    return said


def _refuse(uri: str) -> Any:
    raise ValueError(uri)


def _check(said: list[tuple[str, list[tuple[str, str]]]], tools: list[ToolSpec]) -> None:
    specs = {tool.name: tool for tool in tools}
    for text, calls in said:
        assert text or calls
        for name, arguments in calls:
            validator = jsonschema_rs.validator_for(dict(specs[name].parameters), retriever=_refuse)
            assert validator.is_valid(json.loads(arguments)), (name, arguments)


@settings(max_examples=120, deadline=None)
@given(st.lists(_TEXT, min_size=1, max_size=5))
def test_any_sentences_to_the_library_are_safe_and_repeatable(sentences: list[str]) -> None:
    """Every step says or calls something, with arguments that fit; the same words give the same steps."""
    tools = list(TOOLS)
    said = _play(sentences, tools)
    _check(said, tools)
    assert _play(sentences, tools) == said


@settings(max_examples=120, deadline=None)
@given(st.lists(_TEXT, min_size=1, max_size=3), _TOOLS)
def test_any_tools_are_safe(sentences: list[str], tools: list[ToolSpec]) -> None:
    """Schemas that lead nowhere or are no schemas cost their slot, never the answer."""
    said = _play(sentences, tools)
    _check(said, tools)
    assert _play(sentences, tools) == said


@settings(max_examples=60, deadline=None)
@given(_JSON)
def test_any_result_can_be_told(data: Any) -> None:
    """Whatever an upstream sent becomes words."""
    model = EmbeddedModel(pace_s=0)
    call = {"id": "1", "function": {"name": "listLoans", "arguments": "{}"}}
    content = json.dumps({"ok": True, "data": data, "labels": {}, "notes": []})
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": SYSTEM.format(language="English")},
        {"role": "user", "content": "loans"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": f"<data>{content}</data>"},
    ]
    assert model.answer(messages, TOOLS).text


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_the_pieces_are_the_text(text: str) -> None:
    """Nothing is lost between the pieces, and none is long."""
    cut = list(pieces(text))
    assert "".join(cut) == text
    assert all(len(piece) <= 10 for piece in cut)
