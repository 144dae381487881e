"""`python app.py chat`: the terminal client of the protocol: connects, comes back, reads lines, stops at Ctrl-C.

What to send and show is `chat_session.py`'s to know; here are the socket, the clock and the signals.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import uuid
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from commands.chat_events import Ended, Refused
from commands.chat_input import Lines
from commands.chat_session import Session, comes_back
from commands.chat_view import View, consoles
from schemas.jsontext import to_json, whole_characters
from schemas.messages import text
from schemas.turn import Locale

ANSWERED, FAILED, UNREACHABLE, LOGIN_REQUIRED, WAITS = 0, 1, 3, 4, 5
_INTERRUPTED = 130
_CODES = {
    "success": ANSWERED,
    "limit": ANSWERED,
    "approval": WAITS,
    "login_required": LOGIN_REQUIRED,
    "cancelled": _INTERRUPTED,
}
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_HELLO_S, _PING_S, _CLOSE_S = 15.0, 240.0, 2.0
# Where nobody watches, a lost connection is tried so often (about a minute).
PIPE_TRIES = 7
_MAX_FRAME_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom to talk to and how. `tries`: how often in a row a lost connection is tried again, None for ever."""

    url: str
    user: str
    token: str | None
    locale: Locale | None
    demo: bool = False
    as_json: bool = False
    tries: int | None = None


def address(url: str, user: str) -> str:
    """The socket's address of a gateway's URL (ws, wss, http or https, with or without a path). Raises `ValueError`."""
    try:
        parts = urlsplit(url if "://" in url else f"ws://{url}")
        known = parts.hostname is not None and (parts.port is None or parts.port > 0)
    except ValueError:  # brackets, or a port that is none
        known = False
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme) if known else ""
    if scheme not in ("ws", "wss"):
        raise ValueError(f"{url!r} is no address of a gateway; one is ws://localhost:8001")
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/ws/chat/{quote(user, safe='')}"


def chat(wish: Wish, default_locale: Locale) -> int:
    """Talk until the input ends; the exit code. Raises `ValueError` for an address that is none."""
    where = address(wish.url, wish.user)
    out, err = consoles()
    locale = wish.locale or default_locale
    view = View(out, err, locale, as_json=wish.as_json)
    interactive = sys.stdin.isatty()
    return asyncio.run(_Chat(wish, where, view, locale, interactive=interactive).run())


def wait_s(tries: int, random_value: float) -> float:
    """How long to wait before try number `tries` (from 1): doubling, and spread so that not all come at once."""
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(tries - 1, 16))
    return longest * (0.5 + random_value / 2)


class _Gone(NamedTuple):
    """Why a connection ended, and whether to come back."""

    why: str
    back: bool


