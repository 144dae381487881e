"""Parked writes in SQLite, those without an owner too: the record that a write is sent at most once."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from integrations.stores.sqlite_file import SqliteFile, stamp, text
from integrations.stores.sqlite_writer import Row, Statements
from schemas.conversation import Approval, ApprovalState, WriteOutcome
from schemas.deadline import Deadline
from schemas.tool import LabelledText

_COLUMNS = (
    "id, conversation_id, owner, tool, arguments, digest, upstream, summary, lines, shown, expires_at, state, outcome, "
    "told"
)
_MAX_DEADLINES = 10_000


class SqliteApprovals:
    """`ttl_s` is the most that an approval of an earlier process may still have, wherever the wall clock stands.

    Within a process an approval expires by the clock that never jumps (F69): the deadlines of the newest
    `_MAX_DEADLINES` are remembered, as they were parked or as they were first rebuilt.
    """

    def __init__(
        self, file: SqliteFile, ttl_s: float, clock: Callable[[], float], wall: Callable[[], datetime]
    ) -> None:
        self._file, self._ttl_s, self._clock, self._wall = file, ttl_s, clock, wall
        self._deadlines: OrderedDict[str, Deadline] = OrderedDict()

    async def park(self, approval: Approval) -> None:
        def work(statements: Statements) -> None:
            statements.run(
                "UPDATE approvals SET state = 'superseded' WHERE conversation_id = ? AND state = 'pending'",
                (approval.conversation_id,),
            )
            statements.run(
                f"INSERT INTO approvals ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
                _values(approval),
            )

        def then(_: None) -> None:
            self._remember(approval.id, approval.expires)

        await self._file.write(work, then)

    async def get(self, approval_id: str) -> Approval | None:
        return await self._one("WHERE id = ?", approval_id)

    async def pending(self, conversation_id: str) -> Approval | None:
        return await self._one("WHERE conversation_id = ? AND state = 'pending'", conversation_id)

    async def latest(self, conversation_id: str) -> Approval | None:
        return await self._one("WHERE conversation_id = ? ORDER BY number DESC LIMIT 1", conversation_id)

    async def settle(self, approval_id: str, state: ApprovalState) -> bool:
        moved = await self._file.write(
            lambda statements: statements.run(
                "UPDATE approvals SET state = ? WHERE id = ? AND state = 'pending' RETURNING id",
                (state, text(approval_id)),
            )
        )
        return bool(moved)

    async def record(self, approval_id: str, outcome: WriteOutcome, told: str) -> None:
        await self._file.write(
            lambda statements: statements.run(
                "UPDATE approvals SET outcome = ?, told = ? WHERE id = ?", (outcome, text(told), text(approval_id))
            )
        )

    async def unrecorded(self, conversation_id: str) -> Sequence[Approval]:
        rows = await self._file.read(
            f"SELECT {_COLUMNS} FROM approvals "  # noqa: S608
            "WHERE conversation_id = ? AND state = 'approved' AND outcome IS NULL ORDER BY number",
            (text(conversation_id),),
        )
        return [self._approval(row) for row in rows]

    def forget_unused(self, statements: Statements, before: datetime) -> int:
        """Within a transaction: those that expired before `before` and whose conversation is not kept; how many."""
        gone = statements.run(
            "DELETE FROM approvals WHERE expires_at < ? AND conversation_id NOT IN (SELECT id FROM conversations) "
            "RETURNING id",
            (stamp(before),),
        )
        return len(gone)

    async def _one(self, where: str, name: str) -> Approval | None:
        rows = await self._file.read(f"SELECT {_COLUMNS} FROM approvals {where}", (text(name),))  # noqa: S608
        return self._approval(rows[0]) if rows else None

    def _approval(self, row: Row) -> Approval:
        values = dict(zip(_COLUMNS.split(", "), row, strict=True))
        values["lines"] = tuple(LabelledText(label, shown) for label, shown in json.loads(values["lines"]))
        values["expires_at"] = datetime.fromisoformat(values["expires_at"])
        return Approval(expires=self._deadline(values["id"], values["expires_at"]), **values)

    def _deadline(self, approval_id: str, expires_at: datetime) -> Deadline:
        known = self._deadlines.get(approval_id)
        if known is not None:
            return known
        left_s = (expires_at - self._wall()) / timedelta(seconds=1)
        return self._remember(approval_id, Deadline.after(min(max(left_s, 0.0), self._ttl_s), self._clock))

    def _remember(self, approval_id: str, deadline: Deadline) -> Deadline:
        self._deadlines[approval_id] = deadline
        while len(self._deadlines) > _MAX_DEADLINES:
            self._deadlines.popitem(last=False)
        return deadline


def _values(approval: Approval) -> tuple[str | None, ...]:
    lines = json.dumps([[line.label, line.text] for line in approval.lines], ensure_ascii=False)
    return (
        approval.id,
        approval.conversation_id,
        None if approval.owner is None else text(approval.owner),
        approval.tool,
        text(approval.arguments),
        approval.digest,
        text(approval.upstream),
        text(approval.summary),
        text(lines),
        text(approval.shown),
        stamp(approval.expires_at),
        approval.state,
        approval.outcome,
        text(approval.told),
    )
