"""Photos: taken in over HTTP, named in a query, sent as parts of a multipart form after the resident's yes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support.estate_data import rows
from tests.support.http_resident import JPEG, PNG, refused, resident
from tests.support.steward import Steward
from tests.support.talk import talk

Start = Callable[..., Any]


def photos(steward: Steward) -> list[dict[str, Any]]:
    return list(rows(steward.database, "SELECT filename, content_type, content FROM repair_photos ORDER BY photo_id"))


async def test_photos_of_a_query_end_as_parts_at_the_upstream(start: Start) -> None:
    """Two photos that came with a fault are shown by name before the yes, and arrive byte by byte after it."""
    with start() as steward:
        before = photos(steward)
        async with resident(steward.http) as anna:
            ids = [await anna.upload(JPEG, "水龙头.jpg"), await anna.upload(PNG, "wall.png", "image/png")]
            reply = await anna.ask("我想报修，厨房水龙头漏水了", attachments=ids)
            conversation_id = reply.frames[0]["conversation_id"]
            for said in ("水龙头", "明天上午", "13800138000", "厨房"):
                if reply.outcome == "approval":
                    break
                reply = await anna.ask(said, conversation_id=conversation_id)
            assert reply.outcome == "approval", reply.text
            (approval,) = [frame for frame in reply.frames if frame["type"] == "approval"]
            assert "水龙头.jpg、wall.png" in [line["text"] for line in approval["arguments"]]
            assert not any(one in str(approval) for one in ids)
            assert photos(steward) == before
            done = await anna.ask("确认", conversation_id=conversation_id)
            history = (await anna.call("GET", f"/api/conversations/{conversation_id}")).json()
        assert done.outcome == "success"
        added = [photo for photo in photos(steward) if photo not in before]
        assert [(one["filename"], one["content_type"], one["content"]) for one in added] == [
            ("水龙头.jpg", "image/jpeg", JPEG),
            ("wall.png", "image/png", PNG),
        ]
        first = history["messages"][0]
        assert first["content"] == "我想报修，厨房水龙头漏水了"
        assert [one["upload_id"] for one in first["attachments"]] == ids


async def test_a_photo_is_added_to_an_order_over_the_socket(start: Start) -> None:
    """`attachments` of a WebSocket's query; the operation that takes nothing but photos asks for its order."""
    with start() as steward:
        (order,) = rows(
            steward.database,
            "SELECT repair_id FROM repairs WHERE user_id = 'user456' AND status = 'WAIT'",
        )
        token = steward.login("user456")
        async with resident(steward.http, token) as bert, talk(steward.ws, "user456", token) as socket:
            upload_id = await bert.upload()
            ready = await socket.hello()
            assert ready["limits"]["attachments"] == {
                "max": 3,
                "max_bytes": 5 * 1024 * 1024,
                "types": ["image/jpeg", "image/png"],
            }
            asked = await socket.ask(f"给报修单 {order['repair_id']} 补充照片", attachments=[upload_id])
            assert asked.outcome == "approval", asked.text
            done = await socket.ask("确认")
        assert done.outcome == "success", done.text
        (held,) = rows(
            steward.database, "SELECT content FROM repair_photos WHERE repair_id = ? AND filename = 'tap.jpg'",
            order["repair_id"],
        )  # fmt: skip
        assert hashlib.sha256(held["content"]).digest() == hashlib.sha256(JPEG).digest()


async def test_a_foreign_upload_is_as_one_that_never_was(steward: Steward) -> None:
    """Over HTTP and over the socket; nobody without a login has any."""
    async with resident(steward.http) as anna, resident(steward.http, steward.login("user456")) as bert:
        upload_id = await anna.upload()
        for one in (upload_id, "never"):
            answer = await bert.call("POST", "/api/chat", json={"query": "报修", "attachments": [one]})
            assert refused(answer) == (404, "not_found", "attachments")
    async with talk(steward.ws, token=None) as nobody:
        await nobody.send("报修", attachments=[upload_id])
        assert (await nobody.receive())["code"] == "not_found"
    async with resident(steward.http, None) as nobody:
        response = await nobody.call("POST", "/api/uploads", files={"file": ("a.jpg", JPEG)})
        assert refused(response) == (401, "login_required", "Authorization")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_the_type_is_what_the_bytes_say(steward: Steward) -> None:
    """A name and a header that say otherwise are mended; what is no photo is refused whatever it says."""
    async with resident(steward.http) as anna:
        sent = {"file": ("../../etc/ph\u202eoto.html", PNG, "text/html")}
        taken = (await anna.call("POST", "/api/uploads", files=sent)).json()
        page = await anna.call("POST", "/api/uploads", files={"file": ("a.png", b"<html>", "image/png")})
        empty = await anna.call("POST", "/api/uploads", files={"file": ("a.png", b"", "image/png")})
    assert (taken["filename"], taken["type"], taken["size"]) == ("photo.html.png", "image/png", len(PNG))
    assert refused(page) == refused(empty) == (415, "unsupported", "file")


