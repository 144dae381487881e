"""A provider's model for tests of the protocol: what it does stands in the query, and it can be held up.

`报修 TEXT` files a repair order, `账单` lists the bills, `慢` talks with pauses, `停` never comes to an end.
"""

from __future__ import annotations

import json
import re

from tests.support.chat_server import DONE, ChatServer, Recorded, Reply, event, text_reply, tool_call_reply

SLOW_PIECES = ("一", "二", "三", "四", "五")


def answer(request: Recorded) -> Reply:
    """The reply to one request."""
    if request.last["role"] == "tool":
        content = str(request.last["content"])
        number = re.search(r"BX\d{8}-\d{4}", content) if '"ok": true' in content else None
        return text_reply(f"报修单号是 {number[0]}。" if number else f"结果：{content[:400]}")
    word, _, rest = request.query.partition(" ")
    match word:
        case "报修":
            facts = re.search(r"<resident>(.*)</resident>", str(request.messages[0]["content"]))
            room = json.loads(facts[1])["rooms"][0]["roomId"] if facts else "R1"
            order = {"targetType": "ROOM", "typeCode": "WATER", "description": rest, "appointment": None}
            return tool_call_reply("createRepair", {"order": order | {"roomId": room}})
        case "账单":
            return tool_call_reply("listBills", {"feeType": "PROPERTY"})
        case "慢":
            pieces = [piece for word in SLOW_PIECES for piece in (event({"content": word}), 0.3)]
            return Reply([*pieces, event(finish="stop"), DONE])
        case "停":
            return Reply([event({"content": "请稍等"})], end="hang")
    return text_reply(f"您说的是：{request.query}")


def environment(server: ChatServer, **more: str) -> dict[str, str]:
    """The variables of a Steward that asks this model."""
    return {"OPENAI_API_KEY": "sk-scripted", "OPENAI_BASE_URL": server.base_url, "STEWARD_MODEL": "scripted", **more}
