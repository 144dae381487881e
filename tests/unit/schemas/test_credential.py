"""A credential shows its token to nobody but who calls `reveal()`."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.credential import MAX_TOKEN_BYTES, Credential

TOKEN = "canary-5e1f"
tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=20, max_size=60)


@given(tokens)
def test_no_text_of_a_credential_holds_its_token(token: str) -> None:
    """Not repr, str, format, f-string or %-formatting, alone or inside other values."""
    credential = Credential(token)
    texts = [
        repr(credential),
        str(credential),
        f"{credential}",
        f"{credential!r:>90}",
        "{} {!r}".format(*[credential] * 2),
    ]
    texts += [repr({"token": [credential]}), f"{credential:>90}", str(ValueError(credential))]
    assert not any(token in text for text in texts)


@given(tokens)
def test_it_is_revealed_as_it_was(token: str) -> None:
    """To the letter."""
    assert Credential(token).reveal() == token


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(protocol: int) -> None:
    """In no protocol, so no store and no other process gets it by accident."""
    with pytest.raises(TypeError):
        pickle.dumps(Credential(TOKEN), protocol)


def test_it_cannot_become_json() -> None:
    """Neither by the standard library nor by msgspec."""
    with pytest.raises(TypeError):
        json.dumps({"token": Credential(TOKEN)})
    with pytest.raises(TypeError):
        msgspec.json.encode(Credential(TOKEN))


def test_it_has_no_dictionary_of_attributes() -> None:
    """`vars()` of it, which many tools print, does not exist."""
    with pytest.raises(TypeError):
        vars(Credential(TOKEN))


def test_copies_are_the_credential_itself() -> None:
    """Copying what holds a credential works and multiplies no token."""
    credential = Credential(TOKEN)
    assert copy.copy(credential) is credential
    assert copy.deepcopy({"held": [credential]})["held"][0] is credential


@given(tokens, tokens)
def test_equal_credentials_are_equal_tokens(one: str, other: str) -> None:
    """And equal ones have equal hashes; a credential equals no text."""
    assert (Credential(one) == Credential(other)) == (one == other)
    assert hash(Credential(one)) == hash(Credential(one))
    assert Credential(one) != one


@given(tokens, st.binary(min_size=1, max_size=32))
def test_the_digest_names_the_token_without_telling_it(token: str, key: bytes) -> None:
    """256 bit in hex, the same for the same key alone."""
    digest = Credential(token).digest(key)
    assert digest == Credential(token).digest(key)
    assert len(digest) == 64
    assert digest != Credential(token).digest(key + b"x")
    assert token not in digest


@pytest.mark.parametrize(
    "token", ["", "a b", "a\r\nX: y", "a\x00", "a\x7f", "é", "令牌", "\ud800", "a" * (MAX_TOKEN_BYTES + 1)]
)
def test_what_no_header_may_carry_is_no_credential(token: str) -> None:
    """Refused with a sentence that does not repeat it."""
    with pytest.raises(ValueError, match="the token") as refused:
        Credential(token)
    assert not token or token not in str(refused.value)


def test_a_traceback_does_not_show_it() -> None:
    """Even with the arguments of the exception."""
    try:
        raise RuntimeError("failed with", Credential(TOKEN))
    except RuntimeError:
        assert TOKEN not in traceback.format_exc()