FORM = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"x", {"Content-Type": "application/json"}, (415, "unsupported", "Content-Type")),
        (b"x", {"Content-Type": "multipart/form-data"}, (400, "bad_request", "Content-Type")),
        (b"x", {"Content-Type": "multipart/form-data; boundary=" + "b" * 300}, (400, "bad_request", "Content-Type")),
        (b"no form", FORM, (400, "bad_request", "file")),
        (b"", FORM, (400, "bad_request", "file")),
        (b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\xff\xd8\xff", FORM,
         (400, "bad_request", "file")),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", FORM, (400, "bad_request", "file")),
        (b"--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n--b--\r\n", FORM,
         (400, "bad_request", "file")),
        (b"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n" * 2 + b"--b--\r\n", FORM,
         (400, "bad_request", "file")),
        (b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n" * 9 + b"--b--\r\n", FORM,
         (400, "bad_request", "file")),
    ],
)  # fmt: skip
async def test_what_is_no_form_with_one_file_is_refused(
    steward: Steward, body: bytes, headers: dict[str, str], expected: tuple[int, str, str | None]
) -> None:
    """RFC 7578; also one that ends in the middle of its file."""
    async with resident(steward.http) as anna:
        assert refused(await anna.call("POST", "/api/uploads", content=body, headers=headers)) == expected


async def test_size_number_and_time_have_limits(start: Start) -> None:
    """Too large by its own word, by its bytes, by its chunks; one more than may be kept; gone when its time is over."""
    limits = {"STEWARD_MAX_UPLOAD_BYTES": "2048", "STEWARD_MAX_UPLOADS_PER_SUBJECT": "2", "STEWARD_UPLOAD_TTL_S": "3"}
    with start(**limits) as steward:
        async with resident(steward.http) as anna:

            async def chunks() -> Any:
                yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
                for _ in range(40):
                    yield bytes(1024)

            for size in (2049, 30_000, 8 << 20):
                large = await anna.call("POST", "/api/uploads", files={"file": ("a.jpg", JPEG + bytes(size))})
                assert refused(large)[:2] == (413, "too_large")
            endless = await anna.call("POST", "/api/uploads", content=chunks(), headers=FORM)
            assert refused(endless) == (413, "too_large", None)
            first = await anna.upload()
            await anna.upload()
            full = await anna.call("POST", "/api/uploads", files={"file": ("a.jpg", JPEG)})
            assert refused(full) == (429, "rate_limited", "file")
            assert 1 <= int(full.headers["retry-after"]) <= 3
            answer = full
            while answer.status_code == 429:  # until there is room again, as was said
                answer = await anna.call("POST", "/api/uploads", files={"file": ("a.jpg", JPEG)})
            assert answer.status_code == 201
            gone = await anna.call("POST", "/api/chat", json={"query": "报修", "attachments": [first]})
            assert refused(gone) == (404, "not_found", "attachments")


async def test_no_more_than_a_few_arrive_at_a_time(start: Start) -> None:
    """Each holds memory for as long as its client takes; another resident's are taken meanwhile."""
    with start() as steward:
        async with resident(steward.http) as anna, resident(steward.http, steward.login("user456")) as bert:
            begun, go_on = asyncio.Semaphore(0), asyncio.Event()

            async def slow() -> AsyncIterator[bytes]:
                yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + JPEG
                begun.release()
                await go_on.wait()
                yield b"\r\n--b--\r\n"

            uploads = [
                asyncio.create_task(anna.call("POST", "/api/uploads", content=slow(), headers=FORM)) for _ in "abc"
            ]
            for _ in uploads:
                await begun.acquire()
            answer = await anna.call("POST", "/api/uploads", files={"file": ("a.jpg", JPEG)})
            while answer.status_code == 201:  # the first pieces of the others are still on their way
                answer = await anna.call("POST", "/api/uploads", files={"file": ("a.jpg", JPEG)})
            assert refused(answer)[:2] == (503, "busy")
            assert len(await bert.upload()) >= 20
            go_on.set()
            assert [one.status_code for one in await asyncio.gather(*uploads)] == [201] * 3
            assert len(await anna.upload()) >= 20
