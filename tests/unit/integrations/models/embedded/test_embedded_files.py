"""The embedded model and uploads: files fill the arguments that take files, once, and are asked for if needed."""

from __future__ import annotations

import json
from typing import Any

from integrations.models.embedded.model import Answer
from integrations.openapi.project import FILE_HINT
from schemas.tool import ToolSpec
from tests.support.library import HOURS, Talk, called

_FILE = {"type": "string", "description": f"封面照片 / Cover photo ({FILE_HINT})"}
REPORT = ToolSpec(
    "reportDamage",
    "登记图书破损 / Report a damaged book\nExamples: 书破了 | my book is damaged",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["title"],
        "properties": {
            "title": {"type": "string", "maxLength": 60, "description": "书名 / Title of the book"},
            "photos": {"type": "array", "maxItems": 2, "items": _FILE, "description": "照片 / Photos"},
        },
    },
    effect="write",
)
SCAN = ToolSpec(
    "uploadCard",
    "上传读者证照片 / Upload a picture of the reader's card\nExamples: 上传读者证 | upload my card",
    {"type": "object", "additionalProperties": False, "required": ["picture"], "properties": {"picture": _FILE}},
    effect="write",
)
TOOLS = (REPORT, SCAN, HOURS)


def say(talk: Talk, text: str, *files: str) -> Answer:
    block = json.dumps([{"id": one, "filename": "f.jpg"} for one in files])
    content = f"{text}\n<attachments>{block}</attachments>" if files else text
    talk.messages.append({"role": "user", "content": content})
    answer = talk.model.answer(talk.messages, TOOLS)
    talk.messages.append({"role": "assistant", "content": answer.text, "tool_calls": wire(answer)})
    for call in answer.calls:
        talk.put(call.id, {"ok": False, "error": "approval_required", "message": "…"})
    return answer


def wire(answer: Answer) -> list[dict[str, Any]]:
    return [{"id": c.id, "function": {"name": c.name, "arguments": c.arguments}} for c in answer.calls]


def test_photos_that_came_with_the_first_words_are_in_the_call_at_the_end() -> None:
    """The form asks for the title in between; no more than the schema takes."""
    talk = Talk()
    assert not say(talk, "我要登记图书破损", "u1", "u2", "u3").calls
    assert called(say(talk, "红楼梦")) == [("reportDamage", {"title": "红楼梦", "photos": ["u1", "u2"]})]


def test_photos_may_come_later_too() -> None:
    """With the answer to a question."""
    talk = Talk()
    say(talk, "我要登记图书破损")
    assert called(say(talk, "红楼梦", "u1")) == [("reportDamage", {"title": "红楼梦", "photos": ["u1"]})]


def test_a_file_that_was_used_is_not_used_again() -> None:
    """The next report has no photo of the one before."""
    talk = Talk()
    say(talk, "我要登记图书破损", "u1")
    say(talk, "红楼梦")
    say(talk, "我要登记图书破损")
    assert called(say(talk, "三体")) == [("reportDamage", {"title": "三体"})]


def test_a_file_that_must_be_there_is_asked_for_and_no_words_pass_for_one() -> None:
    """It is taken when it comes, whatever is said with it."""
    talk = Talk("English")
    asked = say(talk, "upload my card")
    assert asked.pending == {"operationId": "uploadCard", "missing": ["picture"]}
    assert not say(talk, "u9").calls
    assert called(say(talk, "here it is", "u1")) == [("uploadCard", {"picture": "u1"})]
