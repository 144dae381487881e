"""A stateful search for a history of events that breaks rules 1, 3 to 6 and 8 of the protocol; a failure is shrunk.

`test_schedules.py` plays seeded schedules of the same steps against the same house, many more of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.schedule_clients import Client
from tests.support.schedule_house import House
from tests.support.schedule_judge import judge
from tests.support.schedules import come_back, step

CLIENTS = st.integers(0, 2)
MOMENTS = st.integers(0, 150)
QUERIES = st.sampled_from(["hello there", "order it", "order more", "look here", "yes", "no"])


class AnyHistory(RuleBasedStateMachine):
    """Three clients of one resident, two of which say `hello`, at one gateway that may restart.

    At every moment each client's entries are the log's, without a gap, or it was told once and honestly that they are
    not and has got a snapshot that is true. At the end, when everybody has come back, all logs are whole: each turn in
    one piece with one terminal, each bubble closed once, each approved write sent once.
    """

    @initialize(seed=st.integers(0, 2**32), max_entries=st.sampled_from([1000, 20, 5]))
    def begin(self, seed: int, max_entries: int) -> None:
        self.runner = asyncio.Runner()
        self.runner.run(self._begin(seed, max_entries))

    async def _begin(self, seed: int, max_entries: int) -> None:
        self.house = House(seed, max_entries)
        self.clients = [Client(self.house, hello=True), Client(self.house, hello=True), Client(self.house, hello=False)]

    def play(self, word: str, *arguments: Any, moments: int = 0) -> None:
        async def play() -> None:
            async with asyncio.timeout(30):
                await step(self.house, self.clients, word, arguments)
                await step(self.house, self.clients, "tick", [moments])

        self.runner.run(play())

    @rule(one=CLIENTS, moments=MOMENTS)
    def connect(self, one: int, moments: int) -> None:
        self.play("connect", one, moments=moments)

    @rule(one=CLIENTS, other=CLIENTS, moments=MOMENTS)
    def open_the_conversation_of_another_tab(self, one: int, other: int, moments: int) -> None:
        self.play("join", one, other, moments=moments)

    @rule(one=CLIENTS, query=QUERIES, moments=MOMENTS)
    def send(self, one: int, query: str, moments: int) -> None:
        self.play("connect", one)
        self.play("ask", one, query, moments=moments)

    @rule(one=CLIENTS, moments=MOMENTS)
    def send_again(self, one: int, moments: int) -> None:
        self.play("connect", one)
        self.play("again", one, moments=moments)

    @rule(one=CLIENTS, approved=st.booleans(), moments=MOMENTS)
    def approve(self, one: int, approved: bool, moments: int) -> None:
        self.play("approve", one, approved, moments=moments)

    @rule(one=CLIENTS, moments=MOMENTS)
    def cancel(self, one: int, moments: int) -> None:
        self.play("cancel", one, moments=moments)

    @rule(one=CLIENTS, bytes_more=st.none() | st.integers(0, 3000), moments=MOMENTS)
    def disconnect(self, one: int, bytes_more: int | None, moments: int) -> None:
        self.play("cut", one, bytes_more, moments=moments)

    @rule(what=st.sampled_from(["restart", "forget", "expire"]))
    def go_on_without_clients(self, what: str) -> None:
        """The process begins anew; the resume window passes; what waits for a yes has waited too long."""
        self.play(what)

    @invariant()
    def what_clients_have_is_the_logs(self) -> None:
        for client in self.clients:
            assert client.wrong == []

    @invariant()
    def seq_is_gapless_in_every_log(self) -> None:
        for place, entries in self.house.log.ever.items():
            assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1)), place

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        with self.runner:
            self.runner.run(self._end())

    async def _end(self) -> None:
        async with asyncio.timeout(30):
            await come_back(self.house, self.clients)
        for client in self.clients:
            if client.line is not None:
                await client.line.end()
        await self.house.turns.close()
        assert judge(self.house, self.clients) == []
        for client in self.clients[:2]:
            lost = [frame["recovered"] for frame in client.frames[client.since :] if frame["type"] == "ready"]
            snapshots = [frame for frame in client.frames[client.since :] if frame["type"] == "snapshot"]
            assert len(lost) == 1
            assert len(snapshots) == lost.count(False)


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.explain},
)
