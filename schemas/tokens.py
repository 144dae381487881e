"""Tokens as the gateway counts them itself: for budgets, where a provider tells no count or an absurd one.

No tokeniser is asked: each model has its own, and a budget needs the order of magnitude. English has about four letters
to a token, Chinese about one character; three bytes of UTF-8 to a token come close for what is not ASCII.
"""

from __future__ import annotations


def count_tokens(text: str) -> int:
    """About how many tokens `text` is; at least 1 unless it is empty."""
    if text.isascii():
        return (len(text) + 3) // 4
    return (len(text.encode("utf-8", "replace")) + 2) // 3


def first_tokens(text: str, tokens: int) -> str:
    """The beginning of `text` that has at most about `tokens` tokens."""
    if count_tokens(text) <= tokens:
        return text
    return text[: tokens * 4 if text.isascii() else tokens]
