"""Who a client is: the toolset of its token, and the caller behind it. The same for frames and for HTTP requests.

The token leaves the frame or header here and is held by the toolset alone. Next: `intake.py`.
"""

from __future__ import annotations

import structlog

from agent.ports import Toolset
from blueprints.gateway import Gateway
from schemas.deadline import Deadline
from schemas.errors import FrameRefused
from schemas.tool import Caller

log = structlog.get_logger(__name__)


def toolset_of(gateway: Gateway, token: str | None, *, field: str = "token") -> Toolset:
    """The toolset of a token; None and "" are a caller without one. Raises `FrameRefused` for what cannot be one."""
    try:
        return gateway.toolsets.for_token(token or None)
    except ValueError:
        raise FrameRefused("bad_request", "frame.bad_token", field=field) from None


async def caller_of(gateway: Gateway, toolset: Toolset, path_id: str | None) -> Caller:
    """Who stands behind a toolset; `path_id` is the user id of the client's address, None where it has none. Raises
    `FrameRefused` (`identity_mismatch`)."""
    caller = await toolset.caller(Deadline.after(gateway.identity_timeout_s))
    theirs = caller.identity.path_id if caller.identity else None
    if theirs is not None and path_id is not None and theirs != path_id:
        log.warning("identity_mismatch")
        raise FrameRefused("identity_mismatch", "frame.identity_mismatch")
    return caller


def count(gateway: Gateway, caller: Caller) -> None:
    """One more frame of this subject. Raises `FrameRefused` (`rate_limited`)."""
    if caller.owner is not None:
        gateway.guard.subject(caller.owner)
