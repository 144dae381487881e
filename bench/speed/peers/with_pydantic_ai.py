"""The same job in FastAPI + uvicorn + pydantic-ai with one tool that calls the upstream with httpx."""

import json
import os
from dataclasses import dataclass

import httpx
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from openai import AsyncOpenAI
from pydantic_ai import (
    Agent,
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    PartDeltaEvent,
    PartStartEvent,
    RunContext,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

LLM, UP = os.environ.get("LLM_BASE", "http://127.0.0.1:9100/v1"), os.environ.get("UPSTREAM", "http://127.0.0.1:9200")
MODEL, PORT = os.environ.get("MODEL", "fake"), int(os.environ.get("PORT", "8200"))
app = FastAPI()
http = httpx.AsyncClient(
    base_url=UP, timeout=30, limits=httpx.Limits(max_connections=1000, max_keepalive_connections=200)
)


@dataclass
class Ctx:
    token: str


agent = Agent(
    OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=AsyncOpenAI(base_url=LLM, api_key="k"))),
    deps_type=Ctx,
    instructions="You help customers with their bills.",
)


@agent.tool
async def get_bills(ctx: RunContext[Ctx]) -> str:
    """The user's bills."""
    r = await http.get("/bills", headers={"Authorization": f"Bearer {ctx.deps.token}"})
    r.raise_for_status()
    return r.text


async def turn(send, query, token):
    await send({"type": "status", "status": "thinking"})

    async def handle(ctx, events):
        async for ev in events:
            if isinstance(ev, PartDeltaEvent):
                if isinstance(ev.delta, TextPartDelta):
                    await send({"type": "chunk", "content": ev.delta.content_delta, "is_final": False})
            elif isinstance(ev, PartStartEvent):
                if isinstance(ev.part, TextPart) and ev.part.content:
                    await send({"type": "chunk", "content": ev.part.content, "is_final": False})
            elif isinstance(ev, FunctionToolCallEvent):
                await send({"type": "status", "status": "tool_calling"})
            elif isinstance(ev, FunctionToolResultEvent):
                await send({"type": "status", "status": "tool_completed"})

    await agent.run(query, deps=Ctx(token), event_stream_handler=handle)
    await send({"type": "chunk", "content": "", "is_final": True})
    await send({"type": "status", "status": "completed"})


@app.websocket("/ws/chat/{user}")
async def chat(ws: WebSocket, user: str):
    await ws.accept()
    try:
        while True:
            m = json.loads(await ws.receive_text())
            try:
                await turn(ws.send_json, m["query"], m["token"])
            except WebSocketDisconnect:
                raise
            except Exception as e:
                await ws.send_json({"type": "error", "content": str(e)})
    except WebSocketDisconnect:
        pass


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, loop="uvloop", log_level="error", access_log=False)
