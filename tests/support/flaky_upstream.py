"""An upstream that loses connections at any byte, answers late and restarts, by the dice of a seed; it counts commits.

`POST /things` honours an Idempotency-Key, `POST /payments` does not; `GET /things` lists what was committed. A commit
is counted by the `name` in its body, so that a test that names every write once can see the second of a write.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from tests.support.raw_upstream import Received, read_request

_FATES = ("cut-request", "drop", "drop-after", "cut-answer", "cut-answer", "slow-before", "slow-after", "503")
_HEAD = "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"


@dataclass
class FlakyUpstream:
    """`async with FlakyUpstream(seed) as upstream:`; `trouble` is the share of requests that something happens to."""

    seed: int
    trouble: float = 0.75
    slow_s: float = 0.6
    each: int = 1
    commits: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._random = random.Random(self.seed)  # noqa: S311 - dice of a test
        self._restarting = False
        self._answers: dict[str, bytes] = {}
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._accepted: set[socket.socket] = set()
        self._listen()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._deafen()
        while self._tasks:  # an accepted connection may become one more
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for accepted in self._accepted:
            accepted.close()

    def _listen(self) -> None:
        """Accept by hand: a server of asyncio that is closed in the moment of accepting loses the accepted socket."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _deafen(self) -> None:
        if self._listener.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            accepted, _ = self._listener.accept()
            self._accepted.add(accepted)
            self._spawn(self._connect(accepted))

    async def _connect(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve), accepted
        )
        self._accepted.discard(accepted)  # the transport's from here on

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def restart(self) -> None:
        """The process dies and comes back on the same port: what was committed stays, connections do not."""
        if self._restarting:
            return
        self._restarting = True
        self._deafen()
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.sleep(self._random.choice((0.01, 0.05)))
        self._listen()
        self._restarting = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and what happens to it; False where the connection is over."""
        dice = self._random
        fate = dice.choice(_FATES) if dice.random() > 0.03 else "restart"
        if dice.random() > self.trouble:
            fate = "nothing"
        if fate == "cut-request":
            self.happened[fate] += 1
            async with asyncio.timeout(0.3):
                await reader.readexactly(dice.randrange(1, 500))
            return False
        received = await read_request(reader)
        self.happened[fate] += 1
        if fate == "drop":
            return False
        if fate == "503":
            writer.write(_answer(503, {"message": "busy"}))
            await writer.drain()
            return True
        if fate == "slow-before":
            await asyncio.sleep(self.slow_s)
        answer = self._commit(received)
        if fate == "slow-after":
            await asyncio.sleep(self.slow_s)
        if fate in ("drop-after", "cut-answer"):
            writer.write(answer[: dice.randrange(0, len(answer)) if fate == "cut-answer" else 0])
            await writer.drain()
            return False
        if fate == "restart":
            self._spawn(self.restart())
            return False
        writer.write(answer)
        await writer.drain()
        return True

    def _commit(self, received: Received) -> bytes:
        if received.method == "GET":
            rows = [{"name": name} for name, count in self.commits.items() for _ in range(count)]
            return _answer(200, {"things": rows[-50:]})
        key = received.header("idempotency-key") if received.target.endswith("/things") else None
        if key is not None and key in self._answers:
            self.happened["same key again"] += 1
            return self._answers[key]
        name = json.loads(received.body)["name"]
        self.commits[name] += self.each
        answer = _answer(201, {"id": f"t{sum(self.commits.values())}", "name": name})
        if key is not None:
            self._answers[key] = answer
        return answer


def _answer(status: int, value: Any) -> bytes:
    body = json.dumps(value).encode()
    return _HEAD.format(status=status, length=len(body)).encode() + body
