"""Rules 1, 3, 4, 5, 6 and 8 of the protocol under any order of events: entries once and in order, writes once."""

from __future__ import annotations

import asyncio
import logging

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.schedules import Step, run

_CLIENT = st.integers(0, 2)
_QUERIES = ["hello there", "order it", "look here", "yes", "no", "order more"]
_STEP: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("tick"), st.integers(1, 40)),
    st.tuples(st.just("connect"), _CLIENT),
    st.tuples(st.just("join"), _CLIENT, _CLIENT),
    st.tuples(st.just("ask"), _CLIENT, st.sampled_from(_QUERIES)),
    st.tuples(st.just("again"), _CLIENT),
    st.tuples(st.just("approve"), _CLIENT, st.booleans()),
    st.tuples(st.just("cancel"), _CLIENT),
    st.tuples(st.just("cut"), _CLIENT, st.one_of(st.none(), st.integers(0, 5))),
    st.tuples(st.just("forget")),
    st.tuples(st.just("expire")),
)


@pytest.mark.parametrize("max_entries", [1000, 5])
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(_STEP, max_size=40), seed=st.integers(0, 1 << 16))
def test_any_schedule_keeps_the_rules(max_entries: int, steps: list[Step], seed: int) -> None:
    """Whatever happens to connections: every client with `hello` gets the log's entries once and in order, or is told
    that it cannot and gets one snapshot; each turn has one terminal; no write is sent twice (F47, F48, F53, F60)."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    wrong, _, _ = asyncio.run(run([("connect", 0), *steps], seed, max_entries=max_entries))
    assert wrong == []
