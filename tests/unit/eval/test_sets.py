"""The evaluation sets fit their documents: every operation and argument that they expect exists."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from tests.eval.judge import kind
from tests.eval.run import score, table
from tests.eval.sets import DOMAINS, FIRST, HALVES, document, documents, items, loaded
from tests.support.eval import complete


def _outcomes(expected: Any) -> list[Any]:
    below = [*expected.get("any", ()), *expected.get("multi", ())]
    return [expected, *(one for item in below for one in _outcomes(item))]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("domain", [d for d in DOMAINS if d in documents()])
def test_what_is_expected_is_in_the_document(domain: str, half: str) -> None:
    """Operations and arguments by name; plain expected values fit their schemas."""
    have = documents()
    tools = {t["function"]["name"]: t["function"]["parameters"] for d in loaded(domain, [*have]) for t in have[d].tools}
    for item in items(domain, half):
        for turn in item.turns:
            assert kind(turn) in ("call", "multi", "ask", "none", "any")
            for one in _outcomes(turn):
                if "op" not in one:
                    continue
                properties = tools[one["op"]]["properties"]
                for name, value in one["a"].items():
                    plain = not isinstance(value, dict)
                    assert not plain or jsonschema_rs.is_valid(properties[name], value), (turn["t"], name, value)


def test_the_english_half_of_a_document_has_no_chinese() -> None:
    """`en` keeps what stands behind " / "."""
    assert not any("\u4e00" <= c <= "\u9fff" for c in str(document("bill", "en").tools))
    assert document("bill", "en").writes == document("bill").writes != frozenset()


def test_a_domain_is_judged_beside_the_first_three_and_its_pair() -> None:
    """The first three see themselves alone."""
    assert loaded("bill", DOMAINS) == list(FIRST)
    assert loaded("venue", DOMAINS) == [*FIRST, "library", "venue"]


def test_a_run_is_a_table_of_every_turn_and_repeatable() -> None:
    """Judged turns of one domain come out with the totals; twice the same."""
    rows, times = score(complete, "develop", "both", ["bill"])
    again, _ = score(complete, "develop", "both", ["bill"])
    assert len(rows) == sum(len(item.turns) for item in items("bill", "develop")) <= len(times)
    assert [row.done for row in rows] == [row.done for row in again]
    assert list(table(rows))[-1].startswith("all")
    assert not any(row.wrong_write for row in rows)