class _Chat:
    def __init__(self, wish: Wish, where: str, view: View, locale: Locale, *, interactive: bool) -> None:
        self._wish, self._where, self._view, self._locale = wish, where, view, locale
        self._interactive = interactive
        self._session = Session(wish.token, wish.locale, lambda: str(uuid.uuid4()))
        self._socket: ClientConnection | None = None
        self._free = asyncio.Event()
        self._leave = asyncio.Event()
        self._code = ANSWERED
        self._cancelling: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Until the input ends, the connection is closed for good, or Ctrl-C."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupt)
        tasks = [asyncio.create_task(one) for one in (self._link(), self._talk(), self._leave.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a defect is shown
        finally:
            self._view.stop()
            self._leave.set()
            if self._socket is not None:  # with 1000: a task that is cancelled would close with 1011
                await self._socket.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._code

    async def _link(self) -> None:
        """Keep a connection; returns when it is not to come back."""
        tries, known = 0, False
        while True:
            try:
                async with connect(
                    self._where, proxy=None, max_size=_MAX_FRAME_BYTES, close_timeout=_CLOSE_S
                ) as socket:
                    self._socket = socket
                    gone = await self._follow(socket, again=known)
                    reached = self._session.ready
            except BrokenPipeError:  # nobody reads what is written (`| head`): nothing more is, at the end neither
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return
            except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
                gone, reached = _Gone(str(error) or type(error).__name__, back=True), False
                if not known:
                    self._say("chat.unreachable", url=self._wish.url, reason=gone.why)
                    self._code = UNREACHABLE
                    return
            if self._leave.is_set():
                return
            self._socket, self._session.ready = None, False
            self._free.clear()
            self._view.stop()
            known, tries = known or reached, 1 if reached else tries + 1
            if not gone.back or (self._wish.tries is not None and tries > self._wish.tries):
                self._say("chat.closed", code=gone.why)
                self._code = self._code or UNREACHABLE
                return
            pause = wait_s(tries, random.random())  # noqa: S311 - spreads reconnects, guards nothing
            self._say("chat.lost", code=gone.why, seconds=f"{pause:.1f}")
            await asyncio.sleep(pause)

    async def _follow(self, socket: ClientConnection, *, again: bool) -> _Gone:
        """One connection to its end."""
        pinging = asyncio.create_task(self._ping(socket))
        try:
            await socket.send(to_json(self._session.hello()))
            async with asyncio.timeout(_HELLO_S) as patience:
                while True:
                    message = await socket.recv()
                    if not isinstance(message, str):
                        continue
                    was_ready = self._session.ready
                    refused = await self._received(socket, message)
                    if refused is not None and not self._session.ready:  # our hello
                        return _Gone(refused.code, refused.retryable)
                    if self._session.ready and not was_ready:
                        patience.reschedule(None)
                        self._begun(again=again)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 1006
            return _Gone(str(code), comes_back(code))
        finally:
            pinging.cancel()

    async def _received(self, socket: ClientConnection, message: str) -> Refused | None:
        """Show and answer one frame; the refusal, if it was one."""
        self._view.frame(message)
        was_busy = self._session.busy
        received = self._session.received(message)
        refused = None
        for event in received.events:
            self._view.show(event)
            if isinstance(event, Ended):
                self._code = _CODES.get(event.outcome, FAILED)
            elif isinstance(event, Refused):
                refused, self._code = event, _CODES.get(event.code, FAILED)
        for frame in received.frames:
            await socket.send(to_json(frame))
        if self._session.ready and not self._session.busy:
            self._free.set()
            if was_busy and self._interactive:
                self._view.prompt(approving=self._session.approval is not None)
        else:
            self._free.clear()
        return refused

    def _begun(self, *, again: bool) -> None:
        if again:
            self._say("chat.back")
        elif self._interactive:
            if self._wish.demo:
                self._say("chat.demo")
            self._say("chat.hint", url=self._wish.url, user=self._wish.user)
            self._view.prompt(approving=self._session.approval is not None)

    async def _talk(self) -> None:
        """One line after another, each when the one before is answered."""
        lines = Lines(sys.stdin.fileno())
        lines.start()
        while True:
            line = await lines.next()
            if line is None:
                await self._free.wait()
                return
            if not line.strip():
                continue
            await self._free.wait()
            frame = self._session.say(whole_characters(line.strip()))
            self._free.clear()
            await self._send(frame)

    async def _send(self, frame: dict[str, object]) -> None:
        """Now, or after the next `ready`: the session keeps what is unanswered."""
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(to_json(frame))

    async def _ping(self, socket: ClientConnection) -> None:
        """An open terminal is no idle client."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(_PING_S)
                await socket.send(json.dumps({"type": "ping"}))

    def _interrupt(self) -> None:
        """Ctrl-C: stop the answer; once more, or where none is under way: leave."""
        frame = self._session.cancel() if self._socket is not None else None
        if frame is None:
            self._code = _INTERRUPTED
            self._leave.set()
            return
        self._say("chat.cancelling")
        self._cancelling = asyncio.create_task(self._send(frame))

    def _say(self, key: str, **params: object) -> None:
        self._view.tell(text(key, self._locale, **params))
