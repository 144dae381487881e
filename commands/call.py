"""`python app.py call`: one call of one tool with a token, exactly as a conversation would make it."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from integrations.catalogue import Catalogue
from integrations.toolset import CatalogueToolsets, request_line
from schemas.deadline import Deadline
from schemas.jsontext import to_json
from schemas.tool import PreparedCall, ToolCall, ToolResult
from schemas.turn import Locale

_EXIT = {"invalid_arguments": 2, "unknown_tool": 2}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be called. `yes` is the caller's consent to a write; `token` may be None for public operations."""

    tool: str
    arguments: str
    token: str | None
    locale: Locale
    timeout_s: float
    yes: bool = False


async def call(catalogue: Catalogue, wish: Wish, *, as_json: bool) -> int:
    """Prepare, show and send one call; the exit code: 0 for a success, 2 for what was refused before sending, 1 else.

    A write without `yes` is shown and not sent. Raises `ValueError` for a token that cannot be one.
    """
    toolsets = CatalogueToolsets(catalogue)
    try:
        toolset = toolsets.for_token(wish.token)
        deadline = Deadline.after(wish.timeout_s)
        prepared = await toolset.prepare(ToolCall("call", wish.tool, wish.arguments), wish.locale, deadline)
        if isinstance(prepared, ToolResult):
            return _show(prepared, 0.0, as_json=as_json)
        if not as_json:
            print(request_line(prepared))
        if prepared.effect == "write" and not wish.yes:
            print(_unconfirmed(prepared), file=sys.stderr)
            return 2
        started = time.monotonic()
        result = await toolset.call(prepared, wish.locale, deadline)
        return _show(result, time.monotonic() - started, as_json=as_json)
    finally:
        await toolsets.close()


def _unconfirmed(prepared: PreparedCall) -> str:
    return f"{prepared.summary}\nsteward: this writes to {prepared.upstream}; nothing was sent. Add --yes to send it."


def _show(result: ToolResult, took_s: float, *, as_json: bool) -> int:
    if not as_json:
        print(f"{result.error or 'ok'}, {took_s * 1000:.0f} ms")
    print(to_json(result.content))
    return 0 if result.ok else _EXIT.get(result.error or "", 1)
