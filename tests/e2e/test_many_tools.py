"""An upstream of a thousand operations: a model is offered the few that are needed and finds the others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.chat_server import ChatServer, Recorded, Reply, resplit, scripted, text_reply, tool_call_reply
from tests.support.many_operations import ManyUpstream, large_document, many_upstream
from tests.support.steward import Steward, warm_steward
from tests.support.talk import talk

Start = Callable[..., Any]
Embedded = tuple[Steward, list[tuple[str, str]]]
MAX_TOOLS, MAX_BYTES = 40, 65536


def _entry(folder: Path, upstream: ManyUpstream) -> str:
    """The upstreams file of an engineer who has a document and its address."""
    (folder / "many.json").write_text(json.dumps(large_document(), ensure_ascii=False), encoding="utf-8")
    file = folder / "upstreams.yaml"
    file.write_text(
        f"upstreams:\n  bench:\n    document: many.json\n    base_url: http://127.0.0.1:{upstream.port}\n",
        encoding="utf-8",
    )
    return str(file)


@pytest.fixture
def upstream() -> Iterator[ManyUpstream]:
    """The running upstream of 1,008 operations."""
    with many_upstream() as running:
        yield running


@pytest.fixture
def entry(tmp_path: Path, upstream: ManyUpstream) -> str:
    """The upstreams file for a Steward of the test's own."""
    return _entry(tmp_path, upstream)


@pytest.fixture(scope="module")
def without_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Steward, ManyUpstream]]:
    """One Steward with the embedded model for all conversations of this file, and its upstream."""
    folder = tmp_path_factory.mktemp("many")
    with (
        many_upstream() as running,
        warm_steward(folder, STEWARD_UPSTREAMS=_entry(folder, running)) as steward,
    ):
        yield steward, running


@pytest.fixture
def embedded(without_key: tuple[Steward, ManyUpstream]) -> tuple[Steward, list[tuple[str, str]]]:
    """That Steward, and what has been sent to the upstream in this test."""
    steward, running = without_key
    running.requests.clear()
    return steward, running.requests


