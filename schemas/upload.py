"""A file that a resident uploaded: what is known of it. Data; `integrations/stores/sqlite_uploads.py` keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Upload:
    """`id` has at least 128 random bits; `type` is the media type that its bytes say, `size` is in bytes, `expires_at`
    is UTC. `filename` is the resident's own name for it, without folders and control characters."""

    id: str
    owner: str
    filename: str
    type: str
    size: int
    expires_at: datetime
