"""Which conversation a query belongs to: the protocol's rule 7 as a pure decision. Next: `turns.py`."""

from __future__ import annotations

from typing import Literal

from schemas.tool import Caller

Decision = Literal["keep", "adopt", "new"]


def decide(owner: str | None, caller: Caller, *, same_credential: bool) -> Decision:
    """`owner` is that of the connection's conversation; `same_credential` whether the token is the one it last had.

    keep: it goes on. adopt: it becomes the caller's (he logged in, or his identity could be verified at last). new: it
    is somebody else's, or he logged out: another one is started and nothing of the first is within its reach.
    """
    if caller.owner == owner:
        return "keep"
    if same_credential:
        # the same token: the same person, even where it has expired or its identity upstream is down by now; but not
        # where it is verified to be somebody else's (a session that changed hands)
        if caller.owner is None or caller.state != "verified":
            return "keep"
        return "adopt" if owner in (None, caller.provisional) else "new"
    return "adopt" if owner is None else "new"
