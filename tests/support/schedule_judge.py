"""What is not as the protocol says, once a schedule has been played to its end: turns, writes, records, histories."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.support.fakes import well_formed
from tests.support.schedule_clients import Client
from tests.support.schedule_house import House


def judge(house: House, clients: Sequence[Client]) -> list[str]:
    """What is not as the protocol says."""
    wrong = [f"client {number}: {one}" for number, client in enumerate(clients) for one in client.wrong]
    for conversation_id, frames in house.log.in_order.items():
        wrong += _turns(conversation_id, frames)
    for number, client in enumerate(clients):
        if client.hello and client.conversation_id is not None and client.line is not None:
            place, last = client.places.get(client.conversation_id), house.log.last_seq(client.conversation_id)
            if (place is None or place.after != last) and client.line.socket.code is None:
                wrong.append(f"client {number}: has {place}, the log {last}")
    ended = {turn.id for turn in house.records._by_id.values() if turn.outcome}
    logged = {frame["turn_id"] for frames in house.log.in_order.values() for frame in frames}
    if not ended == logged == set(house.records._by_id):
        wrong.append(f"claimed {set(house.records._by_id)}, in the log {logged}, ended {ended}")
    keys = Counter(key for name, _, key in house.toolset.sent if name == "order")
    wrong += [f"write {key} was sent {count} times" for key, count in keys.items() if count > 1]
    outcomes = {one.id: one.outcome for one in house.approvals._by_id.values() if one.state == "approved"}
    if outcomes != {one: "succeeded" if one in keys else "failed" for one in outcomes} or not set(keys) <= set(
        outcomes
    ):
        wrong.append(f"approved and recorded {outcomes}, sent {set(keys)}")
    wrong += [f"a history no provider takes: {h}" for h in house.model.histories if not well_formed(h)]
    return wrong


def _turns(conversation_id: str, frames: Sequence[dict[str, Any]]) -> list[str]:
    """Each turn in one piece, by the grammar of rule 1."""
    wrong = []
    pieces = [(turn, list(group)) for turn, group in itertools.groupby(frames, key=lambda frame: frame["turn_id"])]
    for turn, count in Counter(turn for turn, _ in pieces).items():
        if count > 1:
            wrong.append(f"{conversation_id}: turn {turn} lies in {count} pieces")
    for turn, own in pieces:
        ends = [frame["type"] == "error" or frame.get("status") == "completed" for frame in own]
        finals = [frame["is_final"] for frame in own if frame["type"] == "chunk"]
        if own[0].get("status") != "thinking" or ends != [False] * (len(own) - 1) + [True]:
            wrong.append(f"{conversation_id}: turn {turn} is {[f.get('status', f['type']) for f in own]}")
        if finals and finals != [False] * (len(finals) - 1) + [True]:
            wrong.append(f"{conversation_id}: the bubble of {turn} is {finals}")
        if len(finals) == 1:
            wrong.append(f"{conversation_id}: turn {turn} has an empty bubble")
    return wrong
