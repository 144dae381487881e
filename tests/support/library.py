"""Tools of an invented library for the embedded model's tests: none of their words is in the model's code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.models.embedded.model import Answer, EmbeddedModel
from schemas.tool import ToolSpec

SYSTEM = "Today is 2026-11-23 (Monday), 17:40 in Asia/Shanghai.\nReply in {language}."
BRANCHES = {"type": "string", "enum": ["NORTH", "SOUTH"]}
_BRANCH_TEXT = "分馆：NORTH 北馆、SOUTH 南馆 / Branch: NORTH north branch, SOUTH south branch"
_PICKUP_TEXT = "取书方式：PICKUP 自取、到馆 / Way: PICKUP pick up"
_POST_TEXT = "取书方式：POST 邮寄、寄送 / Way: POST delivery"
_WHEN = {
    "type": ["object", "null"],
    "description": "取书时间 / Pick-up time",
    "required": ["from", "to"],
    "properties": {"from": {"type": "string", "format": "date-time"}, "to": {"type": "string", "format": "date-time"}},
}


def _object(required: Sequence[str] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": properties}


LOANS = ToolSpec(
    "listLoans",
    "查询借阅列表 / List loans\n"
    "查询读者借过的图书和归还日期 / The books that a reader has borrowed and when they are due",
    _object(
        status={
            "type": "string",
            "enum": ["OPEN", "RETURNED"],
            "description": "状态：OPEN 借出、RETURNED 已归还 / Status: OPEN on loan, RETURNED returned",
        },
        month={"type": "string", "pattern": r"^\d{4}-\d{2}$", "description": "借阅月份，yyyy-MM / Month of the loan"},
        page={"type": "integer", "description": "页码 / Page"},
    ),
)
RENEW = ToolSpec(
    "renewLoan",
    "续借图书 / Renew a loan\n把一本书的归还日期延后若干周 / Extend a loan by a number of weeks",
    _object(
        ["loanNo", "weeks"],
        loanNo={
            "type": "string",
            "pattern": r"^LN\d{4}$",
            "description": "借阅单号，如 LN0001 / Loan number such as LN0001",
        },
        weeks={"type": "integer", "minimum": 1, "maximum": 4, "description": "周数 / Number of weeks"},
    ),
    effect="write",
)
RESERVE = ToolSpec(
    "reserveBook",
    "预约图书 / Reserve a book\n预约一本书并选择取书方式 / Reserve a book and choose how to get it\n"
    "Examples: 我想预约一本书 | I want to reserve a book",
    _object(
        ["order"],
        order={
            "oneOf": [
                _object(
                    ["way", "branch", "title", "when"],
                    way={
                        "type": "string",
                        "const": "PICKUP",
                        "description": "取书方式：PICKUP 自取、到馆 / Way: PICKUP pick up",
                    },
                    branch={**BRANCHES, "description": _BRANCH_TEXT},
                    title={"type": "string", "maxLength": 60, "description": "书名 / Title of the book"},
                    when=_WHEN,
                ),
                _object(
                    ["way", "cardId", "title", "when"],
                    way={
                        "type": "string",
                        "const": "POST",
                        "description": "取书方式：POST 邮寄、寄送 / Way: POST delivery",
                    },
                    cardId={"type": "string", "description": "读者证 / Reader's card"},
                    title={"type": "string", "maxLength": 60, "description": "书名 / Title of the book"},
                    when=_WHEN,
                ),
            ],
            "discriminator": {"propertyName": "way"},
        },
    ),
    effect="write",
)
CANCEL = ToolSpec(
    "cancelReservation",
    "取消预约 / Cancel a reservation",
    _object(
        ["reservationNo"],
        reservationNo={"type": "string", "pattern": r"^YY\d{4}$", "description": "预约单号 / Reservation number"},
    ),
    effect="write",
)
HOURS = ToolSpec("getHours", "查询开馆时间 / Opening hours\n各分馆的开馆时间 / When each branch is open", _object())
FAULTS = ToolSpec(
    "reportFault",
    "设备报障 / Report a fault\n登记馆内设备故障 / Report something broken in the building",
    _object(
        ["place", "description"],
        place={"type": "string", "description": "故障位置 / Where"},
        description={"type": "string", "maxLength": 100, "description": "故障描述 / What is broken"},
    ),
    effect="write",
)
TOOLS: tuple[ToolSpec, ...] = (LOANS, RENEW, RESERVE, CANCEL, HOURS, FAULTS)


class Talk:
    """A conversation with the model as the gateway leads it: writes are parked, reads answered with `results`."""

    def __init__(self, language: str = "Chinese", facts: Mapping[str, Any] | None = None) -> None:
        resident = f"\n<resident>{json.dumps(facts, ensure_ascii=False)}</resident>" if facts else ""
        self.model = EmbeddedModel(pace_s=0)
        self.messages: list[dict[str, Any]] = [
            {"role": "system", "content": SYSTEM.format(language=language) + resident}
        ]
        self.results: dict[str, Mapping[str, Any]] = {}

    def say(self, text: str) -> Answer:
        """The model's step after the resident's words; a call of it gets its result into the messages."""
        self.messages.append({"role": "user", "content": text})
        return self.step()

    def step(self, tools: Sequence[ToolSpec] = TOOLS) -> Answer:
        answer = self.model.answer(self.messages, tools)
        self.messages.append({"role": "assistant", "content": answer.text, "tool_calls": _wire(answer)})
        for call in answer.calls:
            self.put(call.id, self.results.get(call.name, self._default(call.name)))
        return answer

    def put(self, call_id: str, content: Mapping[str, Any]) -> None:
        """A tool message as the agent writes it."""
        text = f"<data>{json.dumps(content, ensure_ascii=False)}</data>"
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": text})

    def _default(self, name: str) -> Mapping[str, Any]:
        write = next(tool for tool in TOOLS if tool.name == name).effect == "write"
        return {"ok": False, "error": "approval_required", "message": "…"} if write else {"ok": True, "data": []}


def _wire(answer: Answer) -> list[dict[str, Any]]:
    return [
        {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in answer.calls
    ]


def called(answer: Answer) -> list[tuple[str, dict[str, Any]]]:
    """The calls of an answer with their arguments read."""
    return [(call.name, json.loads(call.arguments)) for call in answer.calls]
