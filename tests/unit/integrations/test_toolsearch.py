"""The ranking over a catalogue's tools: what is found, in which order, whatever the query is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.catalogue import Catalogue, load_catalogue
from integrations.models.embedded.text import terms
from integrations.toolsearch import Indexed, ToolIndex
from integrations.toolset import CatalogueToolset, CatalogueToolsets
from tests.support.many_operations import RESOURCES, large_document

LIMITS = st.integers(min_value=0, max_value=60)
# Words of the document, of people, of neither.
TEXTS = st.one_of(
    st.text(max_size=200),
    st.text("查询仓库分支议题删除 repositybranchdelt/_-.{}\"'\\\n", max_size=120),
    st.lists(st.sampled_from([word for pair in RESOURCES for word in pair]), max_size=8).map(" ".join),
)


def _toolset(folder: Path, document: dict[str, Any], **entry: Any) -> CatalogueToolset:
    return CatalogueToolsets(_catalogue(folder, document, **entry)).for_token(None)


def _catalogue(folder: Path, document: dict[str, Any], **entry: Any) -> Catalogue:
    (folder / "document.json").write_text(json.dumps(document), encoding="utf-8")
    settings = {"document": "document.json", "base_url": "http://127.0.0.1:1", **entry}
    file = folder / "upstreams.yaml"
    file.write_text(yaml.safe_dump({"upstreams": {"bench": settings}}, allow_unicode=True), encoding="utf-8")
    return load_catalogue(file, {})


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> CatalogueToolset:
    """A catalogue of 1,008 tools."""
    return _toolset(tmp_path_factory.mktemp("many"), large_document())


def _found(toolset: CatalogueToolset, *words: str, limit: int = 10) -> list[str]:
    return [spec.name for spec in toolset.find(words, limit)]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("归档一个发票", "invoices_archive"),
        ("帮我查一下分支列表", "branches_list"),
        ("有谁关注了这个议题", "issues_watchers"),
        ("把值班表导出来", "on-call-schedules_export"),
        ("archive an invoice", "invoices_archive"),
        ("please show me my branches", "branches_list"),
        ("list the shipments", "shipments_list"),
        ("who is watching that issue", "issues_watchers"),
        ("I want to copy the purchase order K-12", "purchase-orders_copy"),
        ("查看 webhook 的列表", "webhooks_list"),
        ("DELETE THE CREDIT NOTE", "credit-notes_delete"),
    ],
)
def test_words_in_chinese_and_english_find_the_tool_among_a_thousand(
    many: CatalogueToolset, query: str, name: str
) -> None:
    """The tool that a sentence means is among the first five of 1,008."""
    assert name in _found(many, query, limit=5)


def test_words_that_no_tool_has_find_nothing(many: CatalogueToolset) -> None:
    """Neither filler nor a foreign matter finds a tool: an empty answer is a true one."""
    for query in ("", " \n", "!?", "请帮我看一下", "please can you show me", "xylophone zzz", "🙂", "12 34"):
        assert _found(many, query) == [], query


def test_a_follow_up_keeps_the_tools_of_what_it_follows(many: CatalogueToolset) -> None:
    """A mere number finds nothing itself: what was said before it still does; new words come before old ones."""
    assert _found(many, "12", "archive an invoice")[0] == "invoices_archive"
    assert _found(many, "count the shipments", "archive an invoice")[0] == "shipments_count"
    assert "invoices_archive" in _found(many, "count the shipments", "archive an invoice")


def test_a_word_finds_tools_that_have_a_longer_or_shorter_form_of_it(many: CatalogueToolset) -> None:
    """ "deploy" finds deployments, "repositories" a repository."""
    assert any(name.startswith("deployments_") for name in _found(many, "deploy"))
    assert all(name.startswith("repositories_") for name in _found(many, "repository"))


def test_every_tool_is_found_first_by_its_exact_name(many: CatalogueToolset) -> None:
    """Whatever else shares the name's words: the name alone, in any capitals, or in a sentence."""
    for spec in many.specs():
        assert _found(many, spec.name, limit=1) == [spec.name]
        assert _found(many, f"call {spec.name.upper()} now", limit=1) == [spec.name]