def _environment(server: ChatServer, **more: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-any", "OPENAI_BASE_URL": server.base_url, "STEWARD_MODEL": "scripted", **more}


def _data(request: Recorded) -> dict[str, Any]:
    match = re.fullmatch(r"<data>(.*)</data>", str(request.last["content"]), re.DOTALL)
    assert match is not None, "a tool result is fenced as data"
    value = json.loads(match[1])
    assert isinstance(value, dict)
    return value


def _searcher(request: Recorded) -> Reply:
    """A scripted model: it searches in the words of the documents, calls what was found first, if it is now offered,
    and repeats the title that came back."""
    if request.last["role"] == "user":
        return resplit(tool_call_reply("search_tools", {"query": "who watches an invoice"}, call_id="call_search"), 9)
    result = _data(request)
    if request.last["tool_call_id"] == "call_search":
        found = result["data"][0]
        assert found["name"] in request.tool_names
        return resplit(tool_call_reply(found["name"], {"id": "K-12"}, call_id="call_found"), 9)
    return text_reply(f"It says: {result['data'][0]['title']}")


async def test_a_providers_model_searches_gets_the_tool_and_calls_it(
    start: Start, entry: str, upstream: ManyUpstream
) -> None:
    """Of 1,008 tools a request carries at most 40 with `search_tools`; what the search finds is offered in the next
    step, called, and its answer is the upstream's own. The resident sees the call and nothing of the search."""
    async with ChatServer(scripted(_searcher)) as server:
        with start(STEWARD_UPSTREAMS=entry, **_environment(server)) as steward:
            async with talk(steward.ws) as resident:
                reply = await resident.ask("Somebody should know about the bill")
    assert reply.text == "It says: GET /invoices/K-12/watchers"
    assert upstream.requests == [("GET", "/invoices/K-12/watchers")]
    assert reply.tools == ["invoices_watchers"]
    assert reply.outcome == "success"
    first, second, third = server.requests
    for request in server.requests:
        assert request.tool_names[0] == "search_tools"
        assert len(request.tool_names) == len(set(request.tool_names)) <= MAX_TOOLS
        assert len(json.dumps(request.tools, ensure_ascii=False).encode()) < MAX_BYTES
    assert "1008 tools" in first.tools[0]["description"]
    assert "invoices_watchers" not in first.tool_names
    assert "invoices_watchers" in second.tool_names
    assert second.tool_names == third.tool_names
    kept = [name for name in first.tool_names if name in second.tool_names]
    assert second.tool_names[: len(kept)] == kept


async def test_the_words_alone_bring_the_tool_and_a_later_turn_keeps_it(
    start: Start, entry: str, upstream: ManyUpstream
) -> None:
    """A model that calls the tool it is offered for the resident's words needs no search; in the next turn that tool
    stands right behind `search_tools`, though the new words are about something else."""

    def caller(request: Recorded) -> Reply:
        if request.last["role"] == "tool":
            return text_reply(str(_data(request)["data"][0]["title"]))
        return tool_call_reply(next(n for n in request.tool_names if n.endswith("_count")), {})

    async with ChatServer(scripted(caller)) as server:
        with start(STEWARD_UPSTREAMS=entry, **_environment(server, STEWARD_MAX_TOOLS="12")) as steward:
            async with talk(steward.ws) as resident:
                assert (await resident.ask("统计发票数量")).text == "GET /invoices/count"
                assert (await resident.ask("How many shipments are there?")).tools
    assert server.requests[0].tool_names[1] == "invoices_count"
    assert server.requests[2].tool_names[1] == "invoices_count"
    assert "shipments_count" in server.requests[2].tool_names
    assert all(len(request.tool_names) <= 12 for request in server.requests)


@pytest.mark.parametrize(
    ("query", "request_line"),
    [
        ("查询发票列表", ("GET", "/invoices")),
        ("统计分支数量", ("GET", "/branches/count")),
        ("list the shipments", ("GET", "/shipments")),
        ("count the support incidents", ("GET", "/incidents/count")),
    ],
)
async def test_the_embedded_model_answers_reads(embedded: Embedded, query: str, request_line: tuple[str, str]) -> None:
    """In Chinese and English, without a key: one of 1,008 operations is called, and its answer is told."""
    steward, requests = embedded
    async with talk(steward.ws) as resident:
        reply = await resident.ask(query)
    assert requests == [request_line]
    assert " ".join(request_line) in reply.text
    assert reply.outcome == "success"


@pytest.mark.parametrize(
    ("query", "yes"), [("归档发票 INV-2024-0012", "确认"), ("archive invoice INV-2024-0012", "yes")]
)
async def test_the_embedded_model_parks_a_write_and_the_residents_yes_sends_it(
    embedded: Embedded, query: str, yes: str
) -> None:
    """Nothing is sent before the yes; then exactly the request that was shown, once."""
    steward, requests = embedded
    async with talk(steward.ws) as resident:
        shown = await resident.ask(query)
        assert shown.outcome == "approval", shown.text
        assert "INV-2024-0012" in shown.text
        assert requests == []
        done = await resident.ask(yes)
    assert requests == [("POST", "/invoices/INV-2024-0012/archive")]
    assert done.outcome == "success"


async def test_the_embedded_model_asks_for_what_is_missing_and_goes_on_with_the_answer(embedded: Embedded) -> None:
    """The tool of an open question stays offered though its answer names no tool."""
    steward, requests = embedded
    async with talk(steward.ws) as resident:
        asked = await resident.ask("归档发票")
        assert "编号" in asked.text
        shown = await resident.ask("K-77")
        assert shown.outcome == "approval", shown.text
        assert (await resident.ask("确认")).outcome == "success"
    assert requests == [("POST", "/invoices/K-77/archive")]


async def test_the_shipped_catalogue_is_offered_whole(start: Start) -> None:
    """26 tools fit: every one is offered, in the same order in each turn, and there is no `search_tools`."""
    async with ChatServer(scripted(lambda _: text_reply("Good day"))) as server:
        with start(**_environment(server)) as steward:
            async with talk(steward.ws, "user123", steward.login("user123")) as resident:
                await resident.ask("你好")
                await resident.ask("查询我的物业费账单")
    first, second = server.requests
    assert len(first.tool_names) == 26
    assert "search_tools" not in first.tool_names
    assert first.tools == second.tools
