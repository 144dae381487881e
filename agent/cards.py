"""A parked write as clients are shown it: the `approval` frame and the cards of `ready` and `snapshot`."""

from __future__ import annotations

from datetime import UTC

import msgspec

from schemas.conversation import Approval
from schemas.frames import ApprovalCard, ApprovalFrame, Argument


def approval_card(approval: Approval) -> ApprovalCard:
    """What the gateway would send, by document and arguments, and until when a yes counts."""
    return ApprovalCard(
        approval_id=approval.id,
        tool=approval.tool,
        summary=approval.summary,
        arguments=[Argument(line.label, line.text) for line in approval.lines],
        expires_at=_rfc3339(approval),
    )


def parked_frame(approval: Approval) -> ApprovalFrame:
    """The same as an entry of the log."""
    return ApprovalFrame(**msgspec.structs.asdict(approval_card(approval)))


def _rfc3339(approval: Approval) -> str:
    return approval.expires_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
