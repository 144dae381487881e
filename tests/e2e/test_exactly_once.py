"""Writes against an upstream that loses connections at any byte and restarts: never twice, never untold."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from tests.support.exactly_once import run_schedules


@pytest.mark.parametrize("seed", [11, 12])
async def test_no_write_is_done_twice_or_left_untold(tmp_path: Path, seed: int) -> None:
    """F05-F08, F10, F24, F48: 250 conversations with one to nine confirmations each; every write is committed at most
    once, every committed one is recorded as done or unknown, and what is recorded was read by the resident."""
    outcome = await run_schedules(tmp_path, seed, 250)
    gc.collect()  # a socket that nobody closed is a failure of this test, and not of a later one
    assert outcome.wrong == []
    # the dice did their work: answers were cut, writes came through, outcomes stayed unknown
    assert outcome.schedules == 250
    assert outcome.committed > 40
    happened = {"cut-request", "drop", "drop-after", "cut-answer", "slow-before", "slow-after", "restart"}
    assert happened <= set(outcome.happened)
    assert {"ok", "unknown_outcome"} <= set(outcome.told)


async def test_the_judge_sees_a_second_commit(tmp_path: Path) -> None:
    """Where the upstream itself commits everything twice, that is reported: the judge's silence means something."""
    outcome = await run_schedules(tmp_path, 13, 20, faithful=False)
    assert any("committed 2 times" in line for line in outcome.wrong)
