"""A local chat-completions server that a test scripts down to the byte, and a small model that a person can try.

In a test:

    async with ChatServer([text_reply("你好"), tool_call_reply("getBills", {"page": 1}, pieces=5)]) as server:
        model = OpenAIChat(api_key="k", base_url=server.base_url, model="m")
        ...
    server.requests[0].messages, .tools, .headers["authorization"], .body

- A script is a list of replies, one for each request in turn (a request beyond it gets a 500 that says so), or a
  function from the request to a reply: `ChatServer(scripted(lambda request: text_reply("...")))`. An item of a list may
  be such a function too. `server.script` may be replaced between requests.
- A `Reply` is a status, headers and a list of pieces: `bytes` are written and flushed as one HTTP chunk, a number is a
  pause of that many seconds. `end` says what follows: "close" (the body ends as HTTP says), "cut" (the connection is
  dropped within the body) or "hang" (nothing more, until the client leaves). A bare list of pieces is a 200 reply.
- Ready-made: `text_reply`, `tool_call_reply`, `tool_calls_reply`, `error_reply`, `raw_reply(bytes)`. Changed ones:
  `resplit(reply, size)` (other pieces, cut anywhere: inside UTF-8, CRLF and escapes), `cut(reply, after)` (dropped
  after so many bytes), `paused(reply, seconds)` (a pause after each piece). Single events: `event(...)`, `sse(...)`.
- `server.requests` are the requests in the order of their arrival; `server.connections` counts all sockets,
  `server.open_connections` those still open;
  `await server.drained()` waits until every client has left.

As a process: `python tests/support/chat_server.py --port 0` prints `listening on http://127.0.0.1:PORT/v1` and answers
as `echoing_model` does: it calls the tool that shares most words with the question, then tells what came back.
Use it with OPENAI_BASE_URL=http://127.0.0.1:PORT/v1 OPENAI_API_KEY=anything.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Literal

Piece = bytes | float
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Recorded:
    """One request as it arrived. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.json.get("messages", []))

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The `function` objects: name, description, parameters."""
        return [tool["function"] for tool in self.json.get("tools", [])]

    @property
    def tool_names(self) -> list[str]:
        return [tool["name"] for tool in self.tools]

    @property
    def last(self) -> dict[str, Any]:
        """The last message."""
        return self.messages[-1]

    @property
    def query(self) -> str:
        """What the last user message says."""
        return next((str(m["content"]) for m in reversed(self.messages) if m["role"] == "user"), "")


@dataclass(frozen=True)
class Reply:
    """What is written for one request."""

    pieces: Sequence[Piece]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream; charset=utf-8"})
    end: Literal["close", "cut", "hang"] = "close"

    @property
    def body(self) -> bytes:
        return b"".join(piece for piece in self.pieces if isinstance(piece, bytes))


Step = Reply | Sequence[Piece] | Callable[[Recorded], "Reply"]
Script = Sequence[Step] | Callable[[Recorded], Reply]


def scripted(decide: Callable[[Recorded], Reply]) -> Callable[[Recorded], Reply]:
    """A script that decides by the request; the name says in a test what the lambda is."""
    return decide


def sse(data: Any, newline: bytes = b"\n") -> bytes:
    """One server-sent event of any JSON value."""
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + newline * 2


def event(delta: Mapping[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One chunk with the fields that a real provider sends; `more` are fields of the chunk, such as `usage`."""
    choice = {"index": 0, "delta": dict(delta or {}), "logprobs": None, "finish_reason": finish}
    return sse(
        {
            "id": "chatcmpl-000000000000000000000000",
            "object": "chat.completion.chunk",
            "created": 1700000000,
            "model": "scripted",
            "system_fingerprint": "fp_0000000000",
            "choices": [choice],
            **more,
        }
    )


def usage_event(prompt_tokens: int = 20, completion_tokens: int = 10) -> bytes:
    """The chunk without choices that `stream_options.include_usage` asks for."""
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return event(choices=[], usage=usage | {"total_tokens": prompt_tokens + completion_tokens})


def text_reply(text: str, *, pieces: int = 4, finish: str = "stop", usage: tuple[int, int] = (20, 10)) -> Reply:
    """An answer in words, in so many deltas."""
    deltas = [event({"content": part}) for part in _parts(text, pieces)]
    first = event({"role": "assistant", "content": ""})
    return Reply([first, *deltas, event(finish=finish), usage_event(*usage), DONE])


def tool_call_reply(
    name: str,
    arguments: Mapping[str, Any] | str,
    *,
    pieces: int = 5,
    call_id: str = "call_0123456789abcdef",
    text: str = "",
) -> Reply:
    """One tool call whose arguments come in so many pieces; `text` is said before it."""
    return tool_calls_reply([(name, arguments)], pieces=pieces, ids=[call_id], text=text)


