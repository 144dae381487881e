"""The repair upstream's photos: judged as they arrive, stored, added to an order, shown; `repair_orders.py` uses it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sanic import HTTPResponse

from demo.clock import iso
from demo.core import Call, json_answer
from demo.repair_answers import as_photo, find_repair, invalid, problem, wrong_state
from demo.repair_multipart import MultipartError, Part, parse
from demo.repair_validation import Mistake
from demo.ulid import ulid

MOST_PHOTOS = 3
LARGEST_PHOTO_BYTES = 5 * 1024 * 1024
SIGNATURES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}
OPEN = ("WAIT", "TAKEN", "PROCESSING", "SUSPENDED")


@dataclass(frozen=True)
class NewPhoto:
    """A photo that was found good: its real media type and its bytes."""

    filename: str
    content_type: str
    content: bytes


def parts_of(call: Call) -> list[Part]:
    """The parts of a multipart request; 400 where the body is broken."""
    try:
        return parse(call.request.headers.get("content-type", ""), call.request.body)
    except MultipartError:
        raise invalid(call, [Mistake("", "表单内容不完整")]) from None


def judged(call: Call, parts: Sequence[Part]) -> list[NewPhoto]:
    """The photos: at most 3 (400), of 5 MB (413), really JPEG or PNG and declared as what they are (415)."""
    if len(parts) > MOST_PHOTOS:
        raise invalid(call, [Mistake("/photos", f"照片最多 {MOST_PHOTOS} 张")])
    photos = []
    for part in parts:
        if len(part.content) > LARGEST_PHOTO_BYTES:
            raise problem(call, 413, detail="单张照片不能超过 5 MB")
        if part.filename is None or not part.content.startswith(SIGNATURES.get(part.content_type, b"\0none")):
            raise problem(call, 415, detail="照片应为 JPEG 或 PNG 格式")
        photos.append(NewPhoto(part.filename, part.content_type, part.content))
    return photos


def store(call: Call, repair_id: str, photos: Sequence[NewPhoto]) -> list[str]:
    """Adds photos to an order, inside of the caller's transaction; their ids, which sort as they came."""
    first = secrets.randbits(79)
    ids = [ulid(call.now, first + place) for place in range(len(photos))]
    for photo_id, photo in zip(ids, photos, strict=True):
        call.database.insert(
            "repair_photos",
            photo_id=photo_id,
            repair_id=repair_id,
            filename=photo.filename,
            content_type=photo.content_type,
            size=len(photo.content),
            content=photo.content,
            created_at=iso(call.now),
        )
    return ids


async def add_repair_photos(call: Call) -> HTTPResponse:
    """201 with the new photos; an order that is closed takes none (409), and none takes more than three in all."""
    order = find_repair(call)
    if call.request.content_type.split(";")[0].strip().lower() != "multipart/form-data":
        raise problem(call, 415, detail="照片应以 multipart/form-data 上传")
    parts = parts_of(call)
    mistakes = [Mistake(f"/{part.name}", "不支持的字段") for part in parts if part.name != "photos"]
    if mistakes or not parts:
        raise invalid(call, mistakes or [Mistake("/photos", "必填项缺失")])
    photos = judged(call, parts)
    if order["status"] not in OPEN:
        raise wrong_state(call, order, "报修单已结束，不能补充照片")
    repair_id = order["repair_id"]
    with call.database.transaction():
        (held,) = call.database.rows("SELECT count(*) AS n FROM repair_photos WHERE repair_id = ?", repair_id)
        if held["n"] + len(photos) > MOST_PHOTOS:
            raise invalid(call, [Mistake("/photos", f"照片合计最多 {MOST_PHOTOS} 张，已有 {held['n']} 张")])
        ids = store(call, repair_id, photos)
        call.database.run("UPDATE repairs SET version = version + 1 WHERE repair_id = ?", repair_id)
    marks = ", ".join("?" * len(ids))
    rows = call.database.rows(
        f"SELECT photo_id, size FROM repair_photos WHERE photo_id IN ({marks}) ORDER BY photo_id", *ids
    )
    return json_answer([as_photo(row) for row in rows], 201)


async def get_photo(call: Call) -> HTTPResponse:
    """The bytes of a photo of one's own order; the thumbnail is the photo itself."""
    row = call.database.row(
        "SELECT p.* FROM repair_photos p JOIN repairs r USING (repair_id) WHERE p.photo_id = ? AND r.user_id = ?",
        call.path["photoId"],
        call.resident.user_id,
    )
    if row is None:
        raise problem(call, 404, detail="没有这张照片")
    return HTTPResponse(row["content"], content_type=row["content_type"])
