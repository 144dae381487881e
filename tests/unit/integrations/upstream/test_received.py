"""The body of an answer while it arrives: what is kept, what is unpacked, where reading stops."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.upstream.received import MAX_RATIO, ReceivedBody, Unreadable

LIMIT = 2 * 1024 * 1024


def received(coding: str, data: bytes, step: int = 65536, limit: int = LIMIT) -> ReceivedBody:
    """The body after all of `data` in pieces, as far as it was read."""
    body = ReceivedBody(coding, limit)
    for start in range(0, len(data), step):
        if not body.feed(data[start : start + step]):
            return body
    body.end()
    return body


@given(st.binary(max_size=3000), st.integers(1, 3000), st.sampled_from(["", "identity", "gzip", "x-gzip", "deflate"]))
def test_any_body_in_any_pieces_comes_out_whole(data: bytes, step: int, coding: str) -> None:
    """RFC 9110 §8.4.1: identity, gzip and deflate, wherever the pieces are cut."""
    packed = gzip.compress(data) if "gzip" in coding else zlib.compress(data) if coding == "deflate" else data
    body = received(coding, packed, step)
    assert (body.content(), body.oversized) == (data, False)


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_a_body_of_exactly_the_cap_is_no_byte_too_long(coding: str) -> None:
    """And one of a byte more is."""
    data = bytes(range(250)) * 20
    for size, oversized in ((5000, False), (4999, True)):
        body = received(coding, gzip.compress(data) if coding else data, limit=size)
        assert (body.oversized, body.content()) == (oversized, data[:size])


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip,deflate", "nonsense"])
def test_a_coding_that_was_not_asked_for_is_not_read(coding: str) -> None:
    """A51: two codings at once, and those that are not known here."""
    with pytest.raises(Unreadable):
        ReceivedBody(coding, LIMIT)


@pytest.mark.parametrize("data", [b"no gzip at all", gzip.compress(b"x" * 999)[:-9]], ids=["text", "cut off"])
def test_a_body_that_is_not_what_it_is_called_is_not_read(data: bytes) -> None:
    """Plain text called gzip, and gzip that breaks off."""
    with pytest.raises(Unreadable):
        received("gzip", data)


def test_a_bomb_is_cut_off_by_its_ratio_with_little_memory() -> None:
    """A51, F28: 190 MB in 194 KB; reading stops in the first piece, and a body is never held twice over."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(packer.compress(b"x" * 1024 * 1024) for _ in range(190)), packer.flush()])
    tracemalloc.start()
    body = received("gzip", bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert body.oversized
    assert len(body.content()) <= LIMIT
    assert peak < 3 * LIMIT


def test_a_body_that_packs_unusually_well_is_cut_off() -> None:
    """A51: more than 100 times its size, although it is below the cap; a small one may."""
    assert received("gzip", gzip.compress(b"x" * 1_000_000)).oversized
    assert 1_000_000 / len(gzip.compress(b"x" * 1_000_000)) > MAX_RATIO
    assert not received("gzip", gzip.compress(b"x" * 60_000)).oversized
