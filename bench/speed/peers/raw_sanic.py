"""The limit of a Sanic server: a handler that only sends the frames of a turn, without a model and an upstream.

The query says how many deltas, as `bench/fake_deltas.py` does. With `ms` other than 0 the loop goes round between two
frames, so that each is a write of its own as when deltas come one at a time (it does not wait); else frames may merge.
"""

import asyncio
import os
import re

import msgspec
from sanic import Sanic

app = Sanic("raw", configure_logging=False)
encode, decode = msgspec.json.Encoder().encode, msgspec.json.decode
PACED, COUNT, SIZE = re.compile(r"ms=[1-9]"), re.compile(r"n=(\d+)"), re.compile(r"size=(\d+)")


def number(pattern: re.Pattern[str], query: str, otherwise: int) -> int:
    found = pattern.search(query)
    return int(found[1]) if found else otherwise


def frames(count: int, size: int):
    for status in ("thinking", "tool_calling", "tool_completed"):
        yield {"type": "status", "status": status}
    pad = "x" * (size - 5)
    for n in range(count):
        yield {"type": "chunk", "content": f"{n:05d}{pad}", "is_final": False}
    yield {"type": "chunk", "content": "", "is_final": True}
    yield {"type": "status", "status": "completed"}


@app.websocket("/ws/chat/<user:str>")
async def chat(request, ws, user):
    while True:
        raw = await ws.recv()
        if raw is None:
            return
        query = decode(raw)["query"]
        paced = PACED.search(query) is not None
        for frame in frames(number(COUNT, query, 100), number(SIZE, query, 8)):
            await ws.send(encode(frame).decode())
            if paced:
                await asyncio.sleep(0)


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]), single_process=True, access_log=False, motd=False)
