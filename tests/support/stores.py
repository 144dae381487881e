"""What the tests of stores keep, and a SQLite store in a folder with clocks that a test moves."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from integrations.stores.sqlite import SqliteStore
from integrations.stores.sqlite_uploads import UploadBounds
from schemas.conversation import Approval, TurnRecord
from schemas.deadline import Deadline
from schemas.tool import LabelledText

BEGAN = datetime(2025, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)


class Clocks:
    """Seconds that never jump, and the wall clock, which `jump_s` moves alone."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.jump_s = 0.0

    def clock(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return BEGAN + timedelta(seconds=self.now - 1000.0 + self.jump_s)


def sqlite_store(
    folder: Path,
    clocks: Clocks | None = None,
    *,
    patience_s: float = 60.0,
    max_history_chars: int = 48_000,
    dedup_window_s: float = 86_400,
    history_ttl_s: float = 2_592_000,
    uploads: UploadBounds | None = None,
) -> SqliteStore:
    """One that was not started. Its patience is long: a loaded machine is no locked file."""
    clocks = clocks or Clocks()
    return SqliteStore(
        folder / "steward.db",
        new_id=lambda: secrets.token_hex(16),
        max_history_chars=max_history_chars,
        dedup_window_s=dedup_window_s,
        history_ttl_s=history_ttl_s,
        approval_ttl_s=300,
        patience_s=patience_s,
        clock=clocks.clock,
        wall=clocks.wall,
        uploads=uploads or UploadBounds(),
    )


def approval(
    name: str = "a1",
    conversation_id: str = "c1",
    owner: str | None = "anna",
    *,
    expires: Deadline | None = None,
    expires_at: datetime = BEGAN + timedelta(seconds=300),
) -> Approval:
    return Approval(
        id=name,
        conversation_id=conversation_id,
        owner=owner,
        tool="createRepairOrder",
        arguments='{"place": "厨房"}',
        digest="digest",
        upstream="报修系统",
        summary="提交报修",
        lines=(LabelledText("位置", "厨房"), LabelledText("说明", "水管")),
        shown="将提交报修。确认吗？",
        expires=expires or Deadline.after(300),
        expires_at=expires_at,
    )


def turn(
    name: str = "t1", conversation_id: str = "c1", owner: str | None = "anna", client_msg_id: str | None = None
) -> TurnRecord:
    return TurnRecord(name, conversation_id, owner, client_msg_id, BEGAN)


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
