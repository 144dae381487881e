"""The tables of the store's file and how an older file becomes the newest: one migration for each `user_version`.

Times are UTC in ISO 8601 with microseconds, so that text compares as time does. Next: `sqlite_file.py`, which opens it.
"""

from __future__ import annotations

# A migration is never changed once it was released: a change is one more at the end.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE conversations (
            id TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL,
            created_at TEXT NOT NULL, used_at TEXT NOT NULL,
            used INTEGER NOT NULL -- grows by one with every use: order that does not depend on a clock
        ) STRICT""",
        "CREATE INDEX conversations_of ON conversations (owner, used)",
        "CREATE INDEX conversations_used ON conversations (used)",
        "CREATE INDEX conversations_used_at ON conversations (used_at)",
        # `body` last, so that sizes are summed without reading it
        """CREATE TABLE messages (
            conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE, position INTEGER NOT NULL,
            of_user INTEGER NOT NULL, size INTEGER NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (conversation_id, position)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE turns (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, conversation_id TEXT NOT NULL,
            owner TEXT NOT NULL, client_msg_id TEXT, started_at TEXT NOT NULL, claimed_at TEXT NOT NULL,
            outcome TEXT NOT NULL DEFAULT '', content TEXT NOT NULL DEFAULT '',
            score INTEGER CHECK (score IN (-1, 1)), comment TEXT NOT NULL DEFAULT ''
        ) STRICT""",
        "CREATE INDEX turns_named ON turns (owner, client_msg_id, number) WHERE client_msg_id IS NOT NULL",
        "CREATE INDEX turns_of ON turns (conversation_id, number)",
        "CREATE INDEX turns_claimed_at ON turns (claimed_at)",
        # no reference to a conversation: ownerless approvals are kept, ownerless conversations are not
        """CREATE TABLE approvals (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, conversation_id TEXT NOT NULL,
            owner TEXT, tool TEXT NOT NULL, arguments TEXT NOT NULL, digest TEXT NOT NULL, upstream TEXT NOT NULL,
            summary TEXT NOT NULL, lines TEXT NOT NULL, shown TEXT NOT NULL, expires_at TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'cancelled', 'expired', 'superseded')),
            outcome TEXT CHECK (outcome IN ('succeeded', 'failed', 'unknown')), told TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX approvals_of ON approvals (conversation_id, number)",
        "CREATE UNIQUE INDEX approvals_waiting ON approvals (conversation_id) WHERE state = 'pending'",
        "CREATE INDEX approvals_expires_at ON approvals (expires_at)",
    ),
    (
        # `content` last, so that the other columns are read without it
        """CREATE TABLE uploads (
            id TEXT PRIMARY KEY, owner TEXT NOT NULL, filename TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL,
            expires_at TEXT NOT NULL, content BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX uploads_of ON uploads (owner, expires_at)",
        "CREATE INDEX uploads_expires_at ON uploads (expires_at, size)",
    ),
)
