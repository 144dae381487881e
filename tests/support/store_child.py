"""A process that works on a SQLite store until it is killed: `python -m tests.support.store_child keep|settle FOLDER`.

`keep` parks, approves and records writes and saves messages, and prints each step once the store has acknowledged it;
`settle` approves the approvals whose ids it reads, one a line, and prints whether it was the one that did.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import sys
from pathlib import Path

import structlog

from integrations.stores.sqlite import SqliteStore
from tests.support.stores import approval, said, sqlite_store


async def keep(store: SqliteStore) -> None:
    """Prints `parked|approved|recorded ID`, `saved CONVERSATION COUNT`."""
    conversation = store.conversations.create("anna")
    for number in itertools.count(1):
        name = secrets.token_hex(8)
        await store.approvals.park(approval(name, name))
        print("parked", name, flush=True)
        if await store.approvals.settle(name, "approved"):
            print("approved", name, flush=True)
        await store.approvals.record(name, "succeeded", "told")
        print("recorded", name, flush=True)
        conversation.messages.append(said("user", f"{number}" * 100))
        await store.conversations.save(conversation)
        print("saved", conversation.id, number, flush=True)


async def settle(store: SqliteStore) -> None:
    """Prints `ID True|False`; `ready` first, so that two of these can begin together."""
    print("ready", flush=True)
    for line in sys.stdin:  # all were written before this process reads
        print(line.strip(), await store.approvals.settle(line.strip(), "approved"), flush=True)


async def main(what: str, folder: Path) -> None:
    store = sqlite_store(folder)
    await store.start()
    try:
        await (keep if what == "keep" else settle)(store)
    finally:
        await store.close()


if __name__ == "__main__":
    # standard output is for what was acknowledged alone
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
