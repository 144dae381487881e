"""The terminal client's connection: whom it gives up, and when."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from commands import chat
from commands.chat_view import View
from tests.support.played_gateway import PlayedGateway, Player


async def linked(url: str) -> tuple[int, str]:
    """The exit code of a client whose connection ended for good, and what it said."""
    err = io.StringIO()
    view = View(Console(file=io.StringIO(), width=200), Console(file=err, width=200), "en")
    wish = chat.Wish(url, "u", "T", "en", tries=0)
    client = chat._Chat(wish, chat.address(url, "u"), view, "en", interactive=False)
    await client._link()
    return client._code, err.getvalue()


async def test_a_server_that_does_not_answer_hello_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that is not there: nobody waits for ever."""
    monkeypatch.setattr(chat, "_HELLO_S", 0.05)

    async def silent(player: Player) -> None:
        assert (await player.receive())["type"] == "hello"
        await player.until_left()

    async with PlayedGateway(silent) as gateway:
        code, said = await linked(gateway.url)
        await gateway.played()
    assert code == chat.UNREACHABLE
    assert "TimeoutError" in said


@pytest.mark.parametrize(
    ("refusal", "expected"), [("login_required", chat.LOGIN_REQUIRED), ("unsupported", chat.FAILED)]
)
async def test_a_hello_that_is_refused_ends_it_with_its_code(refusal: str, expected: int) -> None:
    """And with the server's sentence."""

    async def refusing(player: Player) -> None:
        await player.receive()
        await player.send(type="error", content="no entry", code=refusal, retryable=False)
        await player.until_left()

    async with PlayedGateway(refusing) as gateway:
        code, said = await linked(gateway.url)
        await gateway.played()
    assert code == expected
    assert "no entry" in said


async def test_after_the_last_try_a_lost_connection_is_not_tried_again() -> None:
    """Where nobody watches; the exit code says that no answer came."""

    async def leaving(player: Player) -> None:
        await player.ready()
        await player.socket.close(1012)

    async with PlayedGateway(leaving) as gateway:
        code, said = await linked(gateway.url)
        await gateway.played()
    assert code == chat.UNREACHABLE
    assert "1012" in said
