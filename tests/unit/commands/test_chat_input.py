"""Lines of a pipe as they come, whatever pieces they come in."""

from __future__ import annotations

import os

import pytest

from commands.chat_input import Lines


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a\nb"], ["a", "b"]),
        ([b""], []),
        (["查询\n".encode()[:2], "查询\n".encode()[2:]], ["查询"]),
        ([b"\xff\n"], ["\ufffd"]),
        ([b"\n\n"], ["", ""]),
    ],
)
async def test_lines_come_out_of_any_pieces(pieces: list[bytes], lines: list[str]) -> None:
    """The last one without its break too; then the end. What is no UTF-8 is a sign in its place."""
    reader, writer = os.pipe()
    found = Lines(reader)
    found.start()
    try:
        for piece in pieces:
            os.write(writer, piece)
    finally:
        os.close(writer)
    assert [await found.next() for _ in lines] == lines
    assert await found.next() is None
    os.close(reader)
