"""`python app.py chat` as a process, in pipes and on a terminal: against a played gateway, and a real one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.breaking_line import BreakingLine
from tests.support.estate_data import rows
from tests.support.played_gateway import CARD, PlayedGateway, Player
from tests.support.steward import ROOT, Steward, warm_steward

_PATIENCE_S = 60


def environment(folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STEWARD_")}
    return inherited | {"STEWARD_DATA_DIR": str(folder), "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}


@dataclass
class Done:
    """A run in pipes."""

    code: int
    out: str
    err: str


async def piped(folder: Path, typed: str, *words: str) -> Done:
    """The command with `typed` as its whole input."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "app.py"),
        "chat",
        *words,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env=environment(folder),
    )
    async with asyncio.timeout(_PATIENCE_S):
        out, err = await process.communicate(typed.encode())
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, process: asyncio.subprocess.Process, descriptor: int) -> None:
        self.process, self._descriptor = process, descriptor
        self.raw = bytearray()
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # the other side is closed
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self.raw += data
        self._changed.set()

    @property
    def text(self) -> str:
        return self.raw.decode(errors="replace")

    async def shows(self, words: str) -> None:
        """Wait until these words stand on the terminal."""
        async with asyncio.timeout(_PATIENCE_S):
            while words not in self.text:
                self._changed.clear()
                await self._changed.wait()

    async def prompts(self, count: int) -> None:
        """Wait until the client has asked for a line so many times."""
        async with asyncio.timeout(_PATIENCE_S):
            while self.text.count("您>") < count:
                self._changed.clear()
                await self._changed.wait()

    def type(self, line: str) -> None:
        os.write(self._descriptor, line.encode() + b"\n")

    def key(self, character: bytes) -> None:
        """A control key: the terminal makes a signal, or the end of input, of it."""
        os.write(self._descriptor, character)

    async def code(self) -> int:
        async with asyncio.timeout(_PATIENCE_S):
            return await self.process.wait()


@asynccontextmanager
async def on_terminal(folder: Path, *words: str) -> AsyncIterator[Terminal]:
    ours, theirs = pty.openpty()

    def take() -> None:
        """Make it the process's own terminal, so that Ctrl-C is a signal for it."""
        os.setsid()
        import fcntl
        import termios

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "app.py"),
        "chat",
        *words,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(folder),
        preexec_fn=take,
    )
    os.close(theirs)
    terminal = Terminal(process, ours)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)


async def answered(player: Player) -> None:
    """One question, answered in two pieces."""
    hello = await player.ready()
    assert hello["token"] == "T"
    query = await player.receive()
    assert query["query"] == "查询我的物业费账单"
    await player.thinking("t1")
    await player.words("t1", "您有 4 笔", "未缴账单。")
    await player.completed("t1")
    assert await player.until_left() == 1000


async def test_in_a_pipe_a_question_is_answered_and_the_exit_code_is_0(tmp_path: Path) -> None:
    """Standard output is the answer alone, standard error empty."""
    async with PlayedGateway(answered) as gateway:
        done = await piped(tmp_path, "查询我的物业费账单\n", "--token", "T", "--url", gateway.url)
        await gateway.played()
    assert done == Done(0, "您有 4 笔未缴账单。\n", "")


async def test_where_nobody_reads_the_answer_it_ends_in_silence(tmp_path: Path) -> None:
    """As in `| head`: no traceback, and no word of a gateway that cannot be reached."""
    reads, writes = os.pipe()
    async with PlayedGateway(answered) as gateway:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "app.py"),
            *("chat", "--token", "T", "--url", gateway.url),
            stdin=asyncio.subprocess.PIPE,
            stdout=writes,
            stderr=asyncio.subprocess.PIPE,
            env=environment(tmp_path),
        )
        os.close(writes)
        os.close(reads)
        async with asyncio.timeout(_PATIENCE_S):
            _, err = await process.communicate("查询我的物业费账单\n".encode())
    assert err.decode() == ""
    assert process.returncode == 0


async def test_frames_come_raw_where_they_are_asked_for(tmp_path: Path) -> None:
    """One JSON object a line, the gateway's own, in its order."""
    async with PlayedGateway(answered) as gateway:
        done = await piped(tmp_path, "查询我的物业费账单", "--token", "T", "--url", gateway.url, "--json")
        await gateway.played()
    frames = [json.loads(line) for line in done.out.splitlines()]
    assert [frame["type"] for frame in frames] == ["ready", "status", "chunk", "chunk", "chunk", "status"]
    assert done.code == 0


