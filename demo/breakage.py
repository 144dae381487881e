"""Carries out one fault on one request: instead of the handler, or on what the handler answered; `core.py` calls it."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, NoReturn, cast

from sanic import HTTPResponse, Request

from demo.dialect import Dialect
from demo.faults import Fault

Answer = Callable[[], Awaitable[HTTPResponse]]

BUSINESS_TEXT = "收费已经结束，不能再缴费"
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>登录</title></head><body><form>请登录</form></body></html>"
GATEWAY_PAGE = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n"
)
DRIP_INTERVAL_S = 0.5
BIG_PAGE_ROWS = 2_000
BOMB_BYTES = 256 * 1024 * 1024
LARGEST_BACKLOG_BYTES = 256 * 1024
ENDLESS_CHUNK = b'"' + b"x" * 8_189 + b'",'


async def apply(fault: Fault, request: Request, answer: Answer, dialect: Dialect) -> HTTPResponse:
    """The broken answer; or none at all, when the connection is what breaks.

    Only `slow`, `drop-after-commit` and the faults of an answer's bytes let the handler do its work first."""
    refusal = _instead(fault, request, dialect)
    if refusal is not None:
        return refusal
    if fault.kind in ("drop-before", "down"):
        await _abort(request)
    if fault.kind == "endless":
        await _send_without_end(request)
    response = await answer()
    match fault.kind:
        case "slow":
            await asyncio.sleep(fault.number)
        case "drop-after-commit":
            await _abort(request)
        case "drop-at":
            await _send_raw(request, response, stop_at=int(fault.number))
        case "drip":
            await _send_raw(request, response, interval_s=DRIP_INTERVAL_S)
        case _:
            _spoil(fault.kind, response)
    return response


def _instead(fault: Fault, request: Request, dialect: Dialect) -> HTTPResponse | None:
    """The faults that answer before the handler runs."""
    match fault.kind:
        case "expired-token":
            return dialect.unauthenticated(request)
        case "unknown-code":
            return dialect.unknown_code(request)
        case "http-500-text":
            return HTTPResponse(BUSINESS_TEXT, status=500, content_type="text/plain;charset=UTF-8")
        case "login-302":
            return HTTPResponse(LOGIN_PAGE, 302, {"Location": "/login"}, content_type="text/html;charset=UTF-8")
        case "html-502":
            return HTTPResponse(GATEWAY_PAGE, status=502, content_type="text/html")
        case "503":
            return dialect.failure(request, 503, "service unavailable")
        case "429":
            response = dialect.failure(request, 429, "too many requests")
            response.headers["Retry-After"] = str(int(fault.number))
            return response
        case _:
            return None


def _spoil(kind: str, response: HTTPResponse) -> None:
    """The faults that change what the handler answered."""
    body = response.body or b""
    match kind:
        case "gbk":
            # Legacy servers send GBK without saying so.
            response.content_type = (response.content_type or "").split(";")[0]
            response.body = _as_gbk(body)
        case "bom":
            response.body = b"\xef\xbb\xbf" + body
        case "empty":
            response.body = b""
        case "malformed-json":
            response.body = body[: max(1, len(body) * 2 // 3)].rstrip(b"}]") or b"{"
        case "big-page":
            response.body = _with_many_rows(body)
        case "gzip-bomb":
            response.headers["Content-Encoding"] = "gzip"
            response.body = _bomb()


def _as_gbk(body: bytes) -> bytes:
    try:
        return body.decode("utf-8").encode("gb18030")
    except UnicodeDecodeError:
        return body


def _with_many_rows(body: bytes) -> bytes:
    """The same answer with the first list of objects in it repeated to 2,000 rows, and its total set."""
    try:
        document = json.loads(body)
    except ValueError:
        return body  # a 204, a PDF: no rows, and no reason for a 500 on a write that was done
    found = _list_of_rows(document)
    if not found:
        return body
    found[:] = [found[place % len(found)] for place in range(BIG_PAGE_ROWS)]
    _set_total(document)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _list_of_rows(value: Any) -> list[Any] | None:
    """Breadth first: the rows stand above the lists that are inside of a row."""
    level = [value]
    while level:
        for member in level:
            if isinstance(member, list) and member and isinstance(member[0], dict):
                return member
        level = [inner for member in level if isinstance(member, dict) for inner in member.values()]
    return None


def _set_total(value: Any) -> None:
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key == "total" and isinstance(inner, int):
            value[key] = BIG_PAGE_ROWS
        elif isinstance(inner, dict):
            _set_total(inner)


@cache
def _bomb() -> bytes:
    """A quarter of a megabyte of gzip that is a valid JSON text of 256 MB.

    A full flush makes each block independent of the ones before, so one compressed block can be repeated."""
    block = b"0" * 1024 * 1024
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = compressor.compress(b'{"data":"') + compressor.flush(zlib.Z_FULL_FLUSH)
    zeros = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    end = compressor.compress(b'"}') + compressor.flush(zlib.Z_FINISH)
    blocks = BOMB_BYTES // len(block)
    checksum = zlib.crc32(b'{"data":"')
    for _ in range(blocks):
        checksum = zlib.crc32(block, checksum)
    checksum = zlib.crc32(b'"}', checksum)
    length = len(b'{"data":""}') + BOMB_BYTES
    header = gzip.compress(b"", mtime=0)[:10]
    return header + start + zeros * blocks + end + checksum.to_bytes(4, "little") + length.to_bytes(4, "little")


def _head(response: HTTPResponse, framing: str) -> bytes:
    """A response's head, written by hand: these answers must not be tidied by the server."""
    lines = [f"HTTP/1.1 {response.status} OK", framing, "connection: close"]
    if response.content_type:
        lines.append(f"content-type: {response.content_type}")
    lines += [f"{name}: {value}" for name, value in response.headers.items() if name.lower() != "content-type"]
    return "\r\n".join([*lines, "", ""]).encode()


async def _abort(request: Request) -> NoReturn:
    """Cuts the connection; what was not sent is lost."""
    _transport(request).abort()
    await _until_cancelled()


async def _send_raw(
    request: Request, response: HTTPResponse, *, stop_at: int | None = None, interval_s: float = 0.0
) -> NoReturn:
    """Promises the whole body, sends it up to byte `stop_at` or byte by byte, and closes."""
    transport = _transport(request)
    body = response.body or b""
    transport.write(_head(response, f"content-length: {len(body)}"))
    if interval_s:
        for place in range(len(body)):
            transport.write(body[place : place + 1])
            await asyncio.sleep(interval_s)
    else:
        transport.write(body[:stop_at])
    transport.close()
    await _until_cancelled()


async def _send_without_end(request: Request) -> NoReturn:
    """Valid JSON that never ends, as fast as the client reads."""
    transport = _transport(request)
    response = HTTPResponse(content_type="application/json")
    transport.write(_head(response, "transfer-encoding: chunked"))
    chunk = b'{"data":['
    while True:  # ends by cancellation, when the client leaves or the estate stops
        if transport.get_write_buffer_size() < LARGEST_BACKLOG_BYTES:
            transport.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            chunk = ENDLESS_CHUNK
        await asyncio.sleep(0.001)


def _transport(request: Request) -> asyncio.Transport:
    return cast(asyncio.Transport, request.transport)


async def _until_cancelled() -> NoReturn:
    """The server cancels a handler whose connection is lost; until then nothing may be answered."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets this event")
