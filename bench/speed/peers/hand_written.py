"""The same job in plain Sanic + openai SDK + httpx, a hand-written loop, as a careful person writes it.

Environment: LLM_BASE, UPSTREAM, MODEL, PORT.
"""

import json
import os

import httpx
from openai import AsyncOpenAI
from sanic import Sanic

LLM, UP = os.environ.get("LLM_BASE", "http://127.0.0.1:9100/v1"), os.environ.get("UPSTREAM", "http://127.0.0.1:9200")
MODEL, PORT = os.environ.get("MODEL", "fake"), int(os.environ.get("PORT", "8200"))
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_bills",
            "description": "The user's bills",
            "parameters": {"type": "object", "properties": {}},
        },
    }
]
SYSTEM = {"role": "system", "content": "You help customers with their bills."}
app = Sanic("peer", configure_logging=False)


@app.before_server_start
async def start(app):
    app.ctx.llm = AsyncOpenAI(base_url=LLM, api_key="k")
    app.ctx.http = httpx.AsyncClient(
        base_url=UP, timeout=30, limits=httpx.Limits(max_connections=1000, max_keepalive_connections=200)
    )


async def get_bills(token, **_):
    r = await app.ctx.http.get("/bills", headers={"Authorization": f"Bearer {token}"})
    r.raise_for_status()
    return r.text


async def turn(ws, query, token):
    async def status(s, **kw):
        await ws.send(json.dumps({"type": "status", "status": s, **kw}))

    await status("thinking")
    messages = [SYSTEM, {"role": "user", "content": query}]
    while True:
        calls = {}
        stream = await app.ctx.llm.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS, stream=True)
        async for ev in stream:
            if not ev.choices:
                continue
            d = ev.choices[0].delta
            if d.content:
                await ws.send(json.dumps({"type": "chunk", "content": d.content, "is_final": False}))
            for tc in d.tool_calls or ():
                c = calls.setdefault(tc.index, {"id": "", "name": "", "arguments": ""})
                c["id"] = tc.id or c["id"]
                c["name"] += tc.function.name or ""
                c["arguments"] += tc.function.arguments or ""
        if not calls:
            break
        messages.append(
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}}
                    for c in calls.values()
                ],
            }
        )
        for c in calls.values():
            await status("tool_calling", tool=c["name"])
            result = await get_bills(token, **json.loads(c["arguments"] or "{}"))
            await status("tool_completed", tool=c["name"])
            messages.append({"role": "tool", "tool_call_id": c["id"], "content": result})
    await ws.send(json.dumps({"type": "chunk", "content": "", "is_final": True}))
    await status("completed")


@app.websocket("/ws/chat/<user:str>")
async def chat(request, ws, user):
    while True:
        raw = await ws.recv()
        if raw is None:
            return
        m = json.loads(raw)
        try:
            await turn(ws, m["query"], m["token"])
        except Exception as e:
            await ws.send(json.dumps({"type": "error", "content": str(e)}))


if __name__ == "__main__":
    app.run("127.0.0.1", PORT, single_process=True, access_log=False, motd=False)
