"""Conversations in SQLite: the owner is part of every query. Next: `sqlite_turns.py`."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Sequence
from datetime import datetime
from weakref import WeakValueDictionary

from integrations.stores.sqlite_file import SqliteFile, stamp, text
from integrations.stores.sqlite_writer import Statements
from schemas.conversation import Conversation, ConversationSummary
from schemas.model import Message

_TITLE_CHARS = 80

# One statement, so that owner and messages are of one moment. No row: not the owner's. A history that is too long is
# cut where a user's message begins, so that calls and their results stay together; `next` is the place of the next one.
_LOAD = """
WITH own AS (SELECT id FROM conversations WHERE id = ?1 AND owner = ?2),
sized AS (
    SELECT position, of_user, SUM(size) OVER (ORDER BY position DESC) AS total
    FROM messages WHERE conversation_id = (SELECT id FROM own)
)
SELECT m.body, (SELECT COALESCE(MAX(position) + 1, 0) FROM messages WHERE conversation_id = own.id) AS next
FROM own LEFT JOIN messages AS m ON m.conversation_id = own.id
    AND m.position >= (
        SELECT MIN(position) FROM sized
        WHERE total <= ?3 AND (of_user OR position = (SELECT MIN(position) FROM sized))
    )
ORDER BY m.position"""

_KEEP = """
INSERT INTO conversations (id, owner, title, created_at, used_at, used)
VALUES (?1, ?2, ?3, ?4, ?4, (SELECT COALESCE(MAX(used), 0) + 1 FROM conversations))
ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, used_at = excluded.used_at, used = excluded.used,
    title = CASE WHEN title = '' THEN excluded.title ELSE title END"""


class SqliteConversations:
    """`max_chars` is how much of a history is loaded. Whoever holds a conversation shares it with all who open it."""

    def __init__(
        self, file: SqliteFile, new_id: Callable[[], str], max_chars: int, wall: Callable[[], datetime]
    ) -> None:
        self._file, self._new_id, self._max_chars, self._wall = file, new_id, max_chars, wall
        self._live: WeakValueDictionary[str, Conversation] = WeakValueDictionary()
        self._forgotten: WeakValueDictionary[str, Conversation] = WeakValueDictionary()
        self._next: dict[str, int] = {}  # the place in the file of a live conversation's next message
        self._deletions = 0

    def create(self, owner: str | None) -> Conversation:
        conversation = Conversation(self._new_id(), owner)
        self._hold(conversation, 0)
        return conversation

    async def open(self, conversation_id: str, owner: str) -> Conversation | None:
        while True:
            live = self._live.get(conversation_id)
            if live is not None:
                return live if live.owner == owner else None
            deletions = self._deletions
            rows = await self._file.read(_LOAD, (text(conversation_id), text(owner), self._max_chars))
            if deletions == self._deletions and conversation_id not in self._live:
                break  # neither deleted nor opened by somebody else while it was read
        if not rows:
            return None
        messages = [json.loads(body) for body, _ in rows if body is not None]
        conversation = Conversation(conversation_id, owner, messages, len(messages))
        self._hold(conversation, rows[0][1])
        return conversation

    def _hold(self, conversation: Conversation, following: int) -> None:
        self._live[conversation.id] = conversation
        self._next[conversation.id] = following
        weakref.finalize(conversation, self._next.pop, conversation.id, None).atexit = False

    async def save(self, conversation: Conversation) -> None:
        if conversation.owner is None:
            return

        fresh_ones: list[Message] = []
        all_of_them: list[Message] = []
        following, gone = 0, False

        def first() -> None:
            # what is new is decided here, where neither another save nor a turn runs; a deleted one is not brought back
            nonlocal fresh_ones, all_of_them, following, gone
            gone = self._forgotten.get(conversation.id) is conversation
            fresh_ones = conversation.messages[conversation.saved :]
            all_of_them = list(conversation.messages)
            following = self._next.get(conversation.id, 0)

        def work(statements: Statements) -> list[Message]:
            if gone:
                return []
            known = statements.run("SELECT 1 FROM conversations WHERE id = ?", (conversation.id,))
            fresh = fresh_ones if known else all_of_them
            values = (conversation.id, text(conversation.owner or ""), _title(fresh), stamp(self._wall()))
            statements.run(_KEEP, values)
            statements.run_many(
                "INSERT OR REPLACE INTO messages (conversation_id, position, of_user, size, body) VALUES (?,?,?,?,?)",
                [(conversation.id, following + at, *_row(message)) for at, message in enumerate(fresh)],
            )
            return fresh

        def then(fresh: list[Message]) -> None:
            if fresh:
                # found by identity: messages may have been added or forgotten since
                conversation.saved = _place_after(fresh[-1], conversation.messages)
                self._next[conversation.id] = following + len(fresh)

        await self._file.write(work, then, first=first)

    async def delete(self, conversation_id: str, owner: str) -> bool:
        def work(statements: Statements) -> bool:
            own = (text(conversation_id), text(owner))
            if not statements.run("DELETE FROM conversations WHERE id = ? AND owner = ? RETURNING id", own):
                return False
            statements.run("DELETE FROM turns WHERE conversation_id = ?", own[:1])
            statements.run("DELETE FROM approvals WHERE conversation_id = ?", own[:1])
            return True

        def then(deleted: bool) -> None:
            if deleted:
                self._deletions += 1
                live = self._live.pop(conversation_id, None)
                if live is not None:
                    self._forgotten[conversation_id] = live

        deleted = await self._file.write(work, then, alone=True)
        if deleted:
            await self._file.shorten()
        return deleted

    async def of(self, owner: str, limit: int) -> Sequence[ConversationSummary]:
        rows = await self._file.read(
            "SELECT id, title, created_at, used_at FROM conversations WHERE owner = ? ORDER BY used DESC LIMIT ?",
            (text(owner), max(0, limit)),
        )
        return [
            ConversationSummary(name, title, datetime.fromisoformat(created), datetime.fromisoformat(used))
            for name, title, created, used in rows
        ]

    def held(self) -> list[str]:
        """The ids of conversations that somebody holds."""
        return list(self._live)

    def forget_unused(self, statements: Statements, before: datetime, held: Sequence[str]) -> int:
        """Within a transaction: conversations unused since `before` and not `held`, with their turns and approvals; how
        many."""
        gone = statements.run(
            "DELETE FROM conversations WHERE used_at < ? AND id NOT IN (SELECT value FROM json_each(?)) RETURNING id",
            (stamp(before), json.dumps(held)),
        )
        names = (json.dumps([name for (name,) in gone]),)
        for table in ("turns", "approvals"):
            statements.run(
                f"DELETE FROM {table} WHERE conversation_id IN (SELECT value FROM json_each(?))",  # noqa: S608
                names,
            )
        return len(gone)


def _row(message: Message) -> tuple[int, int, str]:
    body = text(json.dumps(dict(message), ensure_ascii=False, separators=(",", ":")))
    return int(message.get("role") == "user"), len(body), body


def _place_after(last: Message, messages: Sequence[Message]) -> int:
    return next((at for at in range(len(messages), 0, -1) if messages[at - 1] is last), 0)


def _title(messages: Sequence[Message]) -> str:
    first = next((m["content"] for m in messages if m["role"] == "user"), "")
    return text(str(first)[:_TITLE_CHARS])
