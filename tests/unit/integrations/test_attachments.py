"""Ids of uploads among a model's arguments: the caller's own are found, whatever a model was told or makes up."""

from __future__ import annotations

import pytest

from integrations.attachments import files_of, owners_of
from schemas.errors import ArgumentsInvalid
from schemas.tool import Caller
from tests.support.fakes import ids
from tests.support.memory_stores import MemoryUploads

ANNA = Caller("verified", "anna", provisional="digest-a")


async def test_own_uploads_take_the_place_of_their_ids() -> None:
    """Those too that were made while it could not be asked who the caller is."""
    uploads = MemoryUploads(ids("u"))
    first = await uploads.add("anna", "a.jpg", "image/jpeg", b"1")
    second = await uploads.add("digest-a", "b.png", "image/png", b"2")
    paths = {("photos", 0): first.id, ("photos", 1): second.id}
    assert await files_of(paths, uploads, ANNA, "en") == {
        ("photos", 0): {"filename": "a.jpg", "type": "image/jpeg", "content": b"1"},
        ("photos", 1): {"filename": "b.png", "type": "image/png", "content": b"2"},
    }


@pytest.mark.parametrize("caller", [Caller("verified", "bert"), Caller("anonymous", None), Caller("refused", None)])
async def test_foreign_and_invented_ids_find_nothing(caller: Caller) -> None:
    """The same refusal for both, which names the argument and is a sentence for people."""
    uploads = MemoryUploads(ids("u"))
    foreign = await uploads.add("anna", "a.jpg", "image/jpeg", b"1")
    said = set()
    for upload_id in (foreign.id, "made-up"):
        with pytest.raises(ArgumentsInvalid) as refused:
            await files_of({("photos", 0): upload_id}, uploads, caller, "en")
        assert refused.value.argument == "photos"
        said.add(str(refused.value))
    assert len(said) == 1


def test_a_token_that_was_refused_owns_nothing() -> None:
    """Its digest alone opens nothing: the login may have been ended for a reason."""
    assert owners_of(Caller("refused", None, provisional="digest-a")) == []
    assert owners_of(ANNA) == ["anna", "digest-a"]
