"""Uploads among a call's arguments: ids that a model gives, the owner's own files in their place. Next: `toolset.py`.

A model may have made an id up, or have been told a foreign one: only the caller's own uploads are found.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from schemas.errors import ArgumentsInvalid
from schemas.messages import text
from schemas.tool import Caller
from schemas.turn import Locale
from schemas.upload import Upload

Files = Mapping[tuple[str | int, ...], Mapping[str, Any]]


class Uploads(Protocol):
    """Where uploads are kept."""

    async def read(self, upload_id: str, owners: Collection[str]) -> tuple[Upload, bytes] | None:
        """An upload that one of `owners` has, with its bytes."""
        ...


async def files_of(
    ids: Mapping[tuple[str | int, ...], str], uploads: Uploads | None, caller: Caller, locale: Locale
) -> Files:
    """The files of these `upload_ids`, for `with_files`. Raises `ArgumentsInvalid` for an id that is not an upload of
    this caller (any more), and `StoreUnavailable`."""
    found: dict[tuple[str | int, ...], Mapping[str, Any]] = {}
    for path, upload_id in ids.items():
        kept = await uploads.read(upload_id, owners_of(caller)) if uploads is not None else None
        if kept is None:
            raise ArgumentsInvalid(text("tool.upload_gone", locale), argument=str(path[0]))
        upload, content = kept
        found[path] = {"filename": upload.filename, "type": upload.type, "content": content}
    return found


def owners_of(caller: Caller) -> list[str]:
    """Under which names a caller's uploads stand: also those that he made while it could not be asked who he is."""
    return [owner for owner in (caller.owner, caller.provisional) if owner] if caller.owner else []
