"""Questions to begin with, from the shipped catalogue and from one without examples."""

from __future__ import annotations

from pathlib import Path

from integrations.catalogue import load_catalogue
from integrations.suggestions import suggestions
from schemas.settings import SHIPPED_UPSTREAMS


def test_each_upstreams_questions_in_each_language() -> None:
    """In the order of upstreams.yaml, at most four, each in its language; titles as residents call the systems."""
    catalogue = load_catalogue(SHIPPED_UPSTREAMS, {})
    zh, en = suggestions(catalogue, "zh"), suggestions(catalogue, "en")
    assert [one.title for one in zh] == ["物业缴费系统", "停车系统", "报修系统"]
    assert [one.questions[0] for one in zh] == ["查询我的物业费账单", "帮我查一下停车记录", "我想报修"]
    assert [one.title for one in en] == ["Property billing", "Parking system", "Repair system"]
    assert [one.questions[0] for one in en] == ["show my bills", "show my parking records", "I need a repair"]
    assert all(1 <= len(one.questions) <= 4 for one in zh + en)


def test_without_examples_nothing_is_suggested(tmp_path: Path) -> None:
    """A clean upstream of three lines has none."""
    document = SHIPPED_UPSTREAMS.parent / "repair.yaml"
    file = tmp_path / "upstreams.yaml"
    file.write_text(
        f"upstreams:\n  repair:\n    document: {document}\n    base_url: https://repair.example/api\n"
        "    auth: {header: satoken}\n",
        "utf-8",
    )
    assert suggestions(load_catalogue(file, {}), "zh") == []