async def test_a_lost_connection_is_resumed_in_the_middle_of_an_answer(tmp_path: Path) -> None:
    """Hello with epoch and the last seq, the question again under its name; every word once."""
    asked: list[dict[str, Any]] = []

    async def first(player: Player) -> None:
        await player.ready()
        asked.append(await player.receive())
        await player.thinking("t1")
        await player.entry("chunk", "t1", content="您有 4 ", is_final=False)
        player.socket.transport.abort()

    async def second(player: Player) -> None:
        hello = await player.ready(turn_id="t1")
        assert (hello["conversation_id"], hello["epoch"], hello["after"]) == ("c", "e", 2)
        asked.append(await player.receive())
        await player.words("t1", "笔未缴账单。")
        await player.completed("t1")
        await player.until_left()

    async with PlayedGateway(first, second) as gateway:
        done = await piped(tmp_path, "查询账单\n", "--token", "T", "--url", gateway.url)
        await gateway.played()
    assert (done.code, done.out) == (0, "您有 4 笔未缴账单。\n")
    assert asked[0] == asked[1]
    assert asked[0]["client_msg_id"]
    assert "重连" in done.err


@pytest.mark.parametrize(
    ("outcome", "code"), [("success", 0), ("limit", 0), ("login_required", 4), ("approval", 5), ("cancelled", 130)]
)
async def test_the_exit_code_tells_how_the_last_turn_ended(tmp_path: Path, outcome: str, code: int) -> None:
    """For scripts."""

    async def part(player: Player) -> None:
        await player.ready()
        await player.receive()
        await player.thinking("t1")
        await player.words("t1", "…")
        await player.completed("t1", outcome)
        await player.until_left()

    async with PlayedGateway(part) as gateway:
        assert (await piped(tmp_path, "a\n", "--token", "T", "--url", gateway.url)).code == code
        await gateway.played()


async def test_what_is_refused_is_said_and_exits_1(tmp_path: Path) -> None:
    """A query; and a connection for good, whose code says so."""

    async def query(player: Player) -> None:
        await player.ready()
        await player.receive()
        await player.send(type="error", content="问题太长", code="too_large", retryable=False)
        await player.until_left()

    async def path(player: Player) -> None:
        await player.ready()
        await player.receive()
        await player.send(type="error", content="请重新登录", code="identity_mismatch", retryable=False)
        await player.socket.close(4501)

    for part, sentence in ((query, "问题太长"), (path, "请重新登录")):
        async with PlayedGateway(part) as gateway:
            done = await piped(tmp_path, "a\n", "--token", "T", "--url", gateway.url)
            await gateway.played()
        assert done.code == 1
        assert sentence in done.err
        assert done.out == ""


async def test_a_gateway_that_is_not_there_exits_3(tmp_path: Path) -> None:
    """At once, with the reason; an address that is none is a wrong usage."""
    async with PlayedGateway() as gateway:
        url = gateway.url
    done = await piped(tmp_path, "a\n", "--token", "T", "--url", url)
    assert done.code == 3
    assert url in done.err
    assert (await piped(tmp_path, "a\n", "--url", "mailto:x")).code == 2


async def test_on_a_terminal_a_write_is_confirmed_by_hand(tmp_path: Path) -> None:
    """A card, the prompt, `approve` with its id; Ctrl-D leaves."""

    async def part(player: Player) -> None:
        await player.ready()
        assert (await player.receive())["query"] == "厨房漏水"
        await player.thinking("t1")
        await player.words("t1", "我将为您提交。")
        await player.entry("approval", "t1", **CARD)
        await player.completed("t1", "approval")
        assert await player.receive() == {"type": "approve", "approval_id": "a1", "approved": True}
        await player.thinking("t2")
        await player.words("t2", "报修单 BX1 已提交。")
        await player.completed("t2")
        await player.until_left()

    async with PlayedGateway(part) as gateway, on_terminal(tmp_path, "--token", "T", "--url", gateway.url) as terminal:
        await terminal.shows("您>")
        terminal.type("厨房漏水")
        await terminal.shows("确认 / 取消>")
        assert "提交报修单" in terminal.text
        terminal.type("确认")
        await terminal.shows("报修单 BX1 已提交。")
        terminal.key(b"\x04")
        assert await terminal.code() == 0
        await gateway.played()


async def test_ctrl_c_stops_the_answer_and_then_leaves(tmp_path: Path) -> None:
    """The first one sends `cancel` with the turn's id; where nothing runs, it ends the client."""

    async def part(player: Player) -> None:
        await player.ready()
        await player.receive()
        await player.thinking("t1")
        await player.entry("chunk", "t1", content="一段很长的", is_final=False)
        assert await player.receive() == {"type": "cancel", "turn_id": "t1"}
        await player.entry("chunk", "t1", content="", is_final=True)
        await player.completed("t1", "cancelled")
        await player.until_left()

    async with PlayedGateway(part) as gateway, on_terminal(tmp_path, "--token", "T", "--url", gateway.url) as terminal:
        await terminal.shows("您>")
        terminal.type("讲个故事")
        await terminal.shows("一段很长的")
        terminal.key(b"\x03")
        await terminal.shows("（已停止）")
        terminal.key(b"\x03")
        assert await terminal.code() == 130
        await gateway.played()


