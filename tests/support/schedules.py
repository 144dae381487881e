"""Schedules: lists of steps, each a word and its arguments, that are played against a house and its clients.

Connects, queries, answers, cancels, cuts, forgetting, restarts. Next: `schedule_judge.py`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from tests.support.schedule_clients import Client
from tests.support.schedule_house import House
from tests.support.schedule_judge import judge

Step = tuple[Any, ...]
_QUERIES = ("hello there", "order it", "order more", "look here", "yes", "yes", "no")


def random_steps(seed: int) -> list[Step]:
    """A schedule by chance, the same one for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - dice of a test
    steps: list[Step] = [("connect", 0)]
    for _ in range(dice.randint(3, 50)):
        one = dice.randint(0, 2)
        choices: list[Step] = [
            ("tick", dice.randint(1, 60)),
            ("tick", dice.randint(1, 200)),
            *[("connect", one)] * 2,
            ("join", one, dice.randint(0, 2)),
            *[("ask", one, dice.choice(_QUERIES))] * 3,
            ("again", one),
            *[("approve", one, dice.random() < 0.7)] * 2,
            ("cancel", one),
            ("cut", one, dice.choice((None, 0, dice.randint(1, 2000)))),
            ("forget",),
            ("expire",),
            ("restart",),
        ]
        steps.append(dice.choice(choices))
    return steps


async def run(steps: Sequence[Step], seed: int, *, max_entries: int = 1000) -> tuple[list[str], House, list[Client]]:
    """Play the schedule to its end, let everything end and everybody come back once more; what was wrong."""
    house = House(seed, max_entries)
    clients = [Client(house, hello=True), Client(house, hello=True), Client(house, hello=False)]
    wrong: list[str] = []
    try:
        async with asyncio.timeout(20):
            for word, *arguments in steps:
                await step(house, clients, word, arguments)
            await come_back(house, clients)
    except TimeoutError:
        wrong.append(f"it never ends: {house.turns._lanes}")
    for client in clients:
        if client.line is not None:
            await client.line.end()
    await house.turns.close()
    return wrong + judge(house, clients), house, clients


async def step(house: House, clients: Sequence[Client], word: str, arguments: Sequence[Any]) -> None:
    """Play one step."""
    if word == "tick":
        for _ in range(arguments[0]):
            await asyncio.sleep(0)
        return
    if word in ("forget", "expire"):
        house.forget() if word == "forget" else house.expire()
        return
    if word == "restart":
        await house.restart()
        for client in clients:
            await lose(client, None)
        return
    client = clients[arguments[0]]
    match word:
        case "connect":
            await lose(client, None, only_if_over=True)
            client.connect()
        case "join":  # the conversation of another tab
            client.conversation_id = clients[arguments[1]].conversation_id or client.conversation_id
            if client.hello:
                await lose(client, None)
            client.connect()
        case "ask":
            client.ask(arguments[1])
        case "again" if client.last is not None:
            client.put(client.last)
        case "approve" if client.approval_id is not None:
            frame = {"type": "approve", "approval_id": client.approval_id, "approved": arguments[1], "token": "anna"}
            client.put(frame)
        case "cancel":
            client.put({"type": "cancel"})
        case "cut":
            await lose(client, arguments[1])


async def lose(client: Client, more: int | None, *, only_if_over: bool = False) -> None:
    """The connection is lost: at once, or when `more` bytes have got through."""
    line = client.line
    if line is None or (only_if_over and line.socket.code is None and not line.writer.done()):
        return
    if more is not None:
        line.socket.left = more
        return
    await line.end()
    client.line = None


async def come_back(house: House, clients: Sequence[Client]) -> None:
    """Everything comes to its end, and every client once more to where the log is."""
    await settle(house, clients)
    for client in clients:
        await lose(client, None)
    for _ in range(3):  # one whose entries were cut off meanwhile is told to come back
        for client in clients:
            await lose(client, None, only_if_over=True)
            client.connect()
        await settle(house, clients)
    for number, client in enumerate(clients):
        if client.line is not None and client.line.socket.code is not None:
            client.wrong.append(f"client {number} is sent away again and again: {client.line.socket.code}")


async def settle(house: House, clients: Sequence[Client]) -> None:
    """Until nothing happens any more."""
    quiet = 0
    while quiet < 20:
        await asyncio.sleep(0)
        busy = bool(house.turns._lanes) or any(client.line is not None and client.line.busy for client in clients)
        quiet = 0 if busy else quiet + 1
