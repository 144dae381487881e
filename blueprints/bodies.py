"""The body of an HTTP request, read as it comes and no further than its limit. Used by `api.py` and `uploads.py`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from sanic import Request
from sanic.exceptions import PayloadTooLarge, SanicException

from schemas.errors import FrameRefused

_DISCARDED_BYTES, _DISCARD_S = 32 << 20, 10.0


async def pieces(request: Request, max_bytes: int, timeout_s: float) -> AsyncIterator[bytes]:
    """The body of a `stream=True` route piece by piece. Raises `FrameRefused` for one that is longer than `max_bytes`,
    at once where it says so itself, or that takes longer than `timeout_s`."""
    too_large = FrameRefused("too_large", "http.too_large")
    length = str(request.headers.get("content-length", "0"))
    if length.isdecimal() and int(length) > max_bytes:
        raise too_large
    size = 0
    stream: Any = request.stream
    # Sanic's own limit is for bodies that it reads by itself; what is counted here is never more than `max_bytes`
    stream.request_max_size = max(max_bytes, stream.request_max_size)
    try:
        async with asyncio.timeout(timeout_s):
            while (piece := await stream.read()) is not None:
                size += len(piece)
                if size > max_bytes:
                    raise too_large
                yield piece
    except PayloadTooLarge:
        raise too_large from None
    except TimeoutError:
        raise FrameRefused("bad_request", "http.too_slow") from None


async def discard(request: Request) -> None:
    """Read on for a while what is left of a body that is refused: a client that is still sending would not see the
    answer, but a connection that was reset."""
    stream: Any = request.stream
    stream.request_max_size = _DISCARDED_BYTES
    with contextlib.suppress(SanicException, TimeoutError):
        async with asyncio.timeout(_DISCARD_S):
            while await stream.read() is not None:
                pass


async def json_text(request: Request, max_bytes: int, timeout_s: float) -> str:
    """A JSON body as text. Raises `FrameRefused` for another media type and for what is not UTF-8."""
    media_type = str(request.headers.get("content-type", "")).partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise FrameRefused("unsupported", "http.not_json", field="Content-Type")
    body = b"".join([piece async for piece in pieces(request, max_bytes, timeout_s)])
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise FrameRefused("bad_request", "frame.not_json", detail="UTF-8") from None