async def test_a_second_ctrl_c_leaves_while_the_answer_still_runs(tmp_path: Path) -> None:
    """A gateway that does not stop it holds nobody."""

    async def part(player: Player) -> None:
        await player.ready()
        await player.receive()
        await player.thinking("t1")
        assert (await player.receive())["type"] == "cancel"
        await player.until_left()

    async with PlayedGateway(part) as gateway, on_terminal(tmp_path, "--token", "T", "--url", gateway.url) as terminal:
        await terminal.shows("您>")
        terminal.type("a")
        await terminal.shows("正在思考")
        terminal.key(b"\x03")
        await terminal.shows("正在停止")
        terminal.key(b"\x03")
        assert await terminal.code() == 130
        await gateway.played()


async def test_no_escape_of_the_gateways_reaches_the_terminal(tmp_path: Path) -> None:
    """A24: a window title, a cleared screen, a hidden link, a direction mark, in words and in a table."""
    hostile = "\x1b]0;owned\x07\x1b[31;47mred\x9b5m\x1b]8;;http://evil.example\x07x\u202e"

    async def part(player: Player) -> None:
        await player.ready()
        await player.receive()
        await player.thinking("t1")
        call = {"tool": hostile, "tool_call_id": "k"}
        await player.entry("status", "t1", status="tool_calling", data={"message": hostile, **call})
        await player.entry("status", "t1", status="tool_completed", data={"message": hostile, **call, "duration_ms": 1})
        table = {
            "title": hostile,
            "columns": [{"key": "x", "label": hostile, "kind": "text"}],
            "rows": [{"x": {"text": hostile, "value": hostile}}],
            "shown": 1,
            "total": 1,
        }
        await player.entry("data", "t1", tool_call_id="k", kind="table", payload=table)
        await player.words("t1", hostile, " the end")
        await player.completed("t1")
        await player.until_left()

    async with PlayedGateway(part) as gateway, on_terminal(tmp_path, "--token", "T", "--url", gateway.url) as terminal:
        await terminal.shows("您>")
        terminal.type("a")
        await terminal.shows("the end")
        terminal.key(b"\x04")
        assert await terminal.code() == 0
        await gateway.played()
    for escape in ("\x1b]", "\x1b[31;47m", "\x9b", "\x07", "\u202e"):
        assert escape not in terminal.text
    assert "\\u001b]0;owned\\u0007" in terminal.text


async def test_a_real_gateway_answers_in_a_pipe(steward: Steward, tmp_path: Path) -> None:
    """`echo 查询我的物业费账单 | python app.py chat --token T`."""
    token = steward.login("user123")
    done = await piped(tmp_path, "查询我的物业费账单\n", "--token", token, "--url", steward.http)
    assert done.code == 0, done.err
    assert "账单" in done.out
    assert done.err == ""
    assert token not in done.out


async def test_a_real_gateway_shows_tables_and_files_a_confirmed_write(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    """Rows of the bill upstream with their labels; a repair that is in the database after the yes, and not before."""
    with start() as steward:

        def orders() -> int:
            return len(rows(steward.database, "SELECT no FROM repairs"))

        before = orders()
        words = ("--token", "your-token-here", "--url", steward.http)
        async with on_terminal(tmp_path, *words) as terminal:
            await terminal.shows("您>")
            terminal.type("查询我的物业费账单")
            await terminal.shows("应缴金额")
            await terminal.shows(" 元")
            await terminal.prompts(2)
            terminal.type("我家客厅灯不亮了，帮我报修，明天下午来")
            await terminal.shows("确认 / 取消>")
            assert orders() == before
            terminal.type("确认")
            await terminal.prompts(3)
            assert orders() == before + 1
            assert rows(steward.database, "SELECT no FROM repairs ORDER BY no DESC")[0]["no"] in terminal.text
            terminal.key(b"\x04")
            assert await terminal.code() == 0


async def test_a_real_gateway_answers_whole_through_a_line_that_breaks(steward: Steward, tmp_path: Path) -> None:
    """Dropped five times, in a handshake too: word for word the undisturbed answer."""
    words = ("--token", "your-token-here", "--user", "user123")
    undisturbed = await piped(tmp_path, "查询我的物业费账单\n", *words, "--url", steward.http)
    assert undisturbed.code == 0
    async with BreakingLine(steward.port, [900, 1500, 60, 2300, 777]) as line:
        done = await piped(tmp_path, "查询我的物业费账单\n", *words, "--url", f"ws://127.0.0.1:{line.port}")
    assert line.broken == 5
    assert (done.code, done.out) == (0, undisturbed.out), done.err


async def test_a_real_gateway_that_restarts_is_found_again(tmp_path: Path) -> None:
    """Close code 1012, a wait, hello again; the next question is answered."""
    folders = (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        folder.mkdir()
    with warm_steward(folders[0]) as steward:
        words = ("--token", "your-token-here", "--url", steward.http)
        again = {"STEWARD_PORT": str(steward.port), "STEWARD_DEMO_PORT": str(steward.estate_ports[0])}
        async with on_terminal(tmp_path, *words) as terminal:
            await terminal.shows("您>")
            steward.stop()
            await terminal.shows("1012")
            with warm_steward(folders[1], **again):
                await terminal.shows("已重新连接")
                terminal.type("你好")
                await terminal.prompts(2)
                terminal.key(b"\x04")
                assert await terminal.code() == 0
