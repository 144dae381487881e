"""Shows a conversation in a terminal: answers as they come, spinners, tables, cards; or plain lines in a pipe.

No character of the server's reaches the terminal but as a plain one (A24). Called by `chat.py`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.spinner import Spinner

from commands.chat_events import (
    BubbleClosed,
    Ended,
    Event,
    Refused,
    Replaced,
    Shown,
    ToolEnded,
    Waits,
    Words,
    Working,
)
from commands.chat_payload import labelled, plain, rendered
from schemas.frames import ApprovalCard
from schemas.messages import text
from schemas.plaintext import escaped
from schemas.turn import Locale

_BREAKS = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")


class View:
    """`out` is for answers, `err` for everything else where answers go into a pipe."""

    def __init__(self, out: Console, err: Console, locale: Locale, *, as_json: bool = False) -> None:
        self._out, self._err, self._locale, self._as_json = out, err, locale, as_json
        self._rich = out.is_terminal and not as_json
        self._bubble = ""
        self._message = ""
        self._live: Live | None = None
        self._spinner = Spinner("dots")

    def frame(self, raw: str) -> None:
        """A raw frame, where frames were asked for."""
        if self._as_json:
            self._write(json_line(raw) + "\n")

    def show(self, event: Event) -> None:
        """One event of the session's."""
        if self._as_json:
            return
        match event:
            case Working(message):
                self._work(message)
            case ToolEnded(message, duration_ms):
                took = f"{duration_ms} ms" if duration_ms < 1000 else f"{duration_ms / 1000:.1f} s"
                self._note(f"{message} ({took})")
            case Words(words):
                self._say(words)
            case Replaced(words):
                if self._bubble and not self._rich:  # what stands in a pipe stays
                    self._write("\n")
                self._bubble = ""
                self._say(words)
            case BubbleClosed():
                self._close_bubble()
            case Shown(payload):
                if self._rich:
                    self._out.print(rendered(payload, self._locale, self._out.width))
            case Waits(card):
                self._card(card)
            case Refused(_, sentence):
                self.stop()
                self.tell(sentence, "red")
            case Ended(outcome, sentence):
                self._end(outcome, sentence)

    def tell(self, sentence: str, style: str = "dim") -> None:
        """A sentence of the client's own, or one that is no part of an answer."""
        (self._out if self._rich else self._err).print(plain(sentence, style))

    def prompt(self, *, approving: bool) -> None:
        """Where the resident types."""
        if self._rich:
            key = "chat.prompt_approval" if approving else "chat.prompt"
            self._write(text(key, self._locale) + " ")

    def stop(self) -> None:
        """Nothing moves any more."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _work(self, message: str) -> None:
        self._message = message
        if self._rich:
            self._draw()

    def _note(self, line: str) -> None:
        if self._rich:
            self._out.print(plain(f"  {line}", "dim"))

    def _say(self, words: str) -> None:
        if self._rich:
            self._bubble += words
            self._draw()
        else:
            self._bubble += words
            self._write(plain_lines(words))

    def _close_bubble(self) -> None:
        self.stop()
        if self._rich and self._bubble.strip():
            self._out.print(_Answer(self._bubble))
        elif not self._rich and self._bubble and not self._bubble.endswith("\n"):
            self._write("\n")
        self._bubble = ""

    def _card(self, card: ApprovalCard) -> None:
        self.stop()
        if not self._rich:
            return  # the bubble says all of it
        lines = [(argument.label, argument.text) for argument in card.arguments]
        below = text("chat.expires", self._locale, time=_local_time(card.expires_at))
        self._out.print(labelled(card.summary, lines, below=below))

    def _end(self, outcome: str, sentence: str) -> None:
        self._close_bubble()
        self._message = ""
        if sentence:
            self.tell(sentence, "red")
        elif outcome == "cancelled":
            self.tell(text("chat.cancelled", self._locale))

    def _draw(self) -> None:
        if self._live is None:
            self._live = Live(console=self._out, transient=True, refresh_per_second=8, redirect_stdout=False)
            self._live.start()
        self._spinner.update(text=plain(self._message, "dim"))
        self._live.update(_Moving(self._bubble, self._spinner))

    def _write(self, said: str) -> None:
        self._out.file.write(said)
        self._out.file.flush()


class _Answer:
    """Markdown of the server's. Characters are made plain behind the reading: Markdown can write any as `&#x202e;`."""

    def __init__(self, words: str) -> None:
        # two blanks: in a chat a line that ends is a line that ends
        self._markdown = Markdown(plain_lines(words).replace("\n", "  \n"), hyperlinks=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._markdown, options):
            lines = (escaped(line) for line in segment.text.split("\n"))
            yield Segment("\n".join(lines), segment.style)


class _Moving:
    """What moves: the end of the bubble, as much as the terminal has room for, and a spinner."""

    def __init__(self, bubble: str, spinner: Spinner) -> None:
        self._bubble, self._spinner = bubble, spinner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines: list[list[Segment]] = []
        if self._bubble.strip():
            lines = console.render_lines(_Answer(self._bubble), options, pad=False)
        for line in lines[-max(1, console.height - 3) :]:
            yield from line
            yield Segment.line()
        yield self._spinner


def plain_lines(words: str) -> str:
    """Lines of an answer, each without a control or direction character."""
    return "\n".join(escaped(line) for line in _BREAKS.sub("\n", words).replace("\t", "    ").split("\n"))


def json_line(raw: str) -> str:
    """A frame as one line of JSON without a character that a terminal would obey; what is no JSON as a JSON text."""
    try:
        value: Any = json.loads(raw)
    except (ValueError, RecursionError):
        value = raw
    return "".join(_json_characters(json.dumps(value, ensure_ascii=False)))


def _json_characters(line: str) -> Iterator[str]:
    for character in line:
        yield character if escaped(character) == character else json.dumps(character)[1:-1]


def _local_time(moment: str) -> str:
    try:
        return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return moment


def consoles() -> tuple[Console, Console]:
    """Standard output and error; no markup, no emoji codes, no highlighting of what others wrote."""
    out, err = (Console(file=file, markup=False, emoji=False, highlight=False) for file in (sys.stdout, sys.stderr))
    return out, err