def test_a_plain_word_in_a_sentence_is_not_taken_for_a_name(tmp_path: Path) -> None:
    """A tool named `list` is not what "list my loans" means; the word alone means it."""
    paths = {
        "/fines": {"get": {"operationId": "list", "summary": "The library's shelves", "responses": {}}},
        "/loans": {"get": {"operationId": "loans", "summary": "List loans of a reader", "responses": {}}},
    }
    toolset = _toolset(tmp_path, {"openapi": "3.0.3", "info": {"title": "L", "version": "1"}, "paths": paths})
    assert _found(toolset, "list my loans")[0] == "loans"
    assert _found(toolset, "list")[0] == "list"


def test_what_the_file_drops_is_never_found(tmp_path: Path) -> None:
    """`drop` leaves operations out of the search and the overview, also under their own names."""
    toolset = _toolset(tmp_path, large_document(8), drop=["DELETE *", "issues/*"])
    names = {spec.name for spec in toolset.specs()}
    gone = {"branches_delete", "issues_list"}
    assert not gone & names
    for query in ("branches_delete", "delete the branch", "issues_list", "查询议题列表"):
        assert not gone & set(_found(toolset, query, limit=100)), query
    assert {spec.name for spec in toolset.overview(1000)} == names


def test_a_page_of_pasted_text_hides_neither_its_beginning_nor_its_end(many: CatalogueToolset) -> None:
    """What is wanted stands first or last, a log or a letter between; its rare words are the ones that count."""
    pasted = " ".join(f"the list of item{n} was not there" for n in range(400))
    assert "credit-notes_archive" in _found(many, f"archive the credit note: {pasted}", limit=40)
    assert "credit-notes_archive" in _found(many, f"{pasted} so archive the credit note", limit=40)


def test_of_many_words_the_rarest_count() -> None:
    """A hundred words that every tool has do not crowd out the one word that only a single tool has."""
    common = [f"q{first}{second}x" for first in "abcdefghij" for second in "klmnopqrst"]
    rare = [f"z{letter}w" for letter in "abcdefghij"]
    tools = [Indexed(word, {"summary": terms(" ".join([*common, word]))}, "all") for word in rare]
    assert ToolIndex(tools).rank(" ".join([*common, "zfw"]), 3)[0] == rare.index("zfw")


def test_the_overview_shows_one_tool_of_each_group_before_a_second_one(many: CatalogueToolset) -> None:
    """The first 72 tools are of the 72 resources, and each is a look-up that asks for nothing."""
    first = many.overview(len(RESOURCES))
    assert len({spec.name.rsplit("_", 1)[0] for spec in first}) == len(RESOURCES)
    assert all(spec.effect == "read" and not spec.parameters.get("required") for spec in first)


def test_a_catalogue_without_tools_can_be_asked(tmp_path: Path) -> None:
    """Nothing is found, nothing fails."""
    toolset = _toolset(tmp_path, {"openapi": "3.0.3", "info": {"title": "L", "version": "1"}, "paths": {}})
    assert list(toolset.find(["anything"], 5)) == list(toolset.overview(5)) == []


@settings(deadline=None)
@given(words=st.lists(TEXTS, max_size=4), limit=LIMITS)
def test_any_words_find_at_most_so_many_tools_each_once_and_always_the_same(
    many: CatalogueToolset, words: Sequence[str], limit: int
) -> None:
    """Never an error, never more than the limit, no tool twice, the same order when asked again, and a smaller limit
    for one query is a beginning of a larger one."""
    found = _found(many, *words, limit=limit)
    assert len(found) <= limit
    assert len(set(found)) == len(found)
    assert _found(many, *words, limit=limit) == found
    if len(words) == 1:
        assert _found(many, *words, limit=limit // 2) == found[: limit // 2]


@settings(deadline=None)
@given(text=TEXTS)
def test_other_words_beside_a_name_do_not_hide_it(many: CatalogueToolset, text: str) -> None:
    """A name in a query of any other words is the first that is found."""
    assert _found(many, f"{text} invoices_archive", limit=60)[0] == "invoices_archive"
