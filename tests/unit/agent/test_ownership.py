"""Whose conversation a query belongs to: the whole table of the protocol's rule 7."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ownership import decide
from schemas.tool import Caller

ANNA, BERT = Caller("verified", "anna"), Caller("verified", "bert")
CHECKED = Caller("verified", "anna", provisional="digest-1")
NOBODY, REFUSED, UNKNOWN = Caller("anonymous", None), Caller("refused", None), Caller("unknown", "digest-1")


@pytest.mark.parametrize(
    ("owner", "caller", "same", "expected", "why"),
    [
        (None, NOBODY, True, "keep", "nobody goes on in his connection's conversation"),
        (None, ANNA, False, "adopt", "he logged in: it becomes his"),
        (None, REFUSED, False, "keep", "a refused token owns nothing"),
        (None, UNKNOWN, False, "adopt", "a token that cannot be checked now"),
        ("anna", ANNA, True, "keep", "his own"),
        ("anna", ANNA, False, "keep", "his own, with a new token"),
        ("anna", BERT, False, "new", "somebody else"),
        ("anna", NOBODY, False, "new", "he logged out"),
        ("anna", REFUSED, True, "keep", "his token expired"),
        ("anna", REFUSED, False, "new", "another token that is refused"),
        ("anna", UNKNOWN, True, "keep", "who he is cannot be asked by now"),
        ("anna", UNKNOWN, False, "new", "another token that cannot be checked"),
        ("digest-1", UNKNOWN, True, "keep", "still not to be checked"),
        ("digest-1", CHECKED, True, "adopt", "the same token, checked at last"),
        ("bert", CHECKED, True, "new", "the same token, but it has become somebody else's"),
        ("digest-1", ANNA, False, "new", "another token"),
        ("digest-1", REFUSED, True, "keep", "the same token, refused at last: no data came of it"),
        ("digest-1", NOBODY, False, "new", "he logged out"),
    ],
)
def test_the_table(owner: str | None, caller: Caller, same: bool, expected: str, why: str) -> None:
    """Each row is one situation of a connection."""
    assert decide(owner, caller, same_credential=same) == expected, why


owners = st.none() | st.sampled_from(["anna", "bert", "digest-1"])
callers = st.sampled_from([ANNA, BERT, CHECKED, NOBODY, REFUSED, UNKNOWN])


@given(owners, callers)
def test_another_credential_never_reaches_an_owned_conversation(owner: str | None, caller: Caller) -> None:
    """Unless it stands for the very same owner."""
    if owner is not None and caller.owner != owner:
        assert decide(owner, caller, same_credential=False) == "new"
