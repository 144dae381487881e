"""Where the terminal client connects to, and how long it waits before it comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.chat import address, wait_s


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://localhost:8001", "ws://localhost:8001/ws/chat/u%2F1"),
        ("http://localhost:8001/", "ws://localhost:8001/ws/chat/u%2F1"),
        ("https://chat.example/estate", "wss://chat.example/estate/ws/chat/u%2F1"),
        ("localhost:8001", "ws://localhost:8001/ws/chat/u%2F1"),
        ("ws://[::1]:8001", "ws://[::1]:8001/ws/chat/u%2F1"),
    ],
)
def test_a_gateways_url_names_the_socket(url: str, expected: str) -> None:
    """With or without scheme and path; the user's id is one segment, whatever is in it."""
    assert address(url, "u/1") == expected


@pytest.mark.parametrize("url", ["mailto:x", "ftp://x", "ws://", "ws://[::1", "ws://h:99999", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    """With a sentence that names one."""
    with pytest.raises(ValueError, match="ws://localhost:8001"):
        address(url, "u")


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_grow_and_stay_bounded_and_spread(tries: int, random_value: float) -> None:
    """Half a second at first, thirty at most, each between half of its own longest and all of it."""
    longest = min(30.0, 0.5 * 2 ** min(tries - 1, 16))
    assert longest / 2 <= wait_s(tries, random_value) <= longest
