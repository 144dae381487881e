"""Paging parameters on the way out: bounded, and filled where the document insists on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.outside import DOCUMENT, outside, run, write_catalogue
from tests.support.raw_upstream import RawUpstream, answer

PAGING = "    paging: {page: page, size: size, start: 0, max_size: 15}\n"


def _insisting(*names: str) -> Any:
    document = json.loads(json.dumps(DOCUMENT))
    for parameter in document["paths"]["/things"]["get"]["parameters"]:
        parameter["required"] = parameter["name"] in names
    return document


@pytest.mark.parametrize(
    ("insisted", "more", "arguments", "target"),
    [
        (("page", "size"), PAGING, {}, "/api/things?page=0&size=15"),
        (("page", "size"), PAGING, {"page": 3, "size": 500}, "/api/things?page=3&size=15"),
        (("page",), PAGING, {}, "/api/things?page=0"),
        ((), PAGING, {}, "/api/things"),
        (("page", "size"), "    paging: {page: page, size: size}\n", {}, "/api/things?page=1&size=20"),
    ],
)
async def test_a_page_that_is_required_is_the_first_one(
    tmp_path: Path, insisted: tuple[str, ...], more: str, arguments: Any, target: str
) -> None:
    """`paging.start`, and as many rows as are shown; what is asked for counts, and what is optional is left out."""
    document = _insisting(*insisted)
    async with (
        RawUpstream([answer([])]) as upstream,
        outside(write_catalogue(tmp_path, upstream.url, more, document=document)) as toolset,
    ):
        (spec,) = [spec for spec in toolset.specs() if spec.name == "listThings"]
        assert "required" not in spec.parameters
        assert (await run(toolset, "listThings", **arguments)).ok
    assert upstream.requests[0].target == target


async def test_other_required_parameters_stay_required(tmp_path: Path) -> None:
    """Only what `paging` names is the gateway's to fill."""
    async with outside(write_catalogue(tmp_path, "http://h", PAGING, document=_insisting("page", "since"))) as toolset:
        (spec,) = [spec for spec in toolset.specs() if spec.name == "listThings"]
        assert spec.parameters["required"] == ["since"]
        assert (await run(toolset, "listThings")).error == "invalid_arguments"
