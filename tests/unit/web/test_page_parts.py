"""The chat page's pure parts, run in Node: how a table is shaped, and what frames leave on the page."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.support.frames import document

PARTS = Path(__file__).resolve().parents[2] / "browser" / "client" / "parts.mjs"


def run(part: str, given: Any) -> Any:
    node = shutil.which("node")
    assert node, "no Node: install the package nodejs"
    done = subprocess.run([node, str(PARTS), part, json.dumps(given)], capture_output=True, check=True, text=True)
    return json.loads(done.stdout)


def table(*rows: tuple[Any, ...]) -> dict[str, Any]:
    """Rows of id, place, kind, month, amount, fee, state, and a number of an object inside the row."""
    columns = [
        {"key": key, "label": key, "kind": kind}
        for key, kind in (
            ("thingId", "text"),
            ("place", "text"),
            ("kind", "enum"),
            ("month", "date"),
            ("amount", "money"),
            ("late", "money"),
            ("status", "enum"),
            ("worker.name", "text"),
        )
    ]
    cells = [
        {column["key"]: {"text": str(value), "value": value} for column, value in zip(columns, row, strict=True)}
        for row in rows
    ]
    return {"title": "T", "columns": columns, "rows": cells, "shown": len(rows), "total": len(rows)}


BILLS = table(
    ("17", "A-1", "W", "2026-03", "9.50", "0.00", "paid", "x"),
    ("18", "A-1", "W", "2026-01", "100.00", "0.00", "open", "y"),
    ("19", "A-1", "W", "2026-02", "20.00", "0.00", "paid", "z"),
)


def test_a_table_is_shaped_by_its_form() -> None:
    """What all rows share is said once, ids are details, a state is the badge, an amount the side, empty amounts are
    left out, months make the chart in their order with the rare state marked."""
    shaped = run("shape", BILLS)
    assert [one["text"] for one in shaped["common"]] == ["A-1", "W"]
    assert (shaped["badge"]["key"], shaped["side"]["key"]) == ("status", "amount")
    assert shaped["lead"]["key"] == "worker.name"
    assert [column["key"] for column in shaped["columns"]] == ["month", "amount", "status", "worker.name"]
    assert [(bar["x"], bar["value"], bar["tone"]) for bar in shaped["chart"]["bars"]] == [
        ("2026-01", 100, 1),
        ("2026-02", 20, 0),
        ("2026-03", 9.5, 0),
    ]
    assert shaped["chart"]["legend"] == [{"text": "paid", "tone": 0}, {"text": "open", "tone": 1}]


def test_few_rows_or_a_month_twice_make_no_chart() -> None:
    """A bar is one row of one month."""
    assert run("shape", {**BILLS, "rows": BILLS["rows"][:2]})["chart"] is None
    assert run("shape", {**BILLS, "rows": [*BILLS["rows"], BILLS["rows"][0]]})["chart"] is None


def test_one_row_of_one_column_has_a_lead() -> None:
    """Also where everything is an id, or nothing is told."""
    only = {"key": "id", "label": "Id", "kind": "text"}
    for text in ("7", ""):
        given = {"columns": [only], "rows": [{"id": {"text": text, "value": text}}]}
        assert run("shape", given)["lead"]["key"] == "id"


def test_rows_are_sorted_by_value() -> None:
    """Amounts as numbers, not as they read."""
    column = {"key": "amount", "kind": "money"}
    for descending, expected in ((False, ["9.50", "20.00", "100.00"]), (True, ["100.00", "20.00", "9.50"])):
        rows = run("sorted", {"rows": BILLS["rows"], "column": column, "descending": descending})
        assert [row["amount"]["text"] for row in rows] == expected


def test_the_documents_chart_becomes_bars() -> None:
    """The example of docs/asyncapi.yaml, with the value that is not there."""
    examples = document()["components"]["messages"]["data"]["examples"]
    [payload] = [one["payload"]["payload"] for one in examples if one["name"] == "chart"]
    bars = run("barsOf", payload)["bars"]
    assert [(bar["x"], bar["value"], bar["text"]) for bar in bars] == [
        ("2026-09", 32.93, "32.93 元"),
        ("2026-10", 44.95, "44.95 元"),
        ("2026-11", 0, ""),
    ]


def status(turn: str, what: str, **data: Any) -> dict[str, Any]:
    return {"type": "status", "turn_id": turn, "status": what, "data": {"message": what, **data}}


CARD = {"approval_id": "a1", "summary": "S", "arguments": [], "expires_at": "2999-01-01T00:00:00Z"}


def test_frames_become_an_answer_whole_and_again() -> None:
    """Text, steps and data of a turn; told once more from `thinking` it is the same, and nothing is doubled."""
    turn = [
        status("t1", "thinking", client_msg_id="m1"),
        status("t1", "tool_calling", tool_call_id="c1"),
        status("t1", "tool_completed", tool_call_id="c1", duration_ms=7),
        {"type": "data", "turn_id": "t1", "kind": "table", "payload": BILLS},
        {"type": "chunk", "turn_id": "t1", "content": "您有", "is_final": False},
        {"type": "chunk", "turn_id": "t1", "content": "账单。", "is_final": True},
        status("t1", "completed", outcome="success"),
    ]
    once = run("messages", {"frames": turn, "questions": {"m1": "账单"}})
    assert once == run("messages", {"frames": [*turn[:5], *turn], "questions": {"m1": "账单"}})
    question, answer = once
    assert question["text"] == "账单"
    assert (answer["content"], answer["running"], answer["outcome"]) == ("您有账单。", False, "success")
    assert [(step["done"], step["duration_ms"]) for step in answer["steps"]] == [(True, 7)]
    assert len(answer["data"]) == 1


def test_a_snapshot_takes_the_bubbles_place_and_an_error_ends_it() -> None:
    """Nothing stays under way."""
    begun = [
        status("t1", "thinking"),
        status("t1", "tool_calling", tool_call_id="c1"),
        {"type": "chunk", "turn_id": "t1", "content": "您", "is_final": False},
        {"type": "snapshot", "turn_id": "t1", "content": "您有 4"},
    ]
    [answer] = run("messages", {"frames": begun})
    assert (answer["content"], answer["running"]) == ("您有 4", True)
    failed = {"type": "error", "turn_id": "t1", "content": "坏了", "code": "internal"}
    [answer] = run("messages", {"frames": [*begun, failed]})
    assert answer["error"] == {"content": "坏了", "code": "internal"}
    assert not answer["running"]
    assert all(step["done"] for step in answer["steps"])


def test_cards_follow_what_still_waits() -> None:
    """The answer by id settles its card, also one of another tab; what no longer waits is settled; what waits and is
    not here is added, once."""
    parked = [status("t1", "thinking"), {"type": "approval", "turn_id": "t1", **CARD}]
    [answer] = run("messages", {"frames": parked, "waiting": [CARD]})
    assert answer["approval"]["state"] == "pending"
    [answer] = run("messages", {"frames": parked, "waiting": []})
    assert answer["approval"]["state"] == "settled"
    first, _ = run("messages", {"frames": [*parked, status("t2", "thinking", approval_id="a1")]})
    assert first["approval"]["state"] == "settled"
    other = {**CARD, "approval_id": "a2"}
    first, second = run("messages", {"frames": parked, "waiting": [CARD, other]})
    assert [one["approval"]["approval_id"] for one in (first, second)] == ["a1", "a2"]
