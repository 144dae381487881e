"""`POST /api/uploads`: one file of a multipart form, judged by its bytes; its id goes into a query's `attachments`.

RFC 7578 by python-multipart, piece by piece: no more than the limit is ever held. Next: `agent/stores.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import FormParser, parse_options_header
from sanic import Blueprint, HTTPResponse

from blueprints.api import answer
from blueprints.bodies import pieces
from blueprints.callers import count
from blueprints.door import Door, Visit
from schemas.api import UploadAnswer
from schemas.errors import FrameRefused, UploadsFull

# How files of a media type begin (JPEG: ITU-T T.81, B.1.1.3, SOI and the next marker; PNG: ISO/IEC 15948, 5.2), and the
# endings that their names have.
TYPES: Mapping[str, tuple[bytes, tuple[str, ...]]] = {
    "image/jpeg": (b"\xff\xd8\xff", (".jpg", ".jpeg")),
    "image/png": (b"\x89PNG\r\n\x1a\n", (".png",)),
}
FIELD = "file"
_ROOM_BYTES = 16 * 1024  # what a form has round its file
_MAX_NAME_CHARS = 100
_MOST_OF_ONE, _MOST_AT_A_TIME = 3, 32
# control characters, what folders and headers mean something by, what turns the direction of writing
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f"<>|*?:\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]')


def uploads_blueprint(door: Door, *, max_bytes: int, timeout_s: float) -> Blueprint:
    """`max_bytes`: the largest file; `timeout_s`: how long it may take to arrive."""
    blueprint = Blueprint("uploads", url_prefix="/api")
    arriving = _Arriving()

    @door
    async def upload(visit: Visit) -> HTTPResponse:
        media_type, options = _content_type(str(visit.request.headers.get("content-type", "")))
        if media_type != "multipart/form-data":
            raise FrameRefused("unsupported", "http.not_form", field="Content-Type")
        caller = await visit.owner()
        count(visit.gateway, caller)
        form = _Form(options.get(b"boundary", b""), max_bytes)
        with arriving.one_more(str(caller.owner)):
            async for piece in pieces(visit.request, max_bytes + _ROOM_BYTES, timeout_s):
                form.write(piece)
        filename, content = form.file()
        found = sniffed(content)
        try:
            kept = await visit.gateway.uploads.add(str(caller.owner), file_name(filename, found), found, content)
        except UploadsFull as full:
            retry_ms = max(1000, round(full.retry_after_s * 1000))
            raise FrameRefused("rate_limited", "http.uploads_full", field=FIELD, retry_after_ms=retry_ms) from None
        expires_at = kept.expires_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        made = UploadAnswer(
            upload_id=kept.id, filename=kept.filename, type=kept.type, size=kept.size, expires_at=expires_at
        )
        return answer(made, 201)

    add: Any = blueprint.add_route
    add(upload, "/uploads", methods=["POST"], name="upload", stream=True)
    return blueprint


def sniffed(content: bytes) -> str:
    """The media type that the bytes say, whatever name and header say. Raises `FrameRefused`."""
    for media_type, (magic, _) in TYPES.items():
        if content.startswith(magic):
            return media_type
    types = ", ".join(TYPES)
    raise FrameRefused("unsupported", "http.upload_type", field=FIELD, types=types)


def file_name(said: str, media_type: str) -> str:
    """A name without folders, control characters and a wrong ending."""
    name = _UNSAFE.sub("", said.replace("\\", "/").rpartition("/")[2]).strip(" .")[:_MAX_NAME_CHARS] or "photo"
    endings = TYPES[media_type][1]
    return name if name.lower().endswith(endings) else name + endings[0]


def _content_type(header: str) -> tuple[str, dict[bytes, bytes]]:
    media_type, options = parse_options_header(header)
    return media_type.decode("latin-1").lower(), options


class _Arriving:
    """The uploads that are just being read: each holds memory, for as long as its client takes."""

    def __init__(self) -> None:
        self._by_owner: Counter[str] = Counter()

    @contextmanager
    def one_more(self, owner: str) -> Iterator[None]:
        """Raises `FrameRefused` (`busy`) where there are too many, of this owner or of all."""
        if self._by_owner[owner] >= _MOST_OF_ONE or self._by_owner.total() >= _MOST_AT_A_TIME:
            raise FrameRefused("busy", "http.uploads_full")
        self._by_owner[owner] += 1
        try:
            yield
        finally:
            self._by_owner[owner] -= 1
            if not self._by_owner[owner]:
                del self._by_owner[owner]


class _Form:
    """A form that is to have one file."""

    def __init__(self, boundary: bytes, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._files: list[tuple[bytes | None, bytes]] = []
        self._complete = False
        if not boundary:
            raise FrameRefused("bad_request", "http.bad_form", field="Content-Type")
        # a file stays in memory: it is no larger than may be held, and goes into the store at once
        try:
            self._parser = FormParser(
                "multipart/form-data",
                self._field,
                self._file,
                self._end,
                boundary=boundary,
                config={"MAX_MEMORY_FILE_SIZE": float("inf")},
            )
        except FormParserError:
            raise FrameRefused("bad_request", "http.bad_form", field="Content-Type") from None

    def write(self, piece: bytes) -> None:
        """More of the body. Raises `FrameRefused`."""
        try:
            self._parser.write(piece)
        except FormParserError:
            raise FrameRefused("bad_request", "http.bad_form", field=FIELD) from None

    def file(self) -> tuple[str, bytes]:
        """Name and bytes of the one file. Raises `FrameRefused` where there is none, or another one."""
        if not self._complete:
            raise FrameRefused("bad_request", "http.bad_form", field=FIELD)
        if len(self._files) != 1:
            raise FrameRefused("bad_request", "http.one_file", field=FIELD)
        ((filename, content),) = self._files
        if len(content) > self._max_bytes:
            raise FrameRefused("too_large", "http.upload_too_large", field=FIELD, max=self._max_bytes)
        return (filename or b"").decode("utf-8", "replace"), content

    def _field(self, field: Any) -> None:
        """A file's part need not have a file name (RFC 7578, 4.2)."""
        self._check(field)
        self._files.append((None, field.value or b""))

    def _file(self, file: Any) -> None:
        self._check(file)
        file.file_object.seek(0)
        self._files.append((file.file_name, file.file_object.read()))

    def _check(self, part: Any) -> None:
        if part.field_name != FIELD.encode() or self._files:
            raise FrameRefused("bad_request", "http.one_file", field=FIELD)

    def _end(self) -> None:
        self._complete = True
