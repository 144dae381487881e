"""What reading a streamed answer costs, in CPU per delta and per request, by the way it is read.

`python -m bench.model_stream` starts `fake_model.py` and measures each way in a process of its own: `typed` (the SDK's
typed stream), `raw-httpx2` and `raw-aiohttp` (the SDK's request, its bytes read and decoded here, over each of its two
transports), `steward` (the model as the gateway uses it). Bursts are whole answers written at once; paced answers
have 50 deltas a second. Cost is fitted as request + n * delta from the process's CPU time of two sizes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import openai

from integrations.models.assemble import Answer
from integrations.models.chunks import decode_chunk
from integrations.models.openai_chat import OpenAIChat
from integrations.models.sse import EventDecoder
from schemas.deadline import Deadline
from schemas.model import ModelRequest
from schemas.turn import TextDelta

WAYS = ("typed", "typed-aiohttp", "raw-httpx2", "raw-aiohttp", "steward")
PAUSE_MS, SIZE = 20, 7
MESSAGES = [{"role": "user", "content": "hi"}]
# One answer of a model that is named; gives the characters that were read.
Read = Callable[[str], Awaitable[int]]


def _client(way: str, base_url: str) -> openai.AsyncOpenAI:
    if "aiohttp" not in way:
        return openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0)
    http = openai.DefaultAioHttpClient(
        trust_env=False, follow_redirects=False, limits=httpx2.Limits(max_connections=1000)
    )
    return openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0, http_client=http)


def _reader(way: str, base_url: str) -> tuple[Read, Callable[[], Awaitable[None]]]:
    """The way of reading, and how it is closed."""
    if way == "steward":
        return _steward(base_url)
    client = _client(way, base_url)

    async def typed(model: str) -> int:
        read = 0
        stream = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "hi"}], stream=True
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                read += len(chunk.choices[0].delta.content)
        return read

    async def raw(model: str) -> int:
        answer, events, read = Answer(), EventDecoder(decode_chunk), 0
        async with client.chat.completions.with_streaming_response.create(
            model=model, messages=[], stream=True, extra_body={"messages": MESSAGES}
        ) as response:
            async for data in response.iter_bytes():
                read += sum(len(answer.add(chunk)) for chunk in events.feed(data))
        return read + len(answer.end(marked=events.done).text)

    return (typed if way.startswith("typed") else raw), client.close


def _steward(base_url: str) -> tuple[Read, Callable[[], Awaitable[None]]]:
    models: dict[str, OpenAIChat] = {}

    async def read(name: str) -> int:
        model = models.get(name)
        if model is None:
            model = models[name] = OpenAIChat(api_key="", base_url=base_url, model=name)
        outputs = model.stream(ModelRequest(MESSAGES, (), Deadline.after(600)))
        return sum([len(output.text) async for output in outputs if isinstance(output, TextDelta)])

    async def close() -> None:
        for model in models.values():
            await model.close()

    return read, close


async def _cost_us(read: Read, deltas: int, pause_ms: int, answers: int, at_once: int) -> float:
    """Microseconds of this process's CPU per answer of so many deltas."""
    model = f"fake:n={deltas},ms={pause_ms},size={SIZE}"
    left = answers

    async def some() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            got = await read(model)
            if got != deltas * SIZE:
                raise SystemExit(f"read {got} characters of {deltas * SIZE}")

    began = time.process_time()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return (time.process_time() - began) / answers * 1e6


async def _measure(way: str, base_url: str, at_once: int) -> None:
    read, close = _reader(way, base_url)
    await _cost_us(read, 5, 0, 2 * at_once, at_once)
    for kind, pause_ms, small, large, total in (("burst", 0, 10, 400, 40_000), ("paced", PAUSE_MS, 10, 200, 16_000)):
        least = await _cost_us(read, small, pause_ms, max(at_once, total // small // 8), at_once)
        most = await _cost_us(read, large, pause_ms, max(at_once, total // large), at_once)
        delta = (most - least) / (large - small)
        figures = {"cpu_us_per_delta": round(delta, 1), "cpu_us_per_request": round(least - small * delta)}
        print(json.dumps({"way": way, "kind": kind, "at_once": at_once, **figures}), flush=True)
    await close()


def main() -> None:
    """One JSON object a line: way, kind, CPU per delta and per request in microseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--at-once", type=int, default=20, help="answers that are read side by side")
    parser.add_argument("--base-url", default="", help="measure here, against a server that runs already")
    parser.add_argument("--uvloop", action="store_true", help="with the event loop that Sanic uses where it is there")
    chosen = parser.parse_args()
    if chosen.base_url:
        factory = None
        if chosen.uvloop:
            import uvloop

            factory = uvloop.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(_measure(chosen.ways[0], chosen.base_url, chosen.at_once))
        return
    root = Path(__file__).resolve().parent.parent
    server = subprocess.Popen([sys.executable, "-m", "bench.fake_model"], cwd=root, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        base_url = server.stdout.readline().decode().split()[-1]
        more = ["--uvloop"] if chosen.uvloop else []
        for way in chosen.ways:
            arguments = ["--ways", way, "--base-url", base_url, "--at-once", str(chosen.at_once), *more]
            subprocess.run([sys.executable, "-m", "bench.model_stream", *arguments], check=True)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
