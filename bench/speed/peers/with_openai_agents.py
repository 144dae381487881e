"""The same job in FastAPI + uvicorn + openai-agents with one function tool that calls the upstream with httpx."""

import json
import os
from dataclasses import dataclass

import httpx
import uvicorn
from agents import Agent, OpenAIChatCompletionsModel, RunContextWrapper, Runner, function_tool, set_tracing_disabled
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from openai import AsyncOpenAI

LLM, UP = os.environ.get("LLM_BASE", "http://127.0.0.1:9100/v1"), os.environ.get("UPSTREAM", "http://127.0.0.1:9200")
MODEL, PORT = os.environ.get("MODEL", "fake"), int(os.environ.get("PORT", "8200"))
set_tracing_disabled(True)
app = FastAPI()
http = httpx.AsyncClient(
    base_url=UP, timeout=30, limits=httpx.Limits(max_connections=1000, max_keepalive_connections=200)
)


@dataclass
class Ctx:
    token: str


@function_tool
async def get_bills(ctx: RunContextWrapper[Ctx]) -> str:
    """The user's bills."""
    r = await http.get("/bills", headers={"Authorization": f"Bearer {ctx.context.token}"})
    r.raise_for_status()
    return r.text


agent = Agent(
    name="bills",
    instructions="You help customers with their bills.",
    tools=[get_bills],
    model=OpenAIChatCompletionsModel(model=MODEL, openai_client=AsyncOpenAI(base_url=LLM, api_key="k")),
)


async def turn(send, query, token):
    await send({"type": "status", "status": "thinking"})
    result = Runner.run_streamed(agent, query, context=Ctx(token))
    async for ev in result.stream_events():
        if ev.type == "raw_response_event":
            if ev.data.type == "response.output_text.delta":
                await send({"type": "chunk", "content": ev.data.delta, "is_final": False})
        elif ev.type == "run_item_stream_event":
            if ev.name == "tool_called":
                await send({"type": "status", "status": "tool_calling"})
            elif ev.name == "tool_output":
                await send({"type": "status", "status": "tool_completed"})
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
