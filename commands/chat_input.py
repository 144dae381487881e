"""Lines that a person types, or a pipe gives, as they come; read beside the event loop. Called by `chat.py`."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import threading

_MAX_LINE = 1 << 20


class Lines:
    """The lines of a file descriptor; `None` is its end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    def start(self) -> None:
        """Read from now on, in a thread that ends with the process: nothing can interrupt a read of a terminal."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), daemon=True).start()

    async def next(self) -> str | None:
        """The next line without its break."""
        return await self._queue.get()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        try:
            # not sys.stdin: its lock, held by a thread that waits, would stop the interpreter from ending
            while data := os.read(self._descriptor, 65536):
                *lines, rest = (rest + decoder.decode(data)).split("\n")
                for line in lines:
                    self._put(loop, line)
                rest = rest[-_MAX_LINE:]
        except OSError:  # the terminal has gone
            pass
        if rest:
            self._put(loop, rest)
        self._put(loop, None)

    def _put(self, loop: asyncio.AbstractEventLoop, line: str | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody reads on
            loop.call_soon_threadsafe(self._queue.put_nowait, line)
