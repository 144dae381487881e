"""The body of one answer while it arrives: kept up to a cap, unpacked on the way; `attempt.py` feeds it."""

from __future__ import annotations

import zlib

from schemas.errors import StewardError

# Honest JSON packs ten- to twentyfold; what unpacks further is made to.
MAX_RATIO = 100
# Small bodies may: a page of equal rows of 1 KB is no attack.
_FREE_BYTES = 64 * 1024
_STEP_BYTES = 64 * 1024


class Unreadable(StewardError):
    """The body is not what its headers say. It would not be, asked for again."""


class ReceivedBody:
    """`feed` takes the pieces and says if there is room for more. Never holds more than `limit` bytes and one piece.

    `identity` was asked for; gzip and deflate (RFC 9110 §8.4.1) that come nevertheless are unpacked once. Raises
    `Unreadable` for any other coding and several at once. `oversized`: longer than `limit`, or grown by more than
    `MAX_RATIO` while it was unpacked.
    """

    def __init__(self, content_encoding: str, limit: int) -> None:
        coding = content_encoding.strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise Unreadable("an encoding that was not asked for")
        self._unpacker = zlib.decompressobj(47) if coding not in ("", "identity") else None
        self._limit = limit
        self._packed = 0
        self._plain = bytearray()
        self.oversized = False

    def feed(self, piece: bytes) -> bool:
        """False if reading may stop: nothing more is kept (`oversized`)."""
        self._packed += len(piece)
        if self._unpacker is None:
            self._keep(piece)
        else:
            self._unpack(self._unpacker, piece)
        return not self.oversized

    def end(self) -> None:
        """The body is whole. Raises `Unreadable` if what it was packed with is not."""
        if self._unpacker is not None and self._packed and not self._unpacker.eof and not self.oversized:
            raise Unreadable("its packed form breaks off")

    def content(self) -> bytes:
        return bytes(self._plain)

    def _unpack(self, unpacker: zlib._Decompress, piece: bytes) -> None:
        """In steps, so that a piece of 64 KB does not become one of 64 MB."""
        while piece and not unpacker.eof and not self.oversized:
            try:
                self._keep(unpacker.decompress(piece, _STEP_BYTES))
            except zlib.error as error:
                raise Unreadable("not what its encoding says") from error
            piece = unpacker.unconsumed_tail
            self.oversized |= len(self._plain) > max(_FREE_BYTES, MAX_RATIO * self._packed)

    def _keep(self, plain: bytes) -> None:
        room = self._limit - len(self._plain)
        self.oversized = len(plain) > room
        self._plain += plain[:room] if self.oversized else plain