def tool_calls_reply(
    calls: Sequence[tuple[str, Mapping[str, Any] | str]],
    *,
    pieces: int = 3,
    ids: Sequence[str] | None = None,
    text: str = "",
) -> Reply:
    """Several tool calls in one answer, as OpenAI streams them."""
    events = [event({"role": "assistant", "content": None})]
    events += [event({"content": part}) for part in _parts(text, 2)]
    for index, (name, arguments) in enumerate(calls):
        call_id = ids[index] if ids else f"call_{index:016x}"
        written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        head = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        events.append(event({"tool_calls": [head]}))
        events += [
            event({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
            for part in _parts(written, pieces)
        ]
    return Reply([*events, event(finish="tool_calls"), usage_event(), DONE])


def error_reply(
    status: int, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """A refusal before any stream, in OpenAI's form."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": code}}).encode()
    return Reply([body], status, {"content-type": "application/json", **(headers or {})})


def raw_reply(
    body: bytes, *, content_type: str = "text/event-stream", end: Literal["close", "cut", "hang"] = "close"
) -> Reply:
    """Exactly these bytes as the body of a 200."""
    return Reply([body], 200, {"content-type": content_type}, end)


def resplit(reply: Reply, size: int) -> Reply:
    """The same bytes in pieces of `size`, wherever that cuts; pauses are gone."""
    return replace(reply, pieces=[reply.body[at : at + size] for at in range(0, len(reply.body), size)])


def cut(reply: Reply, after: int) -> Reply:
    """The connection is dropped after so many bytes of the body."""
    return replace(reply, pieces=[reply.body[:after]], end="cut")


def paused(reply: Reply, seconds: float) -> Reply:
    """A pause after each piece."""
    return replace(reply, pieces=[item for piece in reply.pieces for item in (piece, seconds)])


class ChatServer:
    """The server; an async context manager. `port` 0 lets the system choose, `base_url` tells which it became."""

    def __init__(self, script: Script, *, port: int = 0) -> None:
        self.script = script
        self.port = port
        self.requests: list[Recorded] = []
        self.connections = 0
        self.open_connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> ChatServer:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def drained(self) -> None:
        """Wait until no client is connected."""
        await self._idle.wait()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        self._idle.clear()
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass  # the server is closed; asyncio's own callback would report the cancellation
        finally:
            writer.close()
            self._tasks.discard(task)
            self.open_connections -= 1
            if not self.open_connections:
                self._idle.set()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply; False when the connection is over."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = first.split(" ", 2)
        request = Recorded(method, path, headers, body)
        self.requests.append(request)
        reply = self._reply(request)
        writer.write(_head(reply))
        await writer.drain()
        for piece in reply.pieces:
            if not isinstance(piece, bytes):
                await asyncio.sleep(piece)
            elif piece:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
        if reply.end == "cut":
            return False  # without the last chunk of the body
        if reply.end == "hang":
            await reader.read()
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _reply(self, request: Recorded) -> Reply:
        if not request.path.split("?")[0].endswith("/chat/completions"):
            return error_reply(404, f"no such path: {request.path}")
        if callable(self.script):
            return self.script(request)
        number = len(self.requests)
        if number > len(self.script):
            return error_reply(500, f"the script has {len(self.script)} replies, this is request {number}")
        step = self.script[number - 1]
        if isinstance(step, Reply):
            return step
        return step(request) if callable(step) else Reply(step)


def _head(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return "\r\n".join([*lines, "transfer-encoding: chunked", "", ""]).encode("latin-1")


def _parts(text: str, count: int) -> list[str]:
    """`text` in at most `count` pieces of nearly equal length; none for an empty text."""
    size = max(1, -(-len(text) // max(1, count)))
    return [text[at : at + size] for at in range(0, len(text), size)]


def echoing_model(request: Recorded) -> Reply:
    """A deterministic model: calls the tool that shares most words with the question, then tells the result."""
    if request.last["role"] == "tool":
        data = re.sub(r"</?data>", "", str(request.last["content"])).replace("\\u003c", "<")
        return text_reply(f"{_told(data)}", pieces=8)
    wanted = _words(request.query)
    ranked = sorted(request.tools, key=lambda tool: -len(wanted & _words(f"{tool['name']} {tool.get('description')}")))
    if not ranked or not wanted & _words(f"{ranked[0]['name']} {ranked[0].get('description')}"):
        return text_reply("请告诉我您想办理什么。 Please tell me what you would like to do.")
    return tool_call_reply(ranked[0]["name"], {})


def _told(data: str) -> str:
    try:
        result = json.loads(data)
    except ValueError:
        return data
    if isinstance(result, dict) and not result.get("ok", True):
        return str(result.get("message", result))
    return json.dumps(result.get("data", result) if isinstance(result, dict) else result, ensure_ascii=False)


def _words(text: str) -> set[str]:
    """Words of Latin text (camelCase apart) and pairs of neighbouring Chinese characters."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    latin = {word.removesuffix("s") for word in re.findall(r"[a-z]{3,}", spaced.lower())}
    chinese = re.findall(r"[\u3400-\u9fff]+", text)
    return latin | {run[at : at + 2] for run in chinese for at in range(len(run) - 1)}


async def _serve(port: int) -> None:
    async with ChatServer(echoing_model, port=port) as server:
        print(f"listening on {server.base_url}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Run the echoing model until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A small deterministic chat-completions server.")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    port = parser.parse_args().port
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(port))


if __name__ == "__main__":
    main()
