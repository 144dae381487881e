"""Answers that are made to hurt whoever reads them, as streams of bytes; `hostile_responses.py` measures the harm."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from itertools import repeat

_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_MB = 1024 * 1024


def _whole(body: bytes, more: bytes = b"") -> Callable[[], Iterator[bytes]]:
    return lambda: iter([_JSON + more + b"Content-Length: %d\r\n\r\n" % len(body), body])


def _endless(head: bytes, piece: bytes) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield head
        yield from repeat(piece)

    return pieces


@cache
def _bomb(times: int) -> bytes:
    """190 MB of one letter, packed once or twice."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join([*(packer.compress(b"x" * _MB) for _ in range(190)), packer.flush()])
    for _ in range(times - 1):
        data = gzip.compress(data, 9)
    return data


def _packed(times: int) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        body = _bomb(times)
        coding = b", ".join([b"gzip"] * times)
        yield _JSON + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding, len(body)) + body

    return pieces


_CHUNKED = _JSON + b"Transfer-Encoding: chunked\r\n\r\n"
HOSTILE: dict[str, Callable[[], Iterator[bytes]]] = {
    "endless-body": _endless(_JSON + b"\r\n", b"x" * 65536),
    "100-mb-body": _endless(_JSON + b"Content-Length: 104857600\r\n\r\n", b'{"a": "' + b"x" * 65529),
    "gzip-bomb": _packed(1),
    "gzip-gzip-bomb": _packed(2),
    "endless-chunks-of-one-byte": _endless(_CHUNKED, b"1\r\nx\r\n" * 5000),
    "endless-chunk-extension": _endless(_CHUNKED, b"1;" + b"e" * 65536),
    "endless-trailers": _endless(_CHUNKED + b"0\r\n", b"X-T: 1\r\n" * 5000),
    "endless-headers": _endless(_JSON, b"X-H: 1\r\n" * 5000),
    "10000-headers": lambda: iter([_JSON, b"a:b\r\n" * 10_000, b"Content-Length: 2\r\n\r\n{}"]),
    "1-mb-header-line": lambda: iter([_JSON, b"X-H: " + b"h" * _MB + b"\r\n", b"Content-Length: 2\r\n\r\n{}"]),
    "1xx-flood": _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "status-line-without-end": _endless(b"HTTP/1.1 200 ", b"O" * 65536),
    "json-depth-1000000": _whole(b"[" * _MB),
    "json-of-empty-lists": _whole(b"[" + b"[]," * 690_000 + b"[]]"),
    "json-of-1000000-numbers": _whole(b"[" + b"1," * _MB + b"1]"),
    "json-of-100000-keys": _whole(b"{" + b",".join(b'"k%d": 1' % n for n in range(150_000)) + b"}"),
    "json-number-of-1-mb": _whole(b'{"a": ' + b"9" * _MB + b"}"),
    "text-of-2-mb": _whole('"测"'.encode() + b" " * (2 * _MB - 100)),
}
